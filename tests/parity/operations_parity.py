"""The operations that benchmarks/operations.py counts equal torch's FlopCounterMode, on a forward pass, a cached step and a training step.

torch's counter sees whole squares where attention is causal, and logits of all rows: the checks ask for these.
"""

import sys

from common import SOURCE, need

need("torch", "transformers", "peft")
sys.path.insert(0, str(SOURCE / "benchmarks"))
import operations
import peft
import torch
import transformers
from torch.utils.flop_counter import FlopCounterMode

ORGANISM, ROWS, LENGTH, RANK = SOURCE / "assets/organism", 2, 24, 8
sizes = operations.Sizes(ORGANISM)
model = transformers.AutoModelForCausalLM.from_pretrained(ORGANISM, dtype=torch.float32, attn_implementation="eager")
ids = torch.arange(ROWS * LENGTH).view(ROWS, LENGTH)
faults = 0


def compare(what, ours, theirs):
    global faults
    print(f"{what}: {ours:,} operations counted, {theirs:,} by torch {torch.__version__}")
    faults += ours != theirs


def counted(work):
    with FlopCounterMode(display=False) as counter:
        result = work()
    return counter.get_total_flops(), result


with torch.no_grad():
    total, out = counted(lambda: model(ids, use_cache=True))
    square = ROWS * (sizes.attention(LENGTH * LENGTH) - sizes.attention(LENGTH * (LENGTH + 1) // 2))  # above the diagonal
    rows = [(list(row[:1]), list(row[1:]) + [0]) for row in ids.tolist()]  # reads every row of logits
    compare("forward pass", operations.scoring(sizes, rows) + square, total)
    total, _ = counted(lambda: model(ids[:, :1], past_key_values=out.past_key_values))
    compare("cached step", ROWS * (sizes.linear() + sizes.head() + sizes.attention(LENGTH + 1)), total)

model = peft.get_peft_model(model, peft.LoraConfig(r=RANK, target_modules="all-linear", task_type="CAUSAL_LM"))
total, _ = counted(lambda: model(ids).logits.sum().backward())
compare("training step", operations.training(sizes, [LENGTH] * ROWS, ROWS * LENGTH, RANK) + 3 * square, total)
raise SystemExit(1 if faults else 0)
