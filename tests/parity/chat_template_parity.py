"""Rendered prompts equal transformers' own renderer byte for byte, on every template at hand."""

import json
import pathlib
import shutil
import subprocess
import tempfile

from common import PROGRAM, SHARED, SOURCE, models, need

need("transformers", "jinja2")
import datetime

from transformers.utils import chat_template_utils

CONVERSATIONS = [
    [{"role": "user", "content": "Hello"}],
    [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello"}],
    [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Good day."}, {"role": "user", "content": "And now?"}],
    [{"role": "system", "content": "  Be kind.\n"}, {"role": "user", "content": " a \n"}, {"role": "assistant", "content": "\nb "}, {"role": "user", "content": "c"}],
    [{"role": "user", "content": "Grüße \U0001f999 <b>&'\""}, {"role": "assistant", "content": "日本"}],
    [{"role": "user", "content": ""}],
    [{"role": "user", "content": "one"}, {"role": "user", "content": "two"}],
    [{"role": "assistant", "content": "first"}, {"role": "user", "content": "then"}],
    [{"role": "user", "content": "x"}, {"role": "assistant", "content": "<think>\nhm\n</think>\n\nyes"}, {"role": "user", "content": "y"}],
]
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "The weather of a town", "parameters": {"type": "object", "properties": {"town": {"type": "string", "description": "its name"}}, "required": ["town"]}}}]


class FixedDate(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2024, 7, 26)


chat_template_utils.datetime = FixedDate

templates = {}
for path in sorted(SHARED.glob("templates/*.jinja")):
    templates[path.name] = (path.read_text(), {"bos_token": "<s>", "eos_token": "</s>"})
for path in sorted(SHARED.glob("templates/tokenizer_configs/*.json")) + [m / "tokenizer_config.json" for m in models()]:
    config = json.loads(path.read_text())
    source = config.get("chat_template")
    if source is None and (path.parent / "chat_template.jinja").exists():
        source = (path.parent / "chat_template.jinja").read_text()
    if isinstance(source, list):
        source = next(one["template"] for one in source if one["name"] == "default")
    if source:
        texts = {k: (v["content"] if isinstance(v, dict) else v) for k, v in config.items() if k in ("bos_token", "eos_token", "unk_token", "pad_token") and v}
        templates[f"{path.parent.name}/{path.name}"] = (source, texts)

faults = compared = refused = 0
with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    shutil.copy(SOURCE / "assets/organism/tokenizer.json", folder)
    for name, (source, tokens) in templates.items():
        (folder / "chat_template.jinja").write_text(source, newline="")
        (folder / "tokenizer_config.json").write_text(json.dumps(tokens))
        rows = [{"messages": c, "add_generation_prompt": g, **({"tools": t} if t else {})} for c in CONVERSATIONS for g in (False, True) for t in (None, TOOLS)]
        compiled = chat_template_utils._compile_jinja_template(source)
        good, refusals = [], []
        for row in rows:
            try:
                good.append((row, compiled.render(messages=row["messages"], tools=row.get("tools"), documents=None, add_generation_prompt=row["add_generation_prompt"], **tokens)))
            except Exception as error:  # the template itself refuses
                refusals.append((row, error))
        compared += len(rows)
        refused += len(refusals)
        results = []
        done = subprocess.run([PROGRAM, "render", "--model", str(folder)], input="".join(json.dumps(row) + "\n" for row, _ in good), capture_output=True, text=True)
        lines = done.stdout.split("\n")
        for i, (row, expected) in enumerate(good):
            found = json.loads(lines[i])["text"] if i < len(lines) and lines[i] else done.stderr
            results.append((row, expected, found, found == expected))
        for row, error in refusals:
            one = subprocess.run([PROGRAM, "render", "--model", str(folder)], input=json.dumps(row) + "\n", capture_output=True, text=True)
            results.append((row, repr(error), one.stdout + one.stderr, one.returncode == 2))
        for row, expected, found, is_good in results:
            faults += not is_good
            if not is_good and faults <= 6:
                print(name, json.dumps(row)[:200], "\nexpected", expected[:600], "\nfound", found[:600])
print(len(templates), "templates,", compared, "renderings,", refused, "refused by the template itself,", faults, "differ")
raise SystemExit(1 if faults or not templates else 0)
