"""Every request of every capability page equals lm-evaluation-harness 0.4.13's, as text and as token ids, with few-shot
examples and without, plain and with the chat template.  No model runs.
"""

import json
import pathlib
import sys
import tempfile
from importlib.metadata import version

from common import SOURCE, need, run, skip

need("lm_eval", "datasets", "transformers")
if version("lm_eval") != "0.4.13":
    skip(f"needs lm_eval 0.4.13, found {version('lm_eval')}")

import lm_eval_tasks  # noqa: E402
from lm_eval.api.model import TemplateLM  # noqa: E402
from lm_eval.models.huggingface import HFLM  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402

COUNT = 25  # items a task


class TokenizerOnly(HFLM):
    """The harness' way from texts to ids, without a model behind it."""

    def __init__(self, directory):
        TemplateLM.__init__(self)
        self.tokenizer = AutoTokenizer.from_pretrained(directory)
        self.backend, self.add_bos_token, self.custom_prefix_token_id, self.chat_template_args = "causal", None, None, {}

    def pair(self, context, continuation):
        return self._encode_pair(context, continuation)


def theirs(task, oracle, is_chat):
    task.build_all_requests(rank=0, world_size=1, apply_chat_template=is_chat, fewshot_as_multiturn=is_chat, chat_template=oracle.apply_chat_template if is_chat else None)
    items = {}
    for instance in task.instances:
        items.setdefault(instance.doc_id, []).append(instance)
    return [items[i] for i in sorted(items)]


def check(page, directory, path, shots, is_chat, model, oracle):
    task = lm_eval_tasks.task_of(page, directory, shots)
    expected = theirs(task, oracle, is_chat)
    options = ["--set", f"benchmark.x.shots={shots}"] + (["--set", "benchmark.x.chat_template=true"] if is_chat else [])
    lines = run("evaluate", "--model", model, "--benchmark", f"x:{page}={path}", "--show-requests", "--quiet", *options).splitlines()
    ours = [json.loads(line) for line in lines if line.startswith("{")]
    assert len(ours) == len(expected), f"{page}: found {len(ours)} items, expected {len(expected)}"
    requests = 0
    for mine, instances in zip(ours, expected, strict=True):
        where = f"{page}, {shots} shots, {'chat' if is_chat else 'plain'}, item {mine['item']}"
        if "requests" not in mine:
            (prompt, settings) = instances[0].args
            assert mine["prompt"] == prompt, f"{where}: found {mine['prompt']!r}, expected {prompt!r}"
            assert mine["ids"] == oracle.tok_batch_encode([prompt])[0][0].tolist(), f"{where}: other ids"
            assert mine["stop"] == settings["until"], f"{where}: found stops {mine['stop']}, expected {settings['until']}"
            assert mine["target"] == task.doc_to_target(instances[0].doc), f"{where}: another target"
            requests += 1
            continue
        assert len(mine["requests"]) == len(instances), where
        gold = task.doc_to_text(instances[0].doc) if task.multiple_input else task.doc_to_target(instances[0].doc)
        assert mine["gold"] == int(gold), f"{where}: found gold {mine['gold']}, expected {gold}"
        for request, instance in zip(mine["requests"], instances, strict=True):
            context, continuation = instance.args
            assert request["context"] == context, f"{where}: found {request['context']!r}, expected {context!r}"
            assert request["continuation"] == continuation, f"{where}: found {request['continuation']!r}, expected {continuation!r}"
            ids = oracle.pair(context, continuation)
            assert (request["context_ids"], request["continuation_ids"]) == tuple(ids), f"{where}: other ids"
            requests += 1
    return requests


def main():
    models = [path for path in (SOURCE / "models/smollm2", SOURCE / "assets/organism") if path.exists()]
    pages = sys.argv[1:] or list(lm_eval_tasks.TASKS)
    with tempfile.TemporaryDirectory() as scratch:
        for page in pages:
            directory = pathlib.Path(scratch) / page
            directory.mkdir()
            path = lm_eval_tasks.write_rows(page, directory, COUNT)
            for model in models:
                oracle = TokenizerOnly(str(model))
                for shots in lm_eval_tasks.TASKS[page][3]:
                    for is_chat in (False, True):
                        count = check(page, directory, path, shots, is_chat, model, oracle)
                        print(f"{model.name} {page}, {shots} shots, {'chat' if is_chat else 'plain'}: {count} requests equal", flush=True)


main()
