#include "evaluation/statistics/stratified_share.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/error.h"
#include "evaluation/statistics/distributions.h"
#include "evaluation/statistics/proportion.h"

namespace holdfast::evaluation {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// Two shares of one sample, as numbers of the stratum's items.
struct Part {
  double size = 0, in_favour = 0, against = 0;
  Interval favour_interval, against_interval;
  double correlation = 0;
};

Part part_of(const ShareStratum& one, double level) {
  HOLDFAST_ASSERT(one.drawn > 0 && one.in_favour >= 0 && one.against >= 0 && one.in_favour + one.against <= one.drawn &&
                  static_cast<double>(one.drawn) <= one.size * (1 + 1e-9));
  const double n = static_cast<double>(one.drawn), a = static_cast<double>(one.in_favour) / n,
               b = static_cast<double>(one.against) / n;
  const auto scaled = [&](const Interval& interval) {
    return Interval{interval.low * one.size, interval.high * one.size};
  };
  Part part{one.size,
            a * one.size,
            b * one.size,
            scaled(wilson(one.in_favour, one.drawn, level)),
            scaled(wilson(one.against, one.drawn, level)),
            0};
  if (one.in_favour + one.against == one.drawn)
    part.correlation = -1;
  else if (a > 0 && b > 0)
    part.correlation = -std::sqrt(a * b / ((1 - a) * (1 - b)));
  return part;
}

// The end of the interval of (1 - s) A - s B, the lower one or the upper.
double end_at(double s, std::span<const Part> parts, double z, bool is_lower) {
  double difference = 0, squares = 0, between = 0, size = 0;
  for (const Part& one : parts) {
    const double up = one.favour_interval.high - one.in_favour, down = one.in_favour - one.favour_interval.low;
    const double more = one.against_interval.high - one.against, less = one.against - one.against_interval.low;
    const double x = (1 - s) * (is_lower ? down : up), y = s * (is_lower ? more : less);
    const double own = (1 - s) * one.in_favour - s * one.against;
    difference += own;
    squares += x * x + y * y - 2 * one.correlation * x * y;
    between += own * own / one.size;
    size += one.size;
  }
  squares += z * z * (between - difference * difference / size);  // the strata's sizes have luck of their own
  const double half = std::sqrt(std::max(0.0, squares));
  return is_lower ? difference - half : difference + half;
}

// Where the end goes through zero: it falls as s grows.
double root_of(std::span<const Part> parts, double z, bool is_lower) {
  double low = 0, high = 1;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (end_at(middle, parts, z, is_lower) > 0 ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace

Estimate stratified_share(std::span<const ShareStratum> strata, double level) {
  const double z = critical_value(level);
  std::vector<Part> parts;
  double in_favour = 0, against = 0;
  for (const ShareStratum& one : strata) {
    parts.push_back(part_of(one, level));
    in_favour += parts.back().in_favour;
    against += parts.back().against;
  }
  if (!(in_favour + against > 0)) return {kUnknown, kUnknown, {0, 1}};
  const double value = in_favour / (in_favour + against);
  const Interval interval{in_favour > 0 ? std::min(value, root_of(parts, z, true)) : 0,
                          against > 0 ? std::max(value, root_of(parts, z, false)) : 1};
  return {value, (interval.high - interval.low) / (2 * z), interval};
}

std::int64_t effective_number(double share, const Interval& interval, double level) {
  const double width = interval.high - interval.low, z = critical_value(level);
  const auto width_at = [&](double n) {
    return 2 * z * std::sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n);
  };
  double low = 1, high = 1e9;
  if (width_at(low) <= width) return 1;
  for (int i = 0; i < 100; ++i) {
    const double middle = std::sqrt(low * high);
    (width_at(middle) > width ? low : high) = middle;
  }
  return std::max<std::int64_t>(1, std::llround(low));
}

}  // namespace holdfast::evaluation
