"""Writes tests/golden/four_bits.safetensors with bitsandbytes (its version in the metadata): NF4 and FP4 in blocks of other sizes than 64,
with scales quantised and not: what is stored, and what it is widened to.
"""

import pathlib

import bitsandbytes
import bitsandbytes.functional as F
import torch
from safetensors.torch import save_file

torch.manual_seed(6)
torch.set_num_threads(1)
out = {}
for kind, block, rows, nested in (("fp4", 32, 12, True), ("fp4", 64, 10, True), ("fp4", 64, 10, False), ("fp4", 128, 7, True), ("fp4", 256, 5, False), ("fp4", 4096, 2, True), ("nf4", 32, 12, True), ("nf4", 128, 7, False), ("nf4", 1024, 2, True), ("nf4", 4096, 2, False)):
    # With AVX-512 it widens wrongly where a block goes over the end of a row.
    weight = torch.randn(rows, max(64, block)) * torch.logspace(-2, 1, rows)[:, None]
    weight[0] = 0
    codes, state = F.quantize_4bit(weight, blocksize=block, compress_statistics=nested, quant_type=kind)
    name = f"{kind}.{block}.{'nested' if nested else 'plain'}"
    out[f"{name}.codes"] = codes.flatten()
    out[f"{name}.absmax"] = state.absmax
    out[f"{name}.levels"] = state.code
    if nested:
        out[f"{name}.nested_absmax"] = state.state2.absmax
        out[f"{name}.offset"] = state.offset.reshape(1)
    out[f"{name}.values"] = F.dequantize_4bit(codes, state)
save_file(out, pathlib.Path(__file__).parents[2] / "tests/golden/four_bits.safetensors", {"made_by": f"bitsandbytes {bitsandbytes.__version__}, torch {torch.__version__}"})
