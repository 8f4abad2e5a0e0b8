"""Kills a run (kill -9) at random moments, resumes it each time, and compares its outputs with an undisturbed run's.

Usage: kill.py [--kills N] [--whole-demo] [--life SECONDS] [--seed N].  By default ten kills of a cut-down demo with a confirmation and a safeguarded model, so that every
phase of a run is met; `--whole-demo`: the whole one.  Prints in which phase each kill came.
"""

import argparse
import collections
import contextlib
import pathlib
import random
import shutil
import sqlite3
import subprocess
import tempfile
import time

from runs import SMALL, demo, finish, outputs, with_second_model

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--kills", type=int, default=10)
parser.add_argument("--whole-demo", action="store_true")
parser.add_argument("--life", type=float, help="the most seconds between a start and its kill; default: a third of an undisturbed run's")
parser.add_argument("--seed", type=int, default=time.time_ns())
options = parser.parse_args()


def phase_of(run):
    """Where a killed run was: the last thing in its journal."""
    with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(sqlite3.connect(f"file:{run}/journal.sqlite?mode=ro", uri=True)) as journal:
        row = journal.execute("SELECT phase, arm FROM phases ORDER BY id DESC LIMIT 1").fetchone()
        if row is not None:
            phase, arm = row
            whose = "safeguarded" if arm.startswith("safeguarded") else "confirmation" if arm.startswith("confirmation") else "base" if arm == "base" else "arms"
            return f"{whose}, {phase}"
    return "before anything"


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    whole, cut = folder / "whole", folder / "cut"
    settings = with_second_model(folder) + ([] if options.whole_demo else SMALL)
    start = time.time()
    finish(whole, *settings)
    seconds = time.time() - start
    want = outputs(whole)
    print(f"undisturbed {seconds:.1f} s; seed {options.seed}", flush=True)
    rng, kills, ends, phases = random.Random(options.seed), 0, 0, collections.Counter()
    while kills < options.kills:
        process = subprocess.Popen(demo(cut, *settings), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # A resumed run gets on by a part of its way before the next kill: all phases are met, the first and the last ones too.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(rng.uniform(0.02, options.life or seconds / 3))
        process.kill()
        process.wait()
        if process.returncode == 0:  # it ended before it was killed: begin again, so that all kills happen
            assert outputs(cut) == want, "a resumed run's outputs differ"
            shutil.rmtree(cut)
            ends += 1
            continue
        assert process.returncode == -9, process.returncode
        kills += 1
        phases[phase_of(cut)] += 1
        if (cut / "results.json").exists():
            assert (cut / "results.json").read_bytes() == want["results.json"], "a half-written file looks finished"
        if kills % 20 == 0:
            print(f"{kills} kills, {ends} whole runs, {time.time() - start:.0f} s", flush=True)
    finish(cut, *settings)
    assert outputs(cut) == want, "a resumed run's outputs differ"

    # The short phases, in which a random moment may not fall: each is waited for, once from the run's beginning.
    for wanted in ("confirmation", "safeguarded"):
        shutil.rmtree(cut)
        process = subprocess.Popen(demo(cut, *settings), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not phase_of(cut).startswith(wanted):
            assert process.poll() is None, f"it ended without a {wanted} phase"
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.3))
        process.kill()
        assert process.wait() == -9, "it ended before it was killed"
        kills += 1
        phases[phase_of(cut)] += 1
        finish(cut, *settings)
        assert outputs(cut) == want, f"killed in the {wanted} phase, a resumed run's outputs differ"

    # Killed while it writes its outputs: the journal is complete, files are missing.
    written = ("results.json", "items.csv", "costs.json", "report.html")
    before = {name: (cut / name).read_bytes() for name in written}
    for last in range(len(written)):
        for name in written[last:]:
            (cut / name).unlink(missing_ok=True)
        (cut / (written[last] + ".part")).write_bytes(before[written[last]][:100])
        finish(cut, *settings)
        assert before == {name: (cut / name).read_bytes() for name in written}, "outputs were not rebuilt byte for byte"
    print("killed in:", "; ".join(f"{name} {count}" for name, count in sorted(phases.items())))
    print(f"{kills} kills, {ends + 1} runs to their end; results.json and items.csv equal the undisturbed run's byte for byte; {time.time() - start:.0f} s in all")
