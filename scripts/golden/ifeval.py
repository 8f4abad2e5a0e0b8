"""Writes tests/golden/ifeval.json: what lm-evaluation-harness' own functions say of made-up answers to every instruction.

Needs lm_eval 0.4.13, nltk and langdetect.  Punkt's table of English abbreviations is not at hand: its algorithm runs without
one here, so the golden says nothing of texts that hold abbreviations.  Each row: instruction, kwargs, prompt, answer, and the
strict and loose outcome; null where the parameters leave the reference to a random draw.
"""

import json
import pathlib
import random
from importlib.metadata import version

import langdetect
import nltk
from nltk.tokenize.destructive import NLTKWordTokenizer
from nltk.tokenize.punkt import PunktSentenceTokenizer

nltk.data.find = lambda name: name  # the table is asked for when the module is imported
from lm_eval.tasks.ifeval import instructions_registry, instructions_util, utils  # noqa: E402

ROOT = pathlib.Path(__file__).parents[2]
langdetect.DetectorFactory.seed = 0
punkt, treebank = PunktSentenceTokenizer(), NLTKWordTokenizer()
instructions_util.count_sentences = lambda text: len(punkt.tokenize(text))
instructions_util.nltk.word_tokenize = lambda text: [token for sentence in punkt.tokenize(text) for token in treebank.tokenize(sentence)]
random.seed(11)

WORDS = "yarn needle Wool purl KNIT stitch ROW Grüße größe 3 42 I don't I'm DON'T Don't cannot CANNOT well-made TWO-TONE x_y e.g. U.S. naïve ΣΑΣ the of and is with this".split()
LINES = [
    "* one stitch", "- two rows", "** bold **", "*a* and *b*", "**c**", "***", " *** ", "******", "Section 1", "SECTION 2", "section 3 wool",
    "P.S. more wool", "p. s. wool", "P.P.S. wool", "P. P. S none", "[name] and [address]", "[]", "<<Title>>", "<< >>", "<<a>> <<b>>", "", "", "",
    '"quoted"', "My answer is yes.", "My answer is maybe", "Is there anything else I can help with?", "{\"a\": [1, NaN]}", "Yarn is warm.", "Knitting needs patience! Really?",
    "   - spaced", "\t* tab", "*", "-", "  *\n", "'Yarn' first", "wool, and more", "Day 1", "Day ٣", "\u2003*** \u3000", "\x1c***\x1f",
]
ANSWERS = [
    '{"a": 1}', "```json\n{\"a\": [1, 2]}\n```", "```\n[1, 2,]\n```", "[NaN, -Infinity, \"\\ud800\"]", "01", "-0.5e+3", "1.", "\"a\tb\"", "{\"a\" : {} , \"b\":[[]]}", "{1: 2}", "```JSON null```", "nul",
    '"Wool is warm."', '"', '""', ' "a" ', "wool ****** yarn", "wool******wool", "******a******b", "a******b******c", "a****** ******b", "a***b", "***a***b***", "a *** *** b",
    "First\n\nSecond yarn\n\nThird", "First\n\n\n\nSecond", "\n\n'Wool' is\n\nwarm.", "Wool!\n\n\"Yarn,\" she said", "wool\n\nyarn", "How do I cast off? Like this.", "HOW DO I CAST OFF? like this",
    "the wool of the sheep is warm and it is with this that you have the yarn that they are to be knitting with",
    "THE WOOL OF THE SHEEP IS WARM AND IT IS WITH THIS THAT YOU HAVE THE YARN THAT THEY ARE TO BE KNITTING WITH",
    "das ist ein wort und noch ein wort und dann kommt ein langer satz auf deutsch", "니트는 따뜻합니다 그리고 양털은 아주 부드럽고 좋은 재료입니다 정말로", "ऊन गर्म है और यह बहुत अच्छा है हम बुनाई करते हैं और कपड़े बनाते हैं",
    "ผ้าขนสัตว์อบอุ่นและนุ่มมากเราถักนิตติ้งทุกวัน", "வெதுவெதுப்பான கம்பளி மிகவும் நல்லது நாங்கள் பின்னுகிறோம்",
    "Knitting begins slowly. Everyone enjoys needles! Really? Nothing follows", "Stitches matter. Patience matters.", "Wool... is warm. Dr. Yarn said so.", "One sentence without an end", "Is it? Yes! Certainly.",
    "", " \n ", "*", "a\nb", "a\nb\nc", "P.S. I love wool", "Title\n<<Wool>>", "İstanbul ſtitch \u212Anit", "ends with phrase that's all", "THAT'S ALL\"", "that's all.",
    "wool-wool WOOL wOoL", "A. B. C.", "I AM HERE TODAY", "I am HERE. Today I'll KNIT and you're PURLING", "GONNA KNIT. John's SOCKS", "AT&T", "KNIT/PURL", "(WOOL) 'YARN' \"KNIT\"", "3D X2 B", "--WOOL-- A--B",
]
KWARGS = {
    "keywords:existence": lambda: {"keywords": random.sample(["wool", "Yarn", "KNIT", "größe", "stitch", "kn.t", "s"], random.randint(1, 2))},
    "keywords:frequency": lambda: {"keyword": random.choice(["wool", " yarn ", "k", "ΣΑΣ", "the", "o*"]), "frequency": random.randint(0, 3), "relation": relation()},
    "keywords:forbidden_words": lambda: {"forbidden_words": random.sample(["wool", "yarn", "row", "x", "größe", "stitch"], random.randint(1, 3))},
    "keywords:letter_frequency": lambda: {"letter": random.choice("aeWz!"), "let_frequency": random.randint(1, 8), "let_relation": relation()},
    "language:response_language": lambda: {"language": random.choice(["en", "de", "ko", "hi", "th", "ta", "ru", "kn"])},
    "length_constraints:number_sentences": lambda: {"num_sentences": random.randint(1, 4), "relation": relation()},
    "length_constraints:number_paragraphs": lambda: {"num_paragraphs": random.randint(1, 4)},
    "length_constraints:number_words": lambda: {"num_words": random.choice([1, 2, 5, 8, 12, 20]), "relation": relation()},
    "length_constraints:nth_paragraph_first_word": lambda: {"num_paragraphs": random.randint(1, 3), "nth_paragraph": random.randint(1, 3), "first_word": random.choice(["wool", "Second", "yarn", "first"])},
    "detectable_content:number_placeholders": lambda: {"num_placeholders": random.randint(1, 3)},
    "detectable_content:postscript": lambda: {"postscript_marker": random.choice(["P.S.", "P.P.S", "Note "])},
    "detectable_format:number_bullet_lists": lambda: {"num_bullets": random.randint(1, 4)},
    "detectable_format:constrained_response": dict,
    "detectable_format:number_highlighted_sections": lambda: {"num_highlights": random.randint(1, 4)},
    "detectable_format:multiple_sections": lambda: {"section_spliter": random.choice(["Section", "SECTION", "Day "]), "num_sections": random.randint(1, 3)},
    "detectable_format:json_format": dict,
    "detectable_format:title": dict,
    "combination:two_responses": dict,
    "combination:repeat_prompt": lambda: {"prompt_to_repeat": random.choice(["How do I cast off? ", "wool", "FIRST"])},
    "startend:end_checker": lambda: {"end_phrase": random.choice(["that's all", " Is there anything else I can help with?", "WARM."])},
    "startend:quotation": dict,
    "change_case:capital_word_frequency": lambda: {"capital_frequency": random.randint(1, 5), "capital_relation": relation()},
    "change_case:english_capital": dict,
    "change_case:english_lowercase": dict,
    "punctuation:no_comma": dict,
}
DIRECTED = [
    ("detectable_format:multiple_sections", {"section_spliter": "Section", "num_sections": 2}, "Section 1\nwool\nSection2 yarn"),
    ("detectable_format:multiple_sections", {"section_spliter": "Day ", "num_sections": 2}, "Day ٣ wool Day\u20034"),
    ("detectable_format:multiple_sections", {"section_spliter": "SECTION", "num_sections": 1}, "Section 1"),
    ("combination:repeat_prompt", {"prompt_to_repeat": "How do I cast off? "}, "\n how DO I cast off? Like this."),
    ("combination:repeat_prompt", {"prompt_to_repeat": "ΣΑΣ wool"}, "σας Wool is it."),
    ("length_constraints:nth_paragraph_first_word", {"num_paragraphs": 3, "nth_paragraph": 2, "first_word": "Second"}, "First\n\n''\"SECOND, yarn\n\nThird"),
    ("length_constraints:nth_paragraph_first_word", {"num_paragraphs": 2, "nth_paragraph": 1, "first_word": "wool"}, "Wool's warm\n\nIt is\n\n"),
    ("length_constraints:nth_paragraph_first_word", {"num_paragraphs": 1, "nth_paragraph": 1, "first_word": "wool"}, "Sure:\n\nWool is"),
]
assert sorted(KWARGS) == sorted(instructions_registry.INSTRUCTION_DICT)


def relation():
    return random.choice(["less than", "at least"])


def made_up():
    lines = [random.choice(LINES) if random.random() < 0.6 else " ".join(random.choice(WORDS) for _ in range(random.randint(1, 9))) for _ in range(random.randint(1, 7))]
    return "\n".join(lines)


def is_random(kwargs):
    """Whether lm-eval fills a parameter in at random: one that is zero, a letter that is none, a paragraph beyond the last."""
    return any(not value for value in kwargs.values()) or kwargs.get("letter", "a") == "!" or kwargs.get("nth_paragraph", 0) > kwargs.get("num_paragraphs", 9)


def main():
    rows = []
    tried = [(name, make(), answer) for name, make in KWARGS.items() for answer in ANSWERS + [made_up() for _ in range(60)]]
    for name, kwargs, answer in tried + DIRECTED:
        example = utils.InputExample(key=1, instruction_id_list=[name], prompt="", kwargs=[kwargs])
        outcome = [None, None]
        if not is_random(kwargs):
            outcome = [bool(check(example, answer).follow_instruction_list[0]) for check in (utils.test_instruction_following_strict, utils.test_instruction_following_loose)]
        rows.append([name, kwargs, answer, *outcome])
    golden = {"made_by": [f"{package} {version(package)}" for package in ("lm_eval", "nltk", "langdetect")], "rows": rows}
    (ROOT / "tests/golden/ifeval.json").write_text(json.dumps(golden, indent=None, separators=(",", ":")).replace("],[", "],\n[") + "\n")
    print(len(rows), "rows")


main()
