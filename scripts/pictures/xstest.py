"""What the keyword judges say of XSTest's labelled answers, counted without Holdfast: for the pictures and the checks."""

import collections
import csv
import tomllib

MODELS = ("llama2orig", "mistralguard", "gpt4")


def read_answers(shared):
    with open(shared / "benchmarks/xstest/safe_prompts_labelled_completions.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_lists(source):
    judges = {path.stem: tomllib.loads(path.read_text()) for path in sorted((source / "assets/judges").glob("*.toml"))}
    return {name: judge for name, judge in judges.items() if judge["kind"] == "list"}


def refuses(words, answer):
    text = answer.lower() if words.get("ignores_case") else answer
    return text.strip().startswith(tuple(words["strings"])) if words["match"] == "prefix" else any(one in text for one in words["strings"])


def is_refusal(row):
    return row["final_label"] in ("2_full_refusal", "3_partial_refusal")


def counts(rows, words):
    """Model to [tp, fp, fn, tn]."""
    found = collections.defaultdict(lambda: [0, 0, 0, 0])
    for row in rows:
        place = {(True, True): 0, (False, True): 1, (True, False): 2, (False, False): 3}[is_refusal(row), refuses(words, row["completion"])]
        for model in (row["model"], "together"):
            found[model][place] += 1
    return found
