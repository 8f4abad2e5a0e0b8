"""Item by item beside lm-evaluation-harness 0.4.13, both in fp32 on one model: which ending is chosen, whether it is right
by each metric, and for answers their text.  Where two scores lie closer than the arithmetic, the choice may differ.
With --positions the model has so few that long items lose their beginning on both sides.

Usage: lm_eval_items.py MODEL [--items N] [--shots] [--positions N] [PAGE ...]
"""

import argparse
import array
import csv
import json
import pathlib
import sqlite3
import tempfile
from importlib.metadata import version

from common import SOURCE, need, run, skip

need("torch", "lm_eval", "datasets", "transformers")
if version("lm_eval") != "0.4.13":
    skip(f"needs lm_eval 0.4.13, found {version('lm_eval')}")

import lm_eval  # noqa: E402
import lm_eval_tasks  # noqa: E402
import torch  # noqa: E402
from lm_eval.models.huggingface import HFLM  # noqa: E402

JUDGES = {"loglikelihood": "acc", "loglikelihood-norm": "acc_norm", "loglikelihood-bytes": "acc_bytes", "mc1": "acc"}
CLOSE = 2e-4  # of log-probabilities in fp32, summed over an ending
NEW_TOKENS = 24


def theirs(page, directory, shots, is_chat, model):
    task = lm_eval_tasks.task_of(page, directory, shots)
    if task.OUTPUT_TYPE == "generate_until":
        task.config.generation_kwargs["max_gen_toks"] = NEW_TOKENS
    elif page != "truthfulqa_mc2":
        for metric in ("acc_norm", "acc_bytes"):  # the harness has them for every choice
            task._metric_fn_list.setdefault(metric, None)
            task._aggregation_list.setdefault(metric, task._aggregation_list["acc"])
            task._higher_is_better.setdefault(metric, True)
    results = lm_eval.simple_evaluate(model=model, tasks=[task], num_fewshot=shots, apply_chat_template=is_chat, fewshot_as_multiturn=is_chat, bootstrap_iters=0, log_samples=True, verbosity="ERROR")
    (samples,) = results["samples"].values()
    return sorted(samples, key=lambda sample: (sample["filter"], sample["doc_id"]))


def ours(page, path, shots, is_chat, model, directory, is_cut):
    out = pathlib.Path(directory) / f"run-{shots}-{is_chat}"
    options = ["--set", f"benchmark.x.shots={shots}", "--set", f"benchmark.x.max_new_tokens={NEW_TOKENS}"]
    options += ["--set", "benchmark.x.chat_template=true"] if is_chat else []
    options += ["--set", "benchmark.x.too_long=cut"] if is_cut else []
    run("evaluate", "--model", model, "--precision", "fp32", "--benchmark", f"x:{page}={path}", "-o", out, "--quiet", *options)
    answers = sqlite3.connect(out / "journal.sqlite").execute("SELECT text, logprobs FROM answers ORDER BY position").fetchall()
    cut = json.load(open(out / "results.json"))["provenance"]["benchmarks"][0].get("cut", 0)
    return list(csv.DictReader(open(out / "items.csv"))), [text for text, _ in answers], [array.array("d", blob) for _, blob in answers], cut


def scores_of(sample):
    return [float(one[0][0]) for one in sample["resps"]]


def is_close(sample, metric):
    """Whether the two best endings are as good as equal."""
    scores = scores_of(sample)
    choices = sample.get("choices") or [argument[1].lstrip() for argument in sample["arguments"]]
    sizes = {"acc": [1] * len(scores), "acc_norm": [len(c) for c in choices], "acc_bytes": [len(c.encode()) for c in choices]}[metric]
    best = sorted((s / n for s, n in zip(scores, sizes)), reverse=True)
    return best[0] - best[1] < CLOSE


def check(page, directory, path, shots, is_chat, directory_of_model, model, is_cut):
    samples = theirs(page, directory, shots, is_chat, model)
    rows, texts, logprobs, cut = ours(page, path, shots, is_chat, directory_of_model, directory, is_cut)
    where = f"{directory_of_model.name} {page}, {shots} shots, {'chat' if is_chat else 'plain'}"
    compared = close = 0
    worst = 0.0
    if page in ("gsm8k", "mmlu_pro"):
        filters = {"exact_match": "strict-match", "exact_match_flexible": "flexible-extract"} if page == "gsm8k" else {"exact_match": "custom-extract"}
        for judge, name in filters.items():
            of_filter = [s for s in samples if s["filter"] == name]
            of_judge = [r for r in rows if r["judge"] == judge]
            for sample, row, text in zip(of_filter, of_judge, texts, strict=True):
                assert text == sample["resps"][0][0], f"{where}, item {row['item']}: found {text!r}, expected {sample['resps'][0][0]!r}"
                assert int(row["correct"]) == int(sample["exact_match"]), f"{where}, item {row['item']}, {judge}: found {row['correct']}, expected {sample['exact_match']}"
                compared += 1
    else:
        for sample, mine in zip(samples, logprobs, strict=True):
            expected = scores_of(sample)
            worst = max(worst, *(abs(a - b) for a, b in zip(mine, expected, strict=True)))
            assert worst < CLOSE, f"{where}, item {sample['doc_id']}: found {list(mine)}, expected {expected}"
        if page == "truthfulqa_mc2":
            journal = sqlite3.connect(pathlib.Path(directory) / f"run-{shots}-{is_chat}" / "journal.sqlite")
            shares = [share for (share,) in journal.execute("SELECT v.score FROM verdicts v JOIN answers a ON a.id = v.answer ORDER BY a.position")]
            for sample, share in zip(samples, shares, strict=True):
                expected = sample["mc2"] if "mc2" in sample else sample["acc"]
                assert abs(share - expected) < CLOSE, f"{where}, item {sample['doc_id']}: found mc2 {share}, expected {expected}"
                compared += 1
        for judge in dict.fromkeys(row["judge"] for row in rows if row["judge"] != "mc2"):
            metric = JUDGES[judge]
            for sample, row in zip(samples, [r for r in rows if r["judge"] == judge], strict=True):
                if int(row["correct"]) != int(sample[metric]):
                    assert is_close(sample, metric), f"{where}, item {row['item']}, {metric}: found {row['correct']}, expected {sample[metric]}: {sample['resps']}"
                    close += 1
                compared += 1
    print(f"{where}: {compared} verdicts equal, log-probabilities within {worst:.1e}" + (f", {close} of them between endings closer than {CLOSE}" if close else "") + (f", {cut} items cut" if is_cut else ""), flush=True)
    return cut


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--items", type=int, default=10)
    parser.add_argument("--shots", action="store_true", help="few-shot too")
    parser.add_argument("--positions", type=int, help="of the model; what is longer is cut")
    parser.add_argument("pages", nargs="*")
    options = parser.parse_intermixed_args()
    directory_of_model = SOURCE / options.model
    if not directory_of_model.exists():
        skip(f"needs {options.model}")
    torch.set_num_threads(2)
    all_cut = 0
    with tempfile.TemporaryDirectory() as scratch:
        if options.positions:
            directory_of_model = lm_eval_tasks.with_positions(directory_of_model, pathlib.Path(scratch), options.positions)
        model = HFLM(pretrained=str(directory_of_model), dtype="float32", device="cpu", batch_size=1)
        for page in options.pages or list(lm_eval_tasks.TASKS):
            directory = pathlib.Path(scratch) / page
            directory.mkdir()
            path = lm_eval_tasks.write_rows(page, directory, options.items)
            for shots in lm_eval_tasks.TASKS[page][3] if options.shots else lm_eval_tasks.TASKS[page][3][:1]:
                for is_chat in (False, True):
                    all_cut += check(page, directory, path, shots, is_chat, directory_of_model, model, options.positions is not None)
    assert all_cut > 0 or not options.positions, "nothing was cut"


main()
