#include "evaluation/statistics/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "evaluation/statistics/clustered.h"
#include "evaluation/statistics/distributions.h"
#include "evaluation/statistics/resampler.h"

namespace holdfast::evaluation {
namespace {

// What a draw sums of each cluster: its values s, its size m, and for a draw's own error s^2, s m, m^2.
enum Column : std::size_t { kSum, kSize, kSumSquare, kSumSize, kSizeSquare, kColumns };

// The clustered standard error from the sums of a draw of `clusters` clusters.
double error_of(std::span<const double> sums, double clusters) {
  const double mean = sums[kSum] / sums[kSize];
  const double squares = sums[kSumSquare] - 2 * mean * sums[kSumSize] + mean * mean * sums[kSizeSquare];
  return std::sqrt(clusters / (clusters - 1) * std::max(0.0, squares)) / sums[kSize];
}

// The skew of the mean with one cluster left out in turn: BCa's acceleration.
double acceleration(const Resampler& resampler, std::span<const double> totals) {
  double mean = 0;
  std::vector<double> without(resampler.kinds());
  for (std::size_t i = 0; i < without.size(); ++i) {
    without[i] = (totals[kSum] - resampler.kind(i)[kSum]) / (totals[kSize] - resampler.kind(i)[kSize]);
    mean += without[i] * static_cast<double>(resampler.count(i)) / static_cast<double>(resampler.units());
  }
  double squares = 0, cubes = 0;
  for (std::size_t i = 0; i < without.size(); ++i) {
    const double off = mean - without[i], count = static_cast<double>(resampler.count(i));
    squares += count * off * off;
    cubes += count * off * off * off;
  }
  return squares > 0 ? cubes / (6 * std::pow(squares, 1.5)) : 0;
}

Interval bca(std::span<const double> draws, double value, double skew, double level) {
  const auto [first, last] = std::ranges::equal_range(draws, value);
  const double below = static_cast<double>(first - draws.begin()), ties = static_cast<double>(last - first);
  // Draws equal to the estimate count half; where all lie on one side the correction would be infinite.
  const double count = static_cast<double>(draws.size());
  const double bias = normal_quantile(std::clamp((below + ties / 2) / count, 0.5 / count, 1 - 0.5 / count));
  const auto end = [&](double tail) {
    const double z = bias + normal_quantile(tail);
    return sorted_quantile(draws, normal_cdf(bias + z / (1 - skew * z)));
  };
  return {end((1 - level) / 2), end((1 + level) / 2)};
}

}  // namespace

Bootstrap cluster_bootstrap(std::span<const double> values, std::span<const std::int64_t> cluster,
                            const BootstrapOptions& options) {
  HOLDFAST_ASSERT(!values.empty() && options.draws >= 100);
  const bool is_studentised = options.method == BootstrapMethod::kStudentised;
  const std::size_t width = is_studentised ? kColumns : kSumSquare;
  const auto clusters = cluster_sums(values, cluster);
  std::vector<double> rows;
  for (const auto& [sum, size] : clusters) {
    const double row[] = {sum, size, sum * sum, sum * size, size * size};
    rows.insert(rows.end(), row, row + width);
  }
  const Resampler resampler(rows, width);
  const auto totals = resampler.totals();
  const double value = totals[kSum] / totals[kSize], error = clustered_standard_error(clusters);
  const auto count = static_cast<double>(clusters.size());
  if (!(error > 1e-12 * std::abs(value))) return {value, 0, {value, value}, resampler.units(), true};
  Random random(options.seed);
  std::vector<double> sums(width), draws(static_cast<std::size_t>(options.draws)), ratios;
  ratios.reserve(is_studentised ? draws.size() : 0);
  double shift = 0, squares = 0;
  for (double& draw : draws) {
    resampler.draw(random, sums);
    draw = sums[kSum] / sums[kSize];
    shift += draw - value;
    squares += (draw - value) * (draw - value);
    if (!is_studentised) continue;
    const double own = error_of(sums, count);
    ratios.push_back(draw == value ? 0 : own > 0 ? (draw - value) / own : std::copysign(HUGE_VAL, draw - value));
  }
  const auto number = static_cast<double>(options.draws);
  Bootstrap result{
      value, std::sqrt(std::max(0.0, squares - shift * shift / number) / (number - 1)), {}, resampler.units(), false};
  const double tail = (1 - options.level) / 2;
  const auto ratio_at = [&](double q) {
    const auto place = ratios.begin() + static_cast<std::ptrdiff_t>(q * (number - 1));
    std::ranges::nth_element(ratios, place);
    return *place;
  };
  if (is_studentised) {
    const double low = ratio_at(tail), high = ratio_at(1 - tail);
    // A draw of which nothing varies has no error of its own: where these reach the ends, the percentiles stand in.
    if (std::isfinite(low) && std::isfinite(high)) {
      const auto [least, most] = std::ranges::minmax(values);
      result.interval = {std::clamp(value - error * high, least, most), std::clamp(value - error * low, least, most)};
      return result;
    }
  }
  std::ranges::sort(draws);
  if (options.method == BootstrapMethod::kBca) {
    result.interval = bca(draws, value, acceleration(resampler, totals), options.level);
  } else {
    result.interval = {sorted_quantile(draws, tail), sorted_quantile(draws, 1 - tail)};
  }
  return result;
}

}  // namespace holdfast::evaluation
