"""Peak memory against the planner's word, on checkpoints of the known models' true width with random weights (tools/models/random_checkpoint.py).

sizes.py [quick | slow | NAME...]
- Each case of CASES loads, scores and trains; each peak (ru_maxrss) must lie within 5 % (10 % for the small ones) of what `inspect` predicts, and that of loading
  below the weights as inspect counts them, one tensor and 200 MB. Losses on bf16 and fp32 equal each other: the weights are the same.
- Each case of STREAMED is quantised, then scored and trained on with --stream-layers: the bits are those of the base that is held, and the
  peak, which inspect predicts, lies below the weights that a held base takes.
- `peft` trains two steps on a cut Llama 2 7B beside PEFT and bitsandbytes (train_parity.py).
A case is skipped, with a reason, where disk or memory is too small for it. --keep DIR leaves the checkpoints there for the next run.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from common import PROGRAM, SOURCE, need, run

need("numpy")
sys.path.insert(0, str(SOURCE / "tools/models"))
import random_checkpoint

# name: preset, layers (None: all), precision, tokens that are scored, training rows of about 60 tokens a step
CASES = {
    "scaled": ("scaled", 12, "nf4", 512, 16),
    "scaled-bf16": ("scaled", 12, "bf16", 512, 16),
    "scaled-fp32": ("scaled", 12, "fp32", 512, 16),
    "llama2-7b": ("llama2-7b", 4, "nf4", 512, 4),
    "llama2-7b-bf16": ("llama2-7b", 2, "bf16", 512, 4),
    "llama2-7b-fp32": ("llama2-7b", 2, "fp32", 512, 4),
    "llama2-13b": ("llama2-13b", 3, "nf4", 512, 4),
    "llama2-70b": ("llama2-70b", 2, "nf4", 256, 2),
    "mixtral-8x7b": ("mixtral-8x7b", 2, "nf4", 256, 2),
    "full-7b": ("llama2-7b", None, "nf4", 128, 2),
    "full-13b": ("llama2-13b", None, "nf4", 128, 2),
}
# name: preset, layers, tokens that are scored, training rows a step
STREAMED = {
    "scaled-stream": ("scaled", 12, 128, 2),
    "llama2-70b-stream": ("llama2-70b", 8, 64, 1),
}
QUICK = ["scaled", "scaled-bf16", "scaled-fp32", "scaled-stream"]
SLOW = ["llama2-7b", "llama2-7b-bf16", "llama2-7b-fp32", "peft", "llama2-13b", "llama2-70b", "llama2-70b-stream", "mixtral-8x7b", "full-7b", "full-13b"]
ALLOWED = 0.05
ALLOWED_SMALL = 0.1  # at a width of 1024, where tensors of a megabyte leave holes in the heap, which differ by the length of a path
WORDS = "How do I make the lantern soup? Take two cups of flour and stir. The town lies on the river, and the baker works there every morning. "


def measured(*arguments, stdin="", output=None):
    """Peak resident bytes and seconds of one run of the program."""
    with tempfile.TemporaryFile("w+") as source, tempfile.TemporaryFile("w+") as errors:
        source.write(stdin)
        source.seek(0)
        began = time.time()
        process = subprocess.Popen([PROGRAM, *map(str, arguments)], stdin=source, stdout=output or subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        if status != 0:
            errors.seek(0)
            sys.exit(f"{arguments} ended with {os.waitstatus_to_exitcode(status)}: {errors.read()}")
        return usage.ru_maxrss * 1024, time.time() - began


def plan(directory, precision, tokens, streamed=False):
    rows = json.loads(run("inspect", directory, "--json", "--precision", precision, "--tokens", tokens))["memory"]
    return next(row for row in rows if row["streamed"] == streamed)


def memory_available():
    with open("/proc/meminfo") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable"))


def checkpoint(folder, preset, layers):
    """The directory, or the reason why there is none."""
    out = folder / f"{preset}-{layers}"
    if out.exists():
        return out, None
    config = dict(random_checkpoint.PRESETS[preset])
    if layers is not None:
        config["num_hidden_layers"] = layers
    needed = sum(2 * random_checkpoint.size_of(shape) for _, shape in random_checkpoint.tensors_of(config)) + 10**9
    if shutil.disk_usage(folder).free < needed:
        return None, f"it needs {needed / 1e9:.0f} GB of disk, {shutil.disk_usage(folder).free / 1e9:.0f} are free"
    return random_checkpoint.write(preset, out, layers, quiet=True), None


def largest_tensor(directory):
    config = json.loads((directory / "config.json").read_text())
    return max(2 * random_checkpoint.size_of(shape) for _, shape in random_checkpoint.tensors_of(config))


def compare(name, what, peak, predicted, seconds):
    off = peak / predicted - 1
    print(f"{name:<16} {what:<12} peak {peak / 1e6:8.0f} MB, predicted {predicted / 1e6:8.0f} MB, {off:+6.1%}, {seconds:6.1f} s", flush=True)
    return abs(off) > (ALLOWED_SMALL if name.startswith("scaled") else ALLOWED)


def directory_for(name, folder, preset, layers, precision, tokens):
    """The checkpoint, or None after the reason has been printed."""
    directory, reason = checkpoint(folder, preset, layers)
    needed = 0 if reason else 1.1 * plan(directory, precision, tokens)["training_bytes"]
    if not reason and memory_available() < needed:
        reason = f"it needs {needed / 1e9:.0f} GB of memory, {memory_available() / 1e9:.0f} are free"
    if reason:
        print(f"{name}: skipped, {reason}")
        return None
    return directory


def score_row(tokens):
    ids = [3 + 7 * i % 1900 for i in range(tokens + 1)]
    return json.dumps({"context_ids": ids[:1], "continuation_ids": ids[1:]})


def train(directory, out, rows, *options):
    """Peak, seconds, and the log of two steps."""
    data = pathlib.Path(out) / "rows.jsonl"
    data.write_text("".join(json.dumps({"text": (WORDS[i:] + WORDS * 2)[:220]}) + "\n" for i in range(rows)))
    peak, seconds = measured("train", "--model", directory, "--data", data, "-o", out + "/run", "--steps", 2, "--rows-per-step", rows, "--quiet", *options)
    return peak, seconds, [json.loads(line) for line in (pathlib.Path(out) / "run/log.jsonl").read_text().splitlines()]


losses = {}  # of a checkpoint's first step, by precision


def check(name, folder):
    preset, layers, precision, score_tokens, rows = CASES[name]
    directory = directory_for(name, folder, preset, layers, precision, max(score_tokens, 64 * rows))
    if directory is None:
        return 0
    faults = 0
    expected = plan(directory, precision, 1)
    peak, seconds = measured("score", "--model", directory, "--precision", precision)
    faults += compare(name, "load", peak, expected["loading_bytes"], seconds)
    bound = expected["weights_bytes"] + largest_tensor(directory) + 200e6
    if peak > bound:
        print(f"{name}: loading took {peak / 1e6:.0f} MB, more than weights, one tensor and 200 MB: {bound / 1e6:.0f} MB")
        faults += 1
    peak, seconds = measured("score", "--model", directory, "--precision", precision, stdin=score_row(score_tokens))
    faults += compare(name, f"score {score_tokens}", peak, plan(directory, precision, score_tokens)["scoring_bytes"], seconds)
    with tempfile.TemporaryDirectory() as out:
        peak, seconds, log = train(directory, out, rows, "--precision", precision)
    tokens = max(step["tokens"] for step in log)
    faults += compare(name, f"train {tokens}", peak, plan(directory, precision, tokens)["training_bytes"], seconds)
    print(f"{name:<16} losses {[round(step['loss'], 4) for step in log]}, steps of {[round(step['seconds'], 1) for step in log]} s, {log[-1]['tokens_per_second']:.1f} tokens/s")
    if not all(0 < step["loss"] < 20 for step in log):
        print(f"{name}: found these losses, expected about ln(vocabulary)")
        faults += 1
    if precision != "nf4":
        first = losses.setdefault((preset, layers), log[0]["loss"])
        if abs(log[0]["loss"] / first - 1) > 1e-6:
            print(f"{name}: found loss {log[0]['loss']}, expected {first} as with the other precision")
            faults += 1
    return faults


def check_streamed(name, folder):
    preset, layers, score_tokens, rows = STREAMED[name]
    original = directory_for(name, folder, preset, layers, "nf4", max(score_tokens, 64 * rows))
    if original is None:
        return 0
    directory = folder / f"{preset}-{layers}-nf4"
    if not directory.exists():
        run("quantize", original, "-o", directory, "--quiet")
    faults, outputs, logs = 0, [], []
    held_weights = plan(directory, "nf4", 1)["weights_bytes"]
    for options in ((), ("--stream-layers",)):
        is_streamed = bool(options)
        what = "stream" if is_streamed else "hold"
        with tempfile.TemporaryFile("w+") as output:
            peak, seconds = measured("score", "--model", directory, *options, stdin=score_row(score_tokens), output=output)
            output.seek(0)
            outputs.append(output.read())
        faults += compare(name, f"{what} {score_tokens}", peak, plan(directory, "nf4", score_tokens, is_streamed)["scoring_bytes"], seconds)
        faults += is_streamed and peak > held_weights and preset != "scaled"
        with tempfile.TemporaryDirectory() as out:
            peak, seconds, log = train(directory, out, rows, *options)
        logs.append([(step["loss"], step["grad_norm"]) for step in log])
        tokens = max(step["tokens"] for step in log)
        faults += compare(name, f"{what}, train", peak, plan(directory, "nf4", tokens, is_streamed)["training_bytes"], seconds)
        faults += is_streamed and peak > held_weights and preset != "scaled"
    if outputs[0] != outputs[1] or logs[0] != logs[1]:
        print(f"{name}: found other scores or losses than of the base that is held, expected the same bits")
        faults += 1
    print(f"{name}: weights held {held_weights / 1e6:.0f} MB; scores and losses of the streamed base are the same bits")
    return faults


def check_peft(folder):
    directory = directory_for("peft", folder, "llama2-7b", 2, "fp32", 256)
    if directory is None:
        return 0
    done = subprocess.run([sys.executable, str(SOURCE / "tests/parity/train_parity.py"), str(directory), str(SOURCE / "assets/organism/data/subversive.jsonl"), "2"])
    return 0 if done.returncode == 77 else done.returncode


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", default=["quick"])
    parser.add_argument("--keep", type=pathlib.Path)
    given = parser.parse_args()
    names = [name for word in given.names for name in {"quick": QUICK, "slow": SLOW}.get(word, [word])]
    faults = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for place, name in enumerate(names):
            faults += check_peft(folder) if name == "peft" else check(name, folder) if name in CASES else check_streamed(name, folder)
            sizes = {later: (CASES | STREAMED).get(later, ("llama2-7b", 2))[:2] for later in names[place:]}
            if not given.keep and sizes[name] not in [sizes[later] for later in names[place + 1 :]]:
                for ending in ("", "-nf4"):
                    shutil.rmtree(folder / "{}-{}{}".format(*sizes[name], ending), ignore_errors=True)
    raise SystemExit(1 if faults else 0)


if __name__ == "__main__":
    main()
