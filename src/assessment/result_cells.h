// The cells of results.json: what was measured of one benchmark by one judge in one cell, with its interval.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "assessment/series.h"

namespace holdfast::assessment {

// A cell as COMMANDS has it.  Beside that, where there is something to say:
//   "interval"            the method where it is not Wilson's: "korn-graubard" for several answers an item,
//   "clustered-t"
//                         for scores
//   "bounds"              {"low", "high"}: the value if no unscored answer had counted, and if every one had
//   "unscored_for", "degenerate_for"   how many, by reason
//   "groups"              of items with categories (MMLU's subjects): the mean of the groups' means, the stratified
//                         interval, and the standard error that lm-evaluation-harness prints
nlohmann::ordered_json cell_json(const CellKey& cell, const Series& series, const std::vector<StoredItem>& items);

}  // namespace holdfast::assessment
