"""Writes tests/golden/statistics_means.json: means of clustered and grouped items, Holm's p-values, bootstraps.

Clustered mean     statsmodels OLS on a constant, cov_type="cluster" (factor C / (C - 1)), Student's interval: 1,000 tables
Holm               statsmodels.stats.multitest.multipletests(method="holm"): 1,000 families
Bootstrap          scipy.stats.bootstrap of (sum, size) of clusters, percentile and BCa, 40,000 draws: 12 data sets
Near duplicates    Jaccard indices of all pairs, scipy.sparse.csgraph.connected_components: 30 collections of made-up words
Needs statsmodels beside SciPy.
"""

import importlib.metadata

import golden_rows
import numpy as np
from scipy.sparse.csgraph import connected_components
from scipy.stats import bootstrap
from statsmodels.api import OLS
from statsmodels.stats.multitest import multipletests

generator = np.random.default_rng(8)


def clustered_row():
    n, clusters = int(generator.integers(6, 20)), int(generator.integers(3, 6))
    cluster = generator.integers(0, clusters, n)
    values = (generator.random(n) < generator.random(clusters)[cluster]).astype(int)
    if len(set(cluster)) < 2 or len(set(values)) < 2:
        return None
    _, groups = np.unique(cluster, return_inverse=True)
    result = OLS(values.astype(float), np.ones(n)).fit(cov_type="cluster", cov_kwds={"groups": groups, "df_correction": True}, use_t=True)
    if result.bse[0] < 1e-8:
        return None
    low, high = result.conf_int()[0]
    return [[int(v) for v in values], [int(v) for v in cluster], result.params[0], result.bse[0], low, high]


def holm_row():
    p = [float(f"{v:.6g}") for v in generator.random(int(generator.integers(1, 6))) ** 3]
    return [p, [float(v) for v in multipletests(p, method="holm")[1]]]


def bootstrap_row():
    clusters = int(generator.integers(40, 200))
    sizes = generator.integers(1, 5, clusters)
    sums = generator.binomial(sizes, 0.3 * generator.random(clusters)) - generator.binomial(sizes, 0.1)
    answers = []
    for method in ("percentile", "BCa"):
        result = bootstrap((sums, sizes), lambda s, m, axis: s.sum(axis) / m.sum(axis), paired=True, vectorized=True, n_resamples=40000, method=method, rng=9)
        answers += [result.confidence_interval.low, result.confidence_interval.high]
    return [[int(v) for v in sums], [int(v) for v in sizes], *answers, result.standard_error]


def duplicates_row():
    words = ["knit", "purl", "wool", "row", "needle", "stitch", "scarf", "blue", "warm", "hat", "cast", "bind"]
    sets = [sorted(set(generator.choice(words, int(generator.integers(3, 9))))) for _ in range(int(generator.integers(5, 25)))]
    threshold = float(generator.choice([0.5, 0.6, 0.7, 1.0]))
    near = [[len(set(a) & set(b)) >= threshold * len(set(a) | set(b)) for b in sets] for a in sets]
    return [[words.index(w) for w in one] for one in sets] + [[threshold], [int(v) for v in connected_components(np.array(near))[1]]]


def rows(make, count=1000):
    found = []
    while len(found) < count:
        if row := make():
            found.append(row)
    return found


versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("scipy", "statsmodels"))
golden_rows.write("statistics_means.json", f"scripts/golden/statistics_means.py, {versions}", clustered=rows(clustered_row), holm=rows(holm_row), bootstrap=rows(bootstrap_row, 12), duplicates=rows(duplicates_row, 30))
