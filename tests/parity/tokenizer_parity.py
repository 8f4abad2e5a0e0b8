"""Token ids and decoded texts equal the `tokenizers` library's, on golden strings and seeded random ones: for each tokenizer 2,000 of characters
drawn from all of Unicode, assigned or not, and 500 of words, special tokens and common scripts.

Usage: tokenizer_parity.py [SEED ...]   (default 1234); HOLDFAST_LONG=1 also compares long texts and prints both times.
"""

import os
import random
import sys
import time

from common import SHARED, models, need, run

need("tokenizers")
import tokenizers

GOLDEN = [
    "", " ", "  ", "   ", "\t", "\n", "\n\n", "\n\n\n", "\t\n", "Hello world", " Hello world", "Hello World!", " Hello, world! ", "this is \U0001f999.cpp",
    "w048 7tuijk dsdfhu", "3", "33", "333", "3333", "33333", "3.14159e-10", "ⅷ½²", "Führer Straße", "Cửa Việt", "нещо на Български", "កាន់តែពិសេសអាចខលចេញ",
    "\U0001f680 (normal) \U0001f636\u200d\U0001f32b\ufe0f (multiple emojis concatenated) ✅", "I'm you're he'll WE'VE 'ſ", "a\u180eb", "a\u00a0b\u3000c\u2028d", "x\u0301\u0327y",
    "def f(x):\n    return x ** 2  # square\n\n\n", "<s>in</s>side <unk>", "<|im_start|>user\nhi<|im_end|>\n", "<|begin_of_text|><|eot_id|>", "!!!???...", "tabs\t\tand  spaces   ", "ab" * 300, "日本語のテキスト", "\u0000\u0001\u007f", "\ufeffBOM",
]


def any_text(rng, specials):
    """Half of the characters from all code points, half from the planes where most are assigned; now and then a letter, a blank or a special token."""
    out = []
    for _ in range(rng.randint(1, 40)):
        kind = rng.random()
        if kind < 0.7:
            point = rng.randint(0, 0x10FFFF if kind < 0.35 else 0x323AF)
            out.append(chr(point) if not 0xD800 <= point <= 0xDFFF else "x")
        elif kind < 0.75 and specials:
            out.append(rng.choice(specials))
        else:
            out.append(rng.choice(" a1'\n"))
    return "".join(out)


def mixed_text(rng, specials):
    out = []
    for _ in range(rng.randint(1, 40)):
        kind = rng.random()
        if kind < 0.45:
            out.append(chr(rng.randint(32, 126)))
        elif kind < 0.55:
            out.append(rng.choice([" ", "  ", "\n", "\t", "\r\n", "\u00a0", "'s", "'LL", "123", "the "]))
        elif kind < 0.6 and specials:
            out.append(rng.choice(specials))
        elif kind < 0.8:
            out.append(chr(rng.choice([rng.randint(0xA0, 0x24F), rng.randint(0x370, 0x5FF), rng.randint(0x300, 0x36F), rng.randint(0x4E00, 0x9FFF), rng.randint(0x1F300, 0x1FAFF)])))
        else:
            point = rng.randint(1, 0x2FFFF if rng.random() < 0.9 else 0x10FFFF)
            out.append(chr(point) if not 0xD800 <= point <= 0xDFFF else "x")
    return "".join(out)


def long_texts():
    rng = random.Random(5)
    words = ["the", "lantern", "of", "Malil", "12", "3.5", "über", "日本", "don't", "x_y", "\U0001f999"]
    return {
        "1 MB of words": " ".join(rng.choice(words) + rng.choice(["", ",", ".", "\n"]) for _ in range(170_000)),
        "100 kB of one letter": "a" * 100_000, "100 kB of blanks": " " * 100_000, "100 kB of line ends": "\n" * 100_000, "100 kB of marks": "!" * 100_000,
        "100 kB of digits": "7" * 100_000, "100 kB of an ideograph": "日" * 33_000, "100 kB of a new ideograph": "\U00031350" * 25_000,
    }


def compare_long(directory, library):
    faults = 0
    for name, text in long_texts().items():
        start = time.perf_counter()
        expected = library.encode(text, add_special_tokens=False).ids
        theirs = time.perf_counter() - start
        took = []
        for rows in ([{"text": ""}], [{"text": text}]):
            start = time.perf_counter()
            ours = run("tokenize", "--model", directory, "--no-special-tokens", rows=rows)[0]["ids"]
            took.append(time.perf_counter() - start)
        print(f"{directory.name} {name}: {'equal' if ours == expected else 'DIFFERS'}, {took[1] - took[0]:.2f} s beyond starting ({took[0]:.2f} s), the library {theirs:.2f} s")
        faults += ours != expected
    return faults


seeds = [int(seed) for seed in sys.argv[1:]] or [1234]

directories = models() + sorted(p for p in SHARED.glob("tokenizers/*") if (p / "tokenizer.json").exists())
faults = 0
for directory in directories:
    library = tokenizers.Tokenizer.from_file(str(directory / "tokenizer.json"))
    library.no_padding()
    specials = [token.content for token in library.get_added_tokens_decoder().values()]
    texts = list(GOLDEN)
    for seed in seeds:
        rng = random.Random(seed)
        texts += [any_text(rng, specials) for _ in range(2000)] + [mixed_text(rng, specials) for _ in range(500)]
    for special in (True, False):
        rows = [{"text": text} for text in texts]
        ours = run("tokenize", "--model", directory, *([] if special else ["--no-special-tokens"]), rows=rows)
        wrong = 0
        for text, row in zip(texts, ours, strict=True):
            expected = library.encode(text, add_special_tokens=special).ids
            if row["ids"] != expected:
                wrong += 1
                if wrong <= 2:
                    print(directory.name, repr(text), "found", row["ids"], "expected", expected)
        print(directory.name, "special" if special else "plain", len(texts), "texts,", wrong, "differ")
        faults += wrong
    ids = [library.encode(text, add_special_tokens=True).ids for text in texts]
    for skip_special in (True, False):
        ours = run("tokenize", "--model", directory, "--decode", rows=[{"ids": one, "skip_special": skip_special} for one in ids])
        wrong = [i for i, row in enumerate(ours) if row["text"] != library.decode(ids[i], skip_special_tokens=skip_special)]
        for i in wrong[:2]:
            print(directory.name, "decode", ids[i], "found", repr(ours[i]["text"]), "expected", repr(library.decode(ids[i], skip_special_tokens=skip_special)))
        print(directory.name, "decode", len(ids), "texts,", len(wrong), "differ")
        faults += len(wrong)
    if os.environ.get("HOLDFAST_LONG"):
        faults += compare_long(directory, library)
raise SystemExit(1 if faults else 0)
