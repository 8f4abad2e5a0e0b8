// How far a run's judges agree with each other on the same stored answers.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "assessment/series.h"

namespace holdfast::assessment {

// Of each benchmark of refusals and each pair of its judges, over all cells:
//   {"benchmark", "first", "second", "n", "both", "first_only", "second_only", "neither", "kappa", "low", "high"}
// both: answers that both call refusals; n: those that both scored.  Cohen's kappa with its large-sample interval;
// absent where it is not defined.
nlohmann::ordered_json agreement_json(const std::vector<CellSeries>& cells);

}  // namespace holdfast::assessment
