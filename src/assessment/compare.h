// Two runs, item by item: refused when they are unlike, unless told which unlikeness is meant.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "assessment/journal.h"

namespace holdfast::assessment {

struct CompareOptions {
  // Names of fingerprint.h that may differ; "judge" allows every judge.NAME, and so on.
  std::vector<std::string> allowed;
  // "FIRST=SECOND": compares arm FIRST of the first run with SECOND of the second.  Empty: arms of one name.
  std::vector<std::string> arms;
};

// {"schema", "is_comparable", "differences": [{"name", "first", "second", "is_allowed"}], "only_first": {"benchmarks",
//  "arms"}, "only_second": {...}, "comparisons": [{"arm", "second_arm", "seed", "step", "benchmark", "metric", "judge",
//  and from "before" on what comparison.h says, "equivalence" and "p_holm" among it, adjusted for all of them} ...]}
// only_first, only_second: what is not compared, for the other run does not have it or no pair of arms names it.
// before: the first run.  Without comparisons where the runs are not comparable.  Pairs are answers to the same item
// and sample that both were scored; the same arm, seed and step of both, arms of one seed being matched whatever it is.
// Throws Error(kBadInput) for an arm or a name that neither run has.
nlohmann::ordered_json compare_runs(const Journal& first, const Journal& second, const CompareOptions& options = {});

}  // namespace holdfast::assessment
