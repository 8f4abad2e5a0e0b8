#include "evaluation/statistics/agreement.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "evaluation/statistics/distributions.h"
#include "evaluation/statistics/proportion.h"

namespace holdfast::evaluation {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

Estimate share(std::int64_t k, std::int64_t n, double level) {
  if (n == 0) return {kUnknown, kUnknown, {0, 1}};
  const double p = static_cast<double>(k) / static_cast<double>(n);
  return {p, std::sqrt(p * (1 - p) / static_cast<double>(n)), wilson(k, n, level)};
}

}  // namespace

Estimate sensitivity(const Confusion& counts, double level) { return share(counts.tp, counts.tp + counts.fn, level); }

Estimate specificity(const Confusion& counts, double level) { return share(counts.tn, counts.tn + counts.fp, level); }

Estimate cohen_kappa(std::span<const std::int64_t> table, std::int64_t categories, double level) {
  HOLDFAST_ASSERT(categories > 0 && table.size() == static_cast<std::size_t>(categories * categories));
  const auto size = static_cast<std::size_t>(categories);
  double n = 0;
  for (const std::int64_t count : table) {
    HOLDFAST_ASSERT(count >= 0);
    n += static_cast<double>(count);
  }
  if (n == 0) return {kUnknown, kUnknown, {-1, 1}};
  std::vector<double> rows(size), columns(size);
  double observed = 0, chance = 0;
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t j = 0; j < size; ++j) {
      const double p = static_cast<double>(table[i * size + j]) / n;
      rows[i] += p;
      columns[j] += p;
      if (i == j) observed += p;
    }
  }
  for (std::size_t i = 0; i < size; ++i) chance += rows[i] * columns[i];
  if (1 - chance < 1e-15) return {kUnknown, kUnknown, {-1, 1}};
  const double kappa = (observed - chance) / (1 - chance), rest = 1 - kappa;
  double agreed = 0, differed = 0;
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t j = 0; j < size; ++j) {
      const double p = static_cast<double>(table[i * size + j]) / n;
      const double own = 1 - (rows[i] + columns[i]) * rest, other = columns[i] + rows[j];
      if (i == j) {
        agreed += p * own * own;
      } else {
        differed += p * other * other * rest * rest;
      }
    }
  }
  const double shift = kappa - chance * rest;
  const double variance = (agreed + differed - shift * shift) / (n * (1 - chance) * (1 - chance));
  const double error = std::sqrt(std::max(0.0, variance)), half = critical_value(level) * error;
  return {kappa, error, {std::max(-1.0, kappa - half), std::min(1.0, kappa + half)}};
}

Estimate cohen_kappa(const Confusion& counts, double level) {
  const std::int64_t table[] = {counts.tp, counts.fp, counts.fn, counts.tn};  // the judge's rows, the truth's columns
  return cohen_kappa(table, 2, level);
}

Prevalence rogan_gladen(std::int64_t k, std::int64_t n, const Confusion& calibration, double level) {
  HOLDFAST_ASSERT(0 <= k && k <= n);
  const double se = sensitivity(calibration).value, sp = specificity(calibration).value;
  const double count = static_cast<double>(n), raw = n == 0 ? kUnknown : static_cast<double>(k) / count;
  Prevalence result{raw, kUnknown, kUnknown, false, kUnknown, {0, 1}};
  if (n == 0 || !(se + sp - 1 > 0)) return result;
  const double positives = static_cast<double>(calibration.tp + calibration.fn);
  const double negatives = static_cast<double>(calibration.tn + calibration.fp);
  const double youden = se + sp - 1, value = (raw + sp - 1) / youden;
  result.unclipped = value;
  result.corrected = std::clamp(value, 0.0, 1.0);
  result.is_clipped = value < 0 || value > 1;
  result.standard_error = std::sqrt(raw * (1 - raw) / count + value * value * se * (1 - se) / positives +
                                    (1 - value) * (1 - value) * sp * (1 - sp) / negatives) /
                          youden;
  // The primed quantities of the paper.
  const double z = critical_value(level), size = count + z * z, rate = (static_cast<double>(k) + z * z / 2) / size;
  const double se_n = positives + 2, sp_n = negatives + 2;
  const double se_plus = (static_cast<double>(calibration.tp) + 1) / se_n;
  const double sp_plus = (static_cast<double>(calibration.tn) + 1) / sp_n;
  const double youden_plus = se_plus + sp_plus - 1;
  if (!(youden_plus > 0)) return result;
  const double centre = (rate + sp_plus - 1) / youden_plus;
  const double se_part = se_plus * (1 - se_plus) / se_n, sp_part = sp_plus * (1 - sp_plus) / sp_n;
  const double shift = 2 * z * z * (centre * se_part - (1 - centre) * sp_part);
  const double error =
      std::sqrt(rate * (1 - rate) / size + centre * centre * se_part + (1 - centre) * (1 - centre) * sp_part) /
      youden_plus;
  result.interval = {std::clamp(centre + shift - z * error, 0.0, 1.0),
                     std::clamp(centre + shift + z * error, 0.0, 1.0)};
  return result;
}

}  // namespace holdfast::evaluation
