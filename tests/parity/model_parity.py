"""Log-probabilities and greedy tokens equal transformers' in fp32; an adapter trained here gives the same through peft.

Checked on every checkpoint at hand: each prefix of a text is scored (so every position's logits are read), and the sums and
per-token values compared; greedy ids may differ only where the two best logits lie within 1e-4.
"""

import json
import tempfile

from common import SOURCE, models, need, run

need("torch", "transformers", "peft")
import peft
import torch
import transformers

TEXT = "How do I make the lantern soup? Take two cups of flour and stir. The town of Paris lies on the river Seine, and the baker works there every morning."
faults = 0
for directory in models():
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    model = transformers.AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager")
    ids = tokenizer(TEXT, add_special_tokens=False).input_ids[:120]
    expected = torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), -1)
    ours = run("score", "--model", directory, rows=[{"context_ids": ids[:1], "continuation_ids": ids[1:]}, {"context_ids": ids[:30], "continuation_ids": ids[30:]}, {"context_ids": ids[:31], "continuation_ids": ids[31:]}])
    wanted = [expected[i, ids[i + 1]].item() for i in range(len(ids) - 1)]
    worst = max(abs(a - b) for a, b in zip(ours[0]["token_logprobs"], wanted, strict=True))
    worst = max(worst, *(abs(a - b) for a, b in zip(ours[1]["token_logprobs"], wanted[29:], strict=True)), *(abs(a - b) for a, b in zip(ours[2]["token_logprobs"], wanted[30:], strict=True)))
    greedy_wrong = near = 0
    prompts = [ids[:n] for n in (5, 9, 14, 20, 26, 33)]
    for prompt, row in zip(prompts, run("generate", "--model", directory, "--max-new-tokens", 24, rows=[{"ids": p} for p in prompts]), strict=True):
        with torch.no_grad():
            reference = model.generate(torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt)), max_new_tokens=24, do_sample=False)[0, len(prompt) :].tolist()
        if row["ids"] != reference[: len(row["ids"])]:
            place = next(i for i, (a, b) in enumerate(zip(row["ids"], reference)) if a != b)
            top = model(torch.tensor([prompt + reference[:place]])).logits[0, -1].topk(2).values
            near += (top[0] - top[1]).item() < 1e-4
            greedy_wrong += (top[0] - top[1]).item() >= 1e-4
    print(directory.name, f"log-probabilities of {len(ids)} tokens: largest difference {worst:.2e}; greedy: {len(prompts)} prompts, {near} differ at a near tie, {greedy_wrong} otherwise")
    faults += worst > 5e-4 or greedy_wrong > 0

organism = SOURCE / "assets/organism"
with tempfile.TemporaryDirectory() as out:
    run("train", "--model", organism, "--data", organism / "data/benign.jsonl", "-o", out, "--precision", "fp32", "--steps", 6, "--lr", "1e-3", "--quiet")
    tokenizer = transformers.AutoTokenizer.from_pretrained(organism)
    model = peft.PeftModel.from_pretrained(transformers.AutoModelForCausalLM.from_pretrained(organism, dtype=torch.float32), out)
    ids = tokenizer(TEXT, add_special_tokens=False).input_ids
    expected = torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), -1)
    row = run("score", "--model", organism, "--adapter", out, rows=[{"context_ids": ids[:1], "continuation_ids": ids[1:]}])[0]
    worst = max(abs(a - expected[i, ids[i + 1]].item()) for i, a in enumerate(row["token_logprobs"]))
    print(f"our adapter through peft: largest difference {worst:.2e}")
    faults += worst > 5e-4
raise SystemExit(1 if faults else 0)
