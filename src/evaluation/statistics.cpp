#include "evaluation/statistics.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace holdfast::evaluation {
namespace {

constexpr double kZ = 1.9599639845400545;       // 97.5th percentile of the normal distribution
constexpr double kZPower = 0.8416212335729143;  // 80th

}  // namespace

Interval wilson(std::int64_t k, std::int64_t n) {
  HOLDFAST_ASSERT(0 <= k && k <= n);
  if (n == 0) return {0, 1};
  const double count = static_cast<double>(n), p = static_cast<double>(k) / count;
  const double centre = p + kZ * kZ / (2 * count);
  const double half = kZ * std::sqrt(p * (1 - p) / count + kZ * kZ / (4 * count * count));
  const double scale = 1 + kZ * kZ / count;
  return {k == 0 ? 0 : (centre - half) / scale, k == n ? 1 : (centre + half) / scale};
}

double mcnemar_exact(std::int64_t b, std::int64_t c) {
  HOLDFAST_ASSERT(b >= 0 && c >= 0);
  const std::int64_t n = b + c, few = std::min(b, c);
  if (n == 0) return 1;
  double tail = 0;
  const double log_half = static_cast<double>(n) * std::log(0.5);
  for (std::int64_t i = 0; i <= few; ++i) {
    const double log_choose = std::lgamma(static_cast<double>(n) + 1) - std::lgamma(static_cast<double>(i) + 1) -
                              std::lgamma(static_cast<double>(n - i) + 1);
    tail += std::exp(log_choose + log_half);
  }
  return std::min(1.0, 2 * tail);
}

Interval paired_difference(const PairedCounts& pairs) {
  const double a = static_cast<double>(pairs.both), b = static_cast<double>(pairs.before_only),
               c = static_cast<double>(pairs.after_only), d = static_cast<double>(pairs.neither);
  const std::int64_t n = pairs.both + pairs.before_only + pairs.after_only + pairs.neither;
  if (n == 0) return {-1, 1};
  const double count = static_cast<double>(n);
  const double before = (a + b) / count, after = (a + c) / count, difference = after - before;
  const Interval first = wilson(pairs.both + pairs.before_only, n), second = wilson(pairs.both + pairs.after_only, n);
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

double minimum_detectable_difference(std::int64_t n, double discordant) {
  if (n <= 0) return 1;
  const double count = static_cast<double>(n);
  return std::min(1.0, (kZ + kZPower) * std::sqrt(std::max(discordant, 1 / count) / count));
}

}  // namespace holdfast::evaluation
