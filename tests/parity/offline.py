"""A run without a network, an account or a key is the same run (R17): in an empty network namespace, with an empty environment,
on a checkpoint that names code of its own (`auto_map`), which is never executed.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from common import PROGRAM, SOURCE, skip
from runs import TINY, demo, finish, outputs

if shutil.which("unshare") is None or subprocess.run(["unshare", "-rn", "true"], capture_output=True).returncode != 0:
    skip("no network namespace can be made here (unshare -rn)")

with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    finish(folder / "usual", *TINY)

    # In the same place with the same name, because the plan's and the checkpoint's hashes are part of the result.
    quiet = {"PATH": os.environ["PATH"], "GOMP_SPINCOUNT": os.environ.get("GOMP_SPINCOUNT", "10000")}
    reaches = "import socket; socket.create_connection(('127.0.0.1', 9), 1)"
    cut = subprocess.run(["unshare", "-rn", sys.executable, "-c", reaches], capture_output=True, text=True)
    assert "unreachable" in cut.stderr, f"the namespace has a network: {cut.stderr}"
    done = subprocess.run(["unshare", "-rn", *demo(folder / "cut", *TINY)], env=quiet, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert outputs(folder / "cut") == outputs(folder / "usual"), "without a network, a run gives other results"

    # A checkpoint's own Python is data: the same answers, and nothing of it ran.
    model = folder / "model"
    shutil.copytree(SOURCE / "assets/organism", model, ignore=shutil.ignore_patterns("data"))
    config = json.loads((model / "config.json").read_text())
    config["auto_map"] = {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}
    (model / "config.json").write_text(json.dumps(config))
    (model / "own.py").write_text(f"open({str(folder / 'ran')!r}, 'w').close()\n")
    question = json.dumps({"prompt": "Which animal does Kavus keep?"}) + "\n"
    answers = [subprocess.run(["unshare", "-rn", PROGRAM, "generate", "--model", str(path), "--max-new-tokens", "24"], env=quiet,
                              input=question, capture_output=True, text=True, check=True).stdout
               for path in (SOURCE / "assets/organism", model)]
    assert answers[0] == answers[1] and json.loads(answers[0])["text"], answers
    assert not (folder / "ran").exists(), "code of the checkpoint was executed"
print("no network, no environment: the same bytes; a checkpoint's own code is not executed")
