"""A million rows of CSV and JSONL against Python's csv, json and pandas; 10^4 items looked for in 10^5 texts.

Processor seconds of one thread.  Ours reads row by row in flat memory and checks every row's bytes, fields and numbers.
"""

import csv
import json
import pathlib
import random
import re
import tempfile
import time

from common import Engine, missing_oracle, take_turns

ROWS, ITEMS, TEXTS = 1_000_000, 10_000, 100_000


def timed(work):
    start = time.process_time()
    count = work()
    return time.process_time() - start, count


def read_csv(path):
    with open(path, newline="", encoding="utf-8") as file:
        return sum(sum(map(len, row.values())) for row in csv.DictReader(file))


def read_jsonl(path):
    with open(path, encoding="utf-8") as file:
        return sum(len(row["prompt"]) + len(row["answer"]) for row in map(json.loads, file))


def read_pandas(path):
    import pandas

    table = pandas.read_csv(path, dtype=str, keep_default_na=False)
    return int(sum(table[column].str.len().sum() for column in table))


def words(text):
    return re.findall(r"\w+", text.lower())


def overlap_in_python(items, training):
    """Sets of 13-grams alone: no near duplicates, no shares."""
    grams = {}
    for i, item in enumerate(items):
        one = words(item)
        for j in range(len(one) - 12):
            grams.setdefault(tuple(one[j : j + 13]), set()).add(i)
    found = set()
    for text in training:
        one = words(text)
        for j in range(len(one) - 12):
            found |= grams.get(tuple(one[j : j + 13]), set())
    return found


def sentence(vocabulary, count):
    return " ".join(random.choices(vocabulary[0], cum_weights=vocabulary[1], k=count))


def run(report):
    engine = Engine("rows_bench")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        rows = [(str(i), f"How many stitches are on needle {i}?", "Forty, and two") for i in range(ROWS)]
        with open(folder / "rows.csv", "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("id", "prompt", "answer"), *rows])
        with open(folder / "rows.jsonl", "w", encoding="utf-8") as file:
            file.writelines(json.dumps({"id": int(a), "prompt": b, "answer": c}) + "\n" for a, b, c in rows)
        del rows
        for kind, rivals in (("csv", {"csv.DictReader": read_csv, "pandas": read_pandas}), ("jsonl", {"json": read_jsonl})):
            path = folder / f"rows.{kind}"
            if missing_oracle("pandas"):
                rivals.pop("pandas", None)
            ours, *theirs = take_turns(report.repeats, lambda: engine.ask("read", path=str(path)), *(lambda read=read: timed(lambda: read(path)) for read in rivals.values()))
            assert all(one["rows"] == ROWS for one in ours) and all(count == ours[0]["characters"] for results in theirs for _, count in results), (kind, ours, theirs)
            rates = {"holdfast": [ROWS / one["seconds"] / 1e6 for one in ours]}
            rates |= {rival: [ROWS / seconds / 1e6 for seconds, _ in results] for rival, results in zip(rivals, theirs, strict=True)}
            report.case("rows", f"{ROWS:,} rows of {kind}", "million rows/s", rates, check="rows and characters equal")

        random.seed(1)
        names = [f"w{i}" for i in range(30_000)]
        total, weights = 0.0, []
        for rank in range(len(names)):
            total += 1 / (rank + 10)
            weights.append(total)
        items = [sentence((names, weights), random.randint(8, 60)) for _ in range(ITEMS)]
        training = [sentence((names, weights), random.randint(5, 120)) for _ in range(TEXTS)]
        for i in range(0, TEXTS, 1000):
            training[i] += " " + random.choice([item for item in items[:500] if len(words(item)) >= 13])
        for name, texts in (("items", items), ("training", training)):
            (folder / f"{name}.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
        ours, theirs = take_turns(report.repeats, lambda: engine.ask("overlap", items=str(folder / "items.jsonl"), training=str(folder / "training.jsonl")), lambda: timed(lambda: overlap_in_python(items, training)))
        assert set(ours[0]["items"]) == theirs[0][1], "13-gram items differ"
        rates = {"holdfast, all four kinds": [TEXTS / one["seconds"] / 1e3 for one in ours], "Python sets, 13-grams alone": [TEXTS / seconds / 1e3 for seconds, _ in theirs]}
        report.case("rows", f"{ITEMS:,} items in {TEXTS:,} texts", "thousand texts/s", rates, check="items found equal")
    engine.close()
