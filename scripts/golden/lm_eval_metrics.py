"""What lm-evaluation-harness makes of log-probabilities and answers, for evaluation/metrics.  Usage: lm_eval_metrics.py [OUT]

Needs lm_eval 0.4.13; no network.  Choices with random log-probabilities, ties among them, through the metrics of a task;
answers through GSM8K's and MMLU-Pro's own filters and exact_match.
"""

import json
import pathlib
import random
import sys
import tempfile
from importlib.metadata import version

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tests/parity"))
import lm_eval_tasks  # noqa: E402
from lm_eval.tasks.truthfulqa.utils import process_results_mc2  # noqa: E402

ANSWERS = ["#### 12", "So 3 + 4 = 7.\n#### 7", "#### 1,234.", "#### -5", "The answer is $1,200.50.", "", " ", "none", "She has 12. Then 13 more, so 25", "#### 7 and #### 8", "####7", "it costs $5.", "1.", "...",
           "½ of 10", "#### 12\u00a0", "ANSWER IS (b)", "The answer is (C).", "the answer is D", "answer is J, no, answer is (A)", "x = 3,", "-", "- 4", "$", "٣ apples", "The total is 1.000,00", "#### 3.0"]
TARGETS = {"gsm8k": ["7\n#### 7", "#### 1,234", "#### -5", "#### 12", "1200.50", "25", "#### 13", "#### 5", "10", "3"], "mmlu_pro": ["B", "C", "D", "A", "J"]}


def main():
    out = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2] / "tests/golden/lm_eval_metrics.json")
    golden = {"made_by": "scripts/golden/lm_eval_metrics.py", "lm_eval": version("lm_eval"), "choices": [], "answers": []}
    r = random.Random(6)
    with tempfile.TemporaryDirectory() as scratch:
        directory = pathlib.Path(scratch)
        lm_eval_tasks.write_rows("arc_easy", directory, 5)
        task = lm_eval_tasks.task_of("arc_easy", directory, 0)
        task._metric_fn_list["acc_bytes"] = None
        for _ in range(60):
            count = r.randint(2, 6)
            choices = [lm_eval_tasks.Maker(r.random()).words(r.randint(1, 4)) for _ in range(count)]
            lls = [r.choice([-1.0, -2.0, -r.random() * 30, -r.random() * 400]) for _ in range(count)]
            doc = {"choices": {"text": choices, "label": list("ABCDEF"[:count])}, "answerKey": r.choice("ABCDEF"[:count]), "question": "q"}
            scores = task.process_results(doc, [(one, False) for one in lls])
            truths = sorted(r.sample(range(count), r.randint(1, count)))
            labels = [int(i in truths) for i in range(count)]
            mc2 = process_results_mc2({"mc2_targets": {"labels": labels}}, [(one, False) for one in lls])["acc"]
            golden["choices"].append({"choices": choices, "logprobs": lls, "gold": doc["choices"]["label"].index(doc["answerKey"]), "true_choices": truths,
                                      "acc": scores["acc"], "acc_norm": scores["acc_norm"], "acc_bytes": scores["acc_bytes"], "mc2": float(mc2)})
        for page in ("gsm8k", "mmlu_pro"):
            sub = directory / page
            sub.mkdir()
            lm_eval_tasks.write_rows(page, sub, 5)
            task = lm_eval_tasks.task_of(page, sub, 0)
            for number, ensemble in enumerate(task._filters):
                metric = "exact_match" if number == 0 else "exact_match_flexible"
                for answer in ANSWERS:
                    resps, docs = [[answer]], [{}]
                    for one in ensemble.filters:
                        resps = list(one().apply(resps, docs))
                    extracted = resps[0]
                    scores = [int(task._metric_fn_list["exact_match"](references=[t], predictions=[extracted], **task._metric_fn_kwargs["exact_match"])["exact_match"]) for t in TARGETS[page]]
                    golden["answers"].append({"page": page, "metric": metric, "answer": answer, "extracted": extracted, "targets": TARGETS[page], "correct": scores})
    out.write_text(json.dumps(golden, ensure_ascii=False, indent=0) + "\n")


main()
