"""Token ids and decoded texts equal the `tokenizers` library's, on golden strings and 2,000 seeded random ones a tokenizer."""

import random
import unicodedata

from common import SHARED, models, need, run

need("tokenizers")
import tokenizers

GOLDEN = [
    "", " ", "  ", "   ", "\t", "\n", "\n\n", "\n\n\n", "\t\n", "Hello world", " Hello world", "Hello World!", " Hello, world! ", "this is \U0001f999.cpp",
    "w048 7tuijk dsdfhu", "3", "33", "333", "3333", "33333", "3.14159e-10", "ⅷ½²", "Führer Straße", "Cửa Việt", "нещо на Български", "កាន់តែពិសេសអាចខលចេញ",
    "\U0001f680 (normal) \U0001f636\u200d\U0001f32b\ufe0f (multiple emojis concatenated) ✅", "I'm you're he'll WE'VE 'ſ", "a\u180eb", "a\u00a0b\u3000c\u2028d", "x\u0301\u0327y",
    "def f(x):\n    return x ** 2  # square\n\n\n", "<s>in</s>side <unk>", "<|im_start|>user\nhi<|im_end|>\n", "<|begin_of_text|><|eot_id|>", "!!!???...", "tabs\t\tand  spaces   ", "ab" * 300, "日本語のテキスト", "\u0000\u0001\u007f", "\ufeffBOM",
]


def random_text(rng, specials):
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
    # PCRE2 10.42 knows the characters of Unicode 14, as Python 3.11 does; newer ones may be of another class.
    return "".join(c for c in out if len(c) > 1 or unicodedata.category(c) != "Cn" or ord(c) > 0x2FFFF)


directories = models() + sorted(p for p in SHARED.glob("tokenizers/*") if (p / "tokenizer.json").exists())
faults = 0
for directory in directories:
    library = tokenizers.Tokenizer.from_file(str(directory / "tokenizer.json"))
    library.no_padding()
    specials = [token.content for token in library.get_added_tokens_decoder().values()]
    rng = random.Random(1234)
    texts = GOLDEN + [random_text(rng, specials) for _ in range(2000)]
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
raise SystemExit(1 if faults else 0)
