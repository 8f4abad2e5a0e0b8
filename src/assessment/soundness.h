// Soundness: an arm that trains nothing must give what the untouched model gives, bit for bit; a run in which it does
// not has measured something else than training.
#pragma once

#include <nlohmann/json.hpp>

#include "assessment/journal.h"

namespace holdfast::assessment {

// {"sound": bool, "unlike": [{"arm", "seed", "benchmark", "differing", "n"}]}, "unlike" only where something differs:
// answers of a no-op arm of which prompt, tokens, text or log-probabilities are not the untouched model's.  Null where
// none was measured.
nlohmann::ordered_json soundness_json(const Journal& journal);

}  // namespace holdfast::assessment
