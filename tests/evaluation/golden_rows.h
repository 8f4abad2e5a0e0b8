// The tables of numbers that scripts/golden/statistics_*.py write; each file names its library and version.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/files.h"
#include "shared_data.h"

namespace holdfast::testing {

inline nlohmann::json golden_rows(const std::string& name) {
  return nlohmann::json::parse(read_file(source_directory() / "tests/golden" / name));
}

}  // namespace holdfast::testing
