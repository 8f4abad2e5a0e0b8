"""LoRA steps equal PEFT's in every family: losses, and the adapter after three steps; and peft reads what was trained here.

The first configuration of each family in families.py, an adapter on all linear layers that starts with random A and B, AdamW at a
rate that moves it.  PEFT fuses the experts' adapters of Mixtral and Qwen, which then train otherwise: there the attention's are
compared, and the experts' by loading ours with peft and comparing log-probabilities.  Usage: [FAMILY...].
"""

import json
import pathlib
import random
import sys
import tempfile
import warnings

from common import need, run

need("torch", "transformers", "peft")
import peft
import safetensors.torch
import torch
import transformers

from families import CONFIGURATIONS, make

warnings.filterwarnings("ignore")
transformers.logging.set_verbosity_error()
STEPS, ROWS, RATE = 3, 3, 3e-3
ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
TARGETS = {"mixtral": ATTENTION, "qwen3_moe": ATTENTION}
draw = random.Random(3)
rows = ["".join(chr(draw.randrange(97, 123)) for _ in range(draw.randrange(5, 70))) for _ in range(STEPS * ROWS)]


def train_peft(folder, start):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    model = peft.PeftModel.from_pretrained(model, start, is_trainable=True)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=RATE, weight_decay=0.0)
    losses = []
    for step in range(STEPS):
        loss, count = 0, 0
        for text in rows[step * ROWS : (step + 1) * ROWS]:
            ids = torch.tensor([list(text.encode())])
            loss = loss + torch.nn.functional.cross_entropy(model(input_ids=ids, use_cache=False).logits[0, :-1], ids[0, 1:], reduction="sum")
            count += ids.shape[1] - 1
        (loss / count).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append((loss / count).item())
    return losses, {key.replace(".default", ""): value.detach() for key, value in model.named_parameters() if "lora_" in key}


def train_ours(folder, data, out, rate, *options):
    run("train", "--model", folder, "--data", data, "-o", out, "--order", "file", "--rows-per-step", ROWS, "--steps", STEPS, "--lr", rate, "--precision", "fp32", "--quiet", *options)
    return [json.loads(line)["loss"] for line in (out / "log.jsonl").read_text().splitlines()]


def with_auxiliary_loss(folder, data, out, start):
    """Three steps that train on the routers' loss too: largest relative difference of the losses, of both kinds."""
    weight = 0.5
    train_ours(folder, data, out, RATE, "--init-adapter", start, "--router-aux-loss", weight)
    ours = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", output_router_logits=True, router_aux_loss_coef=weight)
    model = peft.PeftModel.from_pretrained(model, start, is_trainable=True)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=RATE, weight_decay=0.0)
    worst = 0
    for step, line in enumerate(ours):
        texts = [list(text.encode()) for text in rows[step * ROWS : (step + 1) * ROWS]]
        width = max(map(len, texts))
        ids = torch.tensor([text + [0] * (width - len(text)) for text in texts])
        mask = torch.tensor([[1] * len(text) + [0] * (width - len(text)) for text in texts])
        out = model(input_ids=ids, attention_mask=mask, labels=ids.masked_fill(mask == 0, -100), use_cache=False)
        out.loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        total = line["loss"] + weight * line["aux_loss"]
        worst = max(worst, abs(line["aux_loss"] - out.aux_loss.item()) / out.aux_loss.item(), abs(total - out.loss.item()) / out.loss.item())
    return worst


def through_peft(folder, adapter):
    """Largest difference between our log-probabilities with our adapter and peft's with the same files."""
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    bare = model.eval()(torch.tensor([list(rows[0].encode())])).logits[0]
    model = peft.PeftModel.from_pretrained(model, adapter).eval()
    ids = list(rows[0].encode())
    logits = model(torch.tensor([ids])).logits[0]
    wanted = torch.log_softmax(logits.double(), -1)
    got = run("score", "--model", folder, "--adapter", adapter, rows=[{"context_ids": ids[:1], "continuation_ids": ids[1:]}])[0]["token_logprobs"]
    return max(abs(g - wanted[i, ids[i + 1]].item()) for i, g in enumerate(got)), (logits - bare).abs().max().item()


def fused_experts(folder, out):
    """An adapter of the experts in peft's own layout: largest difference between the two programs that read it."""
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    torch.manual_seed(12)
    config = peft.LoraConfig(r=3, lora_alpha=2, target_modules=["q_proj"], target_parameters=["mlp.experts.gate_up_proj", "mlp.experts.down_proj"], init_lora_weights=False)
    peft.get_peft_model(model, config).save_pretrained(out)
    return through_peft(folder, out)


def check(family, folder):
    name = next(iter(CONFIGURATIONS[family]))
    model = make(family, name, folder / "model")
    torch.manual_seed(11)
    start = peft.get_peft_model(model, peft.LoraConfig(r=3, lora_alpha=6, target_modules=TARGETS.get(family, "all-linear"), init_lora_weights=False, task_type="CAUSAL_LM"))
    with torch.no_grad():
        for key, parameter in start.named_parameters():
            if "lora_" in key:
                parameter.mul_(0.3)
    start.save_pretrained(folder / "start")
    data = folder / "data.jsonl"
    data.write_text("".join(json.dumps({"text": text}) + "\n" for text in rows))
    ours = train_ours(folder / "model", data, folder / "ours", RATE, "--init-adapter", folder / "start")
    theirs, parameters = train_peft(folder / "model", folder / "start")
    loss = max(abs(a - b) / abs(b) for a, b in zip(ours, theirs, strict=True))
    trained = safetensors.torch.load_file(folder / "ours/adapter_model.safetensors")
    assert trained.keys() == parameters.keys()
    # Adam divides a gradient by its size, so that a single number whose gradient is noise may go either way: the whole counts.
    begun = safetensors.torch.load_file(folder / "start/adapter_model.safetensors")
    norm = lambda tensors: torch.cat([t.flatten() for t in tensors]).norm().item()
    moved = norm([trained[key] - value for key, value in parameters.items()]) / norm([begun[key] - value for key, value in parameters.items()])
    # An adapter of our own making, on all that we adapt, read by peft.
    train_ours(folder / "model", data, folder / "fresh", 3e-2, "--rank", 2)
    read, effect = through_peft(folder / "model", folder / "fresh")
    if family in TARGETS:
        fused, fused_effect = fused_experts(folder / "model", folder / "fused")
        print(f"{family:12} {name:14} experts' adapters in peft's fused layout differ by {fused:.1e} (they move logits by {fused_effect:.2f})")
        read, effect = max(read, fused), min(effect, fused_effect)
    if hasattr(model.config, "router_aux_loss_coef"):
        aux = with_auxiliary_loss(folder / "model", data, folder / "aux", folder / "start")
        print(f"{family:12} {name:14} steps with the routers' auxiliary loss: both losses differ by {aux:.1e} relative")
        loss = max(loss, aux)
    is_good = loss <= 2e-5 and moved <= 2e-2 and read <= 5e-4 and effect > 0.01
    print(f"{family:12} {name:14} losses {theirs[0]:.3f} .. {theirs[-1]:.3f} differ by {loss:.1e} relative, the way of the parameters by {moved:.1e}; ours through peft {read:.1e} (the adapter moves logits by {effect:.2f}){'' if is_good else '   <-- fault'}", flush=True)
    return is_good


faults = 0
for family in sys.argv[1:] or CONFIGURATIONS:
    with tempfile.TemporaryDirectory() as folder:
        faults += not check(family, pathlib.Path(folder))
raise SystemExit(1 if faults else 0)
