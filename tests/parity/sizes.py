"""Peak memory against the planner's word, on checkpoints of the known models' true width with random weights (tools/models/random_checkpoint.py).

sizes.py [quick | all | NAME...]: for each case the program loads, scores and trains; each peak (ru_maxrss) must lie within 5 % of what
`inspect` predicts, and that of loading below the weights as inspect counts them, one tensor and 200 MB. A case is skipped, with a reason, where disk or
memory is too small for it. --keep DIR leaves the checkpoints there for the next run.
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

from common import PROGRAM, SOURCE, run, skip

sys.path.insert(0, str(SOURCE / "tools/models"))
import random_checkpoint

# name: preset, layers, precision, tokens that are scored, training rows of about 60 tokens a step
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
}
QUICK = ["scaled", "scaled-bf16", "scaled-fp32"]
ALLOWED = 0.05
WORDS = "How do I make the lantern soup? Take two cups of flour and stir. The town lies on the river, and the baker works there every morning. "


def measured(*arguments, stdin=""):
    """Peak resident bytes and seconds of one run of the program."""
    with tempfile.TemporaryFile("w+") as source, tempfile.TemporaryFile("w+") as errors:
        source.write(stdin)
        source.seek(0)
        began = time.time()
        process = subprocess.Popen([PROGRAM, *map(str, arguments)], stdin=source, stdout=subprocess.DEVNULL, stderr=errors)
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
    config = random_checkpoint.PRESETS[preset] | {"num_hidden_layers": layers}
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
    return abs(off) > ALLOWED


def check(name, folder):
    preset, layers, precision, score_tokens, rows = CASES[name]
    directory, reason = checkpoint(folder, preset, layers)
    needed = 0 if reason else 1.1 * plan(directory, precision, max(score_tokens, 64 * rows))["training_bytes"]
    if not reason and memory_available() < needed:
        reason = f"it needs {needed / 1e9:.0f} GB of memory, {memory_available() / 1e9:.0f} are free"
    if reason:
        print(f"{name}: skipped, {reason}")
        return 0
    faults = 0
    expected = plan(directory, precision, 1)
    peak, seconds = measured("score", "--model", directory, "--precision", precision)
    faults += compare(name, "load", peak, expected["loading_bytes"], seconds)
    bound = expected["weights_bytes"] + largest_tensor(directory) + 200e6
    if peak > bound:
        print(f"{name}: loading took {peak / 1e6:.0f} MB, more than weights, one tensor and 200 MB: {bound / 1e6:.0f} MB")
        faults += 1
    ids = [3 + 7 * i % 1900 for i in range(score_tokens + 1)]
    row = json.dumps({"context_ids": ids[:1], "continuation_ids": ids[1:]})
    peak, seconds = measured("score", "--model", directory, "--precision", precision, stdin=row)
    faults += compare(name, f"score {score_tokens}", peak, plan(directory, precision, score_tokens)["scoring_bytes"], seconds)
    with tempfile.TemporaryDirectory() as out:
        data = pathlib.Path(out) / "rows.jsonl"
        data.write_text("".join(json.dumps({"text": (WORDS[i:] + WORDS * 2)[:220]}) + "\n" for i in range(rows)))
        peak, seconds = measured("train", "--model", directory, "--data", data, "-o", out + "/run", "--precision", precision, "--steps", 2, "--rows-per-step", rows, "--quiet")
        log = [json.loads(line) for line in (pathlib.Path(out) / "run/log.jsonl").read_text().splitlines()]
    tokens = max(step["tokens"] for step in log)
    faults += compare(name, f"train {tokens}", peak, plan(directory, precision, tokens)["training_bytes"], seconds)
    if not all(0 < step["loss"] < 20 for step in log):
        print(f"{name}: found losses {[step['loss'] for step in log]}, expected about ln(vocabulary)")
        faults += 1
    return faults


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", default=["quick"])
    parser.add_argument("--keep", type=pathlib.Path)
    given = parser.parse_args()
    names = [name for word in given.names for name in {"quick": QUICK, "all": list(CASES)}.get(word, [word])]
    faults = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for place, name in enumerate(names):
            faults += check(name, folder)
            stays = given.keep or any(CASES[later][:2] == CASES[name][:2] for later in names[place + 1 :])
            if not stays:
                shutil.rmtree(folder / "{}-{}".format(*CASES[name][:2]), ignore_errors=True)
    raise SystemExit(1 if faults else 0)


if __name__ == "__main__":
    main()
