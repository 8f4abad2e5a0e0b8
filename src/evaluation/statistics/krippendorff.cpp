#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/random.h"
#include "evaluation/statistics/agreement.h"
#include "evaluation/statistics/resampler.h"

namespace holdfast::evaluation {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// `sums`: pairable labels of each category, then the pairs that differ, each weighted by 1 / (labels of its unit - 1).
double alpha_of(std::span<const double> sums) {
  const std::size_t categories = sums.size() - 1;
  double n = 0, squares = 0;
  for (std::size_t c = 0; c < categories; ++c) {
    n += sums[c];
    squares += sums[c] * sums[c];
  }
  const double expected = n * n - squares;  // pairs over all units that differ
  return expected <= 0 ? kUnknown : 1 - (n - 1) * sums[categories] / expected;
}

}  // namespace

Estimate krippendorff_alpha(std::span<const std::vector<int>> units, const AlphaOptions& options) {
  int categories = 1;
  for (const auto& unit : units) {
    for (const int label : unit) {
      HOLDFAST_ASSERT(label >= kNoLabel);
      categories = std::max(categories, label + 1);
    }
  }
  const auto width = static_cast<std::size_t>(categories) + 1;
  std::vector<double> rows, row(width);
  for (const auto& unit : units) {
    std::ranges::fill(row, 0);
    double labels = 0, squares = 0;
    for (const int label : unit) {
      if (label == kNoLabel) continue;
      ++row[static_cast<std::size_t>(label)];
      ++labels;
    }
    if (labels < 2) continue;
    for (std::size_t c = 0; c + 1 < width; ++c) squares += row[c] * row[c];
    row.back() = (labels * labels - squares) / (labels - 1);
    rows.insert(rows.end(), row.begin(), row.end());
  }
  const Resampler resampler(rows, width);
  const double value = resampler.units() > 0 ? alpha_of(resampler.totals()) : kUnknown;
  if (std::isnan(value)) return {kUnknown, kUnknown, {-1, 1}};
  Random random(options.seed);
  std::vector<double> sums(width), draws;
  for (int i = 0; i < options.draws; ++i) {
    resampler.draw(random, sums);
    if (const double alpha = alpha_of(sums); !std::isnan(alpha)) draws.push_back(alpha);
  }
  if (draws.size() < 2) return {value, kUnknown, {-1, 1}};
  std::ranges::sort(draws);
  double mean = 0, variance = 0;
  for (const double alpha : draws) mean += alpha / static_cast<double>(draws.size());
  for (const double alpha : draws) variance += (alpha - mean) * (alpha - mean) / static_cast<double>(draws.size() - 1);
  const double tail = (1 - options.level) / 2;
  return {value, std::sqrt(variance), {sorted_quantile(draws, tail), sorted_quantile(draws, 1 - tail)}};
}

}  // namespace holdfast::evaluation
