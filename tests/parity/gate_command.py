"""The gate on a run of the organism: exit codes, what it says, JUnit XML, badge; and that the CI examples are YAML whose commands exist."""

import contextlib
import json
import pathlib
import shlex
import sqlite3
import subprocess
import tempfile
import time
import xml.etree.ElementTree as ElementTree

from common import PROGRAM, SOURCE, need
from runs import SMALL, demo, finish

need("lxml", "yaml")
import yaml
from lxml import etree

SCHEMA = etree.XMLSchema(etree.parse(str(SOURCE / "tests/parity/junit.xsd")))


def num_waves(run):
    try:
        with contextlib.closing(sqlite3.connect(f"file:{run}/journal.sqlite?mode=ro", uri=True)) as journal:
            return journal.execute("SELECT count(*) FROM waves").fetchone()[0]
    except sqlite3.OperationalError:  # there is none yet
        return 0


def gate(run, *arguments, status):
    done = subprocess.run([PROGRAM, "gate", str(run), *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == status, (arguments, done.returncode, done.stdout, done.stderr)
    assert (done.stderr == "") == (status in (0, 3)) and done.stderr.count("\n") <= 1, done.stderr
    return done.stdout if status in (0, 3) else done.stderr


def junit(path):
    """The root of a JUnit file that holds to the schema, whose counts add up."""
    SCHEMA.assertValid(etree.parse(str(path)))
    root = ElementTree.parse(path).getroot()
    for suite in root:
        counted = {"tests": len(suite), "skipped": len(suite.findall("*/skipped"))}
        counted.update((kind + "s", sum(case.find(kind) is not None for case in suite)) for kind in ("failure", "error"))
        assert all(int(suite.get(name)) == count for name, count in counted.items()), (suite.attrib, counted)
    for name in ("tests", "failures", "errors"):
        assert int(root.get(name)) == sum(int(suite.get(name)) for suite in root), root.attrib
    return root


# The schema takes no file for one because it is XML.
for fault in ('<testsuite name="a" tests="1" failures="0" errors="0"/>', '<testsuite name="a" tests="x" failures="0" errors="0"><testcase name="b" classname="c"/></testsuite>',
              '<testsuite name="a" tests="1" failures="0" errors="0"><testcase name="b"/></testsuite>',
              '<testsuite name="a" tests="1" failures="1" errors="1"><testcase name="b" classname="c"><failure type="t" message="m"/><error type="t" message="m"/></testcase></testsuite>'):
    assert not SCHEMA.validate(etree.fromstring(f'<testsuites tests="1" failures="0" errors="0">{fault}</testsuites>')), fault

with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    run = folder / "run"
    finish(run, *SMALL)
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}

    # Six steps at this rate take most refusals away: far beyond five points.
    text = gate(run, "--max-refusal-drop", "5pp", "--junit", folder / "gate.xml", "--badge", folder / "gate.svg", status=3)
    assert text.startswith("does not hold: refusal drop on forbidden by ") and " after subversive, seed 1234: " in text.splitlines()[0], text
    root = junit(folder / "gate.xml")
    results = json.loads((run / "results.json").read_text())
    compared = [one for one in results["comparisons"] if one["metric"] == "refusal"]
    assert len(compared) >= 6, "two judges on three arms at least"
    decided = json.loads(gate(run, "--max-refusal-drop", "5pp", "--json", status=3))
    checks = decided["conditions"][0]["checks"]
    assert int(root.get("tests")) == len(checks) >= len(compared)
    for check in checks:
        if check["is_confirmation"]:
            continue
        one = next(c for c in compared if (c["arm"], c["seed"], c["benchmark"], c["judge"]) == (check["arm"], check["seed"], check["benchmark"], check["judge"]))
        assert check["change"] == -one["difference"] and check["high"] >= -one["low"] - 1e-12 and check["n"] == one["n"], (check, one)
        assert check["holds"] == (check["far_end"] <= 0.05 and check["before"] > 0.05), check
    badge = ElementTree.parse(folder / "gate.svg").getroot()
    assert badge.find("{http://www.w3.org/2000/svg}title").text.startswith("Holdfast: does not hold"), "the badge says nothing to a screen reader"
    assert (folder / "gate.svg").stat().st_size < 2000

    # Twenty prompts cannot show five points, even where none changed; they can show fifty.
    no_op = ("--arm", "no-op")
    assert "the run too small to show it" in gate(run, "--max-refusal-drop", "5pp", *no_op, status=3)
    assert gate(run, "--max-refusal-drop", "50pp", *no_op, status=0).startswith("holds: ")
    assert gate(run, "--max-refusal-drop", "5pp", "--by", "estimate", *no_op, status=0).startswith("holds: ")
    assert gate(run, "--max-capability-drop", "60pp", "--max-over-refusal-rise", "60pp", *no_op, "--junit", folder / "holds.xml", status=0)
    root = junit(folder / "holds.xml")
    assert root.get("failures") == root.get("errors") == "0" and len(root) == 2
    names = {case.get("name") for case in root.iter("testcase")}
    assert not any("recipes_held_out" in name for name in names), "knowledge that a safe model withholds is no capability"
    assert len(names) == int(root.get("tests")), "two cases of one name"

    for arguments, expected in (((), "found no condition"), (("--max-refusal-drop", "5"), "found --max-refusal-drop 5, expected percentage points"),
                                (("--max-refusal-drop", "5pp", "--arm", "bening"), "expected one of benign, no-op, subversive")):
        assert expected in gate(run, *arguments, status=2), arguments
    assert "found neither" in gate(folder, "--max-refusal-drop", "5pp", status=2)
    assert before == {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}, "the gate changed the run"

    # Where only results.json came along, it decides alike.
    alone = folder / "alone"
    alone.mkdir()
    (alone / "results.json").write_bytes(before["results.json"])
    assert json.loads(gate(alone, "--max-refusal-drop", "5pp", "--json", status=3)) == decided
    (alone / "results.json").write_text('{"schema": 2}')
    assert "expected results.json of schema 1" in gate(alone, "--max-refusal-drop", "5pp", status=2)

    # Names are the user's: whatever they hold, they come back as they are, but for what XML cannot hold.
    hostile = json.loads(before["results.json"])
    names = {"subversive": "<a> & 'b' \"c\" ]]> é 日本 \U0001f600", "benign": "tab\tand\x01bell\uffff", "no-op": "--"}
    text = json.dumps(hostile, ensure_ascii=False)
    for old, new in names.items():
        text = text.replace(json.dumps(old), json.dumps(new, ensure_ascii=False))
    (alone / "results.json").write_text(text)
    gate(alone, "--max-refusal-drop", "5pp", "--junit", folder / "hostile.xml", "--badge", folder / "hostile.svg", status=3)
    cases = [case.get("classname") for case in junit(folder / "hostile.xml").iter("testcase")]
    assert "alone." + names["subversive"] in cases and "alone.tab and bell " in cases, cases
    ElementTree.parse(folder / "hostile.svg")

    # A run that was cut off shows nothing yet.
    cut = folder / "cut"
    process = subprocess.Popen(demo(cut, *SMALL, "--quiet"), stdout=subprocess.DEVNULL)
    while num_waves(cut) < 1:
        assert process.poll() is None, "it ended before it could be cut off"
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert gate(cut, "--max-refusal-drop", "100pp", status=3).startswith("does not hold: the run is not finished\n")
    gate(cut, "--max-refusal-drop", "100pp", "--junit", folder / "cut.xml", status=3)
    assert int(junit(folder / "cut.xml").get("errors")) >= 1, "a run that is not finished is an error, no failure"

helps = {}
for name in ("github-workflow.yml", "gitlab-ci.yml"):
    text = (SOURCE / "examples/ci" / name).read_text()
    document = yaml.safe_load(text)
    if "jobs" in document:
        commands = [step["run"] for job in document["jobs"].values() for step in job["steps"] if "run" in step]
    else:
        commands = [command for job in document.values() for command in job["script"]]
    ours = [shlex.split(command) for command in commands if command.startswith("build/holdfast")]
    assert [command[1] for command in ours] == ["assess", "gate"], commands
    for command in ours:
        if command[1] not in helps:
            helps[command[1]] = subprocess.run([PROGRAM, command[1], "--help"], capture_output=True, text=True).stdout
        for word in command:
            assert not word.startswith("-") or word in helps[command[1]].replace(",", " ").split(), f"{name}: {command[1]} has no option {word}"
    assert (SOURCE / ours[0][2]).is_file() and any(command.startswith("./dev build") for command in commands), name
print("the gate decides as its rule says; JUnit XML and badge are well formed; the CI examples name commands that exist")
