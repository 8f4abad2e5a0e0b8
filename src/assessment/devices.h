// Devices that costs are projected to: what their makers say of them, and a price.
//
// The shipped ones are assets/devices.toml; a user's stand in a TOML file of the same form, or in a plan's [[device]].
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "evaluation/toml_table.h"

namespace holdfast::assessment {

struct Device {
  std::string name, kind = "gpu";  // kind: gpu, cpu
  double flops = 0;                // products of dense bf16 matrices, operations a second
  std::int64_t memory_bytes = 0;
  double bandwidth = 0;  // bytes a second, of that memory
  double watts = 0;      // 0: not said
  double usd_per_hour = 0;
  std::string as_of, source;  // of the price and the figures
};

// The [[device]] tables of a TOML text; `file` names it in errors.  Throws Error(kBadInput): `[devices] FILE:LINE:
// found ..., expected ...`.
std::vector<Device> parse_devices(std::string_view text, const std::string& file);
// One table of them.
Device read_device(evaluation::Table& table, const std::string& place);

const std::vector<Device>& shipped_devices();

// Whether find_devices needs no file for it.
bool is_shipped_device(const std::string& word);

// `word`: a shipped device's name ("H100", "a100-80gb": case, spaces and hyphens do not count), or a TOML file with
// [[device]] tables, all of which are meant.  Throws Error(kBadInput) naming the shipped ones.
std::vector<Device> find_devices(const std::string& word);

}  // namespace holdfast::assessment
