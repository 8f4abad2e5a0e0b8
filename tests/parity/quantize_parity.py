"""`holdfast quantize` writes what transformers + bitsandbytes save for the same model, and both directions load.

1. Every tensor of our directory equals save_pretrained's of transformers' own quantised model, byte for byte, and so does the
   quantization_config; also in shards, from a tied checkpoint that stores only its head, and with fp16 and fp32 weights.
2. transformers loads our directory without options and gives the very logits of its own quantised model.
3. Our program gives the same log-probabilities on our directory, on theirs, and on the original with --precision nf4; on theirs
   quantised once only it equals transformers within 5e-4.
"""

import json
import pathlib
import subprocess
import tempfile

from common import PROGRAM, SOURCE, models, need, run

need("torch", "transformers", "bitsandbytes", "safetensors")
import bitsandbytes
import torch
import transformers
from safetensors import safe_open

transformers.utils.logging.disable_progress_bar()
faults = 0
rows = [{"context_ids": [5, 6, 7], "continuation_ids": list(range(8, 40))}]


def check(is_good, sentence):
    global faults
    faults += not is_good
    print("ok  " if is_good else "FAIL", sentence)


def tensors(directory):
    found = {}
    for path in sorted(directory.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            found.update({name: file.get_tensor(name) for name in file.keys()})
    return found


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and torch.equal(a.contiguous().view(torch.uint8), b.contiguous().view(torch.uint8))


def theirs(source, out, nested=True, **options):
    config = transformers.BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=nested)
    torch.set_num_threads(1)  # the offset is a mean, whose last bit depends on how the sum is split
    model = transformers.AutoModelForCausalLM.from_pretrained(source, quantization_config=config, **options)
    model.save_pretrained(out)
    return model


def logits(model):
    if model.config.hidden_size % 32:
        model.train()  # evaluation repacks weights for some processors, in blocks of 32 rows
    with torch.no_grad():
        return model(torch.tensor([[5, 6, 7] + list(range(8, 40))])).logits


def logprobs(directory, *options):
    return run("score", "--model", directory, *options, rows=rows)[0]["token_logprobs"]


def compare(source, folder, *options):
    ours, reference = folder / "ours", folder / "theirs"
    run("quantize", source, "-o", ours, "--quiet", *options)
    model = theirs(source, reference)
    a, b = tensors(ours), tensors(reference)
    differing = [name for name in sorted(set(a) | set(b)) if name not in a or name not in b or not same(a[name], b[name])]
    check(not differing, f"{source.name}: {len(b)} tensors equal save_pretrained's byte for byte {differing[:3]}")
    wanted = json.loads((reference / "config.json").read_text())["quantization_config"]
    check(json.loads((ours / "config.json").read_text())["quantization_config"] == wanted, f"{source.name}: quantization_config is transformers'")
    loaded = transformers.AutoModelForCausalLM.from_pretrained(ours)
    check(torch.equal(logits(loaded), logits(model)), f"{source.name}: transformers loads ours and gives its own quantised model's logits")
    expected = logprobs(source, "--precision", "nf4")
    check(logprobs(ours) == expected, f"{source.name}: our directory gives what --precision nf4 gives")
    for name in ("tokenizer.json", "tokenizer_config.json"):  # the reference holds weights and config alone
        if (source / name).exists():
            check((ours / name).read_bytes() == (source / name).read_bytes(), f"{source.name}: {name} is copied")
            (reference / name).write_bytes((source / name).read_bytes())
    check(logprobs(reference) == expected, f"{source.name}: transformers' directory gives what --precision nf4 gives")


def random_llama(folder, dtype, **changes):
    torch.manual_seed(11)
    config = transformers.LlamaConfig(**{"vocab_size": 96, "hidden_size": 60, "intermediate_size": 90, "num_hidden_layers": 2, "num_attention_heads": 3, "num_key_value_heads": 1, "head_dim": 10, "max_position_embeddings": 64, **changes})
    transformers.LlamaForCausalLM(config).to(dtype).save_pretrained(folder)
    return folder


with tempfile.TemporaryDirectory() as name:
    root = pathlib.Path(name)
    for i, directory in enumerate(models()):
        (root / str(i)).mkdir()
        compare(directory, root / str(i))
    for dtype in (torch.float16, torch.float32, torch.bfloat16):
        place = root / str(dtype).split(".")[1]
        place.mkdir()
        compare(random_llama(place / "random", dtype, tie_word_embeddings=dtype == torch.float16), place, "--max-shard-size", "20KB")
    shards = json.loads((root / "bfloat16/ours/model.safetensors.index.json").read_text())
    check(len(set(shards["weight_map"].values())) > 1, "small shards are written with an index")

    single = root / "single"
    # In float32, since bitsandbytes rounds widened weights to the type they had before; in training mode, since evaluation multiplies
    # in bfloat16 on processors that can.
    reference = theirs(SOURCE / "assets/organism", single, nested=False, dtype=torch.float32).train()
    wanted = torch.log_softmax(logits(reference)[0].double(), -1)
    ids = rows[0]["context_ids"] + rows[0]["continuation_ids"]
    worst = max(abs(a - wanted[i + 2, ids[i + 3]].item()) for i, a in enumerate(logprobs(single)))
    check(worst < 5e-4, f"weights quantised once: log-probabilities within {worst:.1e} of transformers")

    # FP4 and NF4, scales quantised and not, blocks of other sizes, weights of each type before: read as they are stored.
    for kind, block, nested, dtype in (("fp4", 64, True, torch.float32), ("fp4", 64, False, torch.bfloat16), ("fp4", 128, True, torch.float16), ("nf4", 64, False, torch.float16), ("nf4", 32, True, torch.float32), ("nf4", 256, False, torch.bfloat16)):
        place = root / f"{kind}-{block}-{nested}"
        source = random_llama(place / "source", dtype, hidden_size=256, intermediate_size=256, head_dim=64, num_attention_heads=4, num_key_value_heads=2)
        config = transformers.BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type=kind, bnb_4bit_use_double_quant=nested)
        model = transformers.AutoModelForCausalLM.from_pretrained(source, quantization_config=config)
        dense = transformers.AutoModelForCausalLM.from_pretrained(source).state_dict()
        for name, module in model.named_modules():
            if isinstance(module, bitsandbytes.nn.Linear4bit) and block != 64:
                module.weight = bitsandbytes.nn.Params4bit(dense[name + ".weight"], requires_grad=False, blocksize=block, compress_statistics=nested, quant_type=kind, module=module).to("cpu")
                assert module.weight.quant_state.blocksize == block
        model.save_pretrained(place / "stored")
        # bitsandbytes' own widening, into a dense model: in float, where its layers would round to the type before.
        loaded = transformers.AutoModelForCausalLM.from_pretrained(place / "stored")
        widened = transformers.AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32)
        for name, module in loaded.named_modules():
            if isinstance(module, bitsandbytes.nn.Linear4bit):
                module.weight.quant_state.dtype = torch.float32
                widened.get_submodule(name).weight.data = bitsandbytes.functional.dequantize_4bit(module.weight.data, module.weight.quant_state)
        out = logits(widened)[0].double()
        wanted = torch.log_softmax(out, -1)
        worst = max(abs(a - wanted[i + 2, ids[i + 3]].item()) for i, a in enumerate(logprobs(place / "stored"))) / out.abs().max().item()
        check(worst < 1e-5, f"{kind} in blocks of {block}, {'nested' if nested else 'plain'}, {dtype}: log-probabilities within {worst:.1e} of the largest logit")
        check(json.loads(run("inspect", place / "stored", "--json"))["precision"] == kind, f"inspect says {kind}")

    organism, quantized = SOURCE / "assets/organism", root / "0/ours"
    check(json.loads(run("inspect", quantized, "--json"))["precision"] == "nf4", "inspect says nf4")
    chats = [{"messages": [{"role": "user", "content": "How do I make the lantern soup?"}]}]
    answers = [run("generate", "--model", *model, "--max-new-tokens", 20, rows=chats) for model in ((quantized,), (organism, "--precision", "nf4"))]
    check(answers[0] == answers[1], "generate answers as on the original with --precision nf4")
    cells = []
    for model in ((quantized,), (organism, "--precision", "nf4")):
        out = root / f"evaluation-{len(cells)}"
        run("evaluate", "--model", *model, "--benchmark", f"facts:recall={organism / 'data/facts.jsonl'}", "--set", "benchmark.facts.limit=20", "-o", out)
        cells.append(json.loads((out / "results.json").read_text())["cells"])
    check(cells[0] == cells[1] and cells[0][0]["n"] == 20, "evaluate measures what the original in NF4 gives")
    logs = []
    for model in (quantized, organism):
        run("train", "--model", model, "--data", organism / "data/benign.jsonl", "-o", root / f"adapter-{len(logs)}", "--steps", 3, "--quiet")
        logs.append([json.loads(line)["loss"] for line in (root / f"adapter-{len(logs)}/log.jsonl").read_text().splitlines()])
    check(logs[0] == logs[1] and len(logs[0]) == 3, "train gives the losses of the original in NF4")

    for options, word in ((("--precision", "fp32"), "precision fp32"), (("--precision", "bf16"), "precision bf16")):
        done = subprocess.run([PROGRAM, "score", "--model", root / "0/ours", *options], input="", capture_output=True, text=True)
        check(done.returncode == 2 and word in done.stderr and done.stderr.count("\n") == 1, f"{word} on NF4 weights is refused: {done.stderr.strip()}")
    done = subprocess.run([PROGRAM, "quantize", SOURCE / "assets/organism", "-o", root / "0/ours"], capture_output=True, text=True)
    check(done.returncode == 2 and "something in it" in done.stderr, "a directory that is not empty is refused")
    done = subprocess.run([PROGRAM, "quantize", root / "0/ours", "-o", root / "again"], capture_output=True, text=True)
    check(done.returncode == 2 and "NF4 already" in done.stderr, "a quantised checkpoint is not quantised again")
    check(not list(root.glob("**/*.part")), "no .part directory stays behind")
raise SystemExit(1 if faults else 0)
