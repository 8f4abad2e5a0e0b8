"""Writes tests/golden/unicode.json: what the `tokenizers` library (0.23.3) makes of every character, as SHA-256.

"sets"     by pattern or component: of the characters that a Split with this pattern, or the component, finds
"normal"   by normaliser: of all characters' results, alone and between a letter and two marks
All characters: U+0000 to U+33FFF and U+E0000 to U+E01FF without surrogates, of the other planes the first and last two.
"""

import hashlib
import json
import pathlib
from importlib.metadata import version

from tokenizers import Regex, normalizers, pre_tokenizers

ROOT = pathlib.Path(__file__).parents[2]
EDGES = [plane << 16 | low for plane in range(17) for low in (0, 1, 0xFFFE, 0xFFFF)]
POINTS = sorted({c for c in [*range(0x34000), *range(0xE0000, 0xE0200), *EDGES] if not 0xD800 <= c <= 0xDFFF})
TEXT = "".join(map(chr, POINTS))
NAMES = """L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po S Sm Sc Sk So Z Zs Zl Zp C Cc Cf Co Cn Alphabetic Lowercase Uppercase White_Space
    Han Hiragana Katakana Hangul Greek Hebrew Thai Emoji Extended_Pictographic""".split()
PATTERNS = [rf"\p{{{name}}}" for name in NAMES] + [r"\P{L}", r"\w", r"\W", r"\s", r"\S", r"\d", r"[\w]", r"[^\w]", r"[^\s\p{L}\p{N}]", "[[:alnum:]]", "[[:punct:]]", "[[:alpha:]]"]


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def found(pre_tokenizer):
    """The characters that the component parts from a letter on either side."""
    return "".join(chr(c) for c in POINTS if len(pre_tokenizer.pre_tokenize_str("a" + chr(c) + "a")) != 1)


sets = {}
for pattern in PATTERNS:
    sets[pattern] = digest("".join(word for word, _ in pre_tokenizers.Split(Regex(pattern), "removed", invert=True).pre_tokenize_str(TEXT)))
for name, component in {
    "Digits": pre_tokenizers.Digits(True),
    "Punctuation": pre_tokenizers.Punctuation("isolated"),
    "Whitespace": pre_tokenizers.Whitespace(),
    "WhitespaceSplit": pre_tokenizers.WhitespaceSplit(),
}.items():
    sets[name] = digest(found(component))
normal = {}
for name in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Strip"):
    form = getattr(normalizers, name)()
    normal[name] = digest("".join(form.normalize_str(text) + "\n" for c in POINTS for text in (chr(c), "a\u0323" + chr(c) + "\u0301")))
body = ",\n".join(f'"{key}": {{\n' + ",\n".join(f" {json.dumps(k)}: {json.dumps(v)}" for k, v in one.items()) + "\n}" for key, one in {"sets": sets, "normal": normal}.items())
(ROOT / "tests/golden/unicode.json").write_text(f'{{\n"made_by": "scripts/golden/unicode.py, tokenizers {version("tokenizers")}",\n{body}\n}}\n')
