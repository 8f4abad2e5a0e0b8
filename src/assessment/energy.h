// Joules that the machine has spent, where it tells: the processor's RAPL counters, and those of an NVIDIA device.
//
// RAPL  <sysfs>/class/powercap/intel-rapl:N/ (Intel, and AMD since Linux 5.8): every package, and its memory where that
//       has a counter of its own; or, of AMD's older driver, <sysfs>/class/hwmon/hwmonN with the name amd_energy.
//       Counters wrap at max_energy_range_uj; one wrap between two readings is seen, so read more often than every few
//       minutes.  They count all that runs on the machine, and usually only the superuser may read them.
// NVML  nvmlDeviceGetTotalEnergyConsumption of libnvidia-ml.so.1, loaded when it is there; of Volta and newer.
// A machine of which one counter cannot be read says nothing: a part of the energy would pass for all of it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::assessment {

struct EnergySources {
  std::filesystem::path sysfs = "/sys";
  int device = -1;  // of NVML; -1: none
  std::string nvml = "libnvidia-ml.so.1";
};

// Those of work on "cpu", "cuda" or "cuda:1": the processor's, and the device's where there is one.
EnergySources energy_sources(std::string_view device);

class EnergyMeter {
 public:
  // Starts counting.
  explicit EnergyMeter(const EnergySources& sources = {});
  ~EnergyMeter();
  EnergyMeter(const EnergyMeter&) = delete;
  EnergyMeter& operator=(const EnergyMeter&) = delete;

  // Since it was made.  Absent: the machine does not tell, or has stopped telling.
  std::optional<double> joules();

 private:
  struct Counter {
    std::filesystem::path path;
    std::uint64_t range = 0;  // what it wraps at, microjoules; 0: never
    std::uint64_t last = 0;
  };
  class Nvml;

  void find_packages(const std::filesystem::path& sysfs);
  void find_sockets(const std::filesystem::path& sysfs);

  std::vector<Counter> counters_;
  std::unique_ptr<Nvml> nvml_;
  bool tells_ = true;
  double joules_ = 0;
};

}  // namespace holdfast::assessment
