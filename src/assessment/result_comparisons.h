// The comparisons of results.json: each arm and seed at its last step beside the untouched model, on the same items.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "assessment/series.h"

namespace holdfast::assessment {

// In plan order.  Beside what comparison.h says, each has "p_holm", adjusted within the family of its arm and seed.
nlohmann::ordered_json comparisons_json(const Journal& journal, const std::vector<CellSeries>& cells,
                                        const nlohmann::ordered_json& kinds);

}  // namespace holdfast::assessment
