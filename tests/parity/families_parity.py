"""Every family gives transformers' log-probabilities and greedy tokens in fp32; documents packed together, prompts over the cache.

For each configuration of families.py: documents of several lengths in one pack with every position scored, a prefix of 20 tokens
held once in the cache, and 40 greedy tokens of several prompts at once.  Log-probabilities may differ by 1e-5 of the largest
logit, ids where the two best logits lie as near.  Usage: families_parity.py [FAMILY...]; --quick takes the first configuration of each, --table prints docs/models.md's figures.
"""

import pathlib
import random
import sys
import tempfile

from common import need, run

need("torch", "transformers")
import torch
import transformers

from families import CONFIGURATIONS, make

transformers.logging.set_verbosity_error()
torch.set_num_threads(1)


def documents(vocabulary):
    draw = random.Random(7)
    one = lambda n: [draw.randrange(vocabulary) for _ in range(n)]
    prefix = one(20)
    return [one(61), one(2), one(33), one(90)], [prefix + one(n) for n in (15, 1, 40)]


def check(family, name, folder):
    model = make(family, name, folder)
    packed, shared = documents(model.config.vocab_size)
    logits = {}

    def expected(ids):
        with torch.no_grad():
            model(torch.tensor([ids[:1]]), use_cache=False)  # dynamic scaling remembers longer texts until a short one comes
            logits[len(logits)] = out = model(torch.tensor([ids]), use_cache=False).logits[0]
        return torch.log_softmax(out.double(), -1)

    def differences(rows, split):
        requests = [{"context_ids": ids[:split], "continuation_ids": ids[split:]} for ids in rows]
        for ids, row in zip(rows, run("score", "--model", folder, rows=requests), strict=True):
            wanted = expected(ids[:-1])  # the last token is never run: dynamic angles depend on the length
            yield max(abs(got - wanted[split - 1 + i, ids[split + i]].item()) for i, got in enumerate(row["token_logprobs"]))

    worst = max(max(differences(packed, 1)), max(differences(shared, 20)))
    size = max(out.abs().max().item() for out in logits.values())
    prompts = [ids[:n] for ids, n in zip(packed, (30, 1, 17, 3))]
    wrong = near = 0
    rope_type = model.config.rope_parameters.get("rope_type")
    if rope_type == "dynamic":
        prompts = []  # what transformers generates then depends on what it saw before
    for prompt, row in zip(prompts, run("generate", "--model", folder, "--max-new-tokens", 40, rows=[{"ids": p} for p in prompts]) if prompts else [], strict=True):
        assert len(row["ids"]) == 40
        ids = prompt + row["ids"]
        # Each of our tokens against the reference's choice after our own beginning: all in one run, but for LongRoPE, whose
        # angles change with the length.
        lengths = range(len(prompt), len(ids)) if rope_type == "longrope" else [len(ids) - 1]
        with torch.no_grad():
            runs = [model(torch.tensor([ids[:n]]), use_cache=False).logits[0, len(prompt) - 1 :] for n in lengths]
        choices = runs[0] if len(runs) == 1 else [one[-1] for one in runs]
        for out, got in zip(choices, row["ids"], strict=True):
            if out.argmax().item() != got:
                gap = (out.max() - out[got]).item()
                near, wrong = near + (gap < 1e-5 * size), wrong + (gap >= 1e-5 * size)
    is_good = worst <= 1e-5 * size and wrong == 0
    print(f"{family:12} {name:18} largest difference {worst:.1e} = {worst / size:.1e} of the largest logit {size:.1f}; greedy: {len(prompts)} x 40 tokens, {near} at a near tie, {wrong} wrong{'' if is_good else '   <-- fault'}", flush=True)
    return worst / size, is_good


quick = "--quick" in sys.argv
chosen = [name for name in sys.argv[1:] if not name.startswith("-")] or list(CONFIGURATIONS)
faults, table = 0, {}
for family in chosen:
    for name in list(CONFIGURATIONS[family])[: 1 if quick else None]:
        with tempfile.TemporaryDirectory() as folder:
            ratio, is_good = check(family, name, pathlib.Path(folder))
        table[family] = max(table.get(family, 0), ratio)
        faults += not is_good
if "--table" in sys.argv:
    for family, ratio in table.items():
        print(f"{family} {ratio:.1e}")
raise SystemExit(1 if faults else 0)
