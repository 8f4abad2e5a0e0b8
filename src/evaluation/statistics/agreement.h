// How far a judge may be trusted: agreement with people or another judge, and a rate corrected for the judge's errors.
//
// "Positive" is what is counted (a refusal, say); the truth is the person's label, the test is the judge's.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "evaluation/statistics/interval.h"

namespace holdfast::evaluation {

struct Confusion {
  std::int64_t tp = 0, fp = 0, fn = 0, tn = 0;  // the judge's positives that are (tp) and are not (fp), ...
};

// tp / (tp + fn) and tn / (tn + fp), each with its binomial standard error and its Wilson interval.  Where nothing was
// positive (negative) the value is NaN, the interval [0, 1].
Estimate sensitivity(const Confusion& counts, double level = kLevel);
Estimate specificity(const Confusion& counts, double level = kLevel);

// Cohen's kappa (observed - chance) / (1 - chance) of two raters, with the large-sample standard error and the interval
// value +- z SE, cut at -1 and 1.  `table` has categories^2 counts, row by row: first rater's category, second's.
// Where chance agreement is 1 (both raters gave one and the same category throughout) or the table is empty: NaN with
// [-1, 1].  A perfect table has standard error 0: the interval is then a point, and only n says how much it is worth.
// Source: Fleiss, Cohen and Everitt, Psychological Bulletin 72 (1969) 323-327.
Estimate cohen_kappa(std::span<const std::int64_t> table, std::int64_t categories, double level = kLevel);
Estimate cohen_kappa(const Confusion& counts, double level = kLevel);

// One unit's labels, one a rater: a category from 0, or kNoLabel.
inline constexpr int kNoLabel = -1;
// Krippendorff's alpha for nominal labels, 1 - (observed / expected disagreement) over all pairs of labels within a
// unit; units with fewer than two labels say nothing and are left out.  The interval: percentiles of `draws` bootstrap
// draws over units, the standard error their standard deviation.  NaN with [-1, 1] where fewer than two labels can be
// paired or all are one category.  Source: Krippendorff, "Computing Krippendorff's alpha-reliability" (2011).
struct AlphaOptions {
  int draws = 2000;
  std::uint64_t seed = 1234;
  double level = kLevel;
};
Estimate krippendorff_alpha(std::span<const std::vector<int>> units, const AlphaOptions& options = {});

// The share of true positives among n items of which the judge called k positive, corrected for the judge's errors:
//   (k/n + specificity - 1) / (sensitivity + specificity - 1)
// with sensitivity and specificity from `calibration`, labelled items other than the n.
struct Prevalence {
  double raw = 0;             // k / n
  double corrected = 0;       // cut at 0 and 1
  double unclipped = 0;       // as the formula gives it
  bool is_clipped = false;    // `unclipped` lies outside [0, 1]: the judge behaves otherwise here than when calibrated
  double standard_error = 0;  // delta method
  Interval interval;          // Lang-Reiczigel, cut at 0 and 1
};
// Standard error: delta method, sqrt(p q/n + P^2 se(1-se)/n_se + (1-P)^2 sp(1-sp)/n_sp) / (se + sp - 1).  Interval:
// Lang and Reiczigel's, which adds z^2/2 and z^2 to the counts of the rate, 1 and 2 to those of the judge, and shifts
// the centre: it covers where the plain one does not (docs/statistics.md).  Where sensitivity + specificity <= 1, or
// one is unknown, the judge tells nothing: corrected NaN, interval [0, 1]. Sources: Rogan and Gladen, American Journal
// of Epidemiology 107 (1978) 71-76; Lang and Reiczigel, Preventive Veterinary Medicine 113 (2014) 13-22, equations 4,
// 6, 7, 16, 17.
Prevalence rogan_gladen(std::int64_t k, std::int64_t n, const Confusion& calibration, double level = kLevel);

}  // namespace holdfast::evaluation
