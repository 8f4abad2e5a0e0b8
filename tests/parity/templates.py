"""The chat templates at hand, each with a tokenizer that knows its control tokens."""

import datetime
import json
import pathlib
import re
import shutil
import subprocess
import warnings

from common import PROGRAM, SHARED, SOURCE, models, need

need("transformers", "jinja2")
from transformers import PreTrainedTokenizerFast
from transformers.utils import chat_template_utils, logging

logging.set_verbosity_error()
warnings.filterwarnings("ignore")
DATES = ["2024-07-26", "2031-01-05"]
CONTROL_TOKEN = re.compile(r"<\|[A-Za-z_0-9]+\|>|<｜[^｜\s]+｜>|<(?:start|end)_of_turn>|\[/?[A-Z_]+\]|</?(?:think|tool_call|tool_response)>")


class FixedDate(datetime.datetime):
    day_seen = DATES[0]

    @classmethod
    def now(cls, tz=None):
        return cls.fromisoformat(cls.day_seen)


chat_template_utils.datetime = FixedDate


def template_folders(folder):
    """Yields name, directory, tokenizer: each template with the organism's tokenizer and the control tokens that it writes, then the chat tokenizers as they are."""
    sources = {path.name: (path.read_text(), {"bos_token": "<s>", "eos_token": "</s>"}) for path in sorted(SHARED.glob("templates/*.jinja"))}
    for path in sorted(SHARED.glob("templates/tokenizer_configs/*.json")):
        config = json.loads(path.read_text())
        source = config.get("chat_template")
        if isinstance(source, list):
            source = next(one["template"] for one in source if one["name"] == "default")
        if source:
            sources[path.name] = (source, {k: (v["content"] if isinstance(v, dict) else v) for k, v in config.items() if k in ("bos_token", "eos_token", "unk_token", "pad_token") and v})
    folder = pathlib.Path(folder)
    for name, (source, tokens) in sources.items():
        (folder / name).mkdir()
        shutil.copy(SOURCE / "assets/organism/tokenizer.json", folder / name)
        (folder / name / "chat_template.jinja").write_text(source, newline="")
        (folder / name / "tokenizer_config.json").write_text(json.dumps(tokens))
        tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / name / "tokenizer.json"), chat_template=source, **tokens)
        tokenizer.backend_tokenizer.add_special_tokens(sorted(set(CONTROL_TOKEN.findall(source))))
        tokenizer.backend_tokenizer.save(str(folder / name / "tokenizer.json"))
        yield name, folder / name, tokenizer
    for path in models() + sorted(SHARED.glob("tokenizers/*")):
        tokenizer = PreTrainedTokenizerFast.from_pretrained(path) if (path / "tokenizer_config.json").exists() else None
        if tokenizer is not None and isinstance(tokenizer.chat_template, str):
            yield path.name, path, tokenizer


def render(directory, rows, date=DATES[0], *options):
    text = "".join(json.dumps(row) + "\n" for row in rows)
    return subprocess.run([PROGRAM, "render", "--model", str(directory), "--template-date", date, *options], input=text, capture_output=True, text=True)
