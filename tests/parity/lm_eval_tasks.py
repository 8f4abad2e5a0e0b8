"""lm-evaluation-harness' own tasks over files of ours: rows made up in the published formats, or what shared data has.

No network: each task is the harness' YAML with its data set replaced by JSON lines.
"""

import json
import pathlib
import random

from common import SHARED

# page: (task file below lm_eval/tasks, splits, the one that is asked, shots to try, chat template too)
TASKS = {
    "hellaswag": ("hellaswag/hellaswag.yaml", ("train", "validation"), "validation", (0, 3)),
    "arc_easy": ("arc/arc_easy.yaml", ("train", "validation", "test"), "test", (0, 4)),
    "arc_challenge": ("arc/arc_challenge.yaml", ("train", "validation", "test"), "test", (0, 6)),
    "winogrande": ("winogrande/default.yaml", ("train", "validation"), "validation", (0, 5)),
    "piqa": ("piqa/piqa.yaml", ("train", "validation"), "validation", (0, 2)),
    "boolq": ("super_glue/boolq/default.yaml", ("train", "validation"), "validation", (0, 2)),
    "openbookqa": ("openbookqa/openbookqa.yaml", ("train", "validation", "test"), "test", (0, 2)),
    "truthfulqa_mc1": ("truthfulqa/truthfulqa_mc1.yaml", ("validation",), "validation", (0,)),
    "truthfulqa_mc2": ("truthfulqa/truthfulqa_mc2.yaml", ("validation",), "validation", (0,)),
    "gsm8k": ("gsm8k/gsm8k.yaml", ("train", "test"), "test", (0, 5)),
    "mmlu": ("mmlu/default/mmlu_anatomy.yaml", ("dev", "test"), "test", (0, 5)),
    "mmlu_pro": ("mmlu_pro/mmlu_pro_biology.yaml", ("validation", "test"), "test", (0, 2)),
    "wmdp_bio": ("wmdp/wmdp_bio.yaml", ("test",), "test", (0,)),
}
WORDS = ["wool", "sock", "Needle", "purl", "skein", "RED yarn", "the hat", "käse", "scarf  long", "[title] Knit", "twelve", "knots [step] here", "a   b", "Wool's", "naïve", "毛糸", "row 7"]


class Maker:
    def __init__(self, name):
        self.random = random.Random(name)

    def words(self, count):
        return " ".join(self.random.choice(WORDS) for _ in range(count))

    def row(self, page, number):
        r, words = self.random, self.words
        if page == "hellaswag":
            return {"ind": number, "activity_label": "Knitting", "ctx_a": "A person knits " + words(4) + ".", "ctx_b": r.choice(["", "the NEEDLE Clicks", "she"]), "ctx": "x",
                    "endings": [words(r.randint(2, 7)) + r.choice([".", " ", " [title] Purl"]) for _ in range(4)], "source_id": str(number), "split": "val", "split_type": "x", "label": str(r.randrange(4))}
        if page.startswith("arc") or page == "openbookqa":
            count = 4 if page == "openbookqa" else r.choice([3, 4, 4, 5])
            labels = [str(i + 1) for i in range(count)] if r.random() < 0.3 else list("ABCDE"[:count])
            question = {"question_stem" if page == "openbookqa" else "question": "Which holds " + words(3) + r.choice(["?", " "])}
            return {"id": f"K_{number}", **question, "choices": {"text": [words(r.randint(1, 3)) for _ in range(count)], "label": labels}, "answerKey": r.choice(labels)}
        if page == "winogrande":
            return {"sentence": "The sock did not fit the foot because the _ was " + words(2) + r.choice([".", " . "]), "option1": "sock", "option2": "Foot", "answer": r.choice("12")}
        if page == "piqa":
            return {"goal": "To " + words(3), "sol1": words(4), "sol2": words(5), "label": r.randrange(2)}
        if page == "boolq":
            return {"question": "is " + words(2) + " warm", "passage": words(12) + ".", "idx": number, "label": r.randrange(2)}
        if page.startswith("truthfulqa"):
            def target(truths, others):
                return {"choices": [words(r.randint(2, 5)) + "." for _ in range(truths + others)], "labels": [1] * truths + [0] * others}
            return {"question": "What is " + words(2) + "?", "mc1_targets": target(1, r.randint(2, 5)), "mc2_targets": target(r.randint(1, 4), r.randint(1, 4))}
        if page == "gsm8k":
            total = r.randint(2, 5000)
            return {"question": f"{words(6)} How many stitches?", "answer": f"She has <<{total}={total}>>{total}.\n#### {total:,}"}
        if page == "mmlu" or page.startswith("wmdp"):
            return {"question": r.choice(["", " "]) + "What is " + words(3) + "? ", "subject": "anatomy", "choices": [words(2) for _ in range(4)], "answer": r.randrange(4)}
        if page == "mmlu_pro":
            count = r.randint(3, 10)
            return {"question_id": number, "question": "What is " + words(3) + "?", "options": [words(2) + r.choice(["", " "]) for _ in range(count)], "answer": "ABCDEFGHIJ"[r.randrange(count)], "answer_index": 0,
                    "cot_content": "A: Let's think step by step. We knit " + words(3) + ". The answer is (A).", "category": "biology", "src": "us"}
        raise ValueError(page)


def shared_rows(page, split):
    """Published rows, where they are at hand in the form that the harness reads."""
    if page == "gsm8k" and (SHARED / f"benchmarks/gsm8k/{split}.json").exists():
        return [json.loads(line) for line in open(SHARED / f"benchmarks/gsm8k/{split}.json")]
    file = SHARED / f"benchmarks/mmlu/anatomy/{split}.jsonl"
    if page == "mmlu" and file.exists():
        rows = [json.loads(line) for line in open(file)]
        return [{"question": r["question"], "subject": "anatomy", "choices": [r["choices"][c] for c in "ABCD"], "answer": "ABCD".index(r["answer"])} for r in rows]
    return None


def write_rows(page, directory, count):
    """One file a split; of the split that is asked `count` rows."""
    _, splits, asked, _ = TASKS[page]
    for split in reversed(splits):
        maker = Maker(page + split)
        rows = shared_rows(page, split) or [maker.row(page, i) for i in range(count if split == asked else 40)]
        if split == asked:
            rows = questions = rows[:count]
        elif page in ("hellaswag", "winogrande", "piqa", "boolq"):  # questions among the examples, one of them often
            rows = rows[:12] + [questions[0]] * 8 + questions[1:4]
        (directory / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return directory / f"{asked}.jsonl"


def with_positions(model, directory, positions):
    """The model's files with so many positions in its config; the weights are links."""
    copy = directory / f"{model.name}-{positions}"
    copy.mkdir(exist_ok=True)
    for file in model.iterdir():
        if file.is_file() and not (copy / file.name).exists():
            (copy / file.name).symlink_to(file.resolve())
    config = json.loads((model / "config.json").read_text())
    (copy / "config.json").unlink()
    (copy / "config.json").write_text(json.dumps(config | {"max_position_embeddings": positions}))
    return copy


def task_of(page, directory, shots):
    import lm_eval
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.tasks._yaml_loader import load_yaml

    file, splits, _, _ = TASKS[page]
    config = load_yaml(pathlib.Path(lm_eval.__file__).parent / "tasks" / file)
    config.pop("dataset_name", None)
    config |= {"dataset_path": "json", "dataset_kwargs": {"data_files": {s: str(directory / f"{s}.jsonl") for s in splits}, "cache_dir": str(directory / "cache")}}
    for key in ("training_split", "validation_split", "test_split"):  # those that the data set lacks
        if config.get(key) not in (*splits, None):
            config.pop(key)
    task = ConfigurableTask(config=config)
    task.set_config("num_fewshot", shots)
    task.set_fewshot_seed(1234)
    return task
