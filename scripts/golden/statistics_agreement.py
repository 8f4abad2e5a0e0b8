"""Writes tests/golden/statistics_agreement.json: kappa, alpha and a corrected rate on 1,000 random tables each.

Kappa              statsmodels.stats.inter_rater.cohens_kappa: kappa, standard error
Alpha              krippendorff.alpha(level_of_measurement="nominal"); the labels are in the file, -1 where there is none
Corrected rate     Rogan and Gladen's estimate with its delta-method error, and the interval of Lang and Reiczigel,
                   written out here from the papers' equations on SciPy's normal quantile
Needs statsmodels and krippendorff beside SciPy.
"""

import importlib.metadata

import golden_rows
import krippendorff
import numpy as np
from scipy.stats import norm
from statsmodels.stats.inter_rater import cohens_kappa

generator = np.random.default_rng(6)


def kappa_row():
    size = int(generator.integers(2, 4))
    table = generator.multinomial(int(generator.integers(5, 400)), generator.dirichlet(np.full(size * size, 0.7)))
    square = table.reshape(size, size) + np.eye(size, dtype=int)
    result = cohens_kappa(square)
    return [[int(v) for v in square.ravel()], result.kappa, result.std_kappa]


def alpha_row():
    raters, units, categories = int(generator.integers(2, 4)), int(generator.integers(4, 12)), int(generator.integers(2, 4))
    labels = generator.integers(0, categories, (raters, units))
    labels = np.where(generator.random(labels.shape) < 0.5, labels[0], labels).astype(float)
    labels[generator.random(labels.shape) < 0.15] = np.nan
    try:
        alpha = krippendorff.alpha(reliability_data=labels, level_of_measurement="nominal")
    except ValueError:
        return None
    if not np.isfinite(alpha):
        return None
    return [[raters], [int(v) if v == v else -1 for v in labels.T.ravel()], alpha]


def prevalence_row():
    n, positives, negatives = (int(v) for v in generator.integers(10, 900, 3))
    k, tp, tn = int(generator.binomial(n, generator.random())), int(generator.binomial(positives, generator.uniform(0.6, 1))), int(generator.binomial(negatives, generator.uniform(0.6, 1)))
    raw, se, sp = k / n, tp / positives, tn / negatives
    value = (raw + sp - 1) / (se + sp - 1)
    error = np.sqrt(raw * (1 - raw) / n + value**2 * se * (1 - se) / positives + (1 - value) ** 2 * sp * (1 - sp) / negatives) / (se + sp - 1)
    z = norm.ppf(0.975)
    n2, se_n, sp_n = n + z * z, positives + 2, negatives + 2
    raw2, se2, sp2 = (n * raw + z * z / 2) / n2, (positives * se + 1) / se_n, (negatives * sp + 1) / sp_n
    value2 = (raw2 + sp2 - 1) / (se2 + sp2 - 1)
    shift = 2 * z * z * (value2 * se2 * (1 - se2) / se_n - (1 - value2) * sp2 * (1 - sp2) / sp_n)
    variance = (raw2 * (1 - raw2) / n2 + value2**2 * se2 * (1 - se2) / se_n + (1 - value2) ** 2 * sp2 * (1 - sp2) / sp_n) / (se2 + sp2 - 1) ** 2
    low, high = value2 + shift - z * np.sqrt(variance), value2 + shift + z * np.sqrt(variance)
    return [k, n, tp, negatives - tn, positives - tp, tn, value, error, float(np.clip(low, 0, 1)), float(np.clip(high, 0, 1))]


def rows(make):
    found = []
    while len(found) < 1000:
        if row := make():
            found.append(row)
    return found


versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("scipy", "statsmodels", "krippendorff"))
golden_rows.write("statistics_agreement.json", f"scripts/golden/statistics_agreement.py, {versions}", kappa=rows(kappa_row), alpha=rows(alpha_row), prevalence=rows(prevalence_row))
