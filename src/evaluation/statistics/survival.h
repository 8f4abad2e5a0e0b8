// Times until something happens, where for some it has not happened yet: tokens of training until an item is first
// complied with, or until an arm's rate falls below a line.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "evaluation/statistics/interval.h"

namespace holdfast::evaluation {

struct Lifetime {
  double time = 0;
  bool is_event = true;  // false: censored, it had not happened by `time`
};

struct SurvivalStep {
  double time = 0;            // of one event or more
  double survival = 1;        // from this time on
  double standard_error = 0;  // Greenwood's
  Interval interval = {};     // by log(-log), whose ends stay within [0, 1]
  std::int64_t at_risk = 0, events = 0;
};

struct Survival {
  std::vector<SurvivalStep> steps;
  // The first time at which survival is 1/2 or less; low and high where the interval's ends first are.  Absent: not
  // reached within what was observed.
  std::optional<double> median, median_low, median_high;
};
// Kaplan and Meier's product over event times of 1 - events / at risk; those censored at a time are at risk at it.
// Greenwood's variance S^2 sum of d / (n (n - d)); the interval is S^exp(+- z se / (S log S)).  Where S is 0 the
// interval is [0, 0], as nobody is left to tell.  Sources: Kaplan and Meier, JASA 53 (1958) 457-481; Kalbfleisch and
// Prentice, The Statistical Analysis of Failure Time Data (2002), 1.4; Brookmeyer and Crowley, Biometrics 38 (1982)
// 29-41.
Survival kaplan_meier(std::span<const Lifetime> lifetimes, double level = kLevel);

}  // namespace holdfast::evaluation
