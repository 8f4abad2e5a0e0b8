#include "evaluation/statistics/proportion.h"

#include <cmath>

#include "base/error.h"
#include "evaluation/statistics/distributions.h"

namespace holdfast::evaluation {

Interval wilson(std::int64_t k, std::int64_t n, double level) {
  HOLDFAST_ASSERT(0 <= k && k <= n);
  if (n == 0) return {0, 1};
  const double z = critical_value(level);
  const double count = static_cast<double>(n), p = static_cast<double>(k) / count;
  const double centre = p + z * z / (2 * count);
  const double half = z * std::sqrt(p * (1 - p) / count + z * z / (4 * count * count));
  const double scale = 1 + z * z / count;
  return {k == 0 ? 0 : (centre - half) / scale, k == n ? 1 : (centre + half) / scale};
}

Interval clopper_pearson(std::int64_t k, std::int64_t n, double level) {
  HOLDFAST_ASSERT(0 <= k && k <= n && 0 < level && level < 1);
  const double hits = static_cast<double>(k), misses = static_cast<double>(n - k), tail = (1 - level) / 2;
  // The upper end as one less the quantile of the misses, whose small tail keeps its digits.
  return {k == 0 ? 0 : beta_quantile(tail, hits, misses + 1), k == n ? 1 : 1 - beta_quantile(tail, misses, hits + 1)};
}

}  // namespace holdfast::evaluation
