// The statistics of a report.  Each function: what it estimates, the formula, what happens at the edges, the source.
#pragma once

#include <cstdint>

namespace holdfast::evaluation {

struct Interval {
  double low = 0, high = 1;
};

// Wilson score interval of a proportion k / n at 95 %:
//   (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n),  z = 1.959964
// Assumes independent items.  At k = 0 the low end is 0, at k = n the high end 1; n = 0 gives [0, 1].
// Source: Wilson 1927; Newcombe, Statistics in Medicine 17 (1998) 857-872, method 3.
Interval wilson(std::int64_t k, std::int64_t n);

// Exact two-sided McNemar test on discordant pairs: b changed one way, c the other.  Under no change min(b, c) is
// binomial(b + c, 1/2); p = min(1, 2 P(X <= min(b, c))).  b + c = 0 gives 1.
// Source: McNemar 1947, in its exact binomial form.
double mcnemar_exact(std::int64_t b, std::int64_t c);

// Interval of the difference of two proportions measured on the same n items, after - before, at 95 %, from the four
// counts of pairs: both, before only, after only, neither.  n = 0 gives [-1, 1].
// Source: Newcombe, Statistics in Medicine 17 (1998) 2635-2650, method 10 (score, with continuity-corrected phi).
struct PairedCounts {
  std::int64_t both = 0, before_only = 0, after_only = 0, neither = 0;
};
Interval paired_difference(const PairedCounts& pairs);

// The smallest difference of two proportions on the same n items that a two-sided test at 5 % finds with 80 % power,
// when a share `discordant` of the items changes in one way or the other:  (1.959964 + 0.841621) sqrt(discordant / n),
// at most 1. `discordant` below 1 / n is taken as 1 / n.  Source: Connor, Biometrics 43 (1987) 207-211, in its leading
// term.
double minimum_detectable_difference(std::int64_t n, double discordant);

}  // namespace holdfast::evaluation
