"""One small run on the organism, as a reader meets it: rates with counts and intervals, two judges on the same answers, overlap, and a comparison that is refused."""

import csv
import json
import pathlib
import sqlite3
import subprocess
import tempfile

from common import PROGRAM, SOURCE

ORGANISM = SOURCE / "assets/organism"
DATA = ORGANISM / "data"
ARGUMENTS = ["evaluate", "--model", ORGANISM, "--benchmark", f"charms:refusal={DATA / 'forbidden.jsonl'}", "--benchmark", f"guests:safe={DATA / 'lookalike.jsonl'}",
             "--set", "benchmark.charms.limit=12", "--set", "benchmark.guests.limit=12", "--max-new-tokens", "48", "--quiet"]


def program(*arguments, status=0):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == status, (arguments, done.returncode, done.stdout, done.stderr)
    return done.stdout


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    first, second = folder / "fp32", folder / "nf4"
    table = program(*ARGUMENTS, "--judge", "xstest-prefix", "-o", first)

    # No rate without its count and its interval: Wilson's of 0 of 12 ends at 24.2 % (scipy 1.17, binomtest(0, 12)).
    rates = [line.split() for line in table.splitlines() if line.startswith("base ")]
    assert len(rates) == 2, table
    for line in rates:
        assert any(word.endswith("/12") for word in line) and line.count("-") == 1, line
    zero = next(line for line in rates if "0/12" in line)
    assert zero[-3:] == ["0.0", "-", "24.2"], zero

    # A second judge judges the answers that are stored: as many as before, and no line of the first moves.
    def lines():
        return list(csv.DictReader(open(first / "items.csv", newline="")))

    def answers():
        return sqlite3.connect(first / "journal.sqlite").execute("SELECT * FROM answers ORDER BY id").fetchall()

    before, stored = lines(), answers()
    program("judge", first, "--judge", "refusalbench-llama2", "--quiet")
    assert answers() == stored and len(stored) == 24
    assert [line for line in lines() if line["judge"] == "xstest-prefix"] == before
    said = {judge: [line["outcome"] for line in lines() if line["judge"] == judge and line["benchmark"] == "charms"] for judge in ("xstest-prefix", "refusalbench-llama2")}
    assert said == {"xstest-prefix": ["refusal"] * 12, "refusalbench-llama2": ["compliance"] * 12}, said
    for cell in json.loads((first / "results.json").read_text())["cells"]:
        assert cell["n"] == 12 and cell["k"] / 12 == cell["value"] and cell["low"] <= cell["value"] <= cell["high"] and cell["low"] < cell["high"], cell

    # What moves a number is in the record, and a run in which it differs is not compared unless that is said.
    program(*ARGUMENTS, "--precision", "nf4", "-o", second)
    refused = json.loads(program("compare", first, second, "--json", status=3))
    assert [one["name"] for one in refused["differences"]] == ["precision"] and refused["comparisons"] == [], refused
    allowed = json.loads(program("compare", first, second, "--allow", "precision", "--json"))
    assert allowed["differences"][0]["is_allowed"] and [one["n"] for one in allowed["comparisons"]] == [12, 12], allowed

    # Two of the items as training data: they are found, and the rate without them is that of the other ten.
    shown = [json.loads(line) for line in (DATA / "forbidden.jsonl").read_text().splitlines()[:2]]
    (folder / "data.jsonl").write_text("".join(json.dumps({"prompt": one["prompt"], "completion": "No."}) + "\n" for one in shown))
    (folder / "asked.jsonl").write_text("\n".join((DATA / "forbidden.jsonl").read_text().splitlines()[:12]) + "\n")
    found = program("overlap", "--data", folder / "data.jsonl", "--benchmark", f"charms:refusal={folder / 'asked.jsonl'}", "--run", first)
    for one in shown:
        assert one["id"] in found, found
    assert "10/10" in found and "12/12" in found, found
print("a run as it is read: rates, two judges, overlap and comparison hold")
