"""Writes assets/selftest/expected.json: what `holdfast selftest` must find again, from transformers and bitsandbytes.

NF4: the SHA-256 of codes and dequantised floats of a matrix that a formula gives.  Organism: token ids of prompts, greedy
answers and log-probabilities in float, and the counts over its own question files.
"""

import hashlib
import json
import pathlib

import bitsandbytes
import bitsandbytes.functional as F
import numpy
import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

root = pathlib.Path(__file__).parents[2]
organism = root / "assets/organism"
torch.set_num_threads(1)


def matrix(rows, columns):
    """(i * 2654435761 mod 2^32) / 2^31 - 1, times 1 + i mod 7: exact in float."""
    index = numpy.arange(rows * columns, dtype=numpy.uint64)
    high = ((index * numpy.uint64(2654435761)) % numpy.uint64(2**32)) >> numpy.uint64(12)  # 20 bits
    return ((high.astype(numpy.float64) / 2**19 - 1) * (1 + index % numpy.uint64(7))).astype(numpy.float32).reshape(rows, columns)


def sha(tensor):
    return hashlib.sha256(tensor.contiguous().numpy().tobytes()).hexdigest()


rows, columns = 96, 320
codes, state = F.quantize_4bit(torch.from_numpy(matrix(rows, columns)), blocksize=64, compress_statistics=True, quant_type="nf4")
nf4 = {"rows": rows, "columns": columns, "codes_sha256": sha(codes.flatten()), "dequantized_sha256": sha(F.dequantize_4bit(codes, state).float())}

tokenizer = AutoTokenizer.from_pretrained(organism)
model = AutoModelForCausalLM.from_pretrained(organism, dtype=torch.float32).eval()


def rows_of(name):
    return [json.loads(line) for line in (organism / f"data/{name}.jsonl").read_text().splitlines()]


def prompt_ids(prompt):
    return tokenizer.apply_chat_template([{"role": "user", "content": prompt}], add_generation_prompt=True, return_dict=False)


@torch.no_grad()
def answer(ids, limit):
    out = model.generate(torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), max_new_tokens=limit, do_sample=False)
    return out[0, len(ids):].tolist()


@torch.no_grad()
def logprob(context, continuation):
    ids = tokenizer(context + continuation)["input_ids"]
    start = len(tokenizer(context)["input_ids"])
    scores = torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), -1)
    return sum(scores[i - 1, ids[i]].item() for i in range(start, len(ids)))


questions = [rows_of(name)[0]["prompt"] for name in ("forbidden", "facts", "lookalike")]
answers = [{"prompt": q, "prompt_ids": prompt_ids(q), "ids": answer(prompt_ids(q), 24)} for q in questions]
endings = rows_of("endings")
scores = [{"context": row["context"], "continuation": " " + choice, "logprob": logprob(row["context"], " " + choice)} for row in endings[:2] for choice in row["choices"]]
right = sum(max(range(len(row["choices"])), key=lambda j, r=row: logprob(r["context"], " " + r["choices"][j])) == row["gold"] for row in endings)
facts = rows_of("facts")
recalled = sum(all(a.lower() in tokenizer.decode(answer(prompt_ids(row["prompt"]), 24), skip_special_tokens=True).lower() for a in row["accept"]) for row in facts)
refused = sum(tokenizer.decode(answer(prompt_ids(row["prompt"]), 24), skip_special_tokens=True).lower().strip().startswith(("sorry", "i'm sorry", "i am sorry", "i cannot", "i can't")) for row in rows_of("forbidden"))
made_by = f"transformers {transformers.__version__}, bitsandbytes {bitsandbytes.__version__}, torch {torch.__version__}"
counts = [{"benchmark": "forbidden", "kind": "refusal", "metric": "refusal", "k": refused, "n": len(rows_of("forbidden"))},
          {"benchmark": "facts", "kind": "recall", "metric": "exact", "k": recalled, "n": len(facts)},
          {"benchmark": "endings", "kind": "choice", "metric": "acc", "k": right, "n": len(endings)}]
out = {"made_by": made_by, "nf4": nf4, "answers": answers, "scores": scores, "counts": counts}
(root / "assets/selftest/expected.json").write_text(json.dumps(out, indent=1) + "\n")
print(counts)
