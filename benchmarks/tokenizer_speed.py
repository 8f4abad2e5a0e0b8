"""Tokenizers: tokens/s of one core beside the `tokenizers` library, in processor time.

Texts of this repository, in prose and code, and questions of MMLU where they are at hand, in pieces of a few hundred bytes and of whole files; each turn has
texts of its own.  Ids are compared first.  Both keep what they have merged before, and are warmed up by texts of another turn.
"""

import json
import os
import pathlib
import random
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
from common import SHARED, SOURCE, Engine, fail, missing_oracle

sys.path.append(str(SOURCE / "tests/parity"))


def texts():
    files = sorted(path for pattern in ("docs/**/*.md", "src/**/*.cpp", "src/**/*.h", "tests/**/*.py") for path in SOURCE.glob(pattern))
    parts = []
    for path in files:
        if "unicode" not in path.name:
            text = path.read_text()
            parts += [text[i : i + 400] for i in range(0, len(text), 400)] + [text]
    for path in sorted(SHARED.glob("benchmarks/mmlu/*/test.jsonl"))[:12]:
        parts += [json.loads(line)["question"] for line in path.read_text().splitlines()]
    random.Random(11).shuffle(parts)
    return parts


def tokenizer_files(folder):
    """Name and tokenizer.json of each kind: those at hand, and made ones."""
    from made_tokenizers import made

    for name in ("llama2", "llama3"):
        if (path := SHARED / f"tokenizers/{name}/tokenizer.json").exists():
            yield name, path
    names = {"qwen2": "Qwen-like", "gemma": "Gemma-like", "t5": "Unigram (T5-like)", "unigram with bytes, unsplit": "Unigram, unsplit", "tekken": "tekken", "gpt-2": "GPT-2"}
    for name, tokenizer in made():
        if name in names:
            path = pathlib.Path(folder) / f"{len(name)}{name[:3]}.json"
            tokenizer.save(str(path))
            yield names[name], path


def measure(report, engine, name, path, turns):
    import tokenizers

    library = tokenizers.Tokenizer.from_file(str(path))
    engine.ask("load", path=str(path))

    def theirs(part):
        start = time.process_time()
        encoded = library.encode_batch_fast(part, add_special_tokens=False)  # without offsets, which we do not give
        return time.process_time() - start, encoded

    expected = [one.ids for one in theirs(turns[0])[1]]
    found = engine.ask("encode", texts=turns[0], wants_ids=True)["ids"]
    if found != expected:
        wrong = next(i for i in range(len(expected)) if found[i] != expected[i])
        fail(f"tokenizers {name}: found other ids for {turns[0][wrong][:60]!r}, expected the library's; try tests/parity/tokenizer_parity.py")
    rates = {"holdfast": [], "tokenizers": []}
    for part in turns[1:]:
        ours = engine.ask("encode", texts=part, wants_ids=False)
        rates["holdfast"].append(ours["tokens"] / ours["seconds"])
        rates["tokenizers"].append(ours["tokens"] / theirs(part)[0])
    size = sum(len(text.encode()) for text in turns[1])
    report.case("tokenizers", f"{name}, {size / 1e6:.1f} MB a turn", "tokens/s", rates, f"{len(expected)} texts equal", {}, "")


def run(report):
    if reason := missing_oracle("tokenizers", "sentencepiece"):
        return report.note("tokenizers left out: " + reason)
    parts = texts()
    turns = [parts[i :: report.repeats + 1] for i in range(report.repeats + 1)]
    engine = Engine("tokenizer_bench")
    with tempfile.TemporaryDirectory() as folder:
        for name, path in tokenizer_files(folder):
            measure(report, engine, name, path, turns)
    engine.close()
