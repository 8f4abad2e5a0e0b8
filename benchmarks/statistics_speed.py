"""Statistics: the paired bootstrap, 10^4 draws over 10^4 items, beside numpy and scipy.stats.bootstrap, in processor time of one core.

Outcomes of zeros and ones, and numbers that all differ; the interval's ends are compared first.
"""

import time

from common import Engine, fail, missing_oracle

ITEMS = DRAWS = 10_000


def data(generator, kind):
    import numpy as np

    return generator.choice([-1.0, 0.0, 1.0], ITEMS, p=[0.12, 0.84, 0.04]) if kind == "outcomes" else np.round(generator.normal(size=ITEMS), 12)


def with_numpy(values):
    """Percentile: as few draws at a time as fit the cache."""
    import numpy as np

    generator = np.random.default_rng(1)
    means = [values[generator.integers(0, ITEMS, (100, ITEMS), dtype=np.int32)].mean(axis=1) for _ in range(DRAWS // 100)]
    return np.quantile(np.concatenate(means), [0.025, 0.975])


def with_scipy(values):
    import numpy as np
    from scipy.stats import bootstrap

    return bootstrap((values,), np.mean, n_resamples=DRAWS, method="percentile", batch=100, rng=1).confidence_interval


def run(report):
    if reason := missing_oracle("scipy"):
        return report.note("statistics left out: " + reason)
    import numpy as np

    engine = Engine("statistics_bench")
    for kind in ("outcomes", "numbers"):
        values = data(np.random.default_rng(2), kind)
        rates = {"holdfast": [], "numpy": [], "scipy": []}
        for turn in range(report.repeats):
            ours = engine.ask("bootstrap", values=values.tolist(), cluster=list(range(ITEMS)), draws=DRAWS, method="percentile")
            rates["holdfast"].append(DRAWS / ours["seconds"])
            for name, work in (("numpy", with_numpy), ("scipy", with_scipy)):
                start = time.process_time()
                low, high = work(values)
                rates[name].append(DRAWS / (time.process_time() - start))
                width = high - low
                if abs(ours["low"] - low) > 0.03 * width or abs(ours["high"] - high) > 0.03 * width:
                    fail(f"statistics {kind}: found {ours['low']} .. {ours['high']}, expected about {name}'s {low} .. {high}")
        report.case("statistics", f"{kind}, {ITEMS} items", "draws/s", rates, "ends within 3 % of the width", {}, "")
    engine.close()
