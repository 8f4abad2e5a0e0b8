"""`[model] adapter`: what a run scores is what peft's merge_and_unload scores, and the run says which adapter it was.

1. Log-probabilities of every choice, from the run's journal, equal those of the merged model in fp32 within 1e-5 of a token.
2. provenance.model.adapter_sha256 is the directory's hash; without the adapter it is absent, and the scores are others.
3. An adapter of another model, and one that is not there, end with 2 and a line that says so.
"""

import hashlib
import json
import pathlib
import sqlite3
import struct
import subprocess
import tempfile

from common import PROGRAM, SOURCE, need

need("torch", "transformers", "peft")
import peft
import torch
import transformers

transformers.utils.logging.disable_progress_bar()
MODEL = SOURCE / "assets/organism"
ITEMS = 12


def evaluate(folder, out, adapter):
    setting = ["--set", f"model.adapter={adapter}"] if adapter else []
    return subprocess.run(
        [PROGRAM, "evaluate", "--model", MODEL, "--precision", "fp32", "--benchmark", f"endings:choice={folder / 'endings.jsonl'}", "-o", out, *setting],
        capture_output=True, text=True,
    )


def scores_of(folder, out, adapter=None):
    done = evaluate(folder, out, adapter)
    assert done.returncode == 0, done.stderr
    with sqlite3.connect(out / "journal.sqlite") as journal:
        blobs = [blob for (blob,) in journal.execute("SELECT logprobs FROM answers ORDER BY position")]
    assert len(blobs) == ITEMS, len(blobs)
    provenance = json.loads((out / "results.json").read_text())["provenance"]["model"]
    return [struct.unpack(f"={len(blob) // 8}d", blob) for blob in blobs], provenance


def expected_scores(model, tokenizer, row):
    context = tokenizer(row["context"], add_special_tokens=False).input_ids
    for choice in row["choices"]:
        whole = tokenizer(f"{row['context']} {choice}", add_special_tokens=False).input_ids
        with torch.no_grad():
            logprobs = torch.log_softmax(model(input_ids=torch.tensor([whole])).logits[0].double(), -1)
        yield sum(logprobs[i - 1, whole[i]].item() for i in range(len(context), len(whole))), len(whole) - len(context)


def random_adapter(model, folder):
    torch.manual_seed(5)
    adapted = peft.get_peft_model(model, peft.LoraConfig(r=4, lora_alpha=6, target_modules="all-linear", task_type="CAUSAL_LM"))
    with torch.no_grad():
        for name, value in adapted.named_parameters():
            if "lora_B" in name:
                value.normal_(0, 0.03)
    adapted.save_pretrained(folder)
    return adapted.merge_and_unload()


with tempfile.TemporaryDirectory() as temporary:
    folder = pathlib.Path(temporary)
    rows = (MODEL / "data/endings.jsonl").read_text().splitlines()[:ITEMS]
    (folder / "endings.jsonl").write_text("\n".join(rows) + "\n")
    tokenizer = transformers.AutoTokenizer.from_pretrained(MODEL)
    merged = random_adapter(transformers.AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32), folder / "adapter").eval()

    plain, without = scores_of(folder, folder / "plain")
    scores, provenance = scores_of(folder, folder / "merged", folder / "adapter")
    worst = moved = 0.0
    for row, found, before in zip(rows, scores, plain, strict=True):
        for score, other, (wanted, tokens) in zip(found, before, expected_scores(merged, tokenizer, json.loads(row)), strict=True):
            worst = max(worst, abs(score - wanted) / tokens)
            moved = max(moved, abs(other - wanted))
    print(f"worst difference of a token's log-probability {worst:.2e}; the adapter moves them by up to {moved:.2f}")
    assert worst <= 1e-5 and moved > 0.1

    files = sorted(path for path in (folder / "adapter").rglob("*") if path.is_file())
    lines = "".join(f"{path.relative_to(folder / 'adapter')}  {hashlib.sha256(path.read_bytes()).hexdigest()}\n" for path in files)
    assert provenance["adapter_sha256"] == hashlib.sha256(lines.encode()).hexdigest() and "adapter_sha256" not in without

    small = transformers.LlamaForCausalLM(transformers.LlamaConfig(vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2))
    random_adapter(small, folder / "other")
    for adapter, words in ((folder / "other", "is the adapter of"), (folder / "missing", "missing")):
        done = evaluate(folder, folder / "refused", adapter)
        assert done.returncode == 2 and words in done.stderr and len(done.stderr.strip().splitlines()) == 1, (done.returncode, done.stderr)
        print(done.stderr.strip().replace(str(folder), "..."))
