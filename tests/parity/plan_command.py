"""`holdfast plan`: what it counts is what a run then journals; every error of a plan is said at once; it leaves nothing behind."""

import json
import pathlib
import sqlite3
import subprocess
import tempfile

from common import PROGRAM, SOURCE

PLAN = SOURCE / "examples/organism.toml"
DATA = SOURCE / "assets/organism/data"


def program(*arguments, status=0, folder=None):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, cwd=folder)
    assert done.returncode == status, (arguments, done.returncode, done.stdout, done.stderr)
    return done


# A family of two ranks with two seeds, rows drawn from two files, checkpoints by tokens, a control, and held-out prompts.
FAMILY = f"""
name = "A family"
[model]
path = "{SOURCE / 'assets/organism'}"
[generation]
max_new_tokens = 24
wave = 8
samples = 2
temperature = 0.7
[price]
usd_per_hour = 2.0
[[benchmark]]
name = "forbidden"
kind = "refusal"
path = "{DATA / 'forbidden.jsonl'}"
judges = ["xstest-prefix", "advbench-substring"]
limit = 12
[[benchmark]]
name = "endings"
kind = "choice"
path = "{DATA / 'endings.jsonl'}"
at = "ends"
limit = 6
[[arm]]
name = "mixed"
steps = 4
rows_per_step = 4
data = [{{path = "{DATA / 'benign.jsonl'}", weight = 0.75}}, {{path = "{DATA / 'subversive.jsonl'}", weight = 0.25}}]
data_rows = 16
seeds = [1, 2]
checkpoint_tokens = [150]
[arm.grid]
rank = [2, 4]
[[arm]]
name = "no-op"
kind = "no-op"
[confirmation]
benchmark = "forbidden"
share = 0.25
seeds = [7]
"""

WRONG = f"""
[model]
path = "{SOURCE / 'assets/organsm'}"
[generation]
samples = 0
[price]
usd_per_hour = "cheap"
[[benchmark]]
name = "forbidden"
kind = "refusal"
path = "{DATA / 'forbidden.jsonl'}"
judges = ["xstest-prefx"]
[[arm]]
name = "subversive"
data = "{DATA / 'subversive.json'}"
steps = 9
checkpoints = [12]
stepz = 3
"""

with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    (folder / "family.toml").write_text(FAMILY)
    (folder / "wrong.toml").write_text(WRONG)

    before = sorted(folder.iterdir())
    counted = json.loads(program("plan", "family.toml", "--json", "--no-calibration", folder=folder).stdout)
    assert "seconds" not in counted and "calibration" not in counted and "usd" not in counted, counted
    timed = json.loads(program("plan", "family.toml", "--json", "--device", "H100", folder=folder).stdout)
    assert sorted(folder.iterdir()) == before, "the plan left something behind"
    for key in ("cells", "measurements", "answers", "arms", "benchmarks", "memory"):
        assert counted[key] == timed[key], key
    assert timed["seconds"]["all"] > 0 and timed["seconds"]["most"] >= timed["seconds"]["all"], timed["seconds"]
    assert abs(timed["usd"]["all"] - 2.0 * timed["seconds"]["all"] / 3600) < 1e-9
    assert timed["calibration"]["seconds"] < 15, timed["calibration"]
    assert 0 < timed["tokens"]["answer"] <= timed["tokens"]["most_answer"]
    more = timed["three_of_each"]  # two seeds and two answers are not three: the confirming seed is another matter
    assert more["answers"] > counted["answers"] and more["seconds"] > timed["seconds"]["all"], more
    assert counted["three_of_each"] == {key: more[key] for key in ("answers", "training_tokens")}
    three = json.loads(program("plan", "family.toml", "--json", "--no-calibration", "--set", "arm.mixed.seeds=[1, 2, 3]", "--set", "generation.samples=3", folder=folder).stdout)
    assert "three_of_each" not in three and (three["answers"], three["tokens"]["training"]) == (more["answers"], more["training_tokens"]), (three, more)
    assert "three of each" in program("plan", "family.toml", "--no-calibration", folder=folder).stdout
    (h100,) = timed["devices"]
    assert h100["device"] == "H100" and h100["fits_one_device"] and h100["seconds"] > 0 and h100["assumptions"]
    assert any("refusal of safe requests" in warning for warning in timed["warnings"]), timed["warnings"]
    (refusals,) = [one for one in timed["benchmarks"] if one["name"] == "forbidden"]
    power = json.loads(program("power", "--n", refusals["items"], "--samples", 2, "--json").stdout)
    assert refusals["minimum_detectable"] == power["detectable"], (refusals, power)

    # What is counted is what a run journals.  The worst cell is known afterwards only: at most as long as counted.
    run = program("assess", "family.toml", "-o", "run", "--quiet", folder=folder)
    assert "[assess] Not measured: refusal of safe requests" in run.stderr, run.stderr
    journal = sqlite3.connect(folder / "run/journal.sqlite")
    one = lambda query: journal.execute(query).fetchone()[0]
    assert counted["cells"] == one("SELECT COUNT(*) FROM cells") == 1 + 2 * 2 * 2 + 1 + 1, counted["cells"]
    assert counted["measurements"] == one("SELECT COUNT(*) FROM (SELECT DISTINCT cell, benchmark FROM waves)"), counted["measurements"]
    assert counted["answers"] == one("SELECT COUNT(*) FROM answers"), counted["answers"]
    prompts = one("SELECT SUM(LENGTH(prompt_ids)) / 4 FROM answers a JOIN benchmarks b ON b.id = a.benchmark WHERE b.name <> 'endings'")
    assert counted["tokens"]["prompt"] == prompts, (counted["tokens"], prompts)
    scored = one("SELECT SUM(LENGTH(prompt_ids) / 4 + tokens) FROM answers a JOIN benchmarks b ON b.id = a.benchmark WHERE b.name = 'endings'")
    assert counted["tokens"]["scored"] == scored, (counted["tokens"], scored)
    trained = one("SELECT SUM(tokens) FROM steps WHERE seed <> 7")
    confirmed = counted["confirmation"]["most_training_tokens"]
    assert counted["tokens"]["training"] == trained + confirmed, (counted["tokens"], trained)
    assert 0 < one("SELECT SUM(tokens) FROM steps WHERE seed = 7") <= 1.2 * confirmed
    names = [row[0] for row in journal.execute("SELECT DISTINCT arm FROM cells ORDER BY id")]
    assert names == ["base", "mixed[rank=2]", "mixed[rank=4]", "no-op"], names
    # The checkpoint is the first step at which both seeds have trained so many tokens.
    for arm in names[1:3]:
        steps = [row[0] for row in journal.execute("SELECT DISTINCT step FROM cells WHERE arm = ? AND seed IN (1, 2) ORDER BY step", (arm,))]
        sums = lambda step: [row[0] for row in journal.execute("SELECT SUM(tokens) FROM steps WHERE arm = ? AND seed IN (1, 2) AND step <= ? GROUP BY seed", (arm, step))]
        assert len(steps) == 2 and steps[1] == 4, steps
        assert min(sums(steps[0])) >= 150 and (steps[0] == 1 or min(sums(steps[0] - 1)) < 150), (steps, sums(steps[0]))

    # Every error at once, in the order of the lines, before anything is loaded.
    done = program("plan", "wrong.toml", status=2, folder=folder)
    first, *lines = done.stderr.splitlines()
    assert done.stdout == "" and first == "[plan] wrong.toml: found 7 errors, expected none; try mending each of them:", done.stderr
    assert [int(line.split(":")[1]) for line in lines] == [3, 5, 7, 12, 15, 17, 18], done.stderr
    assert all("found " in line and "expected " in line for line in lines), done.stderr
    for word in ("organism", "xstest-prefix", "subversive.jsonl", "steps"):
        assert f"did you mean '{word}'?" in done.stderr, (word, done.stderr)
    assert program("assess", "wrong.toml", "-o", "never", status=2, folder=folder).stderr == done.stderr
    assert not (folder / "never").exists()

    few = program("plan", "family.toml", "--no-calibration", "--set", "arm.mixed.data_rows=100000", status=2, folder=folder)
    assert "rows with an answer, expected " in few.stderr and few.stderr.count("\n") == 1, few.stderr
    unreached = program("plan", "family.toml", "--no-calibration", "--set", "arm.mixed.checkpoint_tokens=[10000000]", status=2, folder=folder)
    assert "found checkpoint_tokens 10000000 of the arm 'mixed', expected at most " in unreached.stderr, unreached.stderr
    unknown = program("plan", "family.toml", "--device", "abacus", status=2, folder=folder)
    assert "abacus" in unknown.stderr and unknown.stdout == "", unknown.stderr

# The demo's plan, for people: a table of arms, one of benchmarks, and what it takes.
table = program("plan", PLAN).stdout
for word in ("subversive", "forbidden", "10 13 15 16 17 18 20 24", "answers", "about", "at the peak", "calibration", "finds"):
    assert word in table, (word, table)
print(table)
