"""Golden values of AdamW, gradient clipping (torch) and learning-rate schedules (transformers).

Writes tests/golden/optimizer.json.  Run: .venv/bin/python scripts/golden/optimizer.py
"""

import json
import pathlib

import torch
import transformers

out = {"made_with": {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__}}

# AdamW in double: seven parameters, twelve steps, gradients of very different sizes (zero and far below eps among them).
out["adamw"] = []
for options in ({"betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0}, {"betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1}):
    torch.manual_seed(5)
    parameter = torch.nn.Parameter(torch.randn(7, dtype=torch.double))
    sizes = torch.tensor([0, 1e-12, 1e-8, 1e-3, 1, 30, 1e4], dtype=torch.double)
    optimizer = torch.optim.AdamW([parameter], lr=1.0, **options)
    case = {**options, "start": parameter.tolist(), "steps": []}
    for step in range(12):
        rate = 1e-2 / (1 + step)
        optimizer.param_groups[0]["lr"] = rate
        parameter.grad = torch.randn(7, dtype=torch.double) * sizes
        gradient = parameter.grad.tolist()
        optimizer.step()
        case["steps"].append({"lr": rate, "gradient": gradient, "parameters": parameter.tolist()})
    out["adamw"].append(case)

# Clipping over two tensors together, as clip_grad_norm_ sees the parameters of a model.
out["clip"] = []
for scale, limit in ((10.0, 1.0), (0.01, 1.0), (3.0, 0.25), (0.0, 1.0)):
    torch.manual_seed(6)
    parameters = [torch.nn.Parameter(torch.zeros(n, dtype=torch.double)) for n in (3, 4)]
    for p in parameters:
        p.grad = torch.randn(p.numel(), dtype=torch.double) * scale
    before = torch.cat([p.grad for p in parameters]).tolist()
    norm = torch.nn.utils.clip_grad_norm_(parameters, limit)
    out["clip"].append({"max_norm": limit, "gradient": before, "norm": norm.item(), "clipped": torch.cat([p.grad for p in parameters]).tolist()})

# Factors at every optimizer step; warm-up of none, some, all and more than all steps.
out["schedules"] = []
for name, transformers_name in (("constant", "constant_with_warmup"), ("linear", "linear"), ("cosine", "cosine")):
    for warmup, total in ((0, 10), (3, 10), (1, 7), (10, 10), (12, 10), (0, 1)):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        scheduler = transformers.get_scheduler(transformers_name, optimizer, num_warmup_steps=warmup, num_training_steps=total)
        factors = []
        for _ in range(total):
            factors.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        out["schedules"].append({"schedule": name, "warmup_steps": warmup, "total_steps": total, "factors": factors})

path = pathlib.Path(__file__).resolve().parents[2] / "tests/golden/optimizer.json"
path.write_text(json.dumps(out, separators=(",", ":")) + "\n")
print(path.name, path.stat().st_size, "bytes")
