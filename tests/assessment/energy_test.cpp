#include "assessment/energy.h"

#include <gtest/gtest.h>

#include "assessment/fixtures.h"

namespace holdfast::assessment {
namespace {

namespace fs = std::filesystem;

class Energy : public InDirectory {
 protected:
  void put(const std::string& path, const std::string& text) const {
    fs::create_directories((directory_ / path).parent_path());
    write(path, text + "\n");
  }
  void zone(const std::string& name, const std::string& title, const std::string& microjoules) const {
    put("class/powercap/" + name + "/name", title);
    put("class/powercap/" + name + "/max_energy_range_uj", "262143328850");
    put("class/powercap/" + name + "/energy_uj", microjoules);
  }
  EnergySources here() const { return {.sysfs = directory_}; }
};

TEST_F(Energy, IsThatOfEveryPackageAndItsMemory) {
  zone("intel-rapl:0", "package-0", "1000000");
  zone("intel-rapl:0:0", "core", "5");  // part of the package
  zone("intel-rapl:0:1", "dram", "2000000");
  zone("intel-rapl:1", "package-1", "3000000");
  zone("intel-rapl:2", "psys", "9");  // the whole platform, packages included
  EnergyMeter meter(here());
  EXPECT_EQ(meter.joules(), 0);
  zone("intel-rapl:0", "package-0", "1500000");
  zone("intel-rapl:0:0", "core", "400000");
  zone("intel-rapl:0:1", "dram", "2250000");
  zone("intel-rapl:1", "package-1", "3000001");
  zone("intel-rapl:2", "psys", "900000");
  EXPECT_DOUBLE_EQ(*meter.joules(), 0.750001);
  zone("intel-rapl:1", "package-1", "4000001");
  EXPECT_DOUBLE_EQ(*meter.joules(), 1.750001);
}

TEST_F(Energy, GoesOnWhenACounterWraps) {
  zone("intel-rapl:0", "package-0", "262143000000");
  EnergyMeter meter(here());
  zone("intel-rapl:0", "package-0", "671150");
  EXPECT_DOUBLE_EQ(*meter.joules(), (262143328850 - 262143000000 + 671150) / 1e6);
}

TEST_F(Energy, IsUnknownWhereOneCounterCannotBeRead) {
  zone("intel-rapl:0", "package-0", "1000000");
  zone("intel-rapl:1", "package-1", "1000000");
  fs::remove(directory_ / "class/powercap/intel-rapl:1/energy_uj");
  EXPECT_EQ(EnergyMeter(here()).joules(), std::nullopt);
}

TEST_F(Energy, IsUnknownFromTheMomentTheMachineStopsTelling) {
  zone("intel-rapl:0", "package-0", "1000000");
  EnergyMeter meter(here());
  fs::remove(directory_ / "class/powercap/intel-rapl:0/energy_uj");
  EXPECT_EQ(meter.joules(), std::nullopt);
  zone("intel-rapl:0", "package-0", "2000000");
  EXPECT_EQ(meter.joules(), std::nullopt);
}

TEST_F(Energy, IsUnknownWhereNothingCounts) {
  EXPECT_EQ(EnergyMeter(here()).joules(), std::nullopt);
  EXPECT_EQ(EnergyMeter({.sysfs = directory_ / "nowhere"}).joules(), std::nullopt);
}

TEST_F(Energy, OfOlderAmdDriversIsThatOfTheSockets) {
  put("class/hwmon/hwmon3/name", "amd_energy");
  put("class/hwmon/hwmon3/energy1_label", "Ecore000");
  put("class/hwmon/hwmon3/energy1_input", "100");
  put("class/hwmon/hwmon3/energy9_label", "Esocket0");
  put("class/hwmon/hwmon3/energy9_input", "5000000");
  put("class/hwmon/hwmon4/name", "k10temp");
  EnergyMeter meter(here());
  put("class/hwmon/hwmon3/energy1_input", "900000");
  put("class/hwmon/hwmon3/energy9_input", "7500000");
  EXPECT_DOUBLE_EQ(*meter.joules(), 2.5);
}

TEST_F(Energy, OfADeviceIsAddedToTheProcessors) {
  zone("intel-rapl:0", "package-0", "1000000");
  EnergyMeter meter({.sysfs = directory_, .device = 0, .nvml = HOLDFAST_FAKE_NVML});
  zone("intel-rapl:0", "package-0", "3000000");
  EXPECT_DOUBLE_EQ(*meter.joules(), 2 + 1.5);
  EXPECT_DOUBLE_EQ(*meter.joules(), 2 + 3);
}

TEST_F(Energy, IsReadWhereTheWorkIsDone) {
  EXPECT_EQ(energy_sources("cpu").device, -1);
  EXPECT_EQ(energy_sources("cuda").device, 0);
  EXPECT_EQ(energy_sources("cuda:3").device, 3);
}

TEST_F(Energy, IsUnknownWhereTheDeviceDoesNotTell) {
  zone("intel-rapl:0", "package-0", "1000000");
  EXPECT_EQ(EnergyMeter({.sysfs = directory_, .device = 1, .nvml = HOLDFAST_FAKE_NVML}).joules(), std::nullopt);
  EXPECT_EQ(EnergyMeter({.sysfs = directory_, .device = 0, .nvml = "libnone.so.1"}).joules(), std::nullopt);
}

}  // namespace
}  // namespace holdfast::assessment
