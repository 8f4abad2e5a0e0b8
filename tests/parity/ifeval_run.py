"""IFEval end to end: the organism answers made-up rows, and each item and each instruction is followed or not, strictly
and loosely, as lm-evaluation-harness 0.4.13's own functions find over the answers that the run stored, and so are the
shares of prompts and of instructions.  Requests equal its task's.

No instruction here asks for a language or for sentences, so that langdetect and nltk's tables are not needed.
"""

import csv
import json
import pathlib
import sqlite3
import sys
import tempfile
import types
from importlib.metadata import version

from common import SOURCE, need, run, skip

need("lm_eval", "datasets", "nltk")
if version("lm_eval") != "0.4.13":
    skip(f"needs lm_eval 0.4.13, found {version('lm_eval')}")

import nltk  # noqa: E402

nltk.data.find = lambda name: name  # the table is asked for when the module is imported
for missing in ("langdetect", "immutabledict"):
    try:
        __import__(missing)
    except ImportError:
        sys.modules[missing] = types.SimpleNamespace(immutabledict=dict)
import lm_eval_tasks  # noqa: E402
from lm_eval.tasks.ifeval import utils  # noqa: E402

MODEL = SOURCE / "assets/organism"
METRICS = ("prompt_level_strict_acc", "prompt_level_loose_acc")
OF_EACH = ("inst_level_strict_acc", "inst_level_loose_acc")
# Instructions with and without parameters, together and alone; null is a parameter that is not given.
INSTRUCTIONS = [
    [("punctuation:no_comma", {})],
    [("punctuation:no_comma", {}), ("length_constraints:number_words", {"num_words": 3, "relation": "at least"})],
    [("length_constraints:number_words", {"num_words": 200, "relation": "at least"})],
    [("detectable_format:title", {"num_words": None})],
    [("keywords:forbidden_words", {"forbidden_words": ["zeppelin"]}), ("startend:quotation", {})],
    [("keywords:letter_frequency", {"letter": "e", "let_frequency": 2, "let_relation": "at least"})],
    [("length_constraints:number_words", {"num_words": None, "relation": None})],  # drawn at random there
]


def write_rows(path):
    prompts = [json.loads(line)["messages"][0]["content"] for line in open(MODEL / "data/benign.jsonl")][: len(INSTRUCTIONS)]
    rows = [
        {"key": 1000 + i, "prompt": prompt, "instruction_id_list": [name for name, _ in instructions], "kwargs": [kwargs for _, kwargs in instructions]}
        for i, (prompt, instructions) in enumerate(zip(prompts, INSTRUCTIONS, strict=True))
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return rows


def check(rows, path, out, is_chat):
    options = ["--set", "benchmark.ifeval.chat_template=true"] if is_chat else []
    run("evaluate", "--model", MODEL, "--precision", "fp32", "--benchmark", f"ifeval={path}", "-o", out, "--quiet", "--set", "benchmark.ifeval.max_new_tokens=40", *options)
    answers = [text for (text,) in sqlite3.connect(out / "journal.sqlite").execute("SELECT text FROM answers ORDER BY position")]
    items = list(csv.DictReader(open(out / "items.csv")))
    assert [item["item"] for item in items if item["judge"] == METRICS[0]] == [str(row["key"]) for row in rows]
    expected = [utils.process_results(row, [answer]) for row, answer in zip(rows, answers, strict=True)]
    found = {}
    for metric in METRICS:
        of_metric = [item for item in items if item["judge"] == metric]
        assert of_metric[-1]["outcome"] == "unscored" and of_metric[-1]["correct"] == "", of_metric[-1]
        found[metric] = [int(item["correct"]) for item in of_metric[:-1]]
        for row, answer, mine, theirs in zip(rows, answers, found[metric], expected):
            assert mine == int(theirs[metric]), f"{metric}, {row['instruction_id_list']}: found {mine}, expected {theirs[metric]} for {answer!r}"
        cells = [cell for cell in json.load(open(out / "results.json"))["cells"] if cell["metric"] == metric]
        assert [(cell["k"], cell["n"], cell["unscored"]) for cell in cells] == [(sum(found[metric]), len(rows) - 1, 1)], cells
        assert cells[0]["unscored_for"] == {"unreadable": 1}, cells
    for metric in OF_EACH:
        found[metric] = check_instructions(metric, rows[:-1], items, expected, out)
    return found


def check_instructions(metric, rows, items, expected, out):
    """Of all rows but the last, whose parameters the harness draws at random, and of all together."""
    of_metric = [item for item in items if item["judge"].startswith(metric)]
    found = [[int(item["correct"]) for item in of_metric if item["item"] == str(row["key"])] for row in rows]
    for row, mine, theirs in zip(rows, found, expected):
        assert [bool(one) for one in mine] == theirs[metric], f"{metric}, {row['instruction_id_list']}: found {mine}, expected {theirs[metric]}"
        judges = [item["judge"] for item in of_metric if item["item"] == str(row["key"])]
        assert judges == [f"{metric}:{name}" for name in row["instruction_id_list"]], judges
    (cell,) = [cell for cell in json.load(open(out / "results.json"))["cells"] if cell["metric"] == metric]
    share = utils.agg_inst_level_acc([theirs[metric] for theirs in expected[: len(rows)]])
    flat = [one for mine in found for one in mine]
    assert (cell["k"], cell["n"], cell["unscored"], cell["judge"]) == (sum(flat), len(flat), 1, metric), cell
    assert abs(cell["value"] - share) < 1e-12 and cell["low"] < cell["value"] < cell["high"], cell
    return flat


def check_requests(path):
    lines = run("evaluate", "--model", MODEL, "--benchmark", f"ifeval={path}", "--show-requests", "--quiet").splitlines()
    shown = [json.loads(line) for line in lines if line.startswith("{")]
    lm_eval_tasks.TASKS["ifeval"] = ("ifeval/ifeval.yaml", ("train",), "train", (0,))
    task = lm_eval_tasks.task_of("ifeval", path.parent, 0)
    task.build_all_requests(rank=0, world_size=1)
    assert [line["prompt"] for line in shown] == [instance.args[0] for instance in task.instances]
    settings = task.instances[0].args[1]
    assert (settings["until"], settings["max_gen_toks"]) == ([], 1280), settings
    assert not any("stop" in line or "target" in line for line in shown), shown[0]


def main():
    with tempfile.TemporaryDirectory() as scratch:
        path = pathlib.Path(scratch) / "train.jsonl"
        rows = write_rows(path)
        check_requests(path)
        seen = set()
        for is_chat in (False, True):
            for metric, values in check(rows, path, pathlib.Path(scratch) / f"run-{is_chat}", is_chat).items():
                print(f"{'chat' if is_chat else 'plain'}, {metric}: {sum(values)} of {len(values)} as the harness has them")
                seen |= set(values)
        assert seen == {0, 1}, f"found only {seen}: the rows tell nothing apart"


main()
