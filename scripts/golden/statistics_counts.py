"""Writes tests/golden/statistics.json: what SciPy says of the same counts.

Wilson intervals   scipy.stats.binomtest(...).proportion_ci(method="wilson")
McNemar, exact     scipy.stats.binomtest(b, b + c).pvalue
Paired difference  Newcombe's method 10 written out here from the paper's formulas on SciPy's Wilson limits
"""

import itertools
import json
import math
import pathlib

import scipy
from scipy.stats import binomtest


def wilson(k, n):
    limits = binomtest(k, n).proportion_ci(confidence_level=0.95, method="wilson")
    return float(limits.low), float(limits.high)


def newcombe(e, f, g, h):
    """Both, first only, second only, neither; of first minus second."""
    n = e + f + g + h
    p1, p2 = (e + f) / n, (e + g) / n
    (l1, u1), (l2, u2) = wilson(e + f, n), wilson(e + g, n)
    margins = (e + f) * (g + h) * (e + g) * (f + h)
    cross = e * h - f * g
    cross = cross - n / 2 if cross > n / 2 else min(cross, 0)
    phi = cross / math.sqrt(margins) if margins else 0
    lower = math.sqrt((p1 - l1) ** 2 - 2 * phi * (p1 - l1) * (u2 - p2) + (u2 - p2) ** 2)
    upper = math.sqrt((u1 - p1) ** 2 - 2 * phi * (u1 - p1) * (p2 - l2) + (p2 - l2) ** 2)
    return p1 - p2 - lower, p1 - p2 + upper


sizes = [1, 2, 10, 29, 100, 450, 520, 886, 14042]
cases = [(k, n) for n in sizes for k in sorted({0, 1, n // 3, n // 2, n - 1, n})]
pairs = list(itertools.product([0, 1, 7, 40], repeat=4))[1:] + [(450, 3, 60, 7), (9000, 1200, 1100, 2742), (0, 520, 0, 0), (0, 0, 0, 520)]
golden = {
    "made_by": f"scripts/golden/statistics_counts.py, scipy {scipy.__version__}",
    "wilson": [{"k": k, "n": n, "low": wilson(k, n)[0], "high": wilson(k, n)[1]} for k, n in cases],
    "mcnemar": [{"b": b, "c": c, "p": float(binomtest(b, b + c).pvalue)} for b, c in [(0, 1), (1, 0), (0, 6), (3, 12), (10, 10), (59, 6), (1, 500), (0, 520), (7000, 7042), (480, 610)]],
    "paired": [{"counts": [e, g, f, h], "low": newcombe(e, f, g, h)[0], "high": newcombe(e, f, g, h)[1]} for e, f, g, h in pairs],
}
path = pathlib.Path(__file__).parents[2] / "tests/golden/statistics.json"
lists = [f'"{name}": [\n ' + ",\n ".join(json.dumps(row) for row in golden[name]) + "\n]" for name in ("wilson", "mcnemar", "paired")]
path.write_text("{\n" + ",\n".join([f'"made_by": {json.dumps(golden["made_by"])}', *lists]) + "\n}\n")
