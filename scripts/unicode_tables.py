"""Writes src/text/unicode_tables.cpp: what the `tokenizers` library thinks of every character, asked of the library itself.

Each of its components has Unicode tables of its own (Oniguruma's for patterns, Rust's for digits and lower case, a crate's for punctuation, normal
forms and marks), of several versions of Unicode.  PCRE2, which runs our patterns, has its own too: where it is asked through ctypes and disagrees
with Oniguruma about a character, a stand-in is chosen, of which PCRE2 thinks what Oniguruma thinks of the character.
Run with tokenizers 0.23.3 and libpcre2-8 10.42 (Unicode 14), then ./dev format.
"""

import bisect
import ctypes
import pathlib
from importlib.metadata import version

from tokenizers import Regex, normalizers, pre_tokenizers

ROOT = pathlib.Path(__file__).parents[1]
# Everything that is or may soon be assigned; private and unassigned planes are alike throughout.
POINTS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF and (c < 0x34000 or 0xE0000 <= c < 0xE0200)]
TEXT = "".join(map(chr, POINTS))

CATEGORIES = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co Cn".split()
BINARY = "Alphabetic Lowercase Uppercase White_Space ASCII_Hex_Digit Emoji Extended_Pictographic".split()
SCRIPTS = """Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki Bopomofo Brahmi Braille Buginese
    Buhid Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee Chorasmian Common Coptic Cuneiform Cypriot Cypro_Minoan Cyrillic Deseret
    Devanagari Dives_Akuru Dogra Duployan Egyptian_Hieroglyphs Elbasan Elymaic Ethiopic Georgian Glagolitic Gothic Grantha Greek Gujarati Gunjala_Gondi
    Gurmukhi Han Hangul Hanifi_Rohingya Hanunoo Hatran Hebrew Hiragana Imperial_Aramaic Inherited Inscriptional_Pahlavi Inscriptional_Parthian Javanese
    Kaithi Kannada Katakana Kayah_Li Kharoshthi Khitan_Small_Script Khmer Khojki Khudawadi Lao Latin Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian
    Mahajani Makasar Malayalam Mandaic Manichaean Marchen Masaram_Gondi Medefaidrin Meetei_Mayek Mende_Kikakui Meroitic_Cursive Meroitic_Hieroglyphs Miao
    Modi Mongolian Mro Multani Myanmar Nabataean Nandinagari New_Tai_Lue Newa Nko Nushu Nyiakeng_Puachue_Hmong Ogham Ol_Chiki Old_Hungarian Old_Italic
    Old_North_Arabian Old_Permic Old_Persian Old_Sogdian Old_South_Arabian Old_Turkic Old_Uyghur Oriya Osage Osmanya Pahawh_Hmong Palmyrene Pau_Cin_Hau
    Phags_Pa Phoenician Psalter_Pahlavi Rejang Runic Samaritan Saurashtra Sharada Shavian Siddham SignWriting Sinhala Sogdian Sora_Sompeng Soyombo
    Sundanese Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet Takri Tamil Tangsa Tangut Telugu Thaana Thai Tibetan Tifinagh Tirhuta Toto
    Ugaritic Vai Vithkuqi Wancho Warang_Citi Yezidi Yi Zanabazar_Square""".split()


# Where there is no stand-in of the same script, one of these, which patterns name, is the last resort.
NAMED = "Arabic Armenian Bengali Cyrillic Devanagari Ethiopic Georgian Greek Gujarati Gurmukhi Han Hangul Hebrew Hiragana Kannada Katakana Khmer Lao Latin Malayalam Mongolian Myanmar Sinhala Tamil Telugu Thai Tibetan".split()


def kept(pre_tokenizer):
    return {ord(word) for word, _ in pre_tokenizer.pre_tokenize_str(TEXT)}


def oniguruma(name):
    return kept(pre_tokenizers.Split(Regex(rf"\p{{{name}}}"), "removed", invert=True))


class Pcre2:
    def __init__(self):
        self.library = ctypes.CDLL("libpcre2-8.so.0")
        self.library.pcre2_compile_8.restype = self.library.pcre2_match_data_create_8.restype = ctypes.c_void_p
        self.library.pcre2_match_data_create_8.argtypes = [ctypes.c_uint32, ctypes.c_void_p]
        size, number, pointer = ctypes.c_size_t, ctypes.c_uint32, ctypes.c_void_p
        self.library.pcre2_compile_8.argtypes = [ctypes.c_char_p, size, number, pointer, pointer, pointer]
        self.library.pcre2_match_8.argtypes = [pointer, ctypes.c_char_p, size, size, number, pointer, pointer]
        self.room = self.library.pcre2_match_data_create_8(1, None)

    def __call__(self, name):
        pattern, error, place = rf"\p{{{name}}}".encode(), ctypes.c_int(), ctypes.c_size_t()
        code = self.library.pcre2_compile_8(pattern, len(pattern), 0xA0000, ctypes.byref(error), ctypes.byref(place), None)  # UTF, UCP
        if not code:
            raise SystemExit(f"PCRE2 does not know {name}")
        return {c for c, one in zip(POINTS, map(str.encode, TEXT)) if self.library.pcre2_match_8(code, one, len(one), 0, 0, self.room, None) > 0}


def profiles():
    """For each character what Oniguruma and what PCRE2 think of it: bit sets, categories in the lowest bits."""
    pcre2 = Pcre2()
    theirs, ours = dict.fromkeys(POINTS, 0), dict.fromkeys(POINTS, 0)
    for bit, name in enumerate(CATEGORIES + BINARY + SCRIPTS):
        for profile, members in ((theirs, oniguruma(name)), (ours, pcre2(f"sc:{name}" if name in SCRIPTS else name))):
            for c in members:
                profile[c] |= 1 << bit
    return theirs, ours


def stand_ins():
    theirs, ours = profiles()
    main = (1 << len(CATEGORIES) + len(BINARY)) - 1
    exact, alike = {}, {}  # by length and profile; by length and all but the script
    for c in POINTS:
        if theirs[c] == ours[c] and not 0xFDD0 <= c <= 0xFDEF:
            exact.setdefault((len(chr(c).encode()), ours[c]), []).append(c)
    named = sum(1 << (CATEGORIES + BINARY + SCRIPTS).index(name) for name in NAMED)
    for (length, profile), members in exact.items():
        alike.setdefault((length, profile & main, profile & named == 0), []).extend(members)
    for members in alike.values():
        members.sort()
    out, inexact = {}, []
    for c in POINTS:
        if theirs[c] == ours[c]:
            continue
        length = len(chr(c).encode())
        candidates = exact.get((length, theirs[c])) or alike.get((length, theirs[c] & main, True)) or alike.get((length, theirs[c] & main, False))
        if not candidates:
            raise SystemExit(f"no stand-in for U+{c:04X}")
        place = bisect.bisect(candidates, c)
        out[c] = min(candidates[max(0, place - 1) : place + 1], key=lambda d: abs(d - c))
        if ours[out[c]] != theirs[c]:
            inexact.append(c)
    print(len(out), "characters of which PCRE2 thinks otherwise,", len(inexact), "of them with a stand-in of another script")
    known = [c for c in out if ours[c] & 1 << CATEGORIES.index("Cn") == 0]
    print("known to it:", " ".join(f"{c:04X}>{out[c]:04X}" for c in known))
    return out


def ranges(members):
    out = []
    for c in sorted(members):
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def normalised():
    """Characters that a normal form changes, moves, or joins to the one before: all others pass through untouched."""
    forms = [normalizers.NFD(), normalizers.NFC(), normalizers.NFKD()]
    members = set()
    for c in POINTS:
        one = chr(c)
        if any(form.normalize_str(one) != one for form in forms):
            members.add(c)
        # What has a combining class moves in front of U+0345 (240, the highest) or behind U+0334 (1, the lowest).
        if any(forms[0].normalize_str(pair) != pair for pair in ("\u0345" + one, one + "\u0334")) or c in (0x334, 0x345):
            members.add(c)
        members.update(map(ord, forms[0].normalize_str(one)[1:]))
    return members


def lower_case():
    """Runs [first, last, step, distance] of characters whose lower case is one other character."""
    out = []
    for c in POINTS:
        lower = normalizers.Lowercase().normalize_str(chr(c))
        if len(lower) > 1 or ord(lower) == c:
            continue
        distance = ord(lower) - c
        if out and out[-1][3] == distance and c - out[-1][1] in (1, 2) and out[-1][2] in (0, c - out[-1][1]):
            out[-1][1], out[-1][2] = c, c - out[-1][1]
        else:
            out.append([c, c, 0, distance])
    return [[first, last, step or 1, distance] for first, last, step, distance in out]


def rows_of(kind, name, rows):
    body = ", ".join("{" + ", ".join(f"{v}" if -10 < v < 10 else f"0x{v:X}" if v > 0 else f"-0x{-v:X}" for v in row) + "}" for row in rows)
    return f"constexpr {kind} {name}[] = {{{body}}};\n"


def splits(pre_tokenizer):
    return {c for c in POINTS if len(pre_tokenizer.pre_tokenize_str("a" + chr(c))) == 2}


whitespace, strip_accents = pre_tokenizers.Whitespace(), normalizers.StripAccents()
SETS = {
    "kNumeric": splits(pre_tokenizers.Digits(True)),
    "kPunctuation": splits(pre_tokenizers.Punctuation("isolated")),
    "kWord": {c for c in POINTS if whitespace.pre_tokenize_str("a" + chr(c))[0][0] == "a" + chr(c)},
    "kMark": {c for c in POINTS if strip_accents.normalize_str(chr(c)) == ""},
    "kNormalised": normalised(),
}
substitutes = []
for c, d in stand_ins().items():
    if substitutes and substitutes[-1][1] == c - 1 and substitutes[-1][2] == d:
        substitutes[-1][1] = c
    else:
        substitutes.append([c, c, d])

LISTS = {name: ("CodePointRange", ranges(members)) for name, members in SETS.items()}
LISTS["kLowerCaseRuns"], LISTS["kStandIns"] = ("LowerCaseRun", lower_case()), ("StandIn", substitutes)
FILES = {"unicode_sets.cpp": ["kNumeric", "kPunctuation", "kMark"], "unicode_words.cpp": ["kWord"], "unicode_normal.cpp": ["kNormalised", "kLowerCaseRuns"], "unicode_stand_ins.cpp": ["kStandIns"]}
for file, names in FILES.items():
    text = f"// Made by scripts/unicode_tables.py from tokenizers {version('tokenizers')} and PCRE2 10.42 of Unicode 14; do not edit.\n"
    text += '#include "text/unicode_tables.h"\n\nnamespace holdfast::text {\nnamespace {\n\n'
    text += "".join(rows_of(LISTS[name][0], name + "Rows", LISTS[name][1]) for name in names) + "\n}  // namespace\n\n"
    text += "".join(f"const std::span<const {LISTS[name][0]}> {name} = {name}Rows;\n" for name in names)
    (ROOT / "src/text" / file).write_text(text + "\n}  // namespace holdfast::text\n")

# Python's own long cases, of any version: SpecialCasing.txt does not change.
cases = [(c, chr(c).upper(), chr(c).title()) for c in range(0x20000) if not 0xD800 <= c <= 0xDFFF and max(len(chr(c).upper()), len(chr(c).title())) > 1]
octal = lambda text: '"' + "".join(f"\\{byte:03o}" for byte in text.encode()) + '"'
body = ", ".join(f"{{0x{c:X}, {octal(upper)}, {octal(title)}}}" for c, upper, title in cases)
(ROOT / "src/text/python_case_table.cpp").write_text(f"""// Made by scripts/unicode_tables.py from Python's str; do not edit.
#include "text/python_case.h"

namespace holdfast::text {{
namespace {{

constexpr LongCase kRows[] = {{{body}}};

}}  // namespace

const std::span<const LongCase> kLongCases = kRows;

}}  // namespace holdfast::text
""")
