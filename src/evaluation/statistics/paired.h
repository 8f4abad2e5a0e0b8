// Two proportions measured on the same n items: before and after.
#pragma once

#include <cstdint>

#include "evaluation/statistics/interval.h"

namespace holdfast::evaluation {

struct PairedCounts {
  std::int64_t both = 0, before_only = 0, after_only = 0, neither = 0;
  std::int64_t n() const { return both + before_only + after_only + neither; }
};

// Exact two-sided McNemar test on discordant pairs: b changed one way, c the other.  Under no change min(b, c) is
// binomial(b + c, 1/2); p = min(1, 2 P(X <= min(b, c))).  b + c = 0 gives 1.
// Source: McNemar 1947, in its exact binomial form.
double mcnemar_exact(std::int64_t b, std::int64_t c);

// Interval of the difference of two proportions measured on the same n items, after - before, from the four counts of
// pairs: both, before only, after only, neither.  n = 0 gives [-1, 1].
// Source: Newcombe, Statistics in Medicine 17 (1998) 2635-2650, method 10 (score, with continuity-corrected phi).
Interval paired_difference(const PairedCounts& pairs, double level = kLevel);

// Tango's score statistic of the hypothesis that after - before is `difference`, about normal under it:
//   (c - b - n d) / sqrt(n (2 q + d (1 - d))),  b = before only, c = after only,
// q the maximum-likelihood probability of "before only" under the hypothesis.  0 where both parts are 0; REQUIRES: n >
// 0. Source: Tango, Statistics in Medicine 17 (1998) 891-908.
double tango_statistic(const PairedCounts& pairs, double difference);

// All differences whose score statistic lies within +- z, found by bisection to 1e-14.  Covers closer to the level than
// method 10 for small n and agrees with equivalence tests at the same statistic.  n = 0 gives [-1, 1].
Interval tango_interval(const PairedCounts& pairs, double level = kLevel);

}  // namespace holdfast::evaluation
