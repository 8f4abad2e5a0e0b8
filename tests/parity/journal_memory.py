"""Peak memory of report, judge and compare: two runs of the same prompts and cells, one with ten times the answers of the other.

The journal streams, so only a byte a verdict may grow, and what a comparison needs of one arm at a time.  Peaks are those of the processes themselves.
"""

import os
import pathlib
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile

from common import PROGRAM, SOURCE

ORGANISM = SOURCE / "assets/organism"
PROMPTS, SEEDS = 200, 9  # cells: the untouched model, and an arm in so many seeds
SAMPLES = (10, 100)  # 20,000 and 200,000 answers
MOST_MB = 8
WORDS = "a river runs through the quiet valley and nobody knows where the old bridge went last summer".split()


def make_run(folder):
    """The organism's answers to one set of prompts, without any other cell."""
    run = folder / "made"
    command = [PROGRAM, "evaluate", "--model", ORGANISM, "--benchmark", f"charms:refusal={ORGANISM / 'data/forbidden.jsonl'}", "--max-new-tokens", "4", "-o", run, "--quiet"]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    journal = sqlite3.connect(run / "journal.sqlite")
    journal.execute("UPDATE meta SET value = json_set(value, '$.arms.\"made up\"', json('{\"kind\": \"attack\", \"steps\": 1, \"is_adapter\": false}')) WHERE key = 'identity'")
    journal.commit()
    journal.close()
    return run


def fill(run, copy, samples, seed):
    """Fills a copy with made-up answers."""
    shutil.copytree(run, copy)
    journal, r = sqlite3.connect(copy / "journal.sqlite"), random.Random(seed)
    journal.execute("UPDATE meta SET value = json_set(value, '$.samples', ?) WHERE key = 'identity'", (samples,))
    (benchmark,) = journal.execute("SELECT id FROM benchmarks").fetchone()
    prompts = {position: ids for position, ids in journal.execute("SELECT position, prompt_ids FROM answers")}
    items = journal.execute("SELECT count(*) FROM items").fetchone()[0]
    assert items == len(prompts) == PROMPTS, items
    journal.execute("DELETE FROM verdicts")
    journal.execute("DELETE FROM answers")
    cells = [journal.execute("SELECT id FROM cells").fetchone()[0]]
    cells += [journal.execute("INSERT INTO cells (arm, seed, step) VALUES ('made up', ?, 1)", (one,)).lastrowid for one in range(1, SEEDS + 1)]
    answer = 0
    for cell in cells:
        for sample in range(samples):
            rows, verdicts = [], []
            for position in range(PROMPTS):
                answer += 1
                refuses = r.random() < (0.9 if cell == cells[0] else 0.4)
                text = ("I'm sorry, but " if refuses else "") + " ".join(r.choices(WORDS, k=20))
                rows.append((answer, cell, benchmark, sample, position, prompts[position], b"\1\0\0\0" * 20, text, 0, b"", 20))
                verdicts.append((answer, 0 if refuses else 1))
            journal.executemany("INSERT INTO answers (id, cell, benchmark, sample, position, prompt_ids, ids, text, is_truncated, logprobs, tokens) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
            journal.executemany("INSERT INTO verdicts (answer, place, judge, outcome) VALUES (?, 0, 'xstest-prefix', ?)", verdicts)
    journal.commit()
    journal.close()
    return answer


def peak_mb(*arguments):
    """Of one process, in its own words to the system."""
    child = subprocess.Popen([PROGRAM, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    complaint = child.stderr.read().decode()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{arguments} ended with {child.returncode}: {complaint}")
    return usage.ru_maxrss / 1024


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    made, peaks = make_run(folder), {}
    for samples in SAMPLES:
        first, second = folder / f"first{samples}", folder / f"second{samples}"
        answers = fill(made, first, samples, 1)
        fill(made, second, samples, 2)
        assert answers == PROMPTS * (SEEDS + 1) * samples
        peaks[answers] = {
            "report": peak_mb("report", first),
            "judge": peak_mb("judge", first, "--judge", "qi-substring", "--quiet"),
            "report of two judges": peak_mb("report", first),
            "compare": peak_mb("compare", first, second),
        }
        lines = sum(1 for _ in open(first / "items.csv", encoding="utf-8"))
        assert lines == 2 * answers + 1, f"items.csv has {lines} lines"
        assert "data:text/csv" in (first / "report.html").read_text(encoding="utf-8")
    few, many = peaks.values()
    for work, peak in many.items():
        print(f"{work}: {few[work]:.1f} MB for {min(peaks)} answers, {peak:.1f} MB for {max(peaks)}")
    grown = {work: round(many[work] - few[work], 1) for work in many if many[work] - few[work] > MOST_MB}
    assert not grown, f"found peaks that grow by {grown} MB, expected at most {MOST_MB}"
