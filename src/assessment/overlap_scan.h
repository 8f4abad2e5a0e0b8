// Overlap of a plan's training data with its benchmarks, looked for before anything is trained (docs/overlap.md).
//
// The journal keeps counts, never texts.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "assessment/inputs.h"
#include "assessment/journal.h"
#include "assessment/plan.h"

namespace holdfast::assessment {

// Of each arm that trains and each benchmark, how many items stand in the arm's data, and how:
// [{"arm", "benchmark", "items", "overlapping", "exact", "normalised", "ngram", "near"}].
nlohmann::ordered_json overlap_of(const Plan& plan, const std::vector<LoadedBenchmark>& benchmarks);

// Adds the journal's counts to results.json as `overlap`, and a flag to its verdict for each overlap that there is.
void add_overlap(const Journal& journal, nlohmann::ordered_json& results);

}  // namespace holdfast::assessment
