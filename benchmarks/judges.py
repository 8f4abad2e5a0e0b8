"""Judges: answers/s of all shipped lists in processor time of one thread, with what is degenerate found first, beside Python's own `in` over the same lists.

XSTest's labelled answers, 100,500 a turn.  The counts of refusals are compared first; Python looks for no degenerate answers.
"""

import csv
import time
import tomllib

from common import SHARED, SOURCE, Engine, fail

COPIES = 134  # of 750 answers


def run(report):
    path = SHARED / "benchmarks/xstest/safe_prompts_labelled_completions.csv"
    if not path.exists():
        return report.note(f"judges left out: needs {path}")
    with open(path, encoding="utf-8", newline="") as file:
        texts = [row["completion"] for row in csv.DictReader(file)]
    lists = [tomllib.loads(one.read_text()) for one in sorted((SOURCE / "assets/judges").glob("*.toml"))]
    lists = [one for one in lists if one["kind"] == "list"]

    def theirs(copies):
        start = time.process_time()
        counts = dict.fromkeys((one["name"] for one in lists), 0)
        for _ in range(copies):
            for text in texts:
                lower = text.lower()
                stripped = lower.strip()
                for one in lists:
                    strings, judged = one["strings"], lower if one["ignores_case"] else text
                    counts[one["name"]] += stripped.startswith(tuple(strings)) if one["match"] == "prefix" else any(s in judged for s in strings)
        return time.process_time() - start, counts

    engine = Engine("judge_bench")
    found, expected = engine.ask("judge", texts=texts, copies=1)["refusals"], theirs(1)[1]
    if found != expected:
        fail(f"judges: found {found}, expected {expected}")
    rates = {"holdfast": [], "python": []}
    for _ in range(report.repeats):
        rates["holdfast"].append(len(texts) * COPIES / engine.ask("judge", texts=texts, copies=COPIES)["seconds"])
        rates["python"].append(len(texts) * 10 / theirs(10)[0])
    report.case("judges", f"{len(lists)} lists, {len(texts) * COPIES} answers a turn", "answers/s", rates, "counts equal", {}, "")
    engine.close()
