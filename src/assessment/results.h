// results.json and items.csv: pure functions of the journal.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "assessment/journal.h"

namespace holdfast::assessment {

nlohmann::ordered_json results_json(const Journal& journal);
std::string items_csv(const Journal& journal);

// Writes results.json, items.csv, costs.json and report.html, each whole or not at all.
void write_outputs(const Journal& journal, const std::filesystem::path& directory);
// The same of a run that ends now: marks it finished, and counts the making of the numbers as its phase `report`.
void finish_outputs(Journal& journal, const std::filesystem::path& directory);

}  // namespace holdfast::assessment
