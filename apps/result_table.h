// A run's results for a person at a terminal: the answer, then every cell.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace holdfast::apps {

// At most 100 columns wide; ends with a line end.
std::string result_table(const nlohmann::ordered_json& results);

}  // namespace holdfast::apps
