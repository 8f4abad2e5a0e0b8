// Intervals of one proportion, k of n independent items.
#pragma once

#include <cstdint>

#include "evaluation/statistics/interval.h"

namespace holdfast::evaluation {

// Wilson score interval of a proportion k / n:
//   (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n),  z = 1.959964 at 95 %
// Assumes independent items.  At k = 0 the low end is 0, at k = n the high end 1; n = 0 gives [0, 1].  Its coverage
// oscillates about the level: 95 % on average over p, down to 84 % at single p within 2 / n of 0 or 1
// (docs/statistics.md); where at least the level is needed, clopper_pearson.
// Source: Wilson 1927; Newcombe, Statistics in Medicine 17 (1998) 857-872, method 3.
Interval wilson(std::int64_t k, std::int64_t n, double level = kLevel);

// The exact interval of Clopper and Pearson: all p at which neither tail beyond k is below (1 - level) / 2.  Beta
// quantiles at (k, n - k + 1) and (k + 1, n - k).  Covers at least `level` always, so more than it on average.
// Edges as wilson.  Source: Clopper and Pearson, Biometrika 26 (1934) 404-413.
Interval clopper_pearson(std::int64_t k, std::int64_t n, double level = kLevel);

}  // namespace holdfast::evaluation
