// A rate over training: the same items asked again at each checkpoint.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "evaluation/statistics/interval.h"

namespace holdfast::evaluation {

// `outcomes` is items x checkpoints, row by row: 1 where the item counts (was refused, say), else 0, or a share of its
// samples.  `cluster` numbers each item's cluster.  Checkpoints are in order of training.
struct Curve {
  std::span<const double> outcomes;
  std::span<const std::int64_t> cluster;
  std::size_t checkpoints = 0;
};

struct CurveOptions {
  int draws = 4000;
  std::uint64_t seed = 1234;
  double level = kLevel;
};

struct Band {
  std::vector<double> rates;
  std::vector<Interval> intervals;  // hold all rates at once with probability `level`
  double critical_value = 0;        // standard errors to either side
  // No checkpoint varies among the clusters (or there are fewer than two): critical_value is Bonferroni's.
  bool is_bonferroni = false;
};
// The simultaneous band: whole clusters are drawn with replacement, all checkpoints together, and the band is as many
// standard errors wide as the largest standardised deviation over checkpoints has at `level`, at most Bonferroni's
// normal quantile.  The ends are Wilson's at that many standard errors and the effective number of items p (1 - p) /
// SE^2, so that they stay in [0, 1] and have a width where the rate is 0 or 1.  Source: Davison and Hinkley, Bootstrap
// Methods (1997), 4.2.4; Korn and Graubard, Survey Methodology 24 (1998) 193-201 for the effective number.
Band simultaneous_band(const Curve& curve, const CurveOptions& options = {});

struct Crossing {
  // Training, in the unit of `training`, at which the rate first is below the line; absent: not within what was
  // trained.
  std::optional<double> value, low, high;
  double share_not_crossed = 0;  // of the draws
};
// When the rate falls below `line`: the curve made non-increasing by pooling neighbours (isotonic least squares, equal
// weights), and on it the first crossing, straight between checkpoints.  The interval: quantiles of the bootstrap over
// clusters, draws that never cross counting as later than all others, so that `high` is absent where enough do not.  It
// speaks of one seed of training; several seeds are lifetimes of kaplan_meier.  REQUIRES: `training` increases, one a
// checkpoint.  Source: Barlow, Bartholomew, Bremner and Brunk, Statistical Inference under Order Restrictions
// (1972), 1.2.
Crossing training_until_below(const Curve& curve, std::span<const double> training, double line,
                              const CurveOptions& options = {});

// The non-increasing sequence nearest to `values` in squares.
std::vector<double> non_increasing(std::span<const double> values);

}  // namespace holdfast::evaluation
