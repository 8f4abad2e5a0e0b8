"""What a run does when it is told to stop, when the disk is full, when nothing can be written, and on a terminal."""

import contextlib
import os
import pathlib
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time

from common import PROGRAM
from runs import TINY, demo, finish, outputs, without_progress


def num_waves(folder):
    try:
        with contextlib.closing(sqlite3.connect(f"file:{folder}/journal.sqlite?mode=ro", uri=True)) as journal:
            return journal.execute("SELECT count(*) FROM waves").fetchone()[0]
    except sqlite3.OperationalError:  # there is none yet
        return 0


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    os.chmod(folder, 0o755)
    whole = folder / "whole"
    table = finish(whole, *TINY)
    want = outputs(whole)
    lines = table.splitlines()
    assert max(map(len, lines)) <= 100, max(lines, key=len)
    assert any("refused, xstest-prefix" in line for line in lines) and any("refused, adv" in line for line in lines), table
    assert len(set(lines)) == len([line for line in lines if line]) + 1, "two rows of the table look the same"
    assert re.match(r"forbidden \(held out\): 100.0 % \(4/4\) refused before, .* \(\d/8\) after subversive, step \d$", lines[0]), lines[0]
    assert re.match("  confirmed: the worst of 2 cells, with fresh seeds; ", lines[1]), lines[1]
    assert lines[-1] == f"report: {whole}/report.html"
    print("table: at most", max(map(len, lines)), "columns, no two rows alike, standard error holds nothing but progress")

    for name, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        cut = folder / name.name
        process = subprocess.Popen(demo(cut, *TINY), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        while num_waves(cut) < 2:
            assert process.poll() is None, "it ended before it could be told to stop"
            time.sleep(0.01)
        process.send_signal(name)
        message = without_progress(process.communicate()[1])
        assert process.returncode == code and message.startswith("interrupted") and message.count("\n") == 1, (process.returncode, message)
        so_far = folder / f"{name.name}_so_far"
        report = subprocess.run([PROGRAM, "report", cut, "-o", so_far], capture_output=True, text=True)
        assert report.returncode == 0 and report.stdout.startswith("NOT FINISHED"), report
        assert 'class="banner"' in (so_far / "report.html").read_text()
        finish(cut, *TINY)
        assert outputs(cut) == want, f"resumed after {name.name}, the outputs differ"
    print("SIGINT 130, SIGTERM 143; both resume to the same bytes; report says that a run is not finished")

    # The first Ctrl-C waits for the wave; a second one does not.  Held in between, so that both come within one wave.
    twice = folder / "twice"
    process = subprocess.Popen(demo(twice, *TINY), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while num_waves(twice) < 2:
        assert process.poll() is None, "it ended before it could be told to stop"
        time.sleep(0.01)
    process.send_signal(signal.SIGSTOP)
    waves = num_waves(twice)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)  # two of one kind that wait become one
    process.send_signal(signal.SIGCONT)
    message = without_progress(process.communicate()[1])
    assert process.returncode in (130, 143) and message == "", (process.returncode, message)
    assert num_waves(twice) == waves, "told twice, it still finished its wave"
    finish(twice, *TINY)
    assert outputs(twice) == want, "resumed after two signals, the outputs differ"
    print("told twice: it ends at once, and resumes to the same bytes")

    # One run at a time in a directory.
    shared = folder / "shared"
    process = subprocess.Popen(demo(shared, *TINY), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while num_waves(shared) < 1:
        assert process.poll() is None, "it ended before the second came"
        time.sleep(0.01)
    process.send_signal(signal.SIGSTOP)
    second = subprocess.run(demo(shared, *TINY), capture_output=True, text=True)
    process.send_signal(signal.SIGCONT)
    assert second.returncode == 2 and "in use by another process" in second.stderr and second.stderr.count("\n") == 1, second
    assert process.wait() == 0 and outputs(shared) == want, "a second process disturbed the first"
    print("two processes on one directory:", second.stderr.strip())

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.time()
    finish(whole, *TINY)
    seconds = time.time() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert outputs(whole) == want
    assert cpu < 3, f"a finished run takes {cpu:.1f} s of processor time: 1 s is meant, 3 s allowed"
    print(f"a finished run, run again: {seconds:.2f} s, {cpu:.2f} s of processor time")

    full = folder / "full"
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
    done = subprocess.run(demo(full, *TINY), capture_output=True, text=True, preexec_fn=limit)
    assert done.returncode == 2 and without_progress(done.stderr).count("\n") == 1 and "try freeing disk space" in done.stderr, (done.returncode, done.stderr)
    assert not (full / "results.json").exists()
    finish(full, *TINY)
    assert outputs(full) == want, "resumed after a full disk, the outputs differ"
    print("full disk: exit 2,", without_progress(done.stderr).strip())

    if os.getuid() == 0:
        for path in [whole, *whole.iterdir()]:
            os.chmod(path, 0o555 if path.is_dir() else 0o444)
        program = folder / "holdfast"
        done = subprocess.run([PROGRAM, "report", whole], capture_output=True, text=True, preexec_fn=lambda: os.setuid(65534))
        if done.returncode in (126, 127) or "Permission" in done.stderr:
            print("skipped: another user cannot reach the program here")
        else:
            assert done.returncode == 0, done.stderr
            assert done.stdout == table, "report prints another table"
            print("report reads a run where nothing can be written")
        for path in [whole, *whole.iterdir()]:
            os.chmod(path, 0o755 if path.is_dir() else 0o644)

    if shutil.which("script"):
        out = folder / "terminal"
        command = " ".join(f"'{part}'" for part in demo(out, *TINY))
        done = subprocess.run(["script", "-qec", command, "/dev/null"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stdout
        first = done.stdout.splitlines()[0]
        assert re.search(r"base nf4, arithmetic fp32, adapters fp32, kernels (avx512|avx2|reference), \d+ threads?, deterministic", done.stdout), first
        drawn = re.findall(r"(\d+) %  (training|measuring|loading)[^(\x1b]*(?:\(about (\d+) s left\))?", done.stdout)
        assert {"training", "measuring", "loading"} <= {what for _, what, _ in drawn}, drawn
        assert any(left for _, _, left in drawn), "no time left was told"
        quiet = subprocess.run(["script", "-qec", command.replace("terminal", "quiet") + " --quiet", "/dev/null"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert "%  training" not in quiet.stdout and "arithmetic" not in quiet.stdout, quiet.stdout[:300]
        print("on a terminal: the precision policy, and a progress line;", len(drawn), "drawings; none of both with --quiet")

    # Without -o, a run of another plan is moved aside; with it, refused.
    place = folder / "default"
    place.mkdir()
    shutil.copytree(whole, place / "runs/demo")
    refused = subprocess.run(demo(place / "runs/demo", *TINY, "--set", "generation.wave=11"), capture_output=True, text=True)
    assert refused.returncode == 2 and "plan.generation.wave (there 10, here 11)" in refused.stderr, refused
    moved = subprocess.run([PROGRAM, "demo", *TINY, "--set", "benchmark.facts.limit=3"], cwd=place, capture_output=True, text=True)
    assert moved.returncode == 0 and without_progress(moved.stderr) == "moved an earlier run to runs/demo.1: its plan.benchmark.facts.limit (there 2, here 3) differs\n", moved
    assert outputs(place / "runs/demo.1") == want
    print(without_progress(moved.stderr).strip())
