// A share of those that count, where items were drawn with unequal chances: a judge's sensitivity on labels of a queue
// that shows more of the answers that judges disagree on.
#pragma once

#include <cstdint>
#include <span>

#include "evaluation/statistics/interval.h"

namespace holdfast::evaluation {

// A simple random sample of `drawn` of the `size` items of a stratum, of which some count for, some against, and the
// rest neither way.
struct ShareStratum {
  double size = 0;
  std::int64_t drawn = 0, in_favour = 0, against = 0;
};

// A / (A + B) with A and B the numbers for and against in all strata: size * in_favour / drawn summed, and likewise.
// The interval holds the shares s at which (1 - s) A - s B may be zero: each stratum's shares have Wilson's intervals,
// whose distances add up as squares, with the correlation of two shares of one sample (the method of variance estimates
// recovery).  So a stratum of which few were drawn, and none against, still says that some may be.  To this comes the
// luck of the strata's sizes, for all items together are a sample of those that might be: z^2 times the sum over strata
// of size (d - mean of d)^2, d being (1 - s) and -s times the stratum's shares.  Of one stratum in which every item
// counts this is Wilson's interval.
// Nothing counts: value NaN, interval [0, 1].  REQUIRES: drawn > 0, in_favour + against <= drawn <= size.
// Source: Zou and Donner, Statistics in Medicine 27 (2008) 1693-1702; Newcombe, Confidence Intervals for Proportions
// (2013), 7.3.
Estimate stratified_share(std::span<const ShareStratum> strata, double level = kLevel);

// How many independent items would give a share an interval as wide as this one: Wilson's, at least 1.
std::int64_t effective_number(double share, const Interval& interval, double level = kLevel);

}  // namespace holdfast::evaluation
