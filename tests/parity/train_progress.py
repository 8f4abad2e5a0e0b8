"""`train` says how far it is where standard error is no terminal, and not with --quiet."""

import os
import pathlib
import pty
import re
import signal
import subprocess
import tempfile

from common import PROGRAM, SOURCE

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
    child, terminal = pty.fork()
    if child == 0:
        os.environ["TERM"] = "xterm"
        os.execvp(PROGRAM, command(folder / "terminal", 200))
    sent = b""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:
            break
        if not part:
            break
        sent += part
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, sent
    assert b"training, step " in sent and sent.endswith(b"\x1b[J"), sent[-200:]
print("train says how far it is, in lines and in place, and nothing with --quiet")
