"""Writes tests/golden/distributions.json and tests/golden/statistics_intervals.json: what SciPy says of 1,000 random cases each.

Distributions      scipy.special.ndtri, betainc, betaincinv; scipy.stats.t.ppf, binom.pmf, binom.cdf
Clopper-Pearson    scipy.stats.binomtest(k, n).proportion_ci(level, method="exact")
McNemar, exact     scipy.stats.binomtest(b, b + c).pvalue, b + c up to 10^6
Tango              statistic from the paper (the restricted estimate as a root of its quadratic by numpy.roots), interval
                   by scipy.optimize.brentq, one-sided p by scipy.stats.norm.sf
"""

import golden_rows
import numpy as np
import scipy
from scipy import special, stats
from scipy.optimize import brentq

generator = np.random.default_rng(7)


def log_uniform(low, high):
    return float(np.exp(generator.uniform(np.log(low), np.log(high))))


def distribution_row():
    p, a, b, df = float(generator.uniform(0, 1)) ** 3, log_uniform(0.3, 1e6), log_uniform(0.3, 1e6), log_uniform(1, 1e4)
    x = float(np.clip(generator.beta(a, b), 1e-12, 1 - 1e-12))
    n = int(log_uniform(1, 1e6))
    rate = float(generator.uniform(0, 1))
    k = int(generator.binomial(n, rate))
    p, a, b, df, x, rate = (float(f"{v:.6g}") for v in (p, a, b, df, x, rate))
    return [p, special.ndtri(p), a, b, x, special.betainc(a, b, x), special.betaincinv(a, b, p), df, stats.t.ppf(p, df), k, n, rate, stats.binom.pmf(k, n, rate), stats.binom.cdf(k, n, rate)]


def proportion_row():
    n = int(log_uniform(1, 1e6))
    k = int(generator.binomial(n, generator.beta(0.3, 0.3)))
    level = float(generator.choice([0.9, 0.95, 0.99]))
    test = stats.binomtest(k, n)
    exact, wilson = test.proportion_ci(level, method="exact"), test.proportion_ci(level, method="wilson")
    return [k, n, level, exact.low, exact.high, wilson.low, wilson.high]


def mcnemar_row():
    n = int(log_uniform(2, 1e6))
    b = int(generator.binomial(n, np.clip(0.5 + generator.normal() / np.sqrt(n), 0, 1)))
    return [b, n - b, stats.binomtest(b, n).pvalue]


def statistic(b, c, n, d):
    """Of after - before = d; b before only, c after only."""
    q = max(np.roots([2 * n, (2 * n - c + b) * d - b - c, -b * d * (1 - d)]).real)
    variance = n * (2 * q + d * (1 - d))
    return 0.0 if c - b == n * d else (c - b - n * d) / np.sqrt(variance) if variance > 0 else np.copysign(np.inf, c - b - n * d)


def tango_row():
    a, b, c, d = (int(v) for v in generator.multinomial(int(log_uniform(8, 20000)), generator.dirichlet([1, 0.4, 0.4, 1])))
    n, level = a + b + c + d, float(generator.choice([0.9, 0.95]))
    z, difference = stats.norm.ppf((1 + level) / 2), (c - b) / n
    low = -1.0 if difference == -1 else brentq(lambda x: statistic(b, c, n, x) - z, -1 + 1e-12, difference, xtol=1e-15)
    high = 1.0 if difference == 1 else brentq(lambda x: statistic(b, c, n, x) + z, difference, 1 - 1e-12, xtol=1e-15)
    margin = float(generator.choice([0.02, 0.05, 0.1]))
    lower, upper = stats.norm.sf(statistic(b, c, n, -margin)), stats.norm.cdf(statistic(b, c, n, margin))
    return [a, b, c, d, level, low, high, margin, lower, max(lower, upper)]


made_by = f"scripts/golden/statistics_intervals.py, scipy {scipy.__version__}"
golden_rows.write("distributions.json", made_by, rows=[distribution_row() for _ in range(1000)])
golden_rows.write("statistics_intervals.json", made_by, proportion=[proportion_row() for _ in range(1000)], mcnemar=[mcnemar_row() for _ in range(1000)], tango=[tango_row() for _ in range(1000)])
