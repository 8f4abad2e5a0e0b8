#include "assessment/devices.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/files.h"

namespace holdfast::assessment {

// Of cmake/embed_folder.cmake: the TOML files of assets/.
std::span<const std::pair<std::string_view, std::string_view>> cost_assets();

namespace {

// "A100 80GB" and "a100-80gb" are one name.
std::string plain(std::string_view name) {
  std::string text;
  for (const char c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) != 0)
      text += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

Device read_device(evaluation::Table& table, const std::string& place) {
  Device device;
  double memory_gb = 0, bandwidth_gb_s = 0;
  table.read("name", device.name);
  table.choose("kind", device.kind, {"gpu", "cpu"});
  table.read("flops", device.flops, 0);
  table.read("memory_gb", memory_gb, 0);
  table.read("bandwidth_gb_s", bandwidth_gb_s, 0);
  table.read("watts", device.watts, 0);
  table.read("usd_per_hour", device.usd_per_hour, 0);
  table.read("as_of", device.as_of);
  table.read("source", device.source);
  HOLDFAST_CHECK(kBadInput, !device.name.empty(), place, ": found a device without a name, expected name = \"...\"");
  for (const auto& [key, value, unit] : {std::tuple{"flops", device.flops, "operations a second on dense bf16"},
                                         std::tuple{"memory_gb", memory_gb, "GB of memory"},
                                         std::tuple{"bandwidth_gb_s", bandwidth_gb_s, "GB a second of that memory"}})
    HOLDFAST_CHECK(kBadInput, value > 0, place, ": found the device '", device.name, "' with ", key, " = ", value,
                   ", expected its ", unit, "; the maker's data sheet has it");
  device.memory_bytes = static_cast<std::int64_t>(memory_gb * 1e9);
  device.bandwidth = bandwidth_gb_s * 1e9;
  return device;
}

std::vector<Device> parse_devices(std::string_view text, const std::string& file) {
  toml::table root;
  try {
    root = toml::parse(text, file);
  } catch (const toml::parse_error& error) {
    fail(ErrorKind::kBadInput, "[devices] ", file, ":", error.source().begin.line, ": found text that is no TOML (",
         error.description(), "), expected key = value");
  }
  evaluation::Table top(root, file, "the file", "devices");
  const auto* list = top.find("device");
  HOLDFAST_CHECK(kBadInput, list != nullptr && list->is_array(), "[devices] ", file,
                 ": found no device, expected at least one; try [[device]] name = ..., flops = ...");
  std::vector<Device> devices;
  std::set<std::string> names;
  for (const auto& node : *list->as_array()) {
    const std::string place = evaluation::location(file, node, "devices");
    HOLDFAST_CHECK(kBadInput, node.is_table(), place, ": found a device that is no table, expected [[device]]");
    evaluation::Table table(*node.as_table(), file, "[[device]]", "devices");
    devices.push_back(read_device(table, place));
    table.end();
    HOLDFAST_CHECK(kBadInput, names.insert(plain(devices.back().name)).second, place, ": found the device '",
                   devices.back().name, "' a second time, expected each once");
  }
  top.end();
  return devices;
}

const std::vector<Device>& shipped_devices() {
  static const std::vector<Device> devices = [] {
    for (const auto& [name, text] : cost_assets())
      if (name == "devices.toml") return parse_devices(text, "assets/devices.toml");
    return std::vector<Device>();
  }();
  return devices;
}

bool is_shipped_device(const std::string& word) {
  return std::any_of(shipped_devices().begin(), shipped_devices().end(),
                     [&](const Device& device) { return plain(device.name) == plain(word); });
}

std::vector<Device> find_devices(const std::string& word) {
  std::string known;
  for (const Device& device : shipped_devices()) {
    if (plain(device.name) == plain(word)) return {device};
    known += (known.empty() ? "" : ", ") + device.name;
  }
  std::error_code error;
  HOLDFAST_CHECK(kBadInput, std::filesystem::is_regular_file(word, error), "[devices] found the device '", word,
                 "', expected one of ", known, ", or a TOML file with [[device]] tables");
  return parse_devices(read_file(word), word);
}

}  // namespace holdfast::assessment
