"""Power cuts, full disks and too little memory: what a machine does to a run, which then goes on to an undisturbed run's bytes.

A power cut: the run is held for a moment, its journal copied as it lies on the disk, with the log cut at a random byte and at times a block of it never
written; the run goes on from the copy.  A full disk: a file system of a few hundred kilobytes, where one may be mounted.  Memory: an address space that ends
somewhere between loading and finishing.
"""

import argparse
import collections
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import tempfile
import time

from runs import TINY, demo, finish, outputs, with_second_model

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--cuts", type=int, default=6)
parser.add_argument("--seed", type=int, default=time.time_ns())
options = parser.parse_args()
rng = random.Random(options.seed)
print("seed", options.seed, flush=True)


def copy_as_cut(run, copy):
    """The journal as a power cut leaves it: the file, and the part of the log that reached the disk."""
    copy.mkdir()
    kinds = []
    for name in ("journal.sqlite", "journal.sqlite-wal"):
        if not (run / name).exists():
            continue
        data = bytearray((run / name).read_bytes())
        if name.endswith("-wal") and data:
            size = rng.randrange(len(data) + 1)
            data = data[:size]
            kinds.append("log cut short")
            if size > 8192 and rng.random() < 0.5:  # a block that was not written before the ones after it
                hole = rng.randrange(size // 4096) * 4096
                data[hole : hole + 4096] = bytes(len(data[hole : hole + 4096]))
                kinds.append("block lost")
        (copy / name).write_bytes(data)
    return " and ".join(kinds) or "no log"


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    settings = with_second_model(folder) + TINY
    whole = folder / "whole"
    start = time.time()
    finish(whole, *settings)
    seconds = time.time() - start
    want = outputs(whole)

    seen = collections.Counter()
    run = folder / "run"
    process = subprocess.Popen(demo(run, *settings), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    copies = []
    while len(copies) < options.cuts:
        time.sleep(rng.uniform(0, 1.5 * seconds / options.cuts))
        if process.poll() is not None:  # over before all cuts: another run
            assert process.returncode == 0
            shutil.rmtree(run)
            process = subprocess.Popen(demo(run, *settings), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            continue
        if not (run / "journal.sqlite").exists():
            continue
        process.send_signal(signal.SIGSTOP)
        copies.append(folder / f"copy{len(copies)}")
        seen[copy_as_cut(run, copies[-1])] += 1
        process.send_signal(signal.SIGCONT)
    assert process.wait() == 0
    assert outputs(run) == want
    for copy in copies:
        finish(copy, *settings)
        assert outputs(copy) == want, f"resumed from {copy.name}, the outputs differ"
    print(f"{len(copies)} power cuts ({'; '.join(f'{name} {count}' for name, count in seen.items())}): the same bytes", flush=True)

    small = folder / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", small], capture_output=True).returncode == 0:
        try:
            # The base's prepared weights need no place there; what is refused is the journal's next wave.
            done = subprocess.run(demo(small / "run", *settings), capture_output=True, text=True)
            assert done.returncode == 2 and done.stderr.count("\n") == 1 and "try freeing disk space" in done.stderr, (done.returncode, done.stderr)
            assert not (small / "run/results.json").exists()
            subprocess.run(["mount", "-o", "remount,size=64m", small], check=True)
            finish(small / "run", *settings)
            assert outputs(small / "run") == want, "resumed after a full disk, the outputs differ"
            print("a full file system: exit 2,", done.stderr.strip(), flush=True)
        finally:
            subprocess.run(["umount", small], check=True)
    else:
        print("skipped: no file system can be mounted here")

    # A limit that is enough, and then ever smaller ones: the run ends with advice, never with a crash, and what it has stands.
    short, ends = folder / "short", collections.Counter()
    limit = 1 << 36
    messages = set()
    while True:
        shutil.rmtree(short, ignore_errors=True)
        done = subprocess.run(demo(short, *settings), capture_output=True, text=True, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
        ends[done.returncode] += 1
        if done.returncode != 0:
            messages.add((done.returncode, done.stderr.strip().splitlines()[-1] if done.stderr.strip() else ""))
            if (short / "journal.sqlite").exists():
                break
        assert limit > 1 << 20, ends
        limit = int(limit * 0.8)
    print(ends, messages)
