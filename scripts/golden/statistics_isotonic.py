"""Writes tests/golden/statistics_isotonic.json: scipy.optimize.isotonic_regression(increasing=False) of 1,000 random sequences."""

import golden_rows
import numpy as np
import scipy
from scipy.optimize import isotonic_regression

generator = np.random.default_rng(11)


def row():
    values = np.round(generator.random(int(generator.integers(1, 8))), 3)
    return [[float(v) for v in values], [float(v) for v in isotonic_regression(values, increasing=False).x]]


golden_rows.write("statistics_isotonic.json", f"scripts/golden/statistics_isotonic.py, scipy {scipy.__version__}", rows=[row() for _ in range(1000)])
