"""Every request of every capability page equals lm-evaluation-harness 0.4.13's, as text and as token ids, with few-shot
examples and without, plain and with the chat template, the examples as turns or in the question's turn, whole and cut
to few positions.  No model runs.
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
STYLES = {"plain": (False, True), "chat": (True, True), "chat, one turn": (True, False)}  # chat template, shots as turns
MANY_POSITIONS, FEW_POSITIONS, FEW_NEW_TOKENS = 8192, 160, 24


class TokenizerOnly(HFLM):
    """The harness' way from texts to ids, without a model behind it."""

    def __init__(self, directory):
        TemplateLM.__init__(self)
        self.tokenizer = AutoTokenizer.from_pretrained(directory)
        self.backend, self.add_bos_token, self.custom_prefix_token_id, self.chat_template_args = "causal", None, None, {}

    def pair(self, context, continuation):
        return self._encode_pair(context, continuation)


    def pair_that_fits(self, context, continuation, positions):
        """What `_loglikelihood_tokens` puts to the model, with the last token, which it drops."""
        context_ids, continuation_ids = self.pair(context, continuation)
        kept = (context_ids + continuation_ids)[-(positions + 1) :]
        return kept[: -len(continuation_ids)], continuation_ids

    def prompt_that_fits(self, prompt, positions):
        """What `generate_until` puts to the model."""
        return self.tok_batch_encode([prompt], left_truncate_len=positions - FEW_NEW_TOKENS)[0][0].tolist()


def theirs(task, oracle, style):
    is_chat, as_turns = STYLES[style]
    task.build_all_requests(rank=0, world_size=1, apply_chat_template=is_chat, fewshot_as_multiturn=is_chat and as_turns, chat_template=oracle.apply_chat_template if is_chat else None)
    items = {}
    for instance in task.instances:
        items.setdefault(instance.doc_id, []).append(instance)
    return [items[i] for i in sorted(items)]


def ours(page, path, shots, style, model, positions):
    is_chat, as_turns = STYLES[style]
    options = {"shots": shots}
    options |= {"chat_template": "true"} if is_chat else {}
    options |= {} if as_turns else {"shots_as_turns": "false"}
    options |= {"too_long": "cut", "max_new_tokens": FEW_NEW_TOKENS} if positions else {}
    settings = [word for key, value in options.items() for word in ("--set", f"benchmark.x.{key}={value}")]
    lines = run("evaluate", "--model", model, "--benchmark", f"x:{page}={path}", "--show-requests", "--quiet", *settings).splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def check(page, directory, path, shots, style, model, oracle, positions=None):
    task = lm_eval_tasks.task_of(page, directory, shots)
    expected = theirs(task, oracle, style)
    mine = ours(page, path, shots, style, model, positions)
    return check_items(f"{page}, {shots} shots, {style}", task, mine, expected, oracle, positions)


def check_items(what, task, items, expected, oracle, positions):
    assert len(items) == len(expected), f"{what}: found {len(items)} items, expected {len(expected)}"
    requests = cut = 0
    for mine, instances in zip(items, expected, strict=True):
        where = f"{what}, item {mine['item']}"
        if "requests" not in mine:
            (prompt, settings) = instances[0].args
            assert mine["prompt"] == prompt, f"{where}: found {mine['prompt']!r}, expected {prompt!r}"
            whole = oracle.tok_batch_encode([prompt])[0][0].tolist()
            ids = oracle.prompt_that_fits(prompt, positions) if positions else whole
            assert mine["ids"] == ids, f"{where}: other ids"
            assert mine.get("cut", 0) == len(whole) - len(ids), f"{where}: found {mine.get('cut')} cut"
            cut += len(ids) < len(whole)
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
            whole = oracle.pair(context, continuation)
            ids = oracle.pair_that_fits(context, continuation, positions) if positions else whole
            assert (request["context_ids"], request["continuation_ids"]) == tuple(ids), f"{where}: other ids"
            assert request.get("cut", 0) == len(whole[0]) - len(ids[0]), f"{where}: found {request.get('cut')} cut"
            cut += len(ids[0]) < len(whole[0])
            requests += 1
    return requests, cut


def main():
    models = [path for path in (SOURCE / "models/smollm2", SOURCE / "assets/organism") if path.exists()]
    pages = sys.argv[1:] or list(lm_eval_tasks.TASKS)
    all_cut = 0
    with tempfile.TemporaryDirectory() as scratch:
        for page in pages:
            directory = pathlib.Path(scratch) / page
            directory.mkdir()
            path = lm_eval_tasks.write_rows(page, directory, COUNT)
            for model in models:
                oracle = TokenizerOnly(str(model))
                whole, short = (lm_eval_tasks.with_positions(model, pathlib.Path(scratch), n) for n in (MANY_POSITIONS, FEW_POSITIONS))
                for shots in lm_eval_tasks.TASKS[page][3]:
                    for style in STYLES:
                        if style == "chat, one turn" and shots == 0:
                            continue
                        count, _ = check(page, directory, path, shots, style, whole, oracle)
                        text = f"{model.name} {page}, {shots} shots, {style}: {count} requests equal"
                        if style != "chat, one turn":
                            _, cut = check(page, directory, path, shots, style, short, oracle, FEW_POSITIONS)
                            all_cut += cut
                            text += f", and so in {FEW_POSITIONS} positions, {cut} of them cut"
                        print(text, flush=True)
    assert all_cut > 0 or sys.argv[1:], "nothing was cut"


main()
