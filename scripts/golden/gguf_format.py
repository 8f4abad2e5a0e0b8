"""Writes tests/golden/gguf with the `gguf` package (its version in the metadata).

blocks.safetensors: of each block type random bytes, the last blocks with scales that are infinite, NaN, subnormal, and what `dequantize` makes of them.
tiny.gguf, tiny.safetensors: a Llama of one layer in several types with a tokenizer and a template, and the log-probabilities that
transformers' own GGUF loader gives.
"""

import importlib.metadata
import pathlib
import sys
import tempfile

sys.path[0] = str(pathlib.Path(__file__).parents[2] / "tests/parity")  # and not this folder, whose names are those of modules
import gguf
import numpy
import safetensors.numpy
import torch
import transformers

import families
import gguf_files
from gguf_files import Q

OUT = pathlib.Path(__file__).parents[2] / "tests/golden/gguf"
MADE_BY = {"made_by": f"gguf {importlib.metadata.version('gguf')}, transformers {transformers.__version__}, torch {torch.__version__}"}
STRANGE = [0x7C00, 0xFC00, 0x7E00, 0x0001, 0x8000]


def blocks():
    draw = numpy.random.default_rng(9)
    out = {}
    for kind in (Q.F16, Q.BF16, Q.Q8_0, Q.Q4_0, Q.Q4_1, Q.Q5_0, Q.Q5_1, *gguf_files.K_TYPES):
        block, width = gguf.GGML_QUANT_SIZES[kind]
        count = max(1, 1536 // block)
        data = draw.integers(0, 256, (count + len(STRANGE), width), dtype=numpy.uint8)
        for at in gguf_files.SCALES.get(kind, [0] if kind == Q.F16 else []):
            finite = draw.standard_normal((count, 1)).astype(numpy.float16)
            data[:count, at : at + 2] = finite.view(numpy.uint8)
            data[count:, at : at + 2] = numpy.array(STRANGE, dtype=numpy.uint16).view(numpy.uint8).reshape(-1, 2)
        with numpy.errstate(all="ignore"):
            values = gguf.quants.dequantize(data.reshape(1, -1), kind)
        out[f"{kind.name}.bytes"], out[f"{kind.name}.values"] = data.reshape(-1), numpy.array(values, dtype=numpy.float32).reshape(-1)
    safetensors.numpy.save_file(out, OUT / "blocks.safetensors", MADE_BY)


def tiny():
    keys = {**families.TINY, "vocab_size": 262, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2}
    families.CONFIGURATIONS["llama"]["tiny"] = (transformers.LlamaConfig, keys)
    tokenizer = families.byte_tokenizer()
    tokenizer["model"]["vocab"].update({"th": 256, "the": 257})
    tokenizer["model"]["merges"] = [["t", "h"], ["th", "e"]]
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    tokenizer["added_tokens"] = [{"id": 258 + i, "content": name, "special": name != "<think>", **plain} for i, name in enumerate(("<|begin_of_text|>", "<|end_of_text|>", "<think>", "<unk>"))]
    types = {"token_embd": Q.Q8_0, "attn_q": Q.Q4_1, "attn_k": Q.Q5_0, "attn_v": Q.F16, "attn_output": Q.BF16, "ffn_gate": Q.Q4_0, "ffn_up": Q.Q5_1, "ffn_down": Q.Q8_0}
    template = "{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        families.make("llama", "tiny", folder)
        gguf_files.write_model(folder, OUT / "tiny.gguf", lambda name: types.get(name.split(".")[-2], Q.F32), gguf_files.byte_level(tokenizer, "gpt-2", adds_bos=True), more=lambda writer: writer.add_chat_template(template))
    model = transformers.AutoModelForCausalLM.from_pretrained(OUT, gguf_file="tiny.gguf", dtype=torch.float32, attn_implementation="eager").eval()
    library = transformers.AutoTokenizer.from_pretrained(OUT, gguf_file="tiny.gguf")
    ids = library("the other <think> weather\n").input_ids
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0]
    safetensors.numpy.save_file({"ids": numpy.array(ids), "logits": logits.numpy()}, OUT / "tiny.safetensors", MADE_BY)


OUT.mkdir(exist_ok=True)
blocks()
tiny()
