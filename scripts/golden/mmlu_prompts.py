"""The words in which lm-evaluation-harness asks MMLU, made by its own task files and its own few-shot assembly.

Usage: mmlu_prompts.py MMLU_DIRECTORY [OUT]     (one folder a subject with dev.jsonl and test.jsonl; no network)
Needs lm_eval 0.4.13.  Every subject: the number of test items and a SHA-256 over all of them,
    for each item  context NUL continuation... NUL gold LF
and for three subjects the first two items in full.
"""

import hashlib
import json
import pathlib
import sys
import tempfile
from importlib.metadata import version

import yaml
import lm_eval
from lm_eval.api.task import ConfigurableTask

SHOWN = ["astronomy", "high_school_geography", "miscellaneous"]


def as_published(path, out):
    """The rows as cais/mmlu has them: choices a list, answer an index."""
    with open(out, "w") as file:
        for line in open(path):
            row = json.loads(line)
            row = {"question": row["question"], "choices": [row["choices"][c] for c in "ABCD"], "answer": "ABCD".index(row["answer"])}
            file.write(json.dumps(row) + "\n")
    return str(out)


def task_of(subject, directory, scratch):
    tasks = pathlib.Path(lm_eval.__file__).parent / "tasks/mmlu/default"
    config = yaml.safe_load((tasks / "_default_template_yaml").read_text())
    config |= yaml.safe_load((tasks / f"mmlu_{subject}.yaml").read_text())
    config.pop("include"), config.pop("dataset_name")
    config["dataset_path"] = "json"
    config["dataset_kwargs"] = {"data_files": {s: as_published(directory / subject / f"{s}.jsonl", scratch / f"{subject}-{s}.jsonl") for s in ("dev", "test")},
                                "cache_dir": str(scratch / "cache")}
    return ConfigurableTask(config=config)


def requests_of(task):
    task.set_config("num_fewshot", 5)
    task.build_all_requests(rank=0, world_size=1)
    items = {}
    for instance in task.instances:
        context, continuation = instance.args
        item = items.setdefault(instance.doc_id, {"context": context, "continuations": [], "gold": instance.doc["answer"]})
        assert item["context"] == context
        item["continuations"].append(continuation)
    return [items[i] for i in sorted(items)]


def main():
    directory = pathlib.Path(sys.argv[1])
    out = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else pathlib.Path(__file__).parents[2] / "tests/golden/mmlu_prompts.json")
    golden = {"made_by": "scripts/golden/mmlu_prompts.py", "lm_eval": version("lm_eval"), "shots": 5, "subjects": {}, "items": {}}
    with tempfile.TemporaryDirectory() as scratch:
        for subject in sorted(p.name for p in directory.iterdir() if (p / "test.jsonl").exists()):
            items = requests_of(task_of(subject, directory, pathlib.Path(scratch)))
            digest = hashlib.sha256()
            for item in items:
                digest.update("\0".join([item["context"], *item["continuations"], str(item["gold"])]).encode() + b"\n")
            golden["subjects"][subject] = {"items": len(items), "sha256": digest.hexdigest()}
            if subject in SHOWN:
                golden["items"][subject] = items[:2]
    out.write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n")


main()
