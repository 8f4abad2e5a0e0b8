"""Writes tests/golden/mxfp4.safetensors: bytes and what transformers makes of them (its version in the metadata)."""

import pathlib

import torch
import transformers
from safetensors.torch import save_file
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

torch.manual_seed(5)
blocks = torch.randint(256, (1, 6, 3, 16), dtype=torch.uint8)
scales = torch.randint(100, 150, (1, 6, 3), dtype=torch.uint8)
values = convert_moe_packed_tensors(blocks, scales, dtype=torch.float32)[0].t().contiguous()
tensors = {"blocks": blocks[0], "scales": scales[0], "values": values}
path = pathlib.Path(__file__).parents[2] / "tests/golden/mxfp4.safetensors"
save_file(tensors, path, {"made_by": f"transformers {transformers.__version__}, torch {torch.__version__}"})
