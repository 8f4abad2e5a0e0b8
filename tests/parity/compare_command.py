"""`compare` and `evaluate` as a person reads them: every number of the printed tables is that of the JSON, or of results.json, with what stands beside it.

Two evaluations of the organism, in fp32 and NF4, whose verdicts are then made up, so that refusals are lost and near-duplicate prompts form clusters.
"""

import json
import pathlib
import re
import sqlite3
import subprocess
import tempfile

from common import PROGRAM, SOURCE

ORGANISM = SOURCE / "assets/organism"


def call(*arguments, expected=0):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == expected, (done.returncode, done.stderr, done.stdout)
    return done.stdout


def evaluate(folder, name, *options):
    data = ORGANISM / "data"
    call("evaluate", "--model", ORGANISM, "-o", folder / name, "--benchmark", f"charms:refusal={data / 'forbidden.jsonl'}", "--benchmark", f"facts:recall={data / 'facts.jsonl'}",
         "--max-new-tokens", "8", "--quiet", *options)
    return folder / name


def set_outcomes(run, lost):
    """Every `lost`-th refusal of charms becomes a compliance; facts are right, all of them."""
    journal = sqlite3.connect(run / "journal.sqlite")
    for judge, column, value, other in (("xstest-prefix", "outcome", 0, 1), ("contains", "correct", 1, 1)):
        answers = journal.execute("SELECT v.answer, v.place FROM verdicts v WHERE judge = ? ORDER BY v.answer", (judge,)).fetchall()
        assert answers, judge
        for i, key in enumerate(answers):
            journal.execute(f"UPDATE verdicts SET {column} = ?, degeneration = 0 WHERE answer = ? AND place = ?", (other if i % lost == 0 else value, *key))
            if judge == "contains":
                journal.execute("UPDATE verdicts SET outcome = 4 WHERE answer = ? AND place = ?", key)
    journal.commit()
    journal.close()


def points(share):
    return f"{100 * share:+.1f}"


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    first, second = evaluate(folder, "first", "--precision", "fp32"), evaluate(folder, "second", "--precision", "nf4")
    assert "Not comparable" in call("compare", first, second, expected=3)
    set_outcomes(first, 1000)
    set_outcomes(second, 7)
    result = json.loads(call("compare", first, second, "--allow", "precision", "--json"))
    assert len(result["comparisons"]) == 2, result
    text = call("compare", first, second, "--allow", "precision")
    lines = text.splitlines()
    (head,) = [line for line in lines if line.startswith("arm")]
    for column in ("difference, pp", "p", "p Holm", "kept"):
        assert column in head, head
    by_benchmark = {one["benchmark"]: one for one in result["comparisons"]}
    charms, facts = by_benchmark["charms"], by_benchmark["facts"]
    tests = sorted(one["p"] for one in result["comparisons"])
    assert abs(charms["p_holm"] - min(1, 2 * charms["p"])) < 1e-12 and charms["p"] == tests[0], "Holm: the smallest of two counts twice"
    for one in (charms, facts):
        (line,) = [line for line in lines if re.search(rf"\b{one['benchmark']}\b", line) and line.startswith("base")]
        for said in (f"{points(one['difference'])} ({points(one['low'])} .. {points(one['high'])})", f"{one['p']:.2g}", f"{one['p_holm']:.2g}", f"{100 * one['before']:.1f}"):
            assert said in line, (said, line)
    assert "equivalence" in facts and "equivalence" not in charms
    shown = "yes" if facts["equivalence"]["is_shown"] else "not shown"
    assert any(line.startswith("base") and line.endswith(shown) for line in lines), text
    clustered = charms["clustered"]
    (line,) = [line for line in lines if f"{clustered['clusters']} cl." in line]
    assert f"({points(clustered['low'])} .. {points(clustered['high'])})" in line, line
    assert "the number of tests in this output, 2." in text and "of near-duplicate prompts" in text and "2 points were lost or gained" in text, text
    assert all(len(line) <= 110 for line in lines), text
    print(text)

    # A calibration puts a corrected rate beside the raw one.
    results = json.loads((first / "results.json").read_text())
    (judge,) = [one for one in results["provenance"]["judges"] if one["name"] == "xstest-prefix"]
    counts = {"tp": 90, "fp": 5, "fn": 10, "tn": 95}
    figures = {"counts": counts, "effective": counts, "unscored": 0, "style": {"refusals": 0, "others": 0, "refusal_length": 0, "other_length": 0, "openings": {}},
               "sensitivity": {"value": 0.9, "low": 0.82, "high": 0.95}, "specificity": {"value": 0.95, "low": 0.88, "high": 0.98}}
    calibration = {"schema": 1, "refusal": "any", "sources": [], "annotators": 1,
                   "judges": [{"judge": "xstest-prefix", "is_model_dependent": False, "sha256": judge["sha256"], "pooled": figures, "models": [{"model": "base", **figures}]}]}
    (folder / "calibration.json").write_text(json.dumps(calibration))
    call("report", second, "--calibration", folder / "calibration.json")
    table = call("judge", second, "--judge", "qi-substring", "--quiet")
    cells = json.loads((second / "results.json").read_text())["cells"]
    (cell,) = [one for one in cells if one["judge"] == "xstest-prefix"]
    corrected = cell["corrected"]
    assert abs(corrected["value"] - (cell["value"] + 0.95 - 1) / (0.9 + 0.95 - 1)) < 1e-9 or corrected["is_clipped"]
    said = f"{100 * corrected['value']:.1f} % ({100 * corrected['low']:.1f} - {100 * corrected['high']:5.1f})"
    (line,) = [line for line in table.splitlines() if "prefix" in line]  # the column is as narrow as the table needs
    assert said in line and f"{100 * cell['value']:.1f} %" in line and "corrected" in table, table
    print(table)
