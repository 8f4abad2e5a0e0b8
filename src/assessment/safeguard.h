// Whether a safeguard holds better: the second model's cells beside the first's after the same training.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "assessment/series.h"

namespace holdfast::assessment {

// Whether a cell is the second model's.
bool is_safeguarded(const nlohmann::ordered_json& identity, const CellKey& cell);

// The untouched models, and each arm and seed at its last step, on the answers that both scored, in plan order:
//   [{"arm", "seed", "step", "benchmark", "metric", "judge", "without", "with", "difference", "low", "high", "p",
//   "test",
//     "minimum_detectable", "n", "p_holm"}]
// "with": of the second model, "difference": with minus without; "p_holm" within an arm and seed (comparison.h).
nlohmann::ordered_json safeguard_json(const Journal& journal, const std::vector<CellSeries>& cells);

}  // namespace holdfast::assessment
