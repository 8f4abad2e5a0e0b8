// Means of items that are not independent: clusters of near-duplicate prompts, samples of one prompt, subjects.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "evaluation/statistics/interval.h"

namespace holdfast::evaluation {

// The mean of `values` with a standard error that holds when values of one cluster move together:
//   SE^2 = C / (C - 1) sum over clusters (sum of its (value - mean))^2 / n^2
// and Student's interval with C - 1 degrees of freedom.  `cluster` numbers each value's cluster in any way.  With one
// cluster the error is NaN and the interval everything; no values: value NaN too.  Over differences of pairs this is
// the clustered paired comparison.  Source: Miller, arXiv 2411.00640, section 2.2, with the factor C / (C - 1).
Estimate clustered_mean(std::span<const double> values, std::span<const std::int64_t> cluster, double level = kLevel);

// Sums of one cluster: of its values, and how many they are; in the order in which clusters first appear.
struct ClusterSum {
  double sum = 0, size = 0;
};
std::vector<ClusterSum> cluster_sums(std::span<const double> values, std::span<const std::int64_t> cluster);

// The error above from the sums of clusters.
double clustered_standard_error(std::span<const ClusterSum> clusters);

}  // namespace holdfast::evaluation
