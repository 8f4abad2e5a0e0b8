"""Writes tests/golden/nf4.safetensors with bitsandbytes (its version in the metadata): weights in, everything stored out."""

import pathlib

import bitsandbytes
import bitsandbytes.functional as F
import torch
from safetensors.torch import save_file

torch.manual_seed(5)
torch.set_num_threads(1)
LEVELS = F.get_4bit_type("nf4", device="cpu")
cases = {
    "normal": torch.randn(48, 64),
    "bf16": (torch.randn(40, 96) * 0.02).bfloat16(),
    "zeros": torch.cat([torch.zeros(2, 64), torch.randn(6, 64), torch.zeros(1, 64)]),
    "ties": torch.cat([((LEVELS[:-1] + LEVELS[1:]) / 2).repeat(17), torch.ones(1)]).view(4, 64),
    "short": torch.randn(3, 30),
    "large": torch.randn(300, 128) * torch.logspace(-6, 3, 300)[:, None],
}
out = {}
for name, weight in cases.items():
    codes, state = F.quantize_4bit(weight, blocksize=64, compress_statistics=True, quant_type="nf4")
    out[f"{name}.weight"] = weight
    out[f"{name}.codes"] = codes.flatten()
    out[f"{name}.absmax_codes"] = state.absmax
    out[f"{name}.nested_absmax"] = state.state2.absmax
    out[f"{name}.offset"] = state.offset.reshape(1)
    out[f"{name}.dequantized"] = F.dequantize_4bit(codes, state).float()
save_file(out, pathlib.Path(__file__).parents[2] / "tests/golden/nf4.safetensors", {"made_by": f"bitsandbytes {bitsandbytes.__version__}, torch {torch.__version__}"})
