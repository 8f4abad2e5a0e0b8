"""`train` says how far it is where standard error is no terminal, and not with --quiet."""

import pathlib
import re
import signal
import subprocess
import tempfile

from common import PROGRAM, SOURCE
from terminal import on_a_terminal

ORGANISM = SOURCE / "assets/organism"
LINE = re.compile(r"\[train\] \d+ % · training, step (\d+) of (\d+), loss \d+\.\d{4} · (\d+) tok/s · \d+ MB · about [\d.]+ (s|min|h) left\n")


def command(out, steps, *extra):
    return [PROGRAM, "train", "--model", str(ORGANISM), "--data", str(ORGANISM / "data/subversive.jsonl"), "-o", str(out), "--threads", "1", "--rows-per-step", "1", "--steps", str(steps), *extra]


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    process = subprocess.Popen(command(folder / "lines", 100000), stderr=subprocess.PIPE, text=True)
    lines = [process.stderr.readline()]
    while not LINE.fullmatch(lines[-1]):  # the rows, or a first step without a loss before it, may be told of
        assert lines[-1].startswith("[train] ") and len(lines) < 5, lines
        lines.append(process.stderr.readline())
    step, total, speed, _ = LINE.fullmatch(lines[-1]).groups()
    assert int(step) > 1 and total == "100000" and int(speed) > 0, lines
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=60)[1]
    assert process.returncode == 130 and rest.startswith("interrupted after step ") and rest.count("\n") == 1, rest

    quiet = subprocess.run(command(folder / "quiet", 200, "--quiet"), capture_output=True, text=True)
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", ""), quiet

    # On a terminal in place: what was drawn is taken away in the end.
    code, sent = on_a_terminal(command(folder / "terminal", 200))
    assert code == 0, sent
    assert "training, step " in sent and sent.endswith("\x1b[J"), sent[-200:]
print("train says how far it is, in lines and in place, and nothing with --quiet")
