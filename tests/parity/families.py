"""Tiny configurations of every family, made by transformers from a seed, odd on purpose.

CONFIGURATIONS: family -> {name: (config class, keyword arguments)}.  `make` writes one as a checkpoint with weights that spread
the logits; the byte-level tokenizer that goes with it has ids 0 .. 255 for the bytes.
"""

import json

import safetensors.torch
import torch
import transformers

SMALL = {"vocab_size": 263, "hidden_size": 48, "intermediate_size": 56, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256, "bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
MHA = {"num_attention_heads": 3, "num_key_value_heads": 3, "vocab_size": 271}
MQA = {"num_attention_heads": 4, "num_key_value_heads": 1, "vocab_size": 300}


def rope(kind, **keys):
    return {"rope_parameters": {"rope_type": kind, "rope_theta": 10000.0, **keys}}


LLAMA3 = rope("llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)
YARN = rope("yarn", factor=4.0, original_max_position_embeddings=64)


def partial_longrope(dims, length):
    factors = {"short_factor": [1.0 + 0.05 * i for i in range(dims // 2)], "long_factor": [1.0 + 0.7 * i for i in range(dims // 2)]}
    return {"original_max_position_embeddings": length, **rope("longrope", **factors)}


CONFIGURATIONS = {
    "llama": {
        "grouped": (transformers.LlamaConfig, {**SMALL, "head_dim": 10, "attention_bias": True, "mlp_bias": True}),
        "mha-tied-llama3": (transformers.LlamaConfig, {**SMALL, **MHA, "tie_word_embeddings": True, **LLAMA3}),
        "mqa-yarn": (transformers.LlamaConfig, {**SMALL, **MQA, **YARN}),
        "yarn-untruncated": (transformers.LlamaConfig, {**SMALL, **rope("yarn", factor=3.0, original_max_position_embeddings=32, truncate=False, beta_fast=16.0, mscale=1.3, mscale_all_dim=0.7)}),
        "linear": (transformers.LlamaConfig, {**SMALL, **rope("linear", factor=2.5)}),
        "dynamic": (transformers.LlamaConfig, {**SMALL, "max_position_embeddings": 24, **rope("dynamic", factor=4.0)}),
    },
    "mistral": {
        "window": (transformers.MistralConfig, {**SMALL, "head_dim": 16, "sliding_window": 9}),
        "mha-no-window": (transformers.MistralConfig, {**SMALL, **MHA, "sliding_window": None}),
        "mqa-long-window": (transformers.MistralConfig, {**SMALL, **MQA, "sliding_window": 40, "tie_word_embeddings": True}),
    },
    "qwen2": {
        "grouped": (transformers.Qwen2Config, {**SMALL}),
        "mha-tied": (transformers.Qwen2Config, {**SMALL, **MHA, "tie_word_embeddings": True, **YARN}),
        "late-window": (transformers.Qwen2Config, {**SMALL, **MQA, "use_sliding_window": True, "sliding_window": 7, "max_window_layers": 1}),
    },
    "qwen3": {
        "wide-heads": (transformers.Qwen3Config, {**SMALL, "head_dim": 20}),
        "mha-tied": (transformers.Qwen3Config, {**SMALL, **MHA, "head_dim": 8, "tie_word_embeddings": True, "attention_bias": True}),
        "mqa-window": (transformers.Qwen3Config, {**SMALL, **MQA, "head_dim": 14, "use_sliding_window": True, "sliding_window": 11, "max_window_layers": 2}),
    },
    "qwen3_moe": {
        "normalised": (transformers.Qwen3MoeConfig, {**SMALL, "head_dim": 16, "num_experts": 6, "num_experts_per_tok": 3, "moe_intermediate_size": 20, "norm_topk_prob": True}),
        "not-normalised": (transformers.Qwen3MoeConfig, {**SMALL, **MHA, "head_dim": 12, "num_experts": 5, "num_experts_per_tok": 2, "moe_intermediate_size": 28, "norm_topk_prob": False, "mlp_only_layers": [1]}),
        "ties": (transformers.Qwen3MoeConfig, {**SMALL, "head_dim": 16, "num_experts": 8, "num_experts_per_tok": 3, "moe_intermediate_size": 20, "norm_topk_prob": True}),
        "every-second": (transformers.Qwen3MoeConfig, {**SMALL, **MQA, "head_dim": 12, "num_experts": 9, "num_experts_per_tok": 1, "moe_intermediate_size": 16, "norm_topk_prob": True, "decoder_sparse_step": 2, "tie_word_embeddings": True}),
    },
    "smollm3": {
        "every-fourth": (transformers.SmolLM3Config, {**SMALL, "num_hidden_layers": 5}),
        "listed": (transformers.SmolLM3Config, {**SMALL, **MHA, "no_rope_layers": [0, 1, 0], "tie_word_embeddings": False}),
        "window": (transformers.SmolLM3Config, {**SMALL, **MQA, "no_rope_layer_interval": 2, "use_sliding_window": True, "sliding_window": 8}),
    },
    "olmo2": {
        "grouped": (transformers.Olmo2Config, {**SMALL}),
        "mha-biases": (transformers.Olmo2Config, {**SMALL, **MHA, "attention_bias": True}),
        "mqa-tied": (transformers.Olmo2Config, {**SMALL, **MQA, "tie_word_embeddings": True}),
    },
    "phi3": {
        "grouped": (transformers.Phi3Config, {**SMALL}),
        "longrope-short": (transformers.Phi3Config, {**SMALL, **MHA, **partial_longrope(16, 128)}),
        "longrope-long": (transformers.Phi3Config, {**SMALL, **partial_longrope(12, 40)}),
        "partial-window": (transformers.Phi3Config, {**SMALL, **MQA, "sliding_window": 10, "tie_word_embeddings": True, "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}}),
    },
    "gemma": {
        "grouped": (transformers.GemmaConfig, {**SMALL, "head_dim": 16}),
        "mha": (transformers.GemmaConfig, {**SMALL, **MHA, "head_dim": 10}),
        "mqa-untied": (transformers.GemmaConfig, {**SMALL, **MQA, "head_dim": 20, "tie_word_embeddings": False, "attention_bias": True}),
    },
    "gemma2": {
        "grouped": (transformers.Gemma2Config, {**SMALL, "head_dim": 16, "sliding_window": 8, "query_pre_attn_scalar": 24, "attn_logit_softcapping": 5.0, "final_logit_softcapping": 8.0}),
        "mha": (transformers.Gemma2Config, {**SMALL, **MHA, "head_dim": 10, "sliding_window": 64}),
        "mqa-uncapped": (transformers.Gemma2Config, {**SMALL, **MQA, "head_dim": 20, "sliding_window": 13, "attn_logit_softcapping": None, "final_logit_softcapping": None, "tie_word_embeddings": False}),
    },
    "gemma3_text": {
        "grouped": (transformers.Gemma3TextConfig, {**SMALL, "head_dim": 16, "sliding_window": 8, "num_hidden_layers": 4, "query_pre_attn_scalar": 20, "layer_types": ["sliding_attention", "full_attention"] * 2}),
        "mha-linear": (transformers.Gemma3TextConfig, {**SMALL, **MHA, "head_dim": 10, "sliding_window": 12, "num_hidden_layers": 7, "rope_parameters": {"full_attention": {"rope_type": "linear", "rope_theta": 1e6, "factor": 8.0}, "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}}}),
        "mqa-capped": (transformers.Gemma3TextConfig, {**SMALL, **MQA, "head_dim": 20, "sliding_window": 21, "final_logit_softcapping": 6.0, "tie_word_embeddings": False}),
    },
    "gpt_oss": {
        "grouped": (transformers.GptOssConfig, {**SMALL, "head_dim": 16, "num_local_experts": 5, "num_experts_per_tok": 2, "sliding_window": 8, **rope("yarn", factor=4.0, original_max_position_embeddings=32, truncate=False)}),
        "mha-clamped": (transformers.GptOssConfig, {**SMALL, **MHA, "head_dim": 12, "num_local_experts": 4, "num_experts_per_tok": 3, "sliding_window": 30, "swiglu_limit": 1.0, **YARN}),
        "mqa-default-rope": (transformers.GptOssConfig, {**SMALL, **MQA, "head_dim": 10, "num_local_experts": 6, "num_experts_per_tok": 4, "layer_types": ["full_attention", "sliding_attention", "full_attention"], "sliding_window": 12, **rope("default")}),
        "ties": (transformers.GptOssConfig, {**SMALL, "head_dim": 16, "num_local_experts": 6, "num_experts_per_tok": 3, "sliding_window": 20, **rope("default")}),
        "mxfp4": (transformers.GptOssConfig, {**SMALL, "hidden_size": 64, "intermediate_size": 32, "head_dim": 16, "num_local_experts": 5, "num_experts_per_tok": 2, "sliding_window": 20, **rope("default")}),
    },
    "mixtral": {
        "grouped": (transformers.MixtralConfig, {**SMALL, "num_local_experts": 4, "num_experts_per_tok": 2}),
        "ties": (transformers.MixtralConfig, {**SMALL, "num_local_experts": 6, "num_experts_per_tok": 3}),
        "mha-window": (transformers.MixtralConfig, {**SMALL, **MHA, "num_local_experts": 7, "num_experts_per_tok": 3, "sliding_window": 9}),
        "mqa-one": (transformers.MixtralConfig, {**SMALL, **MQA, "head_dim": 10, "num_local_experts": 8, "num_experts_per_tok": 1, "tie_word_embeddings": True}),
    },
}


# Smaller still, for the files that the repository holds: what a family is known by must be in them.
GOLDEN = "golden"
TINY = {**SMALL, "vocab_size": 23, "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 2, "max_position_embeddings": 64}
GOLDENS = {
    "llama": {"attention_bias": True, "mlp_bias": True, **rope("llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=8)},
    "mistral": {"head_dim": 4, "sliding_window": 5},
    "qwen2": {"use_sliding_window": True, "sliding_window": 5, "max_window_layers": 1, **rope("yarn", factor=4.0, original_max_position_embeddings=8)},
    "qwen3": {"head_dim": 6},
    "qwen3_moe": {"head_dim": 4, "num_experts": 5, "num_experts_per_tok": 2, "moe_intermediate_size": 8, "norm_topk_prob": False, "mlp_only_layers": [0]},
    "smollm3": {"no_rope_layers": [1, 0]},
    "olmo2": {},
    "phi3": {"head_dim": 4, **partial_longrope(4, 10), "hidden_size": 16},
    "gemma": {"head_dim": 6},
    "gemma2": {"head_dim": 4, "sliding_window": 5, "query_pre_attn_scalar": 6, "attn_logit_softcapping": 3.0, "final_logit_softcapping": 6.0},
    "gemma3_text": {"head_dim": 4, "sliding_window": 5, "layer_types": ["sliding_attention", "full_attention"]},
    "gpt_oss": {"head_dim": 4, "num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": 5, "swiglu_limit": 1.5, **rope("yarn", factor=4.0, original_max_position_embeddings=8, truncate=False)},
    "mixtral": {"num_local_experts": 5, "num_experts_per_tok": 2, "head_dim": 4},
}


def all_configurations():
    return [(family, name) for family, named in CONFIGURATIONS.items() for name in named]


def keys_of(family, name):
    if name == GOLDEN:
        return next(iter(CONFIGURATIONS[family].values()))[0], {**TINY, **GOLDENS[family]}
    return CONFIGURATIONS[family][name]


def byte_tokenizer():
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    characters, extra = {}, 0
    for byte in range(256):
        if byte in printable:
            characters[byte] = chr(byte)
        else:
            characters[byte], extra = chr(256 + extra), extra + 1
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None, "post_processor": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
        "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": {c: b for b, c in characters.items()}, "merges": []},
    }  # fmt: skip


def pack_mxfp4(model):
    """Gives the experts random MXFP4 weights; returns what the file holds for them."""
    from transformers.integrations.mxfp4 import convert_moe_packed_tensors

    packed = {}
    for key, parameter in model.named_parameters():
        if key.endswith(("gate_up_proj", "down_proj")):
            experts, inputs, outputs = parameter.shape
            blocks = torch.randint(256, (experts, outputs, inputs // 32, 16), dtype=torch.uint8)
            scales = torch.randint(120, 126, (experts, outputs, inputs // 32), dtype=torch.uint8)
            parameter.data.copy_(convert_moe_packed_tensors(blocks, scales, dtype=torch.float32))
            packed[key + "_blocks"], packed[key + "_scales"] = blocks, scales
    return packed


def tie_experts(router):
    """Two experts each to the same number of the hidden state: exactly the same logits, however a product is summed."""
    chosen = torch.randperm(router.shape[1])[: router.shape[0] // 2].repeat_interleave(2)
    router.zero_()[torch.arange(router.shape[0]), chosen] = 2.0


def make(family, name, directory=None, seed=0):
    """The model in float32 and evaluation mode; written to `directory` when there is one."""
    kind, keys = keys_of(family, name)
    torch.manual_seed(1000 + seed)
    model = transformers.AutoModelForCausalLM.from_config(kind(**keys), attn_implementation="eager").float().eval()
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if "norm" in key:
                parameter.add_(torch.randn_like(parameter) * 0.3)
            elif parameter.dim() == 1 or key.endswith("_bias") or key.endswith("sinks"):
                parameter.copy_(torch.randn_like(parameter) * 0.3)
            elif "embed_tokens" in key:
                parameter.copy_(torch.randn_like(parameter) * 0.5)
            else:
                parameter.copy_(torch.randn_like(parameter) * 1.2 / parameter.shape[-1] ** 0.5)
                if name == "ties" and key.endswith(("gate.weight", "router.weight")):
                    tie_experts(parameter)
    packed = pack_mxfp4(model) if name == "mxfp4" else {}
    if directory is not None:
        model.save_pretrained(directory)
        if packed:
            path = directory / "model.safetensors"
            kept = {k: v for k, v in safetensors.torch.load_file(path).items() if not k.endswith(("gate_up_proj", "down_proj"))}
            safetensors.torch.save_file({**kept, **packed}, path)
            config = json.loads((directory / "config.json").read_text())
            (directory / "config.json").write_text(json.dumps({**config, "quantization_config": {"quant_method": "mxfp4"}}))
        (directory / "tokenizer.json").write_text(json.dumps(byte_tokenizer()))
    return model
