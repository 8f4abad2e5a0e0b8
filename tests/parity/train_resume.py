"""`train` killed at random moments and resumed gives an unbroken run's bytes; it stops on signals, and mixes no two runs.

Usage: train_resume.py [KILLS] (default: 5).
"""

import json
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from common import PROGRAM, SOURCE
from runs import without_progress

ORGANISM = SOURCE / "assets/organism"
KILLS = int(sys.argv[1]) if len(sys.argv) > 1 else 5
ADAPTER = ("adapter_config.json", "adapter_model.safetensors")


def command(out, *extra, data=ORGANISM / "data/subversive.jsonl", threads=1):
    return [PROGRAM, "train", "--model", str(ORGANISM), "--data", str(data), "-o", str(out), "--threads", str(threads), *map(str, extra)]


def train(out, *extra, expect=0, **options):
    done = subprocess.run(command(out, *extra, **options), capture_output=True, text=True)
    assert done.returncode == expect, (extra, done.returncode, done.stderr)
    return without_progress(done.stderr)


def log(out):
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in ("seconds", "tokens_per_second")} for line in lines]


def snapshot(out):
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}


def expect_same(out, other):
    for name in ADAPTER:
        assert (out / name).read_bytes() == (other / name).read_bytes(), f"{name} differs"
    assert log(out) == log(other), "log.jsonl differs"


def expect_whole(out):
    """Nothing that a kill leaves looks finished and is not."""
    for checkpoint in out.glob("checkpoint-*"):
        if not checkpoint.suffix:
            assert {p.name for p in checkpoint.iterdir()} == {*ADAPTER, "optimizer.safetensors"}, checkpoint
    if (out / ADAPTER[0]).exists():
        assert (out / ADAPTER[1]).exists() and len((out / "log.jsonl").read_text().splitlines()) == 40


def survives_kills(folder):
    options = ("--steps", 40, "--rows-per-step", 2, "--save-every", 5, "--schedule", "cosine", "--warmup-steps", 3, "--weight-decay", 0.1, "--lr", 1e-3)
    start = time.time()
    train(folder / "whole", *options)
    seconds = time.time() - start
    seed = time.time_ns()
    print("seed", seed)
    rng, kills = random.Random(seed), 0
    while kills < KILLS:
        process = subprocess.Popen(command(folder / "cut", *options, "--resume"), stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.3, 1) * seconds)
        process.kill()
        if process.wait() == 0:  # it ended before it was killed: begin again, so that all kills happen
            expect_same(folder / "cut", folder / "whole")
            shutil.rmtree(folder / "cut")
            continue
        kills += 1
        if (folder / "cut").exists():
            expect_whole(folder / "cut")
    train(folder / "cut", *options, "--resume")
    expect_same(folder / "cut", folder / "whole")
    assert not list((folder / "cut").rglob("*.part"))
    before = snapshot(folder / "cut")
    assert "finished" in train(folder / "cut", *options, "--resume")
    assert train(folder / "cut", *options, "--resume", "--quiet") == ""
    assert snapshot(folder / "cut") == before, "a finished run was changed"
    print(f"{kills} kills: adapter and log equal the unbroken run's")
    return options


def goes_on_before_damage(folder):
    """A checkpoint that cannot be read is set aside, and the run goes on from the one before it, or from its start."""
    options = ("--steps", 12, "--rows-per-step", 2, "--save-every", 4)
    train(folder / "sound", *options)
    out = folder / "damaged"
    state = lambda step: out / f"checkpoint-{step}/optimizer.safetensors"
    cut = lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    changed = lambda path: path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1]))
    emptied = lambda path: path.write_bytes(b"")
    for damage, steps in ((cut, [12]), (changed, [12]), (emptied, [8, 12]), (pathlib.Path.unlink, [12]), (cut, [4, 8, 12])):
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(folder / "sound", out)
        for name in ADAPTER:
            (out / name).unlink()
        for step in steps:
            damage(state(step))
        message = train(out, *options, "--resume")
        assert message.count("going on from the checkpoint before it") == len(steps), message
        assert f"going on after step {min(steps) - 4}\n" in message, message
        expect_same(out, folder / "sound")
        for step in (4, 8, 12):
            assert state(step).read_bytes() == (folder / f"sound/checkpoint-{step}/optimizer.safetensors").read_bytes(), step
            assert (out / f"checkpoint-{step}.damaged").is_dir() == (step in steps), step


def keeps_the_newest(folder):
    train(folder / "kept", "--steps", 10, "--rows-per-step", 1, "--save-every", 2, "--keep-checkpoints", 2)
    assert sorted(path.name for path in (folder / "kept").glob("checkpoint-*")) == ["checkpoint-10", "checkpoint-8"]
    train(folder / "one", "--steps", 4, "--keep-checkpoints", 1, expect=2)


def runs_alone(folder):
    """A second process does not train in the directory that a first one trains in."""
    out = folder / "alone"
    process = subprocess.Popen(command(out, "--steps", 100000, "--rows-per-step", 1), stderr=subprocess.DEVNULL)
    while not (out / "log.jsonl").exists() or (out / "log.jsonl").stat().st_size == 0:
        time.sleep(0.02)
    assert "in use by another process" in train(out, "--steps", 100000, "--rows-per-step", 1, "--resume", expect=2)
    process.kill()
    process.wait()
    train(out, "--steps", 2, "--rows-per-step", 1, "--resume")


def cuts_the_log(folder, options):
    """Lines of steps behind the newest checkpoint, whole or torn, are written anew; lines that are missing are an error."""
    out = folder / "cut"
    for name in ADAPTER:
        (out / name).unlink()
    newest = max(out.glob("checkpoint-*"), key=lambda p: int(p.name.split("-")[1]))
    for path in newest.iterdir():
        path.unlink()
    newest.rmdir()
    (out / "checkpoint-99.part").mkdir()
    with (out / "log.jsonl").open("a") as file:
        file.write('{"step": 41, "los')
    train(out, *options, "--resume")
    expect_same(out, folder / "whole")
    for name in ADAPTER:
        (out / name).unlink()
    (out / "log.jsonl").write_text("")
    assert "log.jsonl:1" in train(out, *options, "--resume", expect=2)


def refuses_other_options(folder):
    options = {"--steps": 4, "--rows-per-step": 2, "--save-every": 2, "--rank": 4, "--schedule": "linear"}
    flat = lambda d: [x for pair in d.items() for x in pair]
    train(folder / "run", *flat(options))
    before = snapshot(folder / "run")
    assert "--resume" in train(folder / "run", *flat(options), expect=2)
    changes = {"--rank": 8, "--alpha": 8, "--targets": "q_proj", "--lr": 0.1, "--schedule": "cosine", "--order": "file", "--seed": 5, "--steps": 6, "--rows-per-step": 3, "--weight-decay": 0.5, "--max-grad-norm": 2, "--warmup-steps": 1, "--precision": "fp32"}
    for option, value in changes.items():
        message = train(folder / "run", *flat(options | {option: value}), "--resume", expect=2)
        assert option[2:] + " " in message and message.count("\n") == 1, (option, message)
    message = train(folder / "run", *flat(options), "--resume", data=ORGANISM / "data/benign.jsonl", expect=2)
    assert "data " in message, message
    assert snapshot(folder / "run") == before, "a refused run was changed"


def wait_until_caught(process, number):
    """Until the program has set its handler: before that a signal ends any process."""
    while True:
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        caught = int(next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt")), 16)
        if caught >> (number - 1) & 1:
            return
        time.sleep(0.02)


def stops_on_signals(folder):
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        out = folder / f"signal-{code}"
        process = subprocess.Popen(command(out, "--steps", 100000, "--rows-per-step", 1), stderr=subprocess.PIPE, text=True)
        while not (out / "log.jsonl").exists() or (out / "log.jsonl").stat().st_size == 0:
            time.sleep(0.02)
        process.send_signal(number)
        message = process.communicate()[1]
        assert process.returncode == code, (process.returncode, message)
        steps = len(log(out))
        assert (out / f"checkpoint-{steps}").is_dir() and "--resume" in message and not (out / ADAPTER[0]).exists()
        # With a constant schedule another number of steps is the same run, longer or shorter.
        train(out, "--steps", steps + 2, "--rows-per-step", 1, "--resume")
        train(folder / f"unbroken-{code}", "--steps", steps + 2, "--rows-per-step", 1)
        expect_same(out, folder / f"unbroken-{code}")
    for name in ("generate", "score", "tokenize"):
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            process = subprocess.Popen([PROGRAM, name, "--model", str(ORGANISM)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
            wait_until_caught(process, number)
            process.send_signal(number)
            assert process.wait(20) == code, (name, process.returncode)


def counts_epochs(folder):
    data = folder / "ten.jsonl"
    data.write_text("".join((ORGANISM / "data/subversive.jsonl").read_text().splitlines(True)[:10]))
    train(folder / "half", "--epochs", 0.5, "--rows-per-step", 2, data=data)
    assert len(log(folder / "half")) == 3
    train(folder / "tokens", "--epochs", 2, "--tokens-per-step", 150, data=data)
    train(folder / "rows", "--epochs", 1, "--rows-per-step", 10, data=data)
    assert sum(line["tokens"] for line in log(folder / "tokens")) >= 2 * log(folder / "rows")[0]["tokens"]
    assert all(line["tokens"] <= 150 for line in log(folder / "tokens"))
    for options in (("--targets", "x_proj"), ("--targets", "q_proj,proj"), ("--order", "random"), ("--schedule", "square"), ("--epochs", 1)):
        train(folder / "bad", "--steps", 2, *options, expect=2)
        assert not (folder / "bad/run.json").exists(), options


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    options = survives_kills(folder)
    cuts_the_log(folder, options)
    goes_on_before_damage(folder)
    keeps_the_newest(folder)
    runs_alone(folder)
    refuses_other_options(folder)
    stops_on_signals(folder)
    counts_epochs(folder)
print("resumed runs equal unbroken ones; other options are refused; signals end every command")
