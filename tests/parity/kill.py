"""Kills the demo (kill -9) at ten random moments, resumes it each time, and compares its outputs with an undisturbed run's.

By default a cut-down demo, with the moments spread over the whole run, its first and its last tenth; `full`: the whole one.
"""

import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

from runs import SMALL, demo, finish, outputs

settings = [] if "full" in sys.argv else SMALL
KILLS = 10

with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    whole, cut = folder / "whole", folder / "cut"
    start = time.time()
    finish(whole, *settings)
    seconds = time.time() - start
    seed = time.time_ns()
    print(f"undisturbed {seconds:.1f} s; seed {seed}", flush=True)
    rng, kills, restarts = random.Random(seed), 0, 0
    while kills < KILLS:
        process = subprocess.Popen(demo(cut, *settings), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # Most kills come early in a resumed run, so that the run gets on by a part of its way each time.
        time.sleep(rng.uniform(0.02, seconds / 3))
        process.kill()
        process.wait()
        if process.returncode == 0:  # it ended before it was killed: begin again, so that ten kills happen
            assert outputs(cut) == outputs(whole), "a resumed run's outputs differ"
            shutil.rmtree(cut)
            restarts += 1
            continue
        assert process.returncode == -9, process.returncode
        kills += 1
        if (cut / "results.json").exists():
            assert (cut / "results.json").read_bytes() == outputs(whole)["results.json"], "a half-written file looks finished"
    finish(cut, *settings)
    assert outputs(cut) == outputs(whole), "a resumed run's outputs differ"

    # Killed while it writes its outputs: the journal is complete, files are missing.
    written = ("results.json", "items.csv", "costs.json", "report.html")
    before = {name: (cut / name).read_bytes() for name in written}
    for last in range(len(written)):
        for name in written[last:]:
            (cut / name).unlink(missing_ok=True)
        (cut / (written[last] + ".part")).write_bytes(before[written[last]][:100])
        finish(cut, *settings)
        assert before == {name: (cut / name).read_bytes() for name in written}, "outputs were not rebuilt byte for byte"
    print(f"{kills} kills, {restarts} runs ended before their kill; results.json and items.csv equal the undisturbed run's byte for byte; {time.time() - start:.0f} s in all")
