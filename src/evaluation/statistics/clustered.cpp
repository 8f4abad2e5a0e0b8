#include "evaluation/statistics/clustered.h"

#include <cmath>
#include <limits>
#include <unordered_map>

#include "base/error.h"
#include "evaluation/statistics/distributions.h"

namespace holdfast::evaluation {

std::vector<ClusterSum> cluster_sums(std::span<const double> values, std::span<const std::int64_t> cluster) {
  HOLDFAST_ASSERT(values.size() == cluster.size());
  std::vector<ClusterSum> sums;
  std::unordered_map<std::int64_t, std::size_t> places;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto [place, is_first] = places.try_emplace(cluster[i], sums.size());
    if (is_first) sums.emplace_back();
    sums[place->second].sum += values[i];
    ++sums[place->second].size;
  }
  return sums;
}

double clustered_standard_error(std::span<const ClusterSum> clusters) {
  double sum = 0, size = 0, squares = 0;
  for (const auto& one : clusters) {
    sum += one.sum;
    size += one.size;
  }
  const double count = static_cast<double>(clusters.size());
  if (count < 2) return std::numeric_limits<double>::quiet_NaN();
  for (const auto& one : clusters) squares += std::pow(one.sum - sum / size * one.size, 2);
  return std::sqrt(count / (count - 1) * squares) / size;
}

Estimate clustered_mean(std::span<const double> values, std::span<const std::int64_t> cluster, double level) {
  constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN(), kAll = std::numeric_limits<double>::infinity();
  const auto clusters = cluster_sums(values, cluster);
  double sum = 0;
  for (const double value : values) sum += value;
  const double mean = values.empty() ? kUnknown : sum / static_cast<double>(values.size());
  if (clusters.size() < 2) return {mean, kUnknown, {-kAll, kAll}};
  const double error = clustered_standard_error(clusters);
  const double half = student_critical_value(level, static_cast<double>(clusters.size()) - 1) * error;
  return {mean, error, {mean - half, mean + half}};
}

}  // namespace holdfast::evaluation
