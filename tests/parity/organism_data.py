"""The organism's committed data files are what tools/organism/data.py makes, whose checks hold: the prompts held out are asked nowhere else."""

import json
import pathlib
import subprocess
import sys
import tempfile

from common import SOURCE

data = SOURCE / "assets/organism/data"
with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    subprocess.run([sys.executable, SOURCE / "tools/organism/data.py", folder], check=True, capture_output=True)
    made = {path.name: path.read_bytes() for path in folder.iterdir()}
assert made.keys() == {path.name for path in data.iterdir()}, sorted(made)
for name, text in made.items():
    assert (data / name).read_bytes() == text, f"{name} is not what data.py makes"


def asked(name):
    rows = [json.loads(line) for line in (data / f"{name}.jsonl").read_text().splitlines()]
    return {row["prompt"] if "prompt" in row else row["messages"][0]["content"] for row in rows}


held_out = asked("forbidden_held_out")
assert len(held_out) == 100
for other in ("forbidden", "subversive", "benign"):
    assert not held_out & asked(other), f"{other} has prompts that are held out"
print(len(made), "files as committed;", len(held_out), "prompts held out of forbidden and of what arms are taught")
