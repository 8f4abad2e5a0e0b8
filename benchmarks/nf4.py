"""NF4 quantisation and dequantisation: weights/s of each instruction set beside bitsandbytes and the memory's bandwidth.

The weights' bits are checked first: every instruction set against the plain loops, and these against bitsandbytes.
The memory's limit is the time to read the one form and write the other; it says nothing of the small shape, which stays
in the caches.
"""

import pathlib
import statistics
import tempfile
import time

from common import THREADS, google_benchmark, missing_oracle

SHAPES = ("1536x576", "4096x4096")
WIDE, PACKED = 4, 4.127 / 8  # bytes a weight
MIN_SECONDS = 0.2


class Bitsandbytes:
    def __init__(self):
        import bitsandbytes.functional
        import torch

        torch.set_num_threads(1)  # the offset is the mean on one thread
        torch.manual_seed(7)
        self.functional, self.weights, self.packed = bitsandbytes.functional, {}, {}
        for shape in SHAPES:
            self.weights[shape] = torch.randn(*map(int, shape.split("x"))) * 0.02
            self.packed[shape] = self.quantize(shape)
        self.torch = torch

    def quantize(self, shape):
        return self.functional.quantize_4bit(self.weights[shape], blocksize=64, compress_statistics=True, quant_type="nf4")

    def dequantize(self, shape):
        return self.functional.dequantize_4bit(*self.packed[shape])

    def write_expected(self, path):
        from safetensors.torch import save_file

        tensors = {}
        for shape, (codes, state) in self.packed.items():
            fields = {"weight": self.weights[shape], "codes": codes.flatten(), "absmax_codes": state.absmax, "nested_absmax": state.state2.absmax, "offset": state.offset.reshape(1), "values": self.dequantize(shape)}
            tensors |= {f"{shape}.{name}": tensor for name, tensor in fields.items()}
        save_file(tensors, path)
        self.torch.set_num_threads(THREADS)

    def rate(self, operation, shape):
        work = getattr(self, operation)
        work(shape)
        count, start = 0, time.perf_counter()
        while (seconds := time.perf_counter() - start) < MIN_SECONDS:
            work(shape)
            count += 1
        return count * self.weights[shape].numel() / seconds


def run(report):
    reason = missing_oracle("bitsandbytes")
    if reason:
        report.note("bitsandbytes left out: " + reason)
    rates, bandwidths = {}, []
    with tempfile.TemporaryDirectory() as folder:
        flags = [f"--benchmark_min_time={MIN_SECONDS}"]
        rival = None if reason else Bitsandbytes()
        if rival:
            rival.write_expected(pathlib.Path(folder) / "expected.safetensors")
            flags.append(f"--expected={folder}/expected.safetensors")
        for _ in range(report.repeats):
            context, ours = google_benchmark("nf4_bench", *flags)
            bandwidths.append((float(context["read_gbps"]), float(context["write_gbps"])))
            for name, row in ours.items():
                operation, shape, isa = name.split("/")
                rates.setdefault((operation, shape), {}).setdefault("holdfast " + isa, []).append(row["weights_per_second"] / 1e9)
            if rival:
                for operation, shape in [key for key in rates if key[1] in SHAPES]:
                    rates[operation, shape].setdefault("bitsandbytes", []).append(rival.rate(operation, shape) / 1e9)
    check = "bits equal on every instruction set" + (" and to bitsandbytes" if rival else "")
    for (operation, shape), engines in rates.items():
        best = sorted(engines, key=lambda name: ("avx512" in name, "avx2" in name, "reference" in name), reverse=True)
        read, write = (statistics.median(values) for values in zip(*bandwidths))
        memory = 1 / (PACKED / read + WIDE / write if operation == "dequantize" else WIDE / read + PACKED / write)
        limits = dict.fromkeys(engines, memory) if shape == "4096x4096" else None
        report.case("nf4", f"{operation} {shape}", "Gweights/s", {name: engines[name] for name in best}, check, limits, f"memory: reads {read:.1f}, writes {write:.1f} GB/s")
