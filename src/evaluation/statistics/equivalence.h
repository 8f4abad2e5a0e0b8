// Capability kept: tests whose finding is that nothing got worse by more than a stated margin.  Not finding a
// difference shows nothing of the kind.
#pragma once

#include "evaluation/statistics/interval.h"
#include "evaluation/statistics/paired.h"

namespace holdfast::evaluation {

// One-sided p of the hypothesis that after - before is -margin or less, by Tango's score statistic at -margin.  Small:
// what was lost is less than the margin.  No items: 1.  REQUIRES: 0 < margin < 1.
double non_inferiority_p(const PairedCounts& pairs, double margin);

struct Equivalence {
  double p = 1;           // the larger of two one-sided p, at -margin and at margin
  Interval interval;      // Tango's at 1 - 2 alpha: 90 % for alpha = 0.05
  bool is_shown = false;  // p < alpha, the same as the interval lying inside (-margin, margin)
};
// TOST: two one-sided score tests, each at alpha.  Source: Tango, Statistics in Medicine 17 (1998) 891-908; Schuirmann,
// Journal of Pharmacokinetics and Biopharmaceutics 15 (1987) 657-680.
Equivalence equivalence(const PairedCounts& pairs, double margin, double alpha = 0.05);

}  // namespace holdfast::evaluation
