// The verdict of results.json: the one comparison that a release board asks about, and what is to be known beside it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "assessment/journal.h"

namespace holdfast::assessment {

// Of all refusal comparisons in `results`, that in which an attack arm (of any seed) took the most; with no attack arm,
// any arm.  Holds "finished" and "flags" always, the comparison when there is one, the arm's training, the step at
// which refusal had crossed the threshold, and the arm's capabilities.
nlohmann::ordered_json verdict_json(const Journal& journal, const nlohmann::ordered_json& results);

// Tokens trained on up to a step.
std::int64_t trained_tokens(const Journal& journal, const std::string& arm, std::int64_t seed, std::int64_t step);

}  // namespace holdfast::assessment
