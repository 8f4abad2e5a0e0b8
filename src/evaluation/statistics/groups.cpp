#include "evaluation/statistics/groups.h"

#include <cmath>
#include <limits>

#include "evaluation/statistics/distributions.h"

namespace holdfast::evaluation {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

Estimate with_normal_interval(double value, double error, double level) {
  const double half = critical_value(level) * error;
  return {value, error, {value - half, value + half}};
}

}  // namespace

Group group_of(std::span<const double> values) {
  const double n = static_cast<double>(values.size());
  double sum = 0, squares = 0;
  for (const double value : values) sum += value;
  for (const double value : values) squares += std::pow(value - sum / n, 2);
  return {sum / n, n < 2 ? kUnknown : std::sqrt(squares / (n - 1) / n), static_cast<std::int64_t>(values.size())};
}

double pooled_standard_error(std::span<const Group> groups) {
  double squares = 0, items = 0;
  for (const auto& group : groups) {
    const double n = static_cast<double>(group.n);
    items += n;
    if (group.n > 1) squares += (n - 1) * group.standard_error * group.standard_error * n;
  }
  const double freedom = items - static_cast<double>(groups.size());
  return freedom <= 0 ? kUnknown : std::sqrt(squares / freedom / items);
}

Estimate stratified_mean(std::span<const Group> groups, GroupWeight weight, double level) {
  double items = 0, mean = 0, variance = 0;
  for (const auto& group : groups) items += static_cast<double>(group.n);
  for (const auto& group : groups) {
    const double share =
        weight == GroupWeight::kSize ? static_cast<double>(group.n) / items : 1 / static_cast<double>(groups.size());
    if (share == 0) continue;
    mean += share * group.mean;
    variance += share * share * group.standard_error * group.standard_error;
  }
  return groups.empty() ? Estimate{kUnknown, kUnknown, {kUnknown, kUnknown}}
                        : with_normal_interval(mean, std::sqrt(variance), level);
}

Estimate difference_of(const Estimate& first, const Estimate& second, double level) {
  return with_normal_interval(second.value - first.value, std::hypot(first.standard_error, second.standard_error),
                              level);
}

}  // namespace holdfast::evaluation
