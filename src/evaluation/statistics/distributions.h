// Distribution functions that the estimators need, and their inverses, in double precision.
//
// Within 1e-11, relative, of SciPy at the thousand places of tests/golden/distributions.json; n up to 10^6 included,
// since no term is a difference of large logarithms.
#pragma once

#include <cstdint>

namespace holdfast::evaluation {

// P(Z <= z) of the standard normal distribution.
double normal_cdf(double z);
// The z with normal_cdf(z) = p.  REQUIRES: 0 < p < 1.
double normal_quantile(double p);
// The z of a two-sided normal interval: normal_quantile((1 + level) / 2); 1.959964 at 0.95.
double critical_value(double level);

// P(X = k) of the binomial distribution of n trials at p.  Source: C. Loader, "Fast and accurate computation of
// binomial probabilities", 2000: the deviance form, so that nothing cancels.
double binomial_pmf(std::int64_t k, std::int64_t n, double p);
// P(X <= k), as a tail of the beta distribution.
double binomial_cdf(std::int64_t k, std::int64_t n, double p);

// The regularised incomplete beta function I_x(a, b), the distribution function of Beta(a, b).  Source: DiDonato and
// Morris, ACM Transactions on Mathematical Software 18 (1992) 360-373, equation 9.  REQUIRES: a, b > 0, 0 <= x <= 1.
double beta_cdf(double x, double a, double b);
// The x with beta_cdf(x, a, b) = p: Newton's method kept inside a shrinking bracket.  REQUIRES: 0 <= p <= 1.
double beta_quantile(double p, double a, double b);

// The t with P(T <= t) = p for Student's distribution, through the beta distribution of df / (df + t^2).
// REQUIRES: df > 0 (whole or not), 0 < p < 1.
double student_quantile(double p, double df);
// The t of a two-sided interval at `level`.
double student_critical_value(double level, double df);

}  // namespace holdfast::evaluation
