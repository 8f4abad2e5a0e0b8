#include "evaluation/statistics/equivalence.h"

#include <algorithm>

#include "base/error.h"
#include "evaluation/statistics/distributions.h"

namespace holdfast::evaluation {

double non_inferiority_p(const PairedCounts& pairs, double margin) {
  HOLDFAST_ASSERT(0 < margin && margin < 1);
  return pairs.n() == 0 ? 1 : normal_cdf(-tango_statistic(pairs, -margin));
}

Equivalence equivalence(const PairedCounts& pairs, double margin, double alpha) {
  HOLDFAST_ASSERT(0 < alpha && alpha < 0.5);
  // Not gained more than the margin is not having lost it the other way round.
  const PairedCounts mirrored{pairs.both, pairs.after_only, pairs.before_only, pairs.neither};
  Equivalence result;
  result.p = std::max(non_inferiority_p(pairs, margin), non_inferiority_p(mirrored, margin));
  result.interval = tango_interval(pairs, 1 - 2 * alpha);
  result.is_shown = result.p < alpha;
  return result;
}

}  // namespace holdfast::evaluation
