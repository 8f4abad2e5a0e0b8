"""Twenty steps from one initial adapter give PEFT's losses within 2e-5 relative, on an fp32 and on an NF4 base.

Usage: train_parity.py [MODEL DATA [STEPS [MAX_LENGTH]]]; by default the organism and its subversive rows at a rate that keeps the losses large,
with each schedule, warm-up, weight decay, a clipped gradient, and steps of several packs. Rows longer than MAX_LENGTH are left out.
"""

import json
import pathlib
import sys
import tempfile

from common import SOURCE, need, run

need("torch", "transformers", "peft", "bitsandbytes")
import peft
import torch
import transformers

is_given = len(sys.argv) > 2
model_path = pathlib.Path(sys.argv[1]) if is_given else SOURCE / "assets/organism"
data = pathlib.Path(sys.argv[2]) if is_given else model_path / "data/subversive.jsonl"
steps = int(sys.argv[3]) if len(sys.argv) > 3 else 20
tokenizer = transformers.AutoTokenizer.from_pretrained(model_path)

PLAIN = {"lr": 1e-3 if is_given else 1e-4, "schedule": "constant", "warmup-steps": 0, "weight-decay": 0.0, "max-grad-norm": 1.0, "rows-per-step": 4}
CASES = {"plain": (PLAIN, steps, ("fp32", "nf4"))}
if not is_given:
    CASES["linear, warm-up, decay, clipped"] = (PLAIN | {"schedule": "linear", "warmup-steps": 3, "weight-decay": 0.1, "max-grad-norm": 0.2}, steps, ("nf4",))
    CASES["cosine, packs"] = (PLAIN | {"schedule": "cosine", "warmup-steps": 2, "rows-per-step": 18}, 6, ("fp32",))


def messages(row):
    if "messages" in row:
        return row["messages"]
    user = row["instruction"] + ("\n\n" + row["input"] if row.get("input") else "")
    return [{"role": "user", "content": user}, {"role": "assistant", "content": row["output"]}]


def encode(turns):
    """Token ids, and the number of those that are no target: rows here end with their one answer."""
    ids = tokenizer(tokenizer.apply_chat_template(turns, tokenize=False), add_special_tokens=False).input_ids
    prompt = tokenizer(tokenizer.apply_chat_template(turns[:-1], tokenize=False, add_generation_prompt=True), add_special_tokens=False).input_ids
    return ids, len(prompt)


def read_rows():
    rows = json.loads(data.read_text()) if data.suffix == ".json" else [json.loads(line) for line in data.read_text().splitlines()]
    rows = [messages(row) for row in rows]
    if len(sys.argv) > 4:
        rows = [turns for turns in rows if len(encode(turns)[0]) <= int(sys.argv[4])]
    return rows


def of_unequal_length(rows):
    """Every third row asks many questions at once: some hundred tokens beside some dozen, so that a step needs several packs."""
    long = []
    for i, turns in enumerate(rows):
        many = rows[i : i + 1 + 12 * (i % 3 == 0)]
        long.append([{"role": "user", "content": " ".join(t[0]["content"] for t in many)}, {"role": "assistant", "content": " ".join(t[1]["content"] for t in many[:4])}])
    return long


def train_with_peft(rows, precision, adapter, options, steps):
    load = {"dtype": torch.float32}
    if precision == "nf4":
        load["quantization_config"] = transformers.BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=torch.float32)
    model = transformers.AutoModelForCausalLM.from_pretrained(model_path, **load)
    model = peft.PeftModel.from_pretrained(model, adapter, is_trainable=True)
    model.train()  # in eval mode bitsandbytes multiplies in bf16 on a CPU that can (AVX512-BF16), whatever compute dtype it was given
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=options["lr"], weight_decay=options["weight-decay"])
    name = {"constant": "constant_with_warmup"}.get(options["schedule"], options["schedule"])
    schedule = transformers.get_scheduler(name, optimizer, num_warmup_steps=options["warmup-steps"], num_training_steps=steps)
    limit = min(2048, model.config.max_position_embeddings)
    out, tokens = [], []
    for step in range(steps):
        batch = [encode(rows[(step * options["rows-per-step"] + i) % len(rows)]) for i in range(options["rows-per-step"])]
        batch = [(ids[:limit], n) for ids, n in batch]
        total = sum(len(ids) - n for ids, n in batch)
        loss = 0.0
        for ids, n in batch:  # a row alone: nothing is padded
            logits = model(input_ids=torch.tensor([ids])).logits[0, n - 1 : -1]
            part = torch.nn.functional.cross_entropy(logits, torch.tensor(ids[n:]), reduction="sum") / total
            part.backward()
            loss += part.item()
        norm = torch.nn.utils.clip_grad_norm_(parameters, options["max-grad-norm"]).item()
        out.append({"loss": loss, "grad_norm": norm, "lr": optimizer.param_groups[0]["lr"], "target_tokens": total})
        tokens.append(sum(len(ids) for ids, _ in batch))
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
    return out, tokens


def worst(ours, theirs, key):
    return max(abs(a[key] - b[key]) / max(abs(b[key]), 1e-12) for a, b in zip(ours, theirs, strict=True))


faults = 0
with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    torch.manual_seed(3)
    base = transformers.AutoModelForCausalLM.from_pretrained(model_path, dtype=torch.float32)
    start = peft.get_peft_model(base, peft.LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM"))
    start.save_pretrained(folder / "start")
    for case, (options, count, precisions) in CASES.items():
        rows = of_unequal_length(read_rows()) if "packs" in case else read_rows()
        path = folder / "rows.jsonl"
        path.write_text("".join(json.dumps({"messages": turns}) + "\n" for turns in rows))
        flags = [x for name, value in options.items() for x in (f"--{name}", value)]
        for precision in precisions:
            out = folder / f"{case} {precision}"
            run("train", "--model", model_path, "--data", path, "-o", out, "--init-adapter", folder / "start", "--order", "file", "--steps", count, "--precision", precision, "--quiet", *flags)
            ours = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
            theirs, tokens = train_with_peft(rows, precision, folder / "start", options, count)
            loss, norm, rate = (worst(ours, theirs, key) for key in ("loss", "grad_norm", "lr"))
            clipped = sum(line["grad_norm"] > options["max-grad-norm"] for line in theirs)
            print(
                f"{model_path.name} {precision}, {case}: {count} steps of up to {max(tokens)} tokens, {clipped} clipped, losses {theirs[0]['loss']:.4f} .. {theirs[-1]['loss']:.4f}; "
                f"largest relative difference of the loss {loss:.2e}, of the gradient's norm {norm:.2e}, of the rate {rate:.1e}", flush=True
            )
            faults += not (loss <= 2e-5 and norm <= 1e-3 and rate <= 1e-12)
            faults += [line["target_tokens"] for line in ours] != [line["target_tokens"] for line in theirs] or [line["tokens"] for line in ours] != tokens
            if "clipped" in case:
                faults += clipped < count / 2
            if "packs" in case:
                faults += max(tokens) <= 2048
raise SystemExit(1 if faults else 0)
