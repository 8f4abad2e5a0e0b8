// What several seeds, samples and checkpoints say together: summaries and curves of results.json.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "assessment/series.h"

namespace holdfast::assessment {

// Of each arm, at the last step of its seeds, and of the untouched model where it has several samples:
//   {"arm", "benchmark", "metric", "judge", "value", "low", "high", "seeds", "samples", "items", "variance": {"prompt",
//    "seed", "prompt_by_seed", "sampling"}, "left_out"}
// value: the mean over seeds; the interval is for other prompts of the kind and, with several seeds, other seeds.
// A part of the variance that the design cannot tell is absent, never 0 (statistics/variance.h).
nlohmann::ordered_json summaries_json(const std::vector<CellSeries>& cells);

// Of each trained arm and seed measured at two checkpoints or more, on refusal benchmarks, the untouched model first:
//   {"arm", "seed", "benchmark", "metric", "judge", "points": [{"step", "tokens", "value", "low", "high"}], "crossing":
//    {"line", "tokens", "low", "high", "share_not_crossed"}}
// The intervals hold together, at all steps at once, at 95 %.  "crossing": tokens of training until the rate is below
// the plan's threshold; absent where the untouched model's is, and each number that was not reached within what was
// trained.
nlohmann::ordered_json curves_json(const Journal& journal, const std::vector<CellSeries>& cells);

}  // namespace holdfast::assessment
