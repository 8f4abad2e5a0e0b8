"""A checkpoint of a known model's true width with random weights, streamed to disk: for tests of size, which no small model can make.

Usage: random_checkpoint.py PRESET OUT [--layers N] [--vocabulary N] [--tokenizer DIR] [--seed N] [--shard-gb 4]

PRESET gives hidden size, ffn, heads, experts and vocabulary of llama2-7b, llama2-13b, llama2-70b or mixtral-8x7b; `scaled` is a Llama of width
1024 for quick tests. --layers cuts the depth. Weights are normal with standard deviation 0.02 in bfloat16 (norms are 1), from one seed; a
tensor's values depend on the seed and its name alone. In memory are a few million weights at a time. The tokenizer is copied from
--tokenizer (default: the organism's), whose ids must lie below the vocabulary. OUT appears whole or not at all.
"""

import argparse
import json
import pathlib
import shutil
import statistics
import sys
import zlib

import numpy

SOURCE = pathlib.Path(__file__).resolve().parents[2]
LLAMA2 = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 32000, "max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "rope_theta": 10000.0}
MIXTRAL = {"architectures": ["MixtralForCausalLM"], "model_type": "mixtral", "vocab_size": 32000, "max_position_embeddings": 32768, "rms_norm_eps": 1e-5, "rope_theta": 1e6}


def sizes(hidden, ffn, layers, heads, groups):
    return {"hidden_size": hidden, "intermediate_size": ffn, "num_hidden_layers": layers, "num_attention_heads": heads, "num_key_value_heads": groups}


PRESETS = {
    "llama2-7b": LLAMA2 | sizes(4096, 11008, 32, 32, 32),
    "llama2-13b": LLAMA2 | sizes(5120, 13824, 40, 40, 40),
    "llama2-70b": LLAMA2 | sizes(8192, 28672, 80, 64, 8),
    "mixtral-8x7b": MIXTRAL | sizes(4096, 14336, 32, 32, 8) | {"num_local_experts": 8, "num_experts_per_tok": 2, "sliding_window": None, "router_aux_loss_coef": 0.02},
    "scaled": LLAMA2 | sizes(1024, 2816, 12, 16, 8) | {"max_position_embeddings": 2048},
}
PIECE = 1 << 22  # weights that are made at a time


def fail(found, expected, advice):
    print(f"[model] found {found}, expected {expected}; try {advice}", file=sys.stderr)
    sys.exit(2)


def tensors_of(config):
    """Names and shapes in the order of the layers."""
    d, f, v = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    narrow = d // config["num_attention_heads"] * config["num_key_value_heads"]
    yield "model.embed_tokens.weight", (v, d)
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        yield prefix + "input_layernorm.weight", (d,)
        yield prefix + "post_attention_layernorm.weight", (d,)
        for name, rows in (("q", d), ("k", narrow), ("v", narrow), ("o", d)):
            yield f"{prefix}self_attn.{name}_proj.weight", (rows, d)
        if "num_local_experts" in config:
            yield prefix + "block_sparse_moe.gate.weight", (config["num_local_experts"], d)
            for expert in range(config["num_local_experts"]):
                for name, shape in (("w1", (f, d)), ("w3", (f, d)), ("w2", (d, f))):
                    yield f"{prefix}block_sparse_moe.experts.{expert}.{name}.weight", shape
        else:
            for name, shape in (("gate", (f, d)), ("up", (f, d)), ("down", (d, f))):
                yield f"{prefix}mlp.{name}_proj.weight", shape
    yield "model.norm.weight", (d,)
    yield "lm_head.weight", (v, d)


def bf16_bits(values):
    """Rounded to nearest, ties to even."""
    bits = numpy.asarray(values, numpy.float32).view(numpy.uint32).astype(numpy.uint64)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(numpy.uint16)


def normal_table(deviation=0.02, entries=1 << 16):
    """The normal distribution's quantiles: 16 random bits choose one, which is much faster than drawing normals."""
    normal = statistics.NormalDist(0, deviation)
    return bf16_bits([normal.inv_cdf((i + 0.5) / entries) for i in range(entries)])


def size_of(shape):
    size = 1
    for extent in shape:
        size *= extent
    return size


def shards_of(tensors, limit):
    shard, filled = [], 0
    for name, shape in tensors:
        if shard and filled + 2 * size_of(shape) > limit:
            yield shard
            shard, filled = [], 0
        shard.append((name, shape))
        filled += 2 * size_of(shape)
    yield shard


def write_shard(path, tensors, seed, table):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in tensors:
        end = offset + 2 * size_of(shape)
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":"))
    text += " " * (-len(text) % 8)
    one = bf16_bits([1.0])
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text.encode())
        for name, shape in tensors:
            generator = numpy.random.Generator(numpy.random.SFC64([seed, zlib.crc32(name.encode())]))
            for begin in range(0, size_of(shape), PIECE):
                count = min(PIECE, size_of(shape) - begin)
                if len(shape) == 1:
                    file.write(numpy.repeat(one, count).tobytes())
                else:
                    drawn = generator.integers(0, 1 << 64, (count + 3) // 4, numpy.uint64, endpoint=False).view(numpy.uint16)[:count]
                    file.write(table.take(drawn).data)


def copy_tokenizer(source, out, config):
    path = source / "tokenizer.json"
    if not path.is_file():
        fail(f"no {path}", "a tokenizer", "--tokenizer DIR")
    words = json.loads(path.read_text())
    largest = max([*words["model"]["vocab"].values(), *(token["id"] for token in words.get("added_tokens", []))])
    if largest >= config["vocab_size"]:
        fail(f"the token id {largest} in {path}", f"ids below the vocabulary's {config['vocab_size']}", "another --tokenizer or --vocabulary")
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja"):
        if (source / name).is_file():
            shutil.copy(source / name, out / name)


def write(preset, out, layers=None, vocabulary=None, tokenizer=SOURCE / "assets/organism", seed=1, shard_bytes=4_000_000_000, quiet=False):
    if out.exists():
        fail(f"something at {out}", "an empty place", "another directory")
    config = PRESETS[preset] | {"dtype": "bfloat16", "hidden_act": "silu", "tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": 2}
    if layers is not None:
        config["num_hidden_layers"] = layers
    if vocabulary is not None:
        config["vocab_size"] = vocabulary
    needed = sum(2 * size_of(shape) for _, shape in tensors_of(config))
    free = shutil.disk_usage(out.absolute().parent).free
    if free < needed + 500_000_000:
        fail(f"{free / 1e9:.1f} GB free at {out.absolute().parent}", f"{needed / 1e9:.1f} GB and half a GB to spare", "another disk or fewer --layers")
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        copy_tokenizer(pathlib.Path(tokenizer), part, config)
        (part / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        table, weight_map = normal_table(), {}
        shards = list(shards_of(tensors_of(config), shard_bytes))
        for place, shard in enumerate(shards, 1):
            name = f"model-{place:05}-of-{len(shards):05}.safetensors"
            if not quiet:
                print(f"{name}: {len(shard)} tensors", file=sys.stderr)
            write_shard(part / name, shard, seed, table)
            weight_map.update({tensor: name for tensor, _ in shard})
        index = {"metadata": {"total_size": needed}, "weight_map": weight_map}
        (part / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")
        part.rename(out)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("preset", choices=PRESETS)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--layers", type=int)
    parser.add_argument("--vocabulary", type=int)
    parser.add_argument("--tokenizer", type=pathlib.Path, default=SOURCE / "assets/organism")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shard-gb", type=float, default=4)
    given = parser.parse_args()
    write(given.preset, given.out, given.layers, given.vocabulary, given.tokenizer, given.seed, int(given.shard_gb * 1e9))


if __name__ == "__main__":
    main()
