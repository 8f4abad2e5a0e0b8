"""The LoRA linear layer on an NF4 base, and products with a float base: GFLOP/s beside at::mm and the FMA peak.

Both in one process (LibTorch's at::mm is PyTorch's); y, dx, dA and dB are checked against the formulas in double first.
"""

import statistics

from common import google_benchmark


def run(report):
    rates, peaks = {}, []
    for _ in range(report.repeats):
        context, rows = google_benchmark("linear_bench", "--benchmark_min_time=0.03", "--benchmark_enable_random_interleaving=true")
        peaks.append(float(context["fma_gflops"]))
        for name, row in rows.items():
            case, _, engine = name.rpartition("/")
            label = {"holdfast": "holdfast, NF4 and adapter", "float": "holdfast, float", "mm": "at::mm, float"}[engine]
            rates.setdefault(case, {}).setdefault(label, []).append(row["flops"] / 1e9)
    for case, engines in rates.items():
        direction, shape, tokens = case.split("/")
        report.case("linear", f"{direction} {shape}, {tokens} tokens", "GFLOP/s", engines, None, dict.fromkeys(engines, statistics.median(peaks)), "FMA peak")
