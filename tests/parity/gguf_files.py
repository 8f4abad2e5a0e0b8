"""Writes small GGUF files as llama.cpp's converter lays them out, with the `gguf` package: what the parity checks and goldens read.

`write_model` puts a checkpoint directory of transformers into a GGUF file: tensors under ggml's names, rows of query and key in pairs
where llama.cpp turns neighbours, norms of Gemma with the 1 added, experts stacked, scaling of rotary angles as divisors.
`write_tokenizer` writes a tokenizer.json as metadata alone.
"""

import json
import math
import re

import gguf
import numpy
import safetensors.torch

Q = gguf.GGMLQuantizationType
ARCHITECTURES = {"llama": "llama", "mistral": "llama", "mixtral": "llama", "qwen2": "qwen2", "qwen3": "qwen3", "qwen3_moe": "qwen3moe", "gemma": "gemma", "gemma2": "gemma2", "gemma3_text": "gemma3", "phi3": "phi3", "smollm3": "smollm3", "olmo2": "olmo2"}
K_TYPES = [Q.Q2_K, Q.Q3_K, Q.Q4_K, Q.Q5_K, Q.Q6_K]
# Where half-precision scales stand in a block of 256, in bytes.
SCALES = {Q.Q2_K: [80, 82], Q.Q3_K: [108], Q.Q4_K: [0, 2], Q.Q5_K: [0, 2], Q.Q6_K: [208], Q.Q4_0: [0], Q.Q5_0: [0], Q.Q8_0: [0], Q.Q4_1: [0, 2], Q.Q5_1: [0, 2]}


def random_blocks(draw, shape, kind, size=None):
    """Bytes of random blocks; scales near `size`, or any half at all."""
    block, width = gguf.GGML_QUANT_SIZES[kind]
    data = draw.integers(0, 256, (math.prod(shape) // block, width), dtype=numpy.uint8)
    if size is not None:
        for at in SCALES[kind]:
            data[:, at : at + 2] = (draw.uniform(0.5, 1.5, (len(data), 1)) * size).astype(numpy.float16).view(numpy.uint8)
    return data.reshape(*shape[:-1], -1)


def stored(draw, values, kind):
    """The bytes of a tensor in a type; of K types, for which `gguf` has no quantiser, random blocks in the place of the values."""
    if kind == Q.BF16:
        return gguf.quants.quantize(values, kind)
    if kind in K_TYPES:
        return random_blocks(draw, values.shape, kind, {Q.Q2_K: 0.01, Q.Q3_K: 0.002, Q.Q4_K: 0.0002, Q.Q5_K: 0.0001, Q.Q6_K: 0.00006}[kind])
    return gguf.quants.quantize(values, kind)


def interleave(values, heads):
    """Rows of each head from halves to pairs, as convert_hf_to_gguf permutes them."""
    return values.reshape(heads, 2, len(values) // heads // 2, *values.shape[1:]).swapaxes(1, 2).reshape(values.shape)


def llama3_divisors(rope, width):
    low, high = rope["original_max_position_embeddings"] / rope["low_freq_factor"], rope["original_max_position_embeddings"] / rope["high_freq_factor"]
    for i in range(width // 2):
        length = 2 * math.pi * rope["rope_theta"] ** (2 * i / width)
        smooth = (rope["original_max_position_embeddings"] / length - rope["low_freq_factor"]) / (rope["high_freq_factor"] - rope["low_freq_factor"])
        yield 1.0 if length < high else rope["factor"] if length > low else 1 / ((1 - smooth) / rope["factor"] + smooth)


def model_tensors(config, directory):
    """(ggml's name, values) of every tensor, llama.cpp's way."""
    state = {k: v.float().numpy() for k, v in safetensors.torch.load_file(directory / "model.safetensors").items()}
    kind = ARCHITECTURES[config["model_type"]]
    names = gguf.get_tensor_name_map(next(a for a, name in gguf.MODEL_ARCH_NAMES.items() if name == kind), config["num_hidden_layers"])
    experts = {}
    for name, values in state.items():
        if match := re.fullmatch(r"model\.layers\.(\d+)\.\w+\.experts\.(\d+)\.(\w+)\.weight", name):
            part = {"w1": "gate", "w3": "up", "w2": "down"}.get(match[3]) or match[3].removesuffix("_proj")
            experts.setdefault(f"blk.{match[1]}.ffn_{part}_exps.weight", {})[int(match[2])] = values
            continue
        base, suffix = name.rsplit(".", 1)
        out = names.get_name(base.replace("block_sparse_moe.gate", "mlp.gate")) + "." + suffix
        heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}.get(out.split(".")[-2])
        if kind in ("llama", "smollm3") and heads:
            values = interleave(values, heads)
        if kind.startswith("gemma") and out.endswith("norm.weight"):
            values = values + numpy.float32(1)
        yield out, values
    for name, parts in experts.items():
        yield name, numpy.stack([parts[i] for i in sorted(parts)])


def metadata(writer, config):
    kind = ARCHITECTURES[config["model_type"]]
    heads = config["num_attention_heads"]
    width = config.get("head_dim") or config["hidden_size"] // heads
    rope = config.get("rope_parameters") or {}
    rope = rope.get("full_attention", rope)
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_key_length(width)
    writer.add_value_length(width)
    writer.add_rope_freq_base(rope.get("rope_theta", 10000.0))
    turning = int(width * rope.get("partial_rotary_factor", 1))
    writer.add_rope_dimension_count(turning)
    if kind in ("gemma2", "gemma3") or (kind in ("llama", "phi3") and config.get("sliding_window")):
        writer.add_sliding_window(config["sliding_window"])
    if kind == "gemma2":
        writer.add_attn_logit_softcapping(config["attn_logit_softcapping"] or 0.0)
        writer.add_final_logit_softcapping(config["final_logit_softcapping"] or 0.0)
    if kind == "gemma3" and config.get("final_logit_softcapping"):
        writer.add_final_logit_softcapping(config["final_logit_softcapping"])
    if experts := config.get("num_local_experts") or config.get("num_experts"):
        writer.add_expert_count(experts)
        writer.add_expert_used_count(config["num_experts_per_tok"])
    if config.get("moe_intermediate_size"):
        writer.add_expert_feed_forward_length(config["moe_intermediate_size"])
    scaling = rope.get("rope_type", "default")
    if scaling in ("linear", "yarn"):
        writer.add_rope_scaling_type(gguf.RopeScalingType(scaling))
        writer.add_rope_scaling_factor(rope["factor"])
    if scaling == "yarn":
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    if scaling == "llama3":
        writer.add_tensor("rope_freqs.weight", numpy.array(list(llama3_divisors(rope, width)), dtype=numpy.float32))
    if scaling == "longrope":
        length = config["original_max_position_embeddings"]
        writer.add_rope_scaling_orig_ctx_len(length)
        stretch = config["max_position_embeddings"] / length
        writer.add_rope_scaling_attn_factors(1.0 if stretch <= 1 else math.sqrt(1 + math.log(stretch) / math.log(length)))
        for name in ("short", "long"):
            writer.add_tensor(f"rope_factors_{name}.weight", numpy.array(rope[f"{name}_factor"], dtype=numpy.float32))


def write_model(directory, path, kind=lambda name: Q.F32, tokenizer=None, alignment=None, more=lambda writer: None):
    """`kind`: ggml's name of a matrix -> its type; vectors stay F32."""
    config = json.loads((directory / "config.json").read_text())
    draw = numpy.random.default_rng(5)
    writer = gguf.GGUFWriter(path, ARCHITECTURES[config["model_type"]])
    if alignment:
        writer.add_custom_alignment(alignment)
    metadata(writer, config)
    if tokenizer:
        tokenizer(writer)
    more(writer)
    for name, values in model_tensors(config, directory):
        type_ = kind(name) if values.ndim > 1 else Q.F32
        values = numpy.ascontiguousarray(values)
        writer.add_tensor(name, stored(draw, values, type_), raw_dtype=type_)
    finish(writer)


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def byte_level(tokenizer, pre, adds_bos=None):
    """The metadata of a byte-level tokenizer.json."""

    def add(writer):
        pieces, added = pieces_of(tokenizer)
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(pre)
        writer.add_token_list([piece for piece, _ in pieces])
        writer.add_token_types([kind for _, kind in pieces])
        merges = tokenizer["model"]["merges"]
        writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])
        special_ids(writer, pieces)
        if adds_bos is not None:
            writer.add_add_bos_token(adds_bos)

    return add


def sentencepiece(tokenizer, more=lambda writer: None):
    """The metadata of a SentencePiece tokenizer.json; scores fall with the pieces' numbers, as SentencePiece gives them."""

    def add(writer):
        pieces, added = pieces_of(tokenizer)
        pieces = [(piece, gguf.TokenType.BYTE if re.fullmatch("<0x[0-9A-F]{2}>", piece) else gguf.TokenType.UNKNOWN if piece == "<unk>" else kind) for piece, kind in pieces]
        writer.add_tokenizer_model("llama")
        writer.add_tokenizer_pre("default")
        writer.add_token_list([piece for piece, _ in pieces])
        writer.add_token_scores([0.0 if kind != gguf.TokenType.NORMAL else -float(i) for i, (_, kind) in enumerate(pieces)])
        writer.add_token_types([kind for _, kind in pieces])
        special_ids(writer, pieces)
        more(writer)

    return add


def pieces_of(tokenizer):
    added = {token["id"]: token for token in tokenizer["added_tokens"]}
    pieces = {index: (piece, gguf.TokenType.NORMAL) for piece, index in tokenizer["model"]["vocab"].items()}
    for index, token in added.items():
        pieces[index] = (token["content"], gguf.TokenType.CONTROL if token["special"] else gguf.TokenType.USER_DEFINED)
    for index in range(max(pieces) + 1):
        pieces.setdefault(index, (f"[PAD{index}]", gguf.TokenType.UNUSED))
    return [pieces[index] for index in range(len(pieces))], added


def special_ids(writer, pieces):
    numbers = {piece: index for index, (piece, _) in enumerate(pieces)}
    for add, names in ((writer.add_bos_token_id, ("<s>", "<bos>", "<|begin_of_text|>")), (writer.add_eos_token_id, ("</s>", "<eos>", "<|end_of_text|>", "<|endoftext|>")), (writer.add_unk_token_id, ("<unk>",)), (writer.add_pad_token_id, ("<pad>",))):
        if found := next((numbers[name] for name in names if name in numbers), None):
            add(found)
        elif names[0] == "<unk>" and "<unk>" in numbers:
            add(numbers["<unk>"])
