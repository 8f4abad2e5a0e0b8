"""Writes tests/golden/statistics_design.json: sample sizes, variance parts and survival curves.

Unpaired sizes     statsmodels.stats.proportion.power_proportions_2indep at the size found by its own standard deviations: 1,000 designs
Variance parts     mean squares from statsmodels' anova_lm (two ways, interaction, balanced), components from their expectations: 100 tables
Survival           lifelines.KaplanMeierFitter (log-log interval), median and its interval: 1,000 samples in short
Needs statsmodels and lifelines beside SciPy.
"""

import importlib.metadata
import math
import warnings

import golden_rows
import numpy as np
import pandas
from lifelines import KaplanMeierFitter
from lifelines.utils import median_survival_times
from scipy.stats import norm
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.proportion import power_proportions_2indep

warnings.filterwarnings("ignore")
generator = np.random.default_rng(10)


def size_row():
    baseline, power, alpha = float(f"{generator.uniform(0.3, 0.99):.4g}"), float(generator.choice([0.8, 0.9])), float(generator.choice([0.01, 0.05]))
    difference = float(f"{generator.uniform(0.02, 0.25):.4g}")
    found = power_proportions_2indep(-difference, baseline, 1000, alpha=alpha, return_results=True)
    n = ((norm.isf(alpha / 2) * found.std_null + norm.ppf(power) * found.std_alt) / difference) ** 2
    check = power_proportions_2indep(-difference, baseline, n, alpha=alpha, return_results=True).power
    assert abs(check - power) < 1e-4, (check, power)
    return [baseline, difference, power, alpha, math.ceil(n)]


def variance_row():
    prompts, seeds, samples = (int(generator.integers(low, high)) for low, high in ((3, 8), (2, 4), (2, 4)))
    rate = generator.random((prompts, 1, 1)) + 0.3 * generator.normal(size=(1, seeds, 1)) * generator.integers(0, 2)
    values = np.round(rate + 0.5 * generator.normal(size=(prompts, seeds, samples)), 3)
    p, s, _ = np.indices(values.shape)
    frame = pandas.DataFrame({"y": values.ravel(), "p": p.ravel(), "s": s.ravel()})
    table = anova_lm(ols("y ~ C(p) * C(s)", frame).fit())
    ms_p, ms_s, ms_ps, ms_e = table["mean_sq"]
    parts = [(ms_p - ms_ps) / (seeds * samples), (ms_s - ms_ps) / (prompts * samples), (ms_ps - ms_e) / samples, ms_e]
    return [[prompts, seeds, samples], [float(v) for v in values.ravel()], [max(0.0, float(v)) for v in parts]]


def survival_row():
    n = int(generator.integers(3, 12))
    times, events = [int(v) for v in generator.integers(1, 12, n)], [int(v) for v in generator.random(n) < 0.7]
    if not any(events):
        return None
    fit = KaplanMeierFitter().fit(times, events)
    at = int(np.median([t for t, e in zip(times, events, strict=True) if e]))
    low, high = (float(v) for v in fit.confidence_interval_survival_function_.loc[:at].iloc[-1])
    ends = median_survival_times(fit.confidence_interval_survival_function_).to_numpy().ravel()
    finite = [float(v) if np.isfinite(v) else -1.0 for v in (fit.median_survival_time_, *ends)]
    return [times, events, [at, float(fit.survival_function_at_times(at).iloc[0]), low, high], finite]


def rows(make, count):
    found = []
    while len(found) < count:
        if row := make():
            found.append(row)
    return found


versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("scipy", "statsmodels", "lifelines"))
golden_rows.write("statistics_design.json", f"scripts/golden/statistics_design.py, {versions}", sizes=rows(size_row, 1000), variance=rows(variance_row, 100), survival=rows(survival_row, 1000))
