"""What the parity checks share: where things are, how to run the program, how to skip."""

import json
import os
import pathlib
import subprocess
import sys

SOURCE = pathlib.Path(os.environ.get("HOLDFAST_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
PROGRAM = os.environ.get("HOLDFAST", str(SOURCE / "build/holdfast"))
SHARED = pathlib.Path(os.environ.get("HOLDFAST_SHARED_DATA", SOURCE / "../shared/data"))


def skip(reason):
    print("skipped:", reason)
    sys.exit(77)


def need(*modules):
    for module in modules:
        try:
            __import__(module)
        except ImportError:
            skip(f"needs the Python package {module}; ./dev setup parity installs it")


def run(*arguments, rows=None):
    """Runs the program; rows are JSONL in, JSONL out is returned."""
    text = None if rows is None else "".join(json.dumps(row) + "\n" for row in rows)
    done = subprocess.run([PROGRAM, *map(str, arguments)], input=text, capture_output=True, text=True)
    if done.returncode != 0:
        print(done.stderr)
        sys.exit(f"{arguments} ended with {done.returncode}")
    return [json.loads(line) for line in done.stdout.split("\n") if line.startswith("{")] if rows is not None else done.stdout


def models():
    """The checkpoints at hand, small first."""
    found = [SOURCE / "assets/organism", SHARED / "checkpoints/tinystories-656k", SOURCE / "models/smollm2"]
    for path in found:
        if not path.exists():
            print("not compared, missing:", path.name)
    return [path for path in found if path.exists()]
