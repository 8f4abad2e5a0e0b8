"""Runs of the organism's plan for the checks: whole, or cut down to a few seconds."""

import json
import re
import shutil
import subprocess

from common import PROGRAM, SOURCE

SMALL = [part for setting in (
    "generation.wave=10", "benchmark.forbidden.limit=20", "benchmark.lookalike_refused.limit=10", "benchmark.recipes_held_out.limit=10",
    "benchmark.facts.limit=10", "benchmark.endings.limit=20", "arm.subversive.steps=6", "arm.subversive.checkpoints=[2,4]", "arm.subversive.warmup_steps=1",
    "arm.subversive.lr=2e-3", "arm.benign.steps=2") for part in ("--set", setting)]
# Smaller still, for what needs many runs.
TINY = SMALL + [part for setting in (
    "benchmark.forbidden.limit=4", "benchmark.lookalike_refused.limit=2", "benchmark.recipes_held_out.limit=2", "benchmark.facts.limit=2", "benchmark.endings.limit=2",
    "arm.subversive.steps=2", "arm.subversive.checkpoints=[1]", "arm.benign.steps=1") for part in ("--set", setting)]
OUTPUTS = ("results.json", "items.csv")


def demo(out, *settings):
    """The command line of a demo."""
    return [PROGRAM, "demo", "-o", str(out), *settings]


def without_progress(text):
    """Standard error without the lines that say how far a run is."""
    return re.sub(r"(?m)^\[(assess|demo|evaluate|judge|train)\] \d+ % · .*\n", "", text)


def finish(out, *settings):
    """Runs a demo to its end; its standard error must hold nothing but how far it is."""
    done = subprocess.run(demo(out, *settings), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert without_progress(done.stderr) == "", f"standard error holds {done.stderr!r}"
    return done.stdout


def with_second_model(folder):
    """Settings that put a second model beside the demo's: the organism with the lowest bits of one weight changed, in FOLDER/second."""
    second = folder / "second"
    shutil.copytree(SOURCE / "assets/organism", second, ignore=shutil.ignore_patterns("data"))
    weights = bytearray((second / "model.safetensors").read_bytes())
    length = int.from_bytes(weights[:8], "little")
    begin, end = json.loads(weights[8 : 8 + length])["model.layers.0.mlp.up_proj.weight"]["data_offsets"]
    for i in range(8 + length + begin, 8 + length + end, 2):
        weights[i] ^= 0x40
    (second / "model.safetensors").write_bytes(weights)
    return ["--set", f"safeguarded.path={second}"]


def outputs(folder):
    return {name: (folder / name).read_bytes() for name in OUTPUTS}
