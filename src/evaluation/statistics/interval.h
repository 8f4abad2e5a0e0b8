// What every estimator here gives back: an interval, and an estimate with its error and interval.
#pragma once

namespace holdfast::evaluation {

struct Interval {
  double low = 0, high = 1;
};

struct Estimate {
  double value = 0;
  double standard_error = 0;
  Interval interval;
};

// The share of repetitions in which a 95 % interval holds the truth.
inline constexpr double kLevel = 0.95;

}  // namespace holdfast::evaluation
