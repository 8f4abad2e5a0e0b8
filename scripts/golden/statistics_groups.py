"""Writes tests/golden/statistics_groups.json: means over groups, 1,000 random sets of groups.

Pooled error       lm_eval.api.metrics.pooled_sample_stderr, from lm_eval.api.metrics.mean_stderr of each group
Group mean         lm_eval.api.metrics.aggregate_subtask_metrics, weighted by size and not
Stratified error   sqrt(sum of (w_i SE_i)^2) in numpy
Each row: hits of each group, sizes, mean by size, mean of means, pooled error, stratified error by size, equal weights.
"""

import importlib.metadata

import golden_rows
import numpy as np
from lm_eval.api.metrics import aggregate_subtask_metrics, mean_stderr, pooled_sample_stderr

generator = np.random.default_rng(9)


def row():
    sizes = [int(v) for v in generator.integers(2, 300, int(generator.integers(2, 6)))]
    hits = [int(generator.binomial(n, generator.random())) for n in sizes]
    errors = [float(mean_stderr([1] * k + [0] * (n - k))) for k, n in zip(hits, sizes, strict=True)]
    means = [k / n for k, n in zip(hits, sizes, strict=True)]
    share = np.array(sizes) / sum(sizes)
    stratified = [float(np.sqrt(np.sum((w * np.array(errors)) ** 2))) for w in (share, 1 / len(sizes))]
    return [hits, sizes, aggregate_subtask_metrics(means, sizes, weight_by_size=True), aggregate_subtask_metrics(means, sizes, weight_by_size=False), pooled_sample_stderr(errors, sizes), *stratified]


golden_rows.write("statistics_groups.json", f"scripts/golden/statistics_groups.py, lm_eval {importlib.metadata.version('lm_eval')}, numpy {np.__version__}", rows=[row() for _ in range(1000)])
