#include "assessment/energy.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

namespace holdfast::assessment {
namespace {

namespace fs = std::filesystem;

std::optional<std::uint64_t> number_in(const fs::path& path) {
  std::ifstream file(path);
  std::uint64_t value = 0;
  if (!(file >> value)) return std::nullopt;
  return value;
}

std::string word_in(const fs::path& path) {
  std::ifstream file(path);
  std::string word;
  file >> word;
  return word;
}

// Sorted, so that counters stand in one order; empty where there is no such directory.
std::vector<fs::path> entries(const fs::path& directory) {
  std::vector<fs::path> list;
  std::error_code error;
  for (auto entry = fs::directory_iterator(directory, error); !error && entry != fs::directory_iterator();
       entry.increment(error))
    list.push_back(entry->path());
  std::sort(list.begin(), list.end());
  return list;
}

}  // namespace

EnergySources energy_sources(std::string_view device) {
  EnergySources sources;
  if (!device.starts_with("cuda")) return sources;
  sources.device = 0;
  if (const std::size_t colon = device.find(':'); colon != device.npos)
    sources.device = std::atoi(std::string(device.substr(colon + 1)).c_str());
  return sources;
}

// The energy counter of one device, in millijoules since its driver was loaded.
class EnergyMeter::Nvml {
 public:
  static std::unique_ptr<Nvml> open(const std::string& library, int device) {
    auto nvml = std::unique_ptr<Nvml>(new Nvml(dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL)));
    return nvml->start(device) ? std::move(nvml) : nullptr;
  }
  ~Nvml() {
    if (shutdown_ != nullptr) shutdown_();
    if (library_ != nullptr) dlclose(library_);
  }
  // Joules since the last call.
  std::optional<double> take() {
    unsigned long long now = 0;
    if (energy_(device_, &now) != 0) return std::nullopt;
    const double joules = now >= last_ ? static_cast<double>(now - last_) / 1e3 : 0;  // less: the driver began anew
    last_ = now;
    return joules;
  }

 private:
  explicit Nvml(void* library) : library_(library) {}

  template <typename Function>
  bool load(const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(library_, name));
    return function != nullptr;
  }

  bool start(int index) {
    int (*init)() = nullptr, (*handle)(unsigned, void**) = nullptr, (*shutdown)() = nullptr;
    if (library_ == nullptr || !load("nvmlInit_v2", init) || !load("nvmlDeviceGetHandleByIndex_v2", handle) ||
        !load("nvmlDeviceGetTotalEnergyConsumption", energy_) || !load("nvmlShutdown", shutdown) || init() != 0)
      return false;
    shutdown_ = shutdown;
    return handle(static_cast<unsigned>(index), &device_) == 0 && take().has_value();
  }

  void* library_;
  void* device_ = nullptr;
  int (*energy_)(void*, unsigned long long*) = nullptr;
  int (*shutdown_)() = nullptr;
  unsigned long long last_ = 0;
};

EnergyMeter::EnergyMeter(const EnergySources& sources) {
  find_packages(sources.sysfs);
  if (counters_.empty()) find_sockets(sources.sysfs);
  for (Counter& counter : counters_) {
    const auto value = number_in(counter.path);
    tells_ = tells_ && value.has_value();
    counter.last = value.value_or(0);
  }
  if (sources.device >= 0) {
    nvml_ = Nvml::open(sources.nvml, sources.device);
    tells_ = tells_ && nvml_ != nullptr;
  }
  tells_ = tells_ && (!counters_.empty() || nvml_ != nullptr);
}

EnergyMeter::~EnergyMeter() = default;

void EnergyMeter::find_packages(const fs::path& sysfs) {
  for (const fs::path& zone : entries(sysfs / "class/powercap")) {
    if (!zone.filename().string().starts_with("intel-rapl:")) continue;
    const std::string name = word_in(zone / "name");
    // Other zones are parts of a package (core, uncore), or hold all of them (psys).
    if (!name.starts_with("package") && name != "dram") continue;
    counters_.push_back({zone / "energy_uj", number_in(zone / "max_energy_range_uj").value_or(0)});
  }
}

void EnergyMeter::find_sockets(const fs::path& sysfs) {
  for (const fs::path& chip : entries(sysfs / "class/hwmon")) {
    if (word_in(chip / "name") != "amd_energy") continue;
    for (const fs::path& label : entries(chip)) {
      std::string file = label.filename().string();
      if (!file.ends_with("_label") || !word_in(label).starts_with("Esocket")) continue;
      file.replace(file.size() - 6, 6, "_input");
      counters_.push_back({chip / file});
    }
  }
}

std::optional<double> EnergyMeter::joules() {
  for (Counter& counter : counters_) {
    const auto now = number_in(counter.path);
    tells_ = tells_ && now.has_value();
    if (!tells_) return std::nullopt;
    const std::uint64_t wrapped = *now < counter.last ? counter.range : 0;
    joules_ += static_cast<double>(*now + wrapped - counter.last) / 1e6;
    counter.last = *now;
  }
  if (nvml_ != nullptr && tells_) {
    const auto spent = nvml_->take();
    tells_ = spent.has_value();
    joules_ += spent.value_or(0);
  }
  return tells_ ? std::optional(joules_) : std::nullopt;
}

}  // namespace holdfast::assessment
