"""Token ids and decoded texts equal the `tokenizers` library's, on golden strings and seeded random ones, of each tokenizer at hand and of those that
made_tokenizers.py makes: texts with and without special tokens, decoded with and without them, and random ids decoded.

Usage: tokenizer_parity.py [--texts 2000] [--seed 1234] [--only "NAME|NAME"]; HOLDFAST_LONG=1 also compares long texts and prints both times.
"""

import argparse
import itertools
import os
import pathlib
import random
import tempfile
import time

from common import SHARED, models, need, run

need("tokenizers", "sentencepiece")
import tokenizers
from made_tokenizers import made

GOLDEN = [
    "", " ", "  ", "   ", "\t", "\n", "\n\n", "\n\n\n", "\t\n", "Hello world", " Hello world", "Hello World!", " Hello, world! ", "this is \U0001f999.cpp",
    "w048 7tuijk dsdfhu", "3", "33", "333", "3333", "33333", "3.14159e-10", "ⅷ½²", "Führer Straße", "Cửa Việt", "нещо на Български", "កាន់តែពិសេសអាចខលចេញ",
    "\U0001f680 (normal) \U0001f636\u200d\U0001f32b\ufe0f (multiple emojis concatenated) ✅", "I'm you're he'll WE'VE 'ſ", "a\u180eb", "a\u00a0b\u3000c\u2028d", "x\u0301\u0327y", "\U00010d7f\x80",
    "def f(x):\n    return x ** 2  # square\n\n\n", "<s>in</s>side <unk>", "<|im_start|>user\nhi<|im_end|>\n", "<|begin_of_text|><|eot_id|>", "!!!???...", "tabs\t\tand  spaces   ", "ab" * 300, "日本語のテキスト", "\u0000\u0001\u007f", "\ufeffBOM",
]
SEQUENCES = ["\U0001f469\u200d\U0001f469\u200d\U0001f467", "\U0001f3f3\ufe0f\u200d\U0001f308", "\U0001f1e9\U0001f1ea", "1\ufe0f\u20e3", "\U0001f44d\U0001f3fd", "e\u0301\u0327\u0323", "क्षि", "각", "\r\n", "©\u200d®", "\u00a0\u0301", "ﬁ\u0300", "\u0600a"]


def character(point):
    return "x" if 0xD800 <= point <= 0xDFFF else chr(point)


def run_of(rng):
    """One thing, many times over."""
    return rng.choice([" ", "a", "\n", "!", "7", "日", "\u0301", "\t", "▁", "\U0001f999", character(rng.randint(0, 0x10FFFF))]) * rng.choice([2, 3, 7, 16, 60, 300])


def any_text(rng, specials):
    """Characters of all planes, assigned or not, beside the surrogates and at the ends of planes; now and then a letter, a blank or a special token."""
    out = []
    for _ in range(rng.randint(1, 40)):
        kind = rng.random()
        if kind < 0.7:
            out.append(character(rng.randint(0, 0x10FFFF if kind < 0.3 else 0x323AF)))
        elif kind < 0.75 and specials:
            out.append(rng.choice(specials))
        elif kind < 0.78:
            out.append(character(rng.choice([rng.randint(0xD7F0, 0xD7FF), rng.randint(0xE000, 0xE010), 0xFFFE + 0x10000 * rng.randint(0, 16), rng.randint(0, 0x1F), rng.randint(0x7F, 0x9F), rng.randint(0xFDD0, 0xFDEF)])))
        elif kind < 0.8:
            out.append(rng.choice(SEQUENCES))
        elif kind < 0.82:
            out.append(run_of(rng))
        else:
            out.append(rng.choice(" a1'\n"))
    return "".join(out)


def mixed_text(rng, specials):
    """Words, digits and marks of the scripts in use, special tokens among them."""
    out = []
    for _ in range(rng.randint(1, 40)):
        kind = rng.random()
        if kind < 0.45:
            out.append(chr(rng.randint(32, 126)))
        elif kind < 0.55:
            out.append(rng.choice([" ", "  ", "\n", "\t", "\r\n", "\u00a0", "'s", "'LL", "123", "the ", "12.5", "\n\n\n", "   "]))
        elif kind < 0.6 and specials:
            special = rng.choice(specials)
            out.append(special if rng.random() < 0.8 else special[: rng.randint(1, len(special))])
        elif kind < 0.8:
            out.append(chr(rng.choice([rng.randint(0xA0, 0x24F), rng.randint(0x370, 0x5FF), rng.randint(0x300, 0x36F), rng.randint(0x4E00, 0x9FFF), rng.randint(0x1F300, 0x1FAFF), rng.randint(0xAC00, 0xD7A3), rng.randint(0x3040, 0x30FF)])))
        elif kind < 0.84:
            out.append(rng.choice(SEQUENCES))
        else:
            out.append(character(rng.randint(1, 0x2FFFF if rng.random() < 0.9 else 0x10FFFF)))
    return "".join(out)


def random_ids(rng, size):
    """Ids in no order that a text would give; often many of the first ones, where bytes stand."""
    few = rng.random() < 0.5
    return [rng.randrange(min(size, 300) if few and rng.random() < 0.8 else size) for _ in range(rng.randint(1, 30))]


def long_texts():
    rng = random.Random(5)
    words = ["the", "lantern", "of", "Malil", "12", "3.5", "über", "日本", "don't", "x_y", "\U0001f999"]
    return {
        "1 MB of words": " ".join(rng.choice(words) + rng.choice(["", ",", ".", "\n"]) for _ in range(170_000)),
        "100 kB of one letter": "a" * 100_000, "100 kB of blanks": " " * 100_000, "100 kB of line ends": "\n" * 100_000, "100 kB of marks": "!" * 100_000,
        "100 kB of digits": "7" * 100_000, "100 kB of an ideograph": "日" * 33_000, "100 kB of a new ideograph": "\U00031350" * 25_000,
    }


def compare_long(name, directory, library):
    faults = 0
    for kind, text in long_texts().items():
        start = time.perf_counter()
        expected = library.encode(text, add_special_tokens=False).ids
        theirs = time.perf_counter() - start
        took = []
        for rows in ([{"text": ""}], [{"text": text}]):
            start = time.perf_counter()
            ours = run("tokenize", "--model", directory, "--no-special-tokens", rows=rows)[0]["ids"]
            took.append(time.perf_counter() - start)
        print(f"{name} {kind}: {'equal' if ours == expected else 'DIFFERS'}, {took[1] - took[0]:.2f} s beyond starting ({took[0]:.2f} s), the library {theirs:.2f} s")
        faults += ours != expected
    return faults


def report(name, what, inputs, found, expected):
    wrong = [i for i in range(len(inputs)) if found[i] != expected[i]]
    for i in wrong[:2]:
        print(f"{name}, {what}: {inputs[i]!r}\n  found    {found[i]!r}\n  expected {expected[i]!r}")
    if wrong:
        print(f"{name}, {what}: {len(wrong)} of {len(inputs)} differ")
    return len(wrong)


def compare(name, directory, arguments):
    library = tokenizers.Tokenizer.from_file(str(directory / "tokenizer.json"))
    library.no_padding()
    specials = [token.content for token in library.get_added_tokens_decoder().values()]
    rng = random.Random(f"{arguments.seed} {name}")
    texts = GOLDEN + [(any_text if i % 2 else mixed_text)(rng, specials) for i in range(arguments.texts)]
    faults = 0
    for special in (True, False):
        expected = [one.ids for one in library.encode_batch_fast(texts, add_special_tokens=special)]
        ours = run("tokenize", "--model", directory, *([] if special else ["--no-special-tokens"]), rows=[{"text": text} for text in texts])
        faults += report(name, f"encode{' with special tokens' * special}", texts, [row["ids"] for row in ours], expected)
    named = set(library.get_vocab().values())
    ids = expected + [[i for i in random_ids(rng, max(named) + 1) if i in named] for _ in texts]
    rows = [{"ids": one, "skip_special": skip} for skip in (True, False) for one in ids]
    ours = run("tokenize", "--model", directory, "--decode", rows=rows)
    expected = library.decode_batch(ids, skip_special_tokens=True) + library.decode_batch(ids, skip_special_tokens=False)
    faults += report(name, "decode", [(row["ids"], row["skip_special"]) for row in rows], [row["text"] for row in ours], expected)
    if os.environ.get("HOLDFAST_LONG"):
        faults += compare_long(name, directory, library)
    return len(texts), faults


parser = argparse.ArgumentParser()
parser.add_argument("--texts", type=int, default=2000)
parser.add_argument("--seed", type=int, default=1234)
parser.add_argument("--only", help="parts of tokenizers' names, with | between them")
arguments = parser.parse_args()
count = compared = faults = 0
with tempfile.TemporaryDirectory() as folder:
    at_hand = [(path.name, path) for path in models() + sorted(p for p in SHARED.glob("tokenizers/*") if (p / "tokenizer.json").exists())]
    for name, one in itertools.chain(at_hand, made()):
        if arguments.only and not any(part in name for part in arguments.only.split("|")):
            continue
        if not isinstance(one, pathlib.Path):
            path = pathlib.Path(folder) / str(count)
            path.mkdir()
            one.save(str(path / "tokenizer.json"))
            one = path
        start = time.perf_counter()
        texts, wrong = compare(name, one, arguments)
        print(f"{name}: {texts} texts, {wrong} faults, {time.perf_counter() - start:.1f} s", flush=True)
        count, compared, faults = count + 1, compared + texts, faults + wrong
print(f"{count} tokenizers, {compared} texts, each encoded twice and decoded twice, and as many random lists of ids decoded twice: {faults} differ")
raise SystemExit(1 if faults or not count else 0)
