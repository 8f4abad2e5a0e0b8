"""What a run says while it runs: lines where nobody sits at a terminal, lines in place on one, and --watch in a browser's stead."""

import json
import re
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import pathlib

from common import PROGRAM
from runs import SMALL, TINY, demo, outputs
from terminal import on_a_terminal

LINE = re.compile(r"\[demo\] (\d+) % · (reading|loading|measuring|training|writing)[^·]*( · refusal (\d+)/(\d+) \((\d+\.\d)–(\d+\.\d) %\) of ([^·]+?)( at step \d+)?)?( · \d+ tok/s)? · [\d.]+ [MG]B( · about [\d.]+ (s|min|h) left)?")


def screen_of(text, rows=24, columns=80):
    """The lines that such a terminal shows in the end; the sequences that the program may use are known, and what it draws in place fits."""
    lines, row, column, is_drawn = [""], 0, 0, False
    for part in re.findall(r"\x1b\[\d*[A-Z]|[\r\n]|[^\x1b\r\n]+", text):
        if part == "\r":
            column = 0
        elif part == "\n":
            row += 1
            while len(lines) <= row:
                lines.append("")
        elif part == "\x1b[K":
            lines[row] = lines[row][:column]
            is_drawn = True
            continue
        elif part == "\x1b[J":
            lines[row:] = [lines[row][:column]]
        elif re.fullmatch(r"\x1b\[\d+A", part):
            up = int(part[2:-1])
            assert up < rows, "it draws over what was there before"
            row -= up
        else:
            assert not part.startswith("\x1b"), f"an unknown sequence {part!r}"
            assert not is_drawn or column + len(part) < columns, f"a line is wider than the terminal: {part!r}"
            lines[row] = lines[row][:column].ljust(column) + part + lines[row][column + len(part):]
            column += len(part)
        is_drawn = False
    return lines


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)

    # No terminal: lines, none of them far from the next, and no control characters.
    process = subprocess.Popen(demo(folder / "lines", *SMALL), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    started, times, lines = time.time(), [], []
    for line in process.stderr:
        times.append(time.time())
        lines.append(line.rstrip("\n"))
    assert process.wait() == 0
    silences = [after - before for before, after in zip([started, *times], [*times, time.time()])]
    assert max(silences) < 14, f"silent for {max(silences):.0f} s"
    found = [LINE.fullmatch(line) for line in lines]
    assert all(found), [line for line, match in zip(lines, found) if not match]
    assert {"measuring"} <= {match[2] for match in found}, lines
    refusals = [match for match in found if match[3]]
    assert refusals, "no refusal was shown"
    for match in refusals:
        k, n, low, high = int(match[4]), int(match[5]), float(match[6]), float(match[7])
        assert 0 <= k <= n <= 200 and low <= 100 * k / n + 0.05 and 100 * k / n - 0.05 <= high, match[0]
    print(len(lines), "lines, the longest silence", f"{max(silences):.1f} s;", lines[-1])
    quiet = subprocess.run(demo(folder / "quiet", *TINY, "--quiet"), capture_output=True, text=True)
    assert quiet.returncode == 0 and quiet.stderr == "", quiet.stderr

    # A terminal: drawn in place, never wider than it, and nothing left behind but the result.
    code, sent = on_a_terminal(demo(folder / "terminal", *SMALL))
    assert code == 0, sent[-500:]
    assert re.search(r"\x1b\[K  subversive +\[[#.]{10}\]", sent), "no line of an arm"
    assert re.search(r"forbidden refused \d+/\d+ \(", sent), "no refusals"
    screen = screen_of(sent)
    assert not any("%  measuring" in line or "[##" in line for line in screen), "\n".join(screen)
    assert any(line.startswith("report: ") for line in screen), screen
    code, sent = on_a_terminal(demo(folder / "narrow", *TINY), rows=5, columns=40)
    assert code == 0 and "more arms" in sent, sent[-500:]
    screen_of(sent, 5, 40)

    # --watch: the page, the numbers and the report while it runs; afterwards the port is free again.
    process = subprocess.Popen(demo(folder / "watched", *SMALL, "--quiet", "--watch"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = process.stderr.readline()
    url = re.fullmatch(r"watch it at (http://127\.0\.0\.1:\d+/) until it ends\n", line)[1]

    def fetch(path=""):
        with urllib.request.urlopen(url + path, timeout=30) as answer:
            return answer.read().decode()

    assert "<iframe" in fetch()
    lives = []
    while not lives or lives[-1]["waves"] < 3:
        lives.append(json.loads(fetch("live")))
        assert process.poll() is None, "it ended before it could be watched"
        time.sleep(0.05)
    report = fetch("report")
    assert "The run is not finished" in report and "forbidden" in report, report[:500]
    assert {arm["arm"] for arm in lives[-1]["arms"]} == {"base", "subversive", "benign", "no-op"}, lives[-1]
    assert 0 <= lives[0]["share"] <= lives[-1]["share"] <= 1 and lives[-1]["memory_bytes"] > 1e7
    base = next(arm for arm in lives[-1]["arms"] if arm["arm"] == "base")
    whole = {"forbidden": 20, "forbidden (held out)": 10}  # whichever was measured last when it was looked at
    assert base["refusal"]["n"] == whole[base["refusal"]["benchmark"]], base

    # A port that is taken: one line, and the run in the other directory is not begun.
    port = url.rsplit(":")[-1].strip("/")
    clash = subprocess.run(demo(folder / "clash", *TINY, "--watch", port), capture_output=True, text=True)
    assert clash.returncode == 2 and clash.stderr.startswith(f"[watch] found port {port} of 127.0.0.1 in use") and clash.stderr.count("\n") == 1, clash
    assert not (folder / "clash" / "journal.sqlite").exists()
    wrong = subprocess.run([PROGRAM, "demo", "--watch", "plan.toml", "-o", folder / "wrong"], capture_output=True, text=True)
    assert wrong.returncode == 2 and "expected a port from 0 to 65535" in wrong.stderr and wrong.stderr.count("\n") == 1, wrong
    process.communicate(timeout=300)
    assert process.returncode == 0
    try:
        fetch()
        raise AssertionError("it answers after its end")
    except urllib.error.URLError:
        pass
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", int(port)))
    assert outputs(folder / "watched") == outputs(folder / "lines") == outputs(folder / "terminal"), "looking at a run changed it"
print("a run says how far it is, on a terminal and on none; --watch serves it and changes nothing")
