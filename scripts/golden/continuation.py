"""Writes tests/golden/continuation.json: how lm-evaluation-harness cuts pairs of texts into ids, by its own code.

Usage: continuation.py [TOKENIZERS]   (the shared folder with llama2/, llama3/ ...; the organism's own is always used)
Calls TemplateLM.loglikelihood and HFLM.tok_encode of lm_eval 0.4.13 on tokenizers alone; no model is loaded.
"""

import hashlib
import json
import pathlib
import shutil
import sys
import tempfile
from importlib.metadata import version
from types import SimpleNamespace

from lm_eval.models.huggingface import HFLM
from transformers import PreTrainedTokenizerFast

ROOT = pathlib.Path(__file__).parents[2]
PAIRS = [
    ("The town of Malil lies on the river", " Sades"),
    ("The town of Malil lies on the river ", "Sades"),
    ("Question: who?\nAnswer:", " A"),
    ("ends in a line end\n\n", "A"),
    ("ends in blanks \t\n ", " x"),
    ("no-break and wide blanks\u00a0\u3000\u2028", "x"),
    ("ASCII separators are blanks to Python\x1c\x1f\x85", "x"),
    ("a zero-width space is none\u200b", "x"),
    ("", " Sades"),
    ("", "Sades"),
    ("lan", "tern"),
    ("the lan", "tern charm"),
    ("caf", "\u00e9 and \u00fcber"),
    ("\u4e2d\u6587", "\u4e2d\u6587 \U0001f3ee"),
    ("{bos}The lantern", " charm"),
    ("{bos}", " charm"),
    ("", "{bos} charm"),
    ("one", " two three four five six seven"),
]


class Lm(HFLM):
    def __init__(self, tokenizer):
        self.tokenizer, self.add_bos_token, self.backend, self.custom_prefix_token_id = tokenizer, None, "causal", None
        self.enable_thinking, self.seen = False, []

    def _loglikelihood_tokens(self, requests, **_):
        self.seen += [(context, continuation) for _, context, continuation in requests]
        return [(0.0, False)] * len(requests)


def cases(path):
    tokenizer = PreTrainedTokenizerFast.from_pretrained(path)  # tokenizer.json as it stands; AutoTokenizer rebuilds Llama's
    rows = []
    for pair in PAIRS:
        context, continuation = (text.replace("{bos}", tokenizer.bos_token or "<s>") for text in pair)
        lm = Lm(tokenizer)
        lm.loglikelihood([SimpleNamespace(args=(context, continuation))], disable_tqdm=True)
        rows.append({"context": context, "continuation": continuation, "context_ids": lm.seen[0][0], "continuation_ids": lm.seen[0][1]})
    return {"tokenizer_sha256": hashlib.sha256((path / "tokenizer.json").read_bytes()).hexdigest(), "pairs": rows}


def with_bos(source, target):
    """The same tokenizer, but it puts its BOS before every text, as Llama's does."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("data", "model.safetensors"))
    tokenizer = json.loads((target / "tokenizer.json").read_text())
    tokenizer["post_processor"] = json.loads((ROOT / "tests/golden/bos_post_processor.json").read_text())
    (target / "tokenizer.json").write_text(json.dumps(tokenizer))
    return cases(target)


golden = {"organism": cases(ROOT / "assets/organism")}
with tempfile.TemporaryDirectory() as scratch:
    golden["organism_with_bos"] = with_bos(ROOT / "assets/organism", pathlib.Path(scratch) / "model")
    golden["organism_with_bos"]["tokenizer_sha256"] = golden["organism"]["tokenizer_sha256"]
if len(sys.argv) > 1:
    for name in ("llama2", "minimind-chat", "minueza-chat"):
        golden[name] = cases(pathlib.Path(sys.argv[1]) / name)
body = ",\n".join(f'"{name}": {{"tokenizer_sha256": "{one["tokenizer_sha256"]}", "pairs": [\n ' + ",\n ".join(json.dumps(row) for row in one["pairs"]) + "\n]}" for name, one in golden.items())
made_by = f"scripts/golden/continuation.py, lm_eval {version('lm_eval')}, transformers {version('transformers')}"
(ROOT / "tests/golden/continuation.json").write_text("{\n" + f'"made_by": "{made_by}",\n{body}\n' + "}\n")
