#include "evaluation/statistics/paired.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "evaluation/statistics/distributions.h"
#include "evaluation/statistics/proportion.h"

namespace holdfast::evaluation {
namespace {

// The difference within [inside, outside] at which the statistic passes `z`; it rises as the difference falls.
double crossing(const PairedCounts& pairs, double inside, double outside, double z) {
  if (std::abs(tango_statistic(pairs, outside)) <= z) return outside;
  for (int i = 0; i < 200 && std::abs(outside - inside) > 1e-15; ++i) {
    const double middle = (inside + outside) / 2;
    (std::abs(tango_statistic(pairs, middle)) <= z ? inside : outside) = middle;
  }
  return inside;
}

}  // namespace

double mcnemar_exact(std::int64_t b, std::int64_t c) {
  HOLDFAST_ASSERT(b >= 0 && c >= 0);
  const std::int64_t n = b + c, few = std::min(b, c);
  if (n == 0) return 1;
  // Up to a thousand pairs lgamma is right to 1e-13 of the terms and the sum is short; beyond, both no longer hold.
  if (n > 1000) return std::min(1.0, 2 * binomial_cdf(few, n, 0.5));
  double tail = 0;
  const double log_half = static_cast<double>(n) * std::log(0.5);
  for (std::int64_t i = 0; i <= few; ++i) {
    const double log_choose = std::lgamma(static_cast<double>(n) + 1) - std::lgamma(static_cast<double>(i) + 1) -
                              std::lgamma(static_cast<double>(n - i) + 1);
    tail += std::exp(log_choose + log_half);
  }
  return std::min(1.0, 2 * tail);
}

Interval paired_difference(const PairedCounts& pairs, double level) {
  const double a = static_cast<double>(pairs.both), b = static_cast<double>(pairs.before_only),
               c = static_cast<double>(pairs.after_only), d = static_cast<double>(pairs.neither);
  const std::int64_t n = pairs.n();
  if (n == 0) return {-1, 1};
  const double count = static_cast<double>(n);
  const double before = (a + b) / count, after = (a + c) / count, difference = after - before;
  const Interval first = wilson(pairs.both + pairs.before_only, n, level);
  const Interval second = wilson(pairs.both + pairs.after_only, n, level);
  const double product = (a + b) * (c + d) * (a + c) * (b + d);
  double phi = 0;
  if (product > 0) {
    double numerator = a * d - b * c;
    if (numerator > 0) numerator = std::max(numerator - count / 2, 0.0);
    phi = numerator / std::sqrt(product);
  }
  const auto spread = [&](double x, double y) { return std::sqrt(std::max(0.0, x * x - 2 * phi * x * y + y * y)); };
  const double low = difference - spread(after - second.low, first.high - before);
  const double high = difference + spread(second.high - after, before - first.low);
  return {std::max(-1.0, low), std::min(1.0, high)};
}

double tango_statistic(const PairedCounts& pairs, double difference) {
  const double n = static_cast<double>(pairs.n()), b = static_cast<double>(pairs.before_only),
               c = static_cast<double>(pairs.after_only), d = difference;
  HOLDFAST_ASSERT(n > 0);
  // q solves 2n q^2 + linear q + constant = 0; P(after only) = q + d.
  const double linear = (2 * n - c + b) * d - b - c, constant = -b * d * (1 - d);
  const double root = std::sqrt(std::max(0.0, linear * linear - 8 * n * constant));
  const double q = linear <= 0 ? (root - linear) / (4 * n) : -2 * constant / (root + linear);
  const double distance = c - b - n * d, variance = n * (2 * q + d * (1 - d));
  if (distance == 0) return 0;
  return variance <= 0 ? std::copysign(HUGE_VAL, distance) : distance / std::sqrt(variance);
}

Interval tango_interval(const PairedCounts& pairs, double level) {
  const std::int64_t n = pairs.n();
  if (n == 0) return {-1, 1};
  const double difference = static_cast<double>(pairs.after_only - pairs.before_only) / static_cast<double>(n);
  const double z = critical_value(level);
  return {crossing(pairs, difference, -1, z), crossing(pairs, difference, 1, z)};
}

}  // namespace holdfast::evaluation
