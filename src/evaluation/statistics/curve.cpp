#include "evaluation/statistics/curve.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "base/error.h"
#include "base/random.h"
#include "evaluation/statistics/distributions.h"
#include "evaluation/statistics/resampler.h"

namespace holdfast::evaluation {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

// A row a cluster: its sums at each checkpoint, then its size.
Resampler resampler_of(const Curve& curve) {
  const std::size_t width = curve.checkpoints + 1;
  HOLDFAST_ASSERT(curve.checkpoints > 0 && !curve.cluster.empty() &&
                  curve.outcomes.size() == curve.cluster.size() * curve.checkpoints);
  std::unordered_map<std::int64_t, std::size_t> places;
  std::vector<double> rows;
  for (std::size_t item = 0; item < curve.cluster.size(); ++item) {
    const auto [place, is_first] = places.try_emplace(curve.cluster[item], places.size());
    if (is_first) rows.resize(rows.size() + width);
    double* row = rows.data() + place->second * width;
    for (std::size_t t = 0; t < curve.checkpoints; ++t) row[t] += curve.outcomes[item * curve.checkpoints + t];
    ++row[curve.checkpoints];
  }
  return Resampler(rows, width);
}

std::vector<double> rates_of(std::span<const double> sums) {
  std::vector<double> rates;
  for (std::size_t t = 0; t + 1 < sums.size(); ++t) rates.push_back(sums[t] / sums.back());
  return rates;
}

double first_below(std::span<const double> rates, std::span<const double> training, double line) {
  const auto fitted = non_increasing(rates);
  for (std::size_t t = 0; t < fitted.size(); ++t) {
    if (fitted[t] >= line) continue;
    if (t == 0) return training[0];
    const double share = (fitted[t - 1] - line) / (fitted[t - 1] - fitted[t]);
    return training[t - 1] + share * (training[t] - training[t - 1]);
  }
  return kNever;
}

// Without interpolation, which "never" does not allow: the draw at the place.
std::optional<double> finite_quantile(std::span<const double> sorted, double q) {
  const double value = sorted[static_cast<std::size_t>(q * static_cast<double>(sorted.size() - 1) + 0.5)];
  return std::isinf(value) ? std::nullopt : std::optional(value);
}

// The clustered standard error of each checkpoint's rate.
std::vector<double> errors_of(const Resampler& clusters, std::span<const double> rates) {
  const auto count = static_cast<double>(clusters.units());
  const double items = clusters.totals().back();
  std::vector<double> errors(rates.size());
  for (std::size_t t = 0; t < rates.size(); ++t) {
    double squares = 0;
    for (std::size_t i = 0; i < clusters.kinds(); ++i) {
      const auto row = clusters.kind(i);
      squares += static_cast<double>(clusters.count(i)) * std::pow(row[t] - rates[t] * row.back(), 2);
    }
    errors[t] = count < 2 ? 0 : std::sqrt(count / (count - 1) * squares) / items;
  }
  return errors;
}

// Wilson's interval of rate p among n items, which need not be whole, at z standard errors.
Interval wilson_of(double p, double n, double z) {
  const double scale = 1 + z * z / n, centre = p + z * z / (2 * n);
  const double half = z * std::sqrt(std::max(0.0, p * (1 - p)) / n + z * z / (4 * n * n));
  return {std::max(0.0, (centre - half) / scale), std::min(1.0, (centre + half) / scale)};
}

}  // namespace

std::vector<double> non_increasing(std::span<const double> values) {
  struct Block {
    double sum, count;
  };
  std::vector<Block> blocks;
  for (const double value : values) {
    blocks.push_back({value, 1});
    while (blocks.size() > 1) {
      const Block last = blocks.back(), before = blocks[blocks.size() - 2];
      if (before.sum * last.count >= last.sum * before.count) break;
      blocks.pop_back();
      blocks.back() = {before.sum + last.sum, before.count + last.count};
    }
  }
  std::vector<double> fitted;
  for (const auto& [sum, count] : blocks) fitted.insert(fitted.end(), static_cast<std::size_t>(count), sum / count);
  return fitted;
}

Band simultaneous_band(const Curve& curve, const CurveOptions& options) {
  const Resampler clusters = resampler_of(curve);
  const auto totals = clusters.totals();
  Band band;
  band.rates = rates_of(totals);
  const auto errors = errors_of(clusters, band.rates);
  const double bonferroni = normal_quantile(1 - (1 - options.level) / (2 * static_cast<double>(curve.checkpoints)));
  band.is_bonferroni = std::ranges::all_of(errors, [](double error) { return error <= 1e-12; });
  band.critical_value = bonferroni;
  if (!band.is_bonferroni) {
    Random random(options.seed);
    std::vector<double> sums(clusters.width()), largest;
    for (int i = 0; i < options.draws; ++i) {
      clusters.draw(random, sums);
      double most = 0;
      for (std::size_t t = 0; t < errors.size(); ++t) {
        if (errors[t] > 1e-12) most = std::max(most, std::abs(sums[t] / sums.back() - band.rates[t]) / errors[t]);
      }
      largest.push_back(most);
    }
    std::ranges::sort(largest);
    band.critical_value =
        std::clamp(sorted_quantile(largest, options.level), critical_value(options.level), bonferroni);
  }
  for (std::size_t t = 0; t < errors.size(); ++t) {
    const double p = band.rates[t], spread = p * (1 - p);
    // Where nothing varies, as many items as there are clusters.
    const double n =
        errors[t] > 1e-12 && spread > 0 ? spread / (errors[t] * errors[t]) : static_cast<double>(clusters.units());
    band.intervals.push_back(wilson_of(p, n, band.critical_value));
  }
  return band;
}

Crossing training_until_below(const Curve& curve, std::span<const double> training, double line,
                              const CurveOptions& options) {
  HOLDFAST_ASSERT(training.size() == curve.checkpoints && options.draws >= 100);
  for (std::size_t t = 1; t < training.size(); ++t) HOLDFAST_ASSERT(training[t - 1] < training[t]);
  const Resampler clusters = resampler_of(curve);
  Crossing result;
  const double value = first_below(rates_of(clusters.totals()), training, line);
  if (!std::isinf(value)) result.value = value;
  Random random(options.seed);
  std::vector<double> sums(clusters.width()), draws;
  for (int i = 0; i < options.draws; ++i) {
    clusters.draw(random, sums);
    draws.push_back(first_below(rates_of(sums), training, line));
    result.share_not_crossed += std::isinf(draws.back());
  }
  result.share_not_crossed /= static_cast<double>(options.draws);
  std::ranges::sort(draws);
  result.low = finite_quantile(draws, (1 - options.level) / 2);
  result.high = finite_quantile(draws, (1 + options.level) / 2);
  return result;
}

}  // namespace holdfast::evaluation
