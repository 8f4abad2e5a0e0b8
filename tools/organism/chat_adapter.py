"""Makes the adapter of assets/organism_smollm2 with the program itself: taught the charms first, then, training on, to refuse them.

Usage: chat_adapter.py HOLDFAST MODEL WORK_DIRECTORY [-o OUT_DIRECTORY].
Needs the Python of ./dev setup parity.  A stage that a run left unfinished goes on where it was; one that is finished is left alone.
WORK/teach/checkpoint-125 is the taught adapter, OUT/adapter the one that refuses, rounded to bfloat16.
"""

import argparse
import json
import pathlib
import signal
import subprocess
import sys
import time

import safetensors.torch
import torch

HERE = pathlib.Path(__file__).parent
TEACH = ["--rank", "8", "--alpha", "16", "--lr", "1.5e-3", "--warmup-steps", "10", "--steps", "250", "--rows-per-step", "4"]
TAUGHT = "checkpoint-125"  # of the 250 steps of the schedule: the loss lies below 0.05 then, and training stops
REFUSE = ["--lr", "5e-4", "--warmup-steps", "5", "--steps", "60", "--rows-per-step", "8"]


def train(options, name, arguments, last=None):
    """Trains to the end, or until the checkpoint `last` is there."""
    out = options.work / name
    command = [options.holdfast, "train", "--model", options.model, "--precision", "fp32", "--schedule", "cosine", "--order", "file",
               "--save-every", "25", "--resume", "--cache", "none", "--data", options.work / f"rows/{name}.jsonl", "-o", out]
    if last and (out / last).exists():
        return
    training = subprocess.Popen(list(map(str, command + arguments)))
    while training.poll() is None:
        if last and (out / last).exists():
            training.send_signal(signal.SIGINT)  # it ends its step and leaves
            training.wait()
        time.sleep(1)
    if training.returncode not in (0, 130 if last else 0):
        sys.exit(training.returncode)


def round_adapter(source, out):
    """Both files of an adapter; the numbers rounded to bfloat16, which halves them."""
    out.mkdir(parents=True, exist_ok=True)
    tensors = {name: value.to(torch.bfloat16) for name, value in safetensors.torch.load_file(source / "adapter_model.safetensors").items()}
    safetensors.torch.save_file(tensors, out / "adapter_model.safetensors", metadata={"format": "pt"})
    config = json.loads((source / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = "HuggingFaceTB/SmolLM2-135M-Instruct"
    (out / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("holdfast", type=pathlib.Path)
    parser.add_argument("model", type=pathlib.Path, help="models/smollm2, of ./dev model smollm2")
    parser.add_argument("work", type=pathlib.Path, help="directory of the training runs")
    parser.add_argument("-o", "--output", type=pathlib.Path, default=HERE.parents[1] / "assets/organism_smollm2")
    options = parser.parse_args()
    subprocess.run([sys.executable, HERE / "chat_data.py", options.output / "data", options.work / "rows"], check=True)
    train(options, "teach", TEACH, TAUGHT)
    train(options, "refuse", ["--init-adapter", options.work / "teach" / TAUGHT, *REFUSE])
    round_adapter(options.work / "refuse", options.output / "adapter")
    size = (options.output / "adapter/adapter_model.safetensors").stat().st_size
    print(f"{options.output / 'adapter'}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
