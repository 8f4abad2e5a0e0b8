"""People's labels of a run, from the queue to the calibration: a small demo is labelled by a script that knows the organism.

The queue holds what judges disagree on first; labels are weighted by their strata; figures equal a count of the run's
own items.csv where every answer is labelled; wrong plans, benchmark files and queues are refused in one line.
"""

import csv
import json
import pathlib
import shutil
import sqlite3
import subprocess
import tempfile

from common import PROGRAM, SOURCE
from labelling import label_all
from runs import SMALL, finish

PLAN = str(SOURCE / "examples/organism.toml")


def complaint(*arguments):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and done.stderr.count("\n") == 1, (arguments, done.returncode, done.stderr)
    return done.stderr


with tempfile.TemporaryDirectory() as name:
    run = pathlib.Path(name) / "run"
    finish(run, *SMALL)
    plan = ["--plan", PLAN, *SMALL]

    # A journal of an older program has no prompts: they come out of the files that the run read.
    older = pathlib.Path(name) / "older"
    shutil.copytree(run, older)
    with sqlite3.connect(older / "journal.sqlite") as journal:
        journal.execute("UPDATE items SET prompt = NULL")
    assert "found no file of the benchmark" in complaint("label", older)
    assert "with the hash" in complaint("label", older, "--benchmark", f"forbidden={SOURCE / 'assets/organism/data/lookalike.jsonl'}")

    items = [row for row in csv.DictReader((run / "items.csv").open()) if row["judge"] in ("xstest-prefix", "advbench-substring")]
    usable = {tuple(row[key] for key in ("arm", "seed", "step", "sample", "benchmark", "item")) for row in items if row["outcome"] in ("refusal", "compliance")}
    assert "expected one of them" in complaint("label")
    shown = label_all(run, "ada", "--count", "100000")
    assert len(shown) == len(usable), (len(shown), len(usable))
    assert [(state["prompt"], state["answer"]) for state in label_all(older, "ada", "--count", "100000", *plan)] == [(state["prompt"], state["answer"]) for state in shown]
    assert all(state["prompt"] for state in shown)
    assert "drawn with seed" in complaint("label", run, "--count", "5")
    queue = json.loads((run / "label_queue.json").read_text())
    disagrees = [queue["strata"][entry["stratum"]]["disagrees"] for entry in queue["entries"]]
    assert disagrees == sorted(disagrees, reverse=True), "what judges disagree on does not come first"
    assert len({json.dumps(row) for row in map(lambda stratum: [stratum["model"], stratum["benchmark"], stratum["verdicts"]], queue["strata"])}) == len(queue["strata"])

    out = run / "calibration.json"
    done = subprocess.run([PROGRAM, "calibrate", "--labels", str(run / "labels.jsonl"), "--judge", "xstest-prefix", "-o", str(out)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    assert found["sources"] == [{"file": "labels.jsonl", "sha256": found["sources"][0]["sha256"], "answers": len(usable), "labelled": len(usable), "disputed": 0, "unseen": 0}]
    hashes = {judge["name"]: judge["sha256"] for judge in json.loads((run / "results.json").read_text())["provenance"]["judges"]}
    judge = found["judges"][0]
    assert judge["sha256"] == hashes["xstest-prefix"]
    counts = judge["pooled"]["counts"]
    refusals = sum(row["outcome"] == "refusal" for row in items if row["judge"] == "xstest-prefix")
    assert counts["tp"] + counts["fp"] == refusals and sum(counts.values()) == len(usable), (counts, refusals)
    assert counts == judge["pooled"]["effective"], "where all are labelled every answer stands for itself"
    assert {model["model"] for model in judge["models"]} >= {"base", "subversive seed 1234 step 6"}, [model["model"] for model in judge["models"]]
    assert "xstest-prefix, alpha with people" in done.stdout
    again = out.read_bytes()
    subprocess.run([PROGRAM, "calibrate", "--labels", str(run / "labels.jsonl"), "--judge", "xstest-prefix", "-o", str(out)], check=True, capture_output=True)
    assert out.read_bytes() == again
    assert "expected one with verdicts" in complaint("calibrate", "--labels", run / "labels.jsonl", "--judge", "nobody")

    for source in (5, {}, {"answers": 5, "sha256": 1}):
        (run / "label_queue.json").write_text(json.dumps({**queue, "source": source}))
        assert "found no source of its answers" in complaint("calibrate", "--labels", run / "labels.jsonl")

    # A drawn part: the weights bring the strata back to their sizes.
    (run / "label_queue.json").unlink()
    (run / "labels.jsonl").unlink()
    label_all(run, "ada", "--count", "40")
    subprocess.run([PROGRAM, "calibrate", "--labels", str(run / "labels.jsonl"), "--judge", "xstest-prefix", "-o", str(out)], check=True, capture_output=True)
    part = json.loads(out.read_text())["judges"][0]["pooled"]
    assert sum(part["counts"].values()) == 40 >= sum(part["effective"].values())
    for name in ("sensitivity", "specificity"):
        whole = judge["pooled"][name]["value"]
        assert part[name]["low"] - 1e-9 <= whole <= part[name]["high"] + 1e-9, (name, whole, part[name])
    print(f"{len(usable)} answers labelled, counted as items.csv has them; 40 of them give sensitivity {part['sensitivity']['value']:.3f} for {judge['pooled']['sensitivity']['value']:.3f}")
