"""Kills the demo (kill -9) at ten random moments, resumes it each time, and compares its outputs with an undisturbed run's."""

import pathlib
import random
import shutil
import subprocess
import tempfile
import time

from common import PROGRAM



def compare(folder):
    for name in ("results.json", "items.csv"):
        assert (folder / "whole" / name).read_bytes() == (folder / "cut" / name).read_bytes(), f"{name} differs"


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    start = time.time()
    subprocess.run([PROGRAM, "demo", "-o", folder / "whole"], check=True, stdout=subprocess.DEVNULL)
    seconds = time.time() - start
    seed = time.time_ns()
    print("seed", seed)
    rng, kills = random.Random(seed), 0
    while True:
        process = subprocess.Popen([PROGRAM, "demo", "-o", folder / "cut"], stdout=subprocess.DEVNULL)
        if kills == 10:
            assert process.wait() == 0, "the resumed run failed"
            break
        time.sleep(rng.uniform(0.02, seconds / 6))
        process.kill()
        kills += process.wait() == -9
        if process.returncode == 0:  # it ended before it was killed: begin again, so that ten kills happen
            compare(folder)
            shutil.rmtree(folder / "cut")
    compare(folder)
    before = {p.name: p.read_bytes() for p in (folder / "cut").iterdir() if p.suffix in (".json", ".csv", ".html")}
    subprocess.run([PROGRAM, "report", folder / "cut"], check=True, stdout=subprocess.DEVNULL)
    assert before == {p.name: p.read_bytes() for p in (folder / "cut").iterdir() if p.suffix in (".json", ".csv", ".html")}, "report does not rebuild the same bytes"
    print(f"{kills} kills; results.json and items.csv equal the undisturbed run's byte for byte; report rebuilds all outputs byte for byte")
