"""A run of 10^5 answers summarised: `report` against pandas and SciPy doing the counts, intervals and paired tests alone.

Seconds of the whole process, from the journal to the files.  Ours also writes items.csv and the report, finds near-duplicates and adjusts for the family.
"""

import array
import json
import pathlib
import random
import sqlite3
import subprocess
import sys
import tempfile
import time

from common import SOURCE, fail, missing_oracle, take_turns

PROGRAM = SOURCE / "build/holdfast"
ORGANISM = SOURCE / "assets/organism"
ITEMS, CELLS = 200, 500

THEIRS = """
import sqlite3, sys, json
import pandas, scipy.stats
journal = sqlite3.connect(sys.argv[1])
rows = pandas.read_sql("SELECT c.arm, c.seed, c.step, v.judge, i.item, v.outcome FROM verdicts v JOIN answers a ON a.id = v.answer JOIN cells c ON c.id = a.cell JOIN items i ON i.benchmark = a.benchmark AND i.position = a.position", journal)
rows["k"] = (rows.outcome == 0).astype(int)
cells = rows.groupby(["arm", "seed", "step", "judge"]).k.agg(["sum", "count"])
out = {}
base = rows[rows.arm == "base"].set_index(["judge", "item"]).k
for key, cell in rows.groupby(["arm", "seed", "step", "judge"]):
    k, n = int(cell.k.sum()), len(cell)
    interval = scipy.stats.binomtest(k, n).proportion_ci(method="wilson")
    entry = [k, n, interval.low, interval.high]
    if key[0] != "base":
        after = cell.set_index(["judge", "item"]).k
        pair = pandas.concat([base, after], axis=1, join="inner", keys=["before", "after"])
        lost, gained = int(((pair.before == 1) & (pair.after == 0)).sum()), int(((pair.before == 0) & (pair.after == 1)).sum())
        entry.append(scipy.stats.binomtest(min(lost, gained), lost + gained).pvalue if lost + gained else 1.0)
    out[" ".join(map(str, key))] = entry
print(json.dumps(out))
"""


def make_run(directory):
    """A run of the organism's on one prompt, filled up with made-up answers: `CELLS` cells of `ITEMS` prompts."""
    run = directory / "run"
    command = [PROGRAM, "evaluate", "--model", ORGANISM, "--benchmark", f"charms:refusal={ORGANISM / 'data/forbidden.jsonl'}", "--max-new-tokens", "8", "-o", run, "--quiet"]
    subprocess.run(command, check=True, capture_output=True)
    journal, r = sqlite3.connect(run / "journal.sqlite"), random.Random(1)
    (identity,) = journal.execute("SELECT value FROM meta WHERE key = 'identity'").fetchone()
    identity = json.loads(identity)
    identity["arms"]["made up"] = {"kind": "attack", "steps": 1, "is_adapter": False}
    journal.execute("UPDATE meta SET value = ? WHERE key = 'identity'", (json.dumps(identity),))
    (benchmark,) = journal.execute("SELECT id FROM benchmarks").fetchone()
    for seed in range(1, CELLS):
        cell = journal.execute("INSERT INTO cells (arm, seed, step) VALUES ('made up', ?, 1)", (seed,)).lastrowid
        for position in range(ITEMS):
            ids = array.array("i", [r.randrange(2000) for _ in range(12)]).tobytes()
            answer = journal.execute("INSERT INTO answers (cell, benchmark, sample, position, prompt_ids, ids, text, is_truncated, logprobs, tokens) VALUES (?, ?, 0, ?, ?, ?, 'I cannot say.', 0, ?, 8)", (cell, benchmark, position, ids, ids, b"")).lastrowid
            journal.execute("INSERT INTO verdicts (answer, place, judge, outcome) VALUES (?, 0, 'xstest-prefix', ?)", (answer, int(r.random() < 0.3)))
    journal.commit()
    journal.close()
    return run


def timed(command):
    start = time.perf_counter()
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        fail(f"results: {command[0]} ended with {done.returncode}: {done.stderr}")
    return seconds, done.stdout


def check(run, theirs):
    results = json.loads((run / "results.json").read_text())
    tests = {f"{one['arm']} {one['seed']}": one["p"] for one in results["comparisons"]}
    for cell in results["cells"]:
        expected = theirs[f"{cell['arm']} {cell['seed']} {cell['step']} {cell['judge']}"]
        if [cell["k"], cell["n"]] != expected[:2] or max(abs(cell["low"] - expected[2]), abs(cell["high"] - expected[3])) > 1e-12:
            fail(f"results: found {cell}, expected {expected}")
        if len(expected) > 4 and abs(tests[f"{cell['arm']} {cell['seed']}"] - expected[4]) > 1e-12:
            fail(f"results: found p {tests[cell['arm'] + ' ' + str(cell['seed'])]}, expected {expected[4]}")
    return len(results["cells"]), len(tests)


def run(report):
    if reason := missing_oracle("pandas", "scipy"):
        return report.note(f"results left out: {reason}")
    with tempfile.TemporaryDirectory() as folder:
        made = make_run(pathlib.Path(folder))
        ours, theirs = [PROGRAM, "report", made], [sys.executable, "-c", THEIRS, made / "journal.sqlite"]
        timed(ours)
        cells, tests = check(made, json.loads(timed(theirs)[1]))
        results = take_turns(report.repeats, lambda: timed(ours)[0], lambda: timed(theirs)[0])
        answers = ITEMS * CELLS
        rates = {"holdfast": [answers / s for s in results[0]], "pandas and SciPy": [answers / s for s in results[1]]}
        report.case("results", f"{answers} answers in {cells} cells, {tests} paired tests", "answers/s", rates, "counts, intervals and p within 1e-12")
