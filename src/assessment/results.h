// What a run writes: pure functions of the journal.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "assessment/journal.h"
#include "assessment/series.h"

namespace holdfast::assessment {

// `cells` as read_series gives them, where they are at hand.
nlohmann::ordered_json results_json(const Journal& journal, const std::vector<CellSeries>& cells);
nlohmann::ordered_json results_json(const Journal& journal);
// report.html of what the journal holds by now.
std::string report_page(const Journal& journal);

// Writes results.json, items.csv, costs.json, report.html, report.md and plots/*.svg, each whole or not at all.  What
// grows with the number of answers is not held in memory, but for a byte a verdict (marks.h).
void write_outputs(const Journal& journal, const std::filesystem::path& directory);
// The same of a run that ends now: marks it finished, and counts the making of the numbers as its phase `report`.
void finish_outputs(Journal& journal, const std::filesystem::path& directory);

// Writes plots/*.png beside the SVG files.  Throws Error(kMachine) where this machine cannot draw them.
void write_plots_as_png(const Journal& journal, const std::filesystem::path& directory);

}  // namespace holdfast::assessment
