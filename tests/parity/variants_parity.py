"""Checkpoints that are not at hand: small random Llamas made by transformers, and what the program gives on them and in NF4.

1. Each variant's log-probabilities equal transformers' in fp32 within 5e-4, its greedy ids too, except where the two best logits
   lie within 1e-4.
2. On an NF4 base they equal transformers + bitsandbytes (fp32 arithmetic) within 5e-4, likewise.
3. Prompts of very different lengths in one batch give what each gives alone: log-probabilities within 1e-4; the greedy ids of 1. and
   2. are a batch's here and one prompt's at a time there.
"""

import json
import pathlib
import tempfile

from common import models, need, run

need("torch", "transformers", "bitsandbytes", "tokenizers")
import tokenizers
import torch
import transformers

transformers.utils.logging.disable_progress_bar()
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32}
VARIANTS = {
    "grouped heads, tied": {"num_key_value_heads": 2, "tie_word_embeddings": True},
    "one head a group, own head": {"num_key_value_heads": 4, "tie_word_embeddings": False},
    "one group": {"num_key_value_heads": 1},
    "head width of its own": {"head_dim": 32},
    "odd sizes": {"hidden_size": 60, "num_attention_heads": 3, "num_key_value_heads": 1, "head_dim": 10, "intermediate_size": 90, "vocab_size": 97},
    "theta 500000": {"rope_parameters": {"rope_type": "default", "rope_theta": 500000.0}},
    "linear scaling": {"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0}},
    "llama3 scaling": {"rope_parameters": {**LLAMA3, "rope_theta": 500000.0}},
    "several ends": {"eos_token_id": [2, 5, 11]},
    "fp16": {"dtype": torch.float16},
    "bf16": {"dtype": torch.bfloat16},
    "shards": {"max_shard_size": "60KB"},
    "few positions": {"max_position_embeddings": 48},
    "large norm epsilon": {"rms_norm_eps": 1e-2},
    "old config.json": {"rope_parameters": {**LLAMA3, "rope_theta": 500000.0}, "is_old": True},
}
# Where the base is in NF4 nothing but storage differs, so not every variant is needed.  Widths are multiples of 64, or none of 16:
# bitsandbytes 0.50.2 widens rows of 16 n values wrongly with AVX-512 when a block of 64 goes over their end.
IN_NF4 = ("grouped heads, tied", "one head a group, own head", "head width of its own", "odd sizes", "fp16", "bf16")
ALONE = ("grouped heads, tied", "llama3 scaling", "few positions")
LENGTHS = (1, 2, 3, 7, 16, 33, 40)
worst_of_all = {"fp32": 0.0, "nf4": 0.0, "batch": 0.0}
faults = near_ties = prompts_seen = 0


def make(folder, name, changes):
    """A random Llama, its weights large enough that every part shows in the logits; an old config has its theta outside."""
    changes = dict(changes)
    dtype, shard, is_old = changes.pop("dtype", torch.float32), changes.pop("max_shard_size", "5GB"), changes.pop("is_old", False)
    torch.manual_seed(sum(ord(letter) * 31**i for i, letter in enumerate(name)) % 2**31)
    config = transformers.LlamaConfig(**{"vocab_size": 120, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256, "initializer_range": 0.15, "bos_token_id": 1, "eos_token_id": 2, **changes})
    model = transformers.LlamaForCausalLM(config)
    with torch.no_grad():
        for key, value in model.named_parameters():
            if "norm" in key:
                value.normal_(1, 0.2)
    model.to(dtype).save_pretrained(folder, max_shard_size=shard)
    pieces = {"<unk>": 0, "<s>": 1, "</s>": 2, **{chr(0x4E00 + i): i for i in range(3, config.vocab_size)}}
    tokenizers.Tokenizer(tokenizers.models.BPE(pieces, [], unk_token="<unk>")).save(str(folder / "tokenizer.json"))
    if is_old:
        path = folder / "config.json"
        raw = json.loads(path.read_text())
        scaling = raw.pop("rope_parameters")
        raw["rope_theta"] = scaling.pop("rope_theta")
        raw["rope_scaling"] = scaling
        raw["torch_dtype"] = raw.pop("dtype")
        path.write_text(json.dumps(raw))
    return folder


def reference(directory, precision):
    options = {"dtype": torch.float32, "attn_implementation": "eager"}
    if precision == "nf4":
        options["quantization_config"] = transformers.BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=torch.float32)
    torch.set_num_threads(1)
    # Training mode widens weights and multiplies in fp32; evaluation on a processor with AVX512-BF16 multiplies in bfloat16.
    return transformers.AutoModelForCausalLM.from_pretrained(directory, **options).train()


@torch.no_grad()
def compare(name, directory, precision):
    global faults, near_ties, prompts_seen
    model = reference(directory, precision)
    limit = model.config.max_position_embeddings
    generator = torch.Generator().manual_seed(4)
    texts = [torch.randint(0, model.config.vocab_size, (min(n + 8, limit),), generator=generator).tolist() for n in LENGTHS]
    requests = [{"context_ids": ids[:-7], "continuation_ids": ids[-7:]} for ids in texts] + [{"context_ids": ids[:1], "continuation_ids": ids[1:]} for ids in texts]
    options = ("--model", directory, "--precision", precision)
    together = run("score", *options, rows=requests)
    worst = 0.0
    for request, row in zip(requests, together, strict=True):
        ids = request["context_ids"] + request["continuation_ids"]
        wanted = torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), -1)
        start = len(request["context_ids"])
        worst = max(worst, *(abs(a - wanted[start + i - 1, ids[start + i]].item()) for i, a in enumerate(row["token_logprobs"])))
    worst_of_all[precision] = max(worst_of_all[precision], worst)

    alone = [run("score", *options, rows=[request])[0] for request in requests[: len(LENGTHS)]] if name in ALONE else []
    apart = max((abs(a - b) for one, row in zip(alone, together) for a, b in zip(one["token_logprobs"], row["token_logprobs"], strict=True)), default=0.0)
    worst_of_all["batch"] = max(worst_of_all["batch"], apart)

    prompts = [ids[:-7] for ids in texts]
    new = min(8, limit - max(map(len, prompts)))
    for prompt, row in zip(prompts, run("generate", *options, "--max-new-tokens", new, rows=[{"ids": p} for p in prompts]), strict=True):
        wanted = model.generate(torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt)), max_new_tokens=new, do_sample=False)[0, len(prompt) :].tolist()
        ends = model.generation_config.eos_token_id
        stop = next((i for i, token in enumerate(wanted) if token in (ends if isinstance(ends, list) else [ends])), len(wanted))
        prompts_seen += 1
        if row["ids"] == wanted[: stop + 1]:
            continue
        place = next((i for i, (a, b) in enumerate(zip(row["ids"], wanted)) if a != b), None)
        top = None if place is None else model(torch.tensor([prompt + wanted[:place]])).logits[0, -1].topk(2).values
        if top is not None and (top[0] - top[1]).item() < 1e-4:
            near_ties += 1
        else:
            faults += 1
            print("greedy ids differ:", name, precision, row, wanted)
    print(f"{name}, {precision}: log-probabilities {worst:.1e}" + (f", alone against together {apart:.1e}" if alone else ""))
    faults += not (worst < 5e-4 and apart < 1e-4)


with tempfile.TemporaryDirectory() as root:
    for name, changes in VARIANTS.items():
        directory = make(pathlib.Path(root) / name.replace(" ", "-"), name, changes)
        compare(name, directory, "fp32")
        if name in IN_NF4:
            compare(name, directory, "nf4")
    for directory in models():
        compare(directory.name, directory, "nf4")
print(", ".join(f"{kind} {worst:.1e}" for kind, worst in worst_of_all.items()), f"are the largest differences; greedy: {prompts_seen} prompts, {near_ties} part at a near tie; {faults} faults")
raise SystemExit(1 if faults else 0)
