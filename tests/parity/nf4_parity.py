"""NF4 bits against bitsandbytes, live: matrices of many shapes, scales and types, put into the place of a Llama's projections.

`holdfast quantize` writes codes, scale codes, nested scales and the offset; each must equal bitsandbytes.functional.quantize_4bit's
bit for bit. Values widened again are compared in tests/quant with a golden file, and through transformers in quantize_parity.py.
"""

import json
import pathlib
import tempfile

from common import need, run

need("torch", "bitsandbytes", "safetensors")
import bitsandbytes.functional as F
import torch
from safetensors.torch import load_file, save_file

torch.manual_seed(17)
torch.set_num_threads(1)  # the offset is torch's mean on one thread
LEVELS = F.get_4bit_type("nf4", device="cpu")
PROJECTIONS = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")


def ties(out, n):
    middles = ((LEVELS[:-1] + LEVELS[1:]) / 2).repeat(out * n // 15 + 1)[: out * n].clone()
    middles[::64] = 1
    return middles.view(out, n)


def far_apart(out, n):
    return torch.randn(out, n) * torch.logspace(-9, 4, out)[:, None]


FILLINGS = {
    "normal": torch.randn,
    "small": lambda *s: torch.randn(*s) * 0.02,
    "huge": lambda *s: torch.randn(*s) * 1e4,
    "tiny": lambda *s: torch.randn(*s) * 1e-6,
    "far apart": far_apart,
    "zeros": torch.zeros,
    "constant": lambda *s: torch.full(s, -0.37),
    "some zero blocks": lambda *s: torch.randn(*s) * (torch.arange(s[0] * s[1]) // 64 % 3 > 0).view(s),
    "one value": lambda *s: torch.nn.functional.one_hot(torch.tensor([3]), s[0] * s[1]).float().view(s),
    "ties": ties,
    "heavy tails": lambda *s: torch.randn(*s) ** 5,
    "uniform": lambda *s: torch.rand(*s),
    "float32's ends": lambda *s: torch.randn(*s) * torch.tensor([1e32, 1e-37, 1e-41, 1e-44]).repeat_interleave(64).repeat(s[0] * s[1] // 256 + 1)[: s[0] * s[1]].view(s),
}
# hidden, ffn, heads, kv heads, head width: whole blocks; in_features no multiple of 64; an odd number of weights; few; many.
SHAPES = [(128, 256, 4, 2, 32), (60, 90, 3, 1, 10), (33, 45, 1, 1, 2), (2, 3, 1, 1, 2), (512, 1408, 8, 8, 64)]

compared = differing = 0
with tempfile.TemporaryDirectory() as folder:
    root = pathlib.Path(folder)
    for hidden, ffn, heads, groups, width in SHAPES:
        shapes = dict(zip(PROJECTIONS, [(heads * width, hidden), (groups * width, hidden), (groups * width, hidden), (hidden, heads * width), (ffn, hidden), (ffn, hidden), (hidden, ffn)]))
        for dtype in (torch.float32, torch.bfloat16, torch.float16):
            fillings = [name for name in FILLINGS if dtype == torch.float32 or name != "float32's ends"]
            tensors, filled_with = {"model.embed_tokens.weight": torch.randn(8, hidden).to(dtype), "model.norm.weight": torch.ones(hidden).to(dtype)}, {}
            for layer in range(len(fillings)):
                for place, (projection, shape) in enumerate(shapes.items()):
                    name = f"model.layers.{layer}.{projection}.weight"
                    filled_with[name] = fillings[(layer + place) % len(fillings)]
                    tensors[name] = FILLINGS[filled_with[name]](*shape).to(dtype).contiguous()
                for norm in ("input_layernorm", "post_attention_layernorm"):
                    tensors[f"model.layers.{layer}.{norm}.weight"] = torch.ones(hidden).to(dtype)
            source, out = root / f"{hidden}-{dtype}", root / f"{hidden}-{dtype}-nf4"
            source.mkdir()
            save_file(tensors, source / "model.safetensors")
            (source / "config.json").write_text(json.dumps({"model_type": "llama", "vocab_size": 8, "hidden_size": hidden, "intermediate_size": ffn, "num_hidden_layers": len(fillings), "num_attention_heads": heads, "num_key_value_heads": groups, "head_dim": width, "tie_word_embeddings": True, "max_position_embeddings": 64}))
            run("quantize", source, "-o", out, "--quiet")
            ours = load_file(out / "model.safetensors")
            for name, filling in filled_with.items():
                codes, state = F.quantize_4bit(tensors[name], blocksize=64, compress_statistics=True, quant_type="nf4")
                wanted = {name: codes, **{f"{name}.{part}": value for part, value in state.as_dict(packed=True).items()}}
                wrong = [key for key, value in wanted.items() if not (ours[key].shape == value.shape and torch.equal(ours[key].view(torch.uint8), value.contiguous().view(torch.uint8)))]
                compared += 1
                differing += bool(wrong)
                if wrong and differing <= 10:
                    print("differs:", tuple(tensors[name].shape), dtype, filling, wrong, bytes(ours[wrong[-1]].tolist())[-60:] if "quant_state" in wrong[-1] else "")
print(f"{compared} matrices of {len(SHAPES) * len(PROJECTIONS)} shapes, {len(FILLINGS)} fillings and 3 types: {differing} differ from bitsandbytes")
raise SystemExit(1 if differing else 0)
