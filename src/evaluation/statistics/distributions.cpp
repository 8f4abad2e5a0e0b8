#include "evaluation/statistics/distributions.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "evaluation/statistics/interval.h"

namespace holdfast::evaluation {
namespace {

constexpr double kTwoPi = 2 * std::numbers::pi;

// log(n!) less Stirling's approximation.
double stirling_error(double n) {
  if (n <= 0) return 0;
  if (n < 16) return std::lgamma(n + 1) - (n + 0.5) * std::log(n) + n - 0.5 * std::log(kTwoPi);
  const double square = n * n;
  return (1.0 / 12 - (1.0 / 360 - (1.0 / 1260 - (1.0 / 1680 - 1.0 / 1188 / square) / square) / square) / square) / n;
}

// x log(x / m) + m - x, by its series where x is near m.
double deviance(double x, double m) {
  if (x == 0) return m;
  if (std::abs(x - m) >= 0.1 * (x + m)) return x * std::log(x / m) + m - x;
  const double v = (x - m) / (x + m);
  double sum = (x - m) * v, power = 2 * x * v;
  for (int j = 1; j < 1000; ++j) {
    power *= v * v;
    const double next = sum + power / (2 * j + 1);
    if (next == sum) break;
    sum = next;
  }
  return sum;
}

// Gamma(n + 1) / (Gamma(k + 1) Gamma(rest + 1)) p^k q^rest for any real k, rest >= 0, with n = k + rest and q = 1 - p.
double binomial_density(double k, double rest, double p, double q) {
  const double n = k + rest;
  if (p == 0) return k == 0 ? 1 : 0;
  if (q == 0) return rest == 0 ? 1 : 0;
  if (k == 0) return std::exp(n * std::log1p(-p));
  if (rest == 0) return std::exp(p < 0.5 ? n * std::log(p) : n * std::log1p(-q));
  const double log_ratio =
      stirling_error(n) - stirling_error(k) - stirling_error(rest) - deviance(k, n * p) - deviance(rest, n * q);
  return std::exp(log_ratio) * std::sqrt(n / (kTwoPi * k * rest));
}

// x^a y^b / B(a, b) over I_x(a, b), y = 1 - x: a continued fraction of positive terms by Lentz's method, fast for
// x < (a + 1) / (a + b + 2).
double beta_fraction(double x, double y, double a, double b) {
  double result = a * (a * y - b * x + 1) / (a + 1), c = result, d = 0;
  for (int i = 1; i < 100000; ++i) {
    const double m = i, odd = a + 2 * m - 1;
    const double over = (a + m - 1) / odd * ((a + b + m - 1) / odd) * m * (b - m) * x * x;
    const double plus = m + m * (b - m) * x / odd + (a + m) * (a * y - b * x + 1 + m * (1 + y)) / (odd + 2);
    d = 1 / (plus + over * d);
    c = plus + over / c;
    result *= c * d;
    if (std::abs(c * d - 1) < 1e-16) break;
  }
  return result;
}

// x^a (1 - x)^b / B(a, b)
double beta_weight(double x, double a, double b) { return a * b / (a + b) * binomial_density(a, b, x, 1 - x); }

}  // namespace

double normal_cdf(double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

double normal_quantile(double p) {
  HOLDFAST_ASSERT(0 < p && p < 1);
  const double tail = std::min(p, 1 - p);
  // Abramowitz and Stegun 26.2.23, good to 4.5e-4, then Halley's method, whose error is cubed each time.
  const double t = std::sqrt(-2 * std::log(tail));
  double z = -(t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))));
  for (int i = 0; i < 3; ++i) {
    const double step = (normal_cdf(z) - tail) * std::sqrt(kTwoPi) * std::exp(z * z / 2);
    z -= step / (1 + z * step / 2);
  }
  return p < 0.5 ? z : -z;
}

double critical_value(double level) {
  HOLDFAST_ASSERT(0 < level && level < 1);
  return level == kLevel ? 1.9599639845400545 : normal_quantile((1 + level) / 2);
}

double binomial_pmf(std::int64_t k, std::int64_t n, double p) {
  HOLDFAST_ASSERT(n >= 0 && 0 <= p && p <= 1);
  if (k < 0 || k > n) return 0;
  return binomial_density(static_cast<double>(k), static_cast<double>(n - k), p, 1 - p);
}

double binomial_cdf(std::int64_t k, std::int64_t n, double p) {
  if (k < 0) return 0;
  if (k >= n) return 1;
  return beta_cdf(1 - p, static_cast<double>(n - k), static_cast<double>(k) + 1);
}

double beta_cdf(double x, double a, double b) {
  HOLDFAST_ASSERT(a > 0 && b > 0 && 0 <= x && x <= 1);
  if (x == 0 || x == 1) return x;
  if (x < (a + 1) / (a + b + 2)) return beta_weight(x, a, b) / beta_fraction(x, 1 - x, a, b);
  return 1 - beta_weight(x, a, b) / beta_fraction(1 - x, x, b, a);
}

double beta_quantile(double p, double a, double b) {
  HOLDFAST_ASSERT(0 <= p && p <= 1);
  if (p == 0 || p == 1) return p;
  double low = 0, high = 1, x = a / (a + b);
  for (int i = 0; i < 2000; ++i) {
    const double error = beta_cdf(x, a, b) - p;
    (error > 0 ? high : low) = x;
    const double density = beta_weight(x, a, b) / (x * (1 - x));
    double next = x - error / density;
    if (!(next > low && next < high)) next = low > 0 ? (low + high) / 2 : high / 16;
    if (std::abs(next - x) <= 1e-16 * x || next == low || next == high) return next;
    x = next;
  }
  return x;
}

double student_quantile(double p, double df) {
  HOLDFAST_ASSERT(0 < p && p < 1 && df > 0);
  if (p == 0.5) return 0;
  const double tail = std::min(p, 1 - p);
  // t^2 / df from x = df / (df + t^2) in the tails and from 1 - x in the middle: from the one that is not near 1.
  double ratio;
  if (tail < 0.25) {
    const double x = beta_quantile(2 * tail, df / 2, 0.5);
    ratio = (1 - x) / x;
  } else {
    const double rest = beta_quantile(1 - 2 * tail, 0.5, df / 2);
    ratio = rest / (1 - rest);
  }
  const double t = std::sqrt(df * ratio);
  return p < 0.5 ? -t : t;
}

double student_critical_value(double level, double df) { return student_quantile((1 + level) / 2, df); }

}  // namespace holdfast::evaluation
