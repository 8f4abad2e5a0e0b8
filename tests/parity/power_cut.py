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

from runs import TINY, demo, finish, outputs, with_second_model, without_progress

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


def address_space(process):
    """The most that a process has had, in kB."""
    return next(int(line.split()[1]) for line in pathlib.Path(f"/proc/{process}/status").read_text().splitlines() if line.startswith("VmPeak"))


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    settings = with_second_model(folder) + TINY
    whole = folder / "whole"
    start = time.time()
    finish(whole, *settings)
    seconds = time.time() - start
    want = outputs(whole)

    seen = collections.Counter()
    run, peak = folder / "run", 0
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
        peak = max(peak, address_space(process.pid))
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
            # That the prepared weights find no room is a warning: they are held without; the journal's wave is refused.
            done = subprocess.run(demo(small / "run", *settings), capture_output=True, text=True)
            *warnings, error = without_progress(done.stderr).splitlines()
            assert done.returncode == 2 and error.startswith("[journal]") and "try freeing disk space" in error, (done.returncode, done.stderr)
            assert all(line.startswith("[cache]") for line in warnings), warnings
            assert not (small / "run/results.json").exists()
            subprocess.run(["mount", "-o", "remount,size=64m", small], check=True)
            finish(small / "run", *settings)
            assert outputs(small / "run") == want, "resumed after a full disk, the outputs differ"
            print("a full file system: exit 2,", error, flush=True)
        finally:
            subprocess.run(["umount", small], check=True)
    else:
        print("skipped: no file system can be mounted here")

    # Ever less of the address space that an undisturbed run takes, until one ends short of it while it measures.
    short, messages = folder / "short", []
    for share in (0.99, 0.97, 0.95, 0.92, 0.89, 0.86, 0.83, 0.8):
        limit = int(share * peak * 1024)
        shutil.rmtree(short, ignore_errors=True)
        done = subprocess.run(demo(short, *settings), capture_output=True, text=True, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
        if done.returncode == 0:
            continue
        message = without_progress(done.stderr)
        assert done.returncode == 2 and message.count("\n") == 1 and "try " in message, (share, done.returncode, done.stderr)
        messages.append(message.strip())
        if not (short / "journal.sqlite").exists():
            continue
        finish(short, *settings)
        assert outputs(short) == want, "resumed after too little memory, the outputs differ"
        if len(messages) == 2:
            break
    assert messages, f"no run ended with less than {peak} kB of address space"
    print(f"{len(messages)} runs of too little memory: exit 2,", messages[-1])
