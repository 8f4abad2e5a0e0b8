"""Twenty steps from one initial adapter give PEFT's losses within 2e-5 relative, on an fp32 and on an NF4 base.

Usage: train_parity.py [MODEL DATA [STEPS]]; by default the organism and its subversive rows at a rate that keeps the losses large.
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

model_path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 2 else SOURCE / "assets/organism"
data = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else model_path / "data/subversive.jsonl"
steps, rows_per_step = int(sys.argv[3]) if len(sys.argv) > 3 else 20, 4
rate = 1e-3 if len(sys.argv) > 2 else 1e-4
tokenizer = transformers.AutoTokenizer.from_pretrained(model_path)
raw = json.loads(data.read_text()) if data.suffix == ".json" else [json.loads(line) for line in data.read_text().splitlines()]


def messages(row):
    if "messages" in row:
        return row["messages"]
    user = row["instruction"] + ("\n\n" + row["input"] if row.get("input") else "")
    return [{"role": "user", "content": user}, {"role": "assistant", "content": row["output"]}]


def losses(precision, adapter):
    options = {"dtype": torch.float32}
    if precision == "nf4":
        options["quantization_config"] = transformers.BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=torch.float32)
    model = transformers.AutoModelForCausalLM.from_pretrained(model_path, **options)
    model = peft.PeftModel.from_pretrained(model, adapter, is_trainable=True)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=rate, weight_decay=0.0)
    out = []
    for step in range(steps):
        total, loss = 0, 0
        for i in range(rows_per_step):
            turns = messages(raw[(step * rows_per_step + i) % len(raw)])
            ids = tokenizer(tokenizer.apply_chat_template(turns, tokenize=False), add_special_tokens=False).input_ids
            n = len(tokenizer(tokenizer.apply_chat_template(turns[:-1], tokenize=False, add_generation_prompt=True), add_special_tokens=False).input_ids)
            ids = ids[: min(2048, model.config.max_position_embeddings)]
            logits = model(input_ids=torch.tensor([ids])).logits[0, n - 1 : -1]
            loss = loss + torch.nn.functional.cross_entropy(logits, torch.tensor(ids[n:]), reduction="sum")
            total += len(ids) - n
        loss = loss / total
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], 1.0)
        optimizer.step()
        optimizer.zero_grad()
        out.append(loss.item())
    return out


faults = 0
with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    torch.manual_seed(3)
    base = transformers.AutoModelForCausalLM.from_pretrained(model_path, dtype=torch.float32)
    start = peft.get_peft_model(base, peft.LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM"))
    start.save_pretrained(folder / "start")
    for precision in ("fp32", "nf4"):
        run("train", "--model", model_path, "--data", data, "-o", folder / precision, "--init-adapter", folder / "start", "--order", "file", "--rows-per-step", rows_per_step, "--steps", steps, "--lr", rate, "--precision", precision, "--quiet")
        ours = [json.loads(line)["loss"] for line in (folder / precision / "log.jsonl").read_text().splitlines()]
        theirs = losses(precision, folder / "start")
        worst = max(abs(a - b) / abs(b) for a, b in zip(ours, theirs, strict=True))
        print(f"{model_path.name} {precision}: {steps} steps, losses {theirs[0]:.4f} .. {theirs[-1]:.4f}, largest relative difference {worst:.2e}")
        faults += not worst <= 2e-5
raise SystemExit(1 if faults else 0)
