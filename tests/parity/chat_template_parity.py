"""Rendered prompts and their ids equal transformers' apply_chat_template, on every template and chat tokenizer at hand."""

import datetime
import json
import pathlib
import shutil
import subprocess
import tempfile
import warnings

from common import PROGRAM, SHARED, SOURCE, models, need

need("transformers", "jinja2")
from transformers import PreTrainedTokenizerFast
from transformers.utils import chat_template_utils, logging

logging.set_verbosity_error()
warnings.filterwarnings("ignore")
CALL = {"id": "call0001a", "type": "function", "function": {"name": "weather", "arguments": {"town": "Genève", "days": 3, "when": None, "exact": True, "range": [1, 2.5, {"deep": []}]}}}
CONVERSATIONS = [
    [{"role": "user", "content": "Hello"}],
    [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello"}],
    [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Good day."}, {"role": "user", "content": "And now?"}],
    [{"role": "system", "content": "  Be kind.\n"}, {"role": "user", "content": " a \n"}, {"role": "assistant", "content": "\nb "}, {"role": "user", "content": "c"}],
    [{"role": "user", "content": "Grüße \U0001f999 <b>&'\""}, {"role": "assistant", "content": "日本 \U00031350\u200b\u00a0"}],
    [{"role": "user", "content": ""}],
    [{"role": "user", "content": "one"}, {"role": "user", "content": "two"}],
    [{"role": "assistant", "content": "first"}, {"role": "user", "content": "then"}],
    [{"role": "user", "content": "x"}, {"role": "assistant", "content": "<think>\nhm\n</think>\n\nyes"}, {"role": "user", "content": "y"}],
    [{"role": "user", "content": "x"}, {"role": "assistant", "content": "yes", "reasoning_content": "hm"}, {"role": "user", "content": "y"}, {"role": "assistant", "reasoning": "oh", "content": "no"}],
    [{"role": "user", "content": "rain?"}, {"role": "assistant", "content": "", "tool_calls": [CALL]}, {"role": "tool", "name": "weather", "tool_call_id": "call0001a", "content": "{\"rain\": true}"}],
    [{"role": "user", "content": "rain?"}, {"role": "assistant", "content": None, "tool_calls": [CALL]}, {"role": "tool", "name": "weather", "tool_call_id": "call0001a", "content": "dry"},
     {"role": "assistant", "content": "It is dry."}, {"role": "user", "content": "Thanks"}],
    [{"role": "system", "content": "Use tools."}, {"role": "user", "content": "both"}, {"role": "assistant", "content": "Let me see.", "tool_calls": [CALL, CALL | {"id": "call0002b"}]},
     {"role": "tool", "name": "weather", "tool_call_id": "call0001a", "content": "1"}, {"role": "tool", "name": "weather", "tool_call_id": "call0002b", "content": "2"}],
    [{"role": "user", "content": [{"type": "text", "text": "part one"}, {"type": "text", "text": " part two "}]}, {"role": "assistant", "content": [{"type": "text", "text": "ok"}]}],
    [{"role": "user", "content": "keys", "name": "Ann", "weight": 1, "extra": {"a": [None, 1e-7, 1e16, -0.0]}}, {"role": "assistant", "content": "kept", "tool_calls": None}],
    [{"role": "user" if i % 2 == 0 else "assistant", "content": f"turn {i}\n" * (i % 5)} for i in range(61)],
    [{"role": "user", "content": "word <s> [INST] <|im_end|> {{ x }} {% if %} " * 200}],
]
TOOLS = [
    {"type": "function", "function": {"name": "weather", "description": "The weather of a town\nin \"words\" <é>", "parameters": {"type": "object", "properties": {
        "town": {"type": "string", "description": "its name"}, "days": {"type": ["integer", "null"], "default": None, "minimum": -1.5e-9, "enum": [1, 2.0, True, None]},
        "place": {"type": "object", "properties": {"x": {"type": "number"}, "list": {"type": "array", "items": {"type": "string"}}}, "required": []}}, "required": ["town"]},
        "return": {"type": "string"}}},
    {"type": "function", "function": {"name": "nothing", "description": "", "parameters": {"type": "object", "properties": {}}}},
]
DATES = ["2024-07-26", "2031-01-05"]


class FixedDate(datetime.datetime):
    day_seen = DATES[0]

    @classmethod
    def now(cls, tz=None):
        return cls.fromisoformat(cls.day_seen)


chat_template_utils.datetime = FixedDate


def template_folders(folder):
    """Each template with the organism's tokenizer, then the chat tokenizers as they are."""
    sources = {path.name: (path.read_text(), {"bos_token": "<s>", "eos_token": "</s>"}) for path in sorted(SHARED.glob("templates/*.jinja"))}
    for path in sorted(SHARED.glob("templates/tokenizer_configs/*.json")):
        config = json.loads(path.read_text())
        source = config.get("chat_template")
        if isinstance(source, list):
            source = next(one["template"] for one in source if one["name"] == "default")
        if source:
            sources[path.name] = (source, {k: (v["content"] if isinstance(v, dict) else v) for k, v in config.items() if k in ("bos_token", "eos_token", "unk_token", "pad_token") and v})
    for name, (source, tokens) in sources.items():
        (folder / name).mkdir()
        shutil.copy(SOURCE / "assets/organism/tokenizer.json", folder / name)
        (folder / name / "chat_template.jinja").write_text(source, newline="")
        (folder / name / "tokenizer_config.json").write_text(json.dumps(tokens))
        tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / name / "tokenizer.json"), chat_template=source, **tokens)
        tokenizer.backend_tokenizer.save(str(folder / name / "tokenizer.json"))  # with the template's own special tokens
        yield name, folder / name, tokenizer
    for path in models() + sorted(SHARED.glob("tokenizers/*")):
        tokenizer = PreTrainedTokenizerFast.from_pretrained(path) if (path / "tokenizer_config.json").exists() else None
        if tokenizer is not None and isinstance(tokenizer.chat_template, str):
            yield path.name, path, tokenizer


def render(directory, rows, date):
    text = "".join(json.dumps(row) + "\n" for row in rows)
    return subprocess.run([PROGRAM, "render", "--model", str(directory), "--template-date", date], input=text, capture_output=True, text=True)


faults = compared = refused = templates = 0
with tempfile.TemporaryDirectory() as folder:
    for name, directory, tokenizer in template_folders(pathlib.Path(folder)):
        templates += 1
        for date in DATES:
            FixedDate.day_seen = date
            good, refusals = [], []
            # The second date alone needs no more than a look.
            for conversation in CONVERSATIONS if date == DATES[0] else CONVERSATIONS[:2]:
                for prompt in (None, False, True):
                    for tools in (None, TOOLS):
                        row = {"messages": conversation, **({} if prompt is None else {"add_generation_prompt": prompt}), **({"tools": tools} if tools else {})}
                        arguments = {"tools": tools, "add_generation_prompt": bool(prompt)}
                        try:
                            text = tokenizer.apply_chat_template(conversation, tokenize=False, **arguments)
                            good.append((row, text, tokenizer.apply_chat_template(conversation, tokenize=True, return_dict=False, **arguments)))
                        except Exception as error:  # the template itself refuses
                            refusals.append((row, repr(error)))
            compared += len(good) + len(refusals)
            refused += len(refusals)
            done = render(directory, [row for row, _, _ in good], date)
            lines = done.stdout.split("\n")
            results = []
            for i, (row, text, ids) in enumerate(good):
                found = json.loads(lines[i]) if i < len(lines) and lines[i] else {"text": done.stderr, "ids": []}
                results.append((row, text + str(ids), found["text"] + str(found["ids"]), found["text"] == text and found["ids"] == ids))
            # A refusal ends the program: two or three of each template are tried.
            for row, error in refusals[:: max(1, len(refusals) // 2)] if date == DATES[0] else []:
                one = render(directory, [row], date)
                results.append((row, error, one.stdout + one.stderr, one.returncode == 2))
            for row, expected, found, is_good in results:
                faults += not is_good
                if not is_good and faults <= 6:
                    print(name, json.dumps(row)[:300], "\nexpected", expected[:900], "\nfound", found[:900])
print(templates, "templates,", compared, "renderings,", refused, "refused by the template itself,", faults, "differ")
raise SystemExit(1 if faults or not templates else 0)
