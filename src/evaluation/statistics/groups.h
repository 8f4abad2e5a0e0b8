// Means over groups: MMLU's subjects, a benchmark's categories.
#pragma once

#include <cstdint>
#include <span>

#include "evaluation/statistics/interval.h"

namespace holdfast::evaluation {

struct Group {
  double mean = 0, standard_error = 0;  // of the items of the group: sample deviation / sqrt(n)
  std::int64_t n = 0;
};
Group group_of(std::span<const double> values);

// The standard error that lm-evaluation-harness prints beside a group:
//   sqrt(sum of (n_i - 1) n_i SE_i^2 / (N - K) / N)
// the deviation within groups, pooled.  It takes all groups to have one variance, whatever their means.  NaN where
// N = K.  Source: lm_eval.api.metrics.pooled_sample_stderr, 0.4.13.
double pooled_standard_error(std::span<const Group> groups);

// The stratified mean: groups are fixed, items are drawn within each: sum of w_i mean_i with
// SE^2 = sum of w_i^2 SE_i^2, w_i = n_i / N, or 1 / K.  Normal interval.  Of differences of pairs in each group this is
// the paired stratified difference.  Groups of one item have no deviation: their standard error is NaN, and so is this.
// Source: Cochran, Sampling Techniques (1977), theorem 5.3.
enum class GroupWeight { kSize, kEqual };
Estimate stratified_mean(std::span<const Group> groups, GroupWeight weight = GroupWeight::kSize, double level = kLevel);

// second - first of two estimates from different items, with a normal interval.  For the same items, take differences
// item by item first.
Estimate difference_of(const Estimate& first, const Estimate& second, double level = kLevel);

}  // namespace holdfast::evaluation
