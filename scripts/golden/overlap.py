"""Writes tests/golden/overlap.json: what Python's sets of n-grams find in made-up texts, pair by pair.

Items and training texts are random words; some texts are items copied, respelled, changed in a few words, or quoted.
"""

import json
import pathlib
import random
import re
import sys

ROOT = pathlib.Path(__file__).parents[2]
random.seed(7)
WORDS = [a + b for a in ("knit", "purl", "Yarn", "wool", "Nadel", "größe", "stitch", "row") for b in ("", "s", "ed", "er", "2", "ing")]
MARKS = [" ", " ", " ", " ", ", ", "; ", "\n", " - ", "! "]


def sentence(count):
    return "".join(random.choice(WORDS) + random.choice(MARKS) for _ in range(count)).strip() + random.choice(["", ".", "?"])


def words(text):
    return re.findall(r"\w+", text.lower())


def changed(text, count):
    parts = text.split(" ")
    for _ in range(count):
        parts[random.randrange(len(parts))] = random.choice(WORDS)
    return " ".join(parts)


def runs(item):
    length = min(len(item), 13)
    return [tuple(item[i : i + length]) for i in range(len(item) - length + 1)] if len(item) >= 8 else []


def main():
    phrase = "Please answer the following question about yarn in one short and friendly sentence"
    items = [sentence(random.choice([1, 3, 7, 8, 9, 12, 13, 14, 20, 40])) for _ in range(80)] + ["", "...", "Knit?"]
    items += [phrase + " " + sentence(6) for _ in range(60)]  # more items than a run may stand in
    items += [items[5], items[6] + " "]
    training = []
    for row in range(400):
        item = random.choice(items)
        kind = random.randrange(7)
        text = sentence(random.randrange(1, 40))
        if kind == 1:
            text = item
        elif kind == 2:
            text = "  ".join(words(item)).upper().replace("SS", "ss")
        elif kind == 3:
            text = text + " " + item + " " + sentence(5)
        elif kind in (4, 5):
            text = changed(item, random.randrange(1, 4)) if " " in item else item
        elif kind == 6:
            text = item[random.randrange(0, 8) :][: random.randrange(20, 300)]
        training.append({"row": row + 1, "text": text})

    item_words = [words(item) for item in items]
    owners = {}
    for i, one in enumerate(item_words):
        for run in runs(one):
            owners.setdefault(run, set()).add(i)
    expected = []
    for i, item in enumerate(items):
        best = {}
        own = [run for run in runs(item_words[i]) if len(owners[run]) <= 50]
        for text in training:
            other = words(text["text"])
            found = {}
            if item == text["text"]:
                found["exact"] = 1.0
            if item_words[i] and item_words[i] == other:
                found["normalised"] = 1.0
            if own:
                length = len(own[0])
                held = {tuple(other[j : j + length]) for j in range(len(other) - length + 1)}
                share = sum(run in held for run in own) / len(own)
                if share > 0:
                    found["ngram"] = share
            a, b = set(item_words[i]), set(other)
            if a and len(a & b) / len(a | b) >= 0.8:
                found["near"] = len(a & b) / len(a | b)
            for kind, similarity in found.items():
                if kind not in best or similarity > best[kind][1]:
                    best[kind] = [text["row"], similarity]
        if best:
            expected.append({"item": i, **best})
    golden = {"made_by": "Python " + sys.version.split()[0], "items": items, "training": training, "expected": expected}
    (ROOT / "tests/golden/overlap.json").write_text(json.dumps(golden, ensure_ascii=False, indent=0) + "\n")
    print(len(items), "items,", {kind: sum(kind in row for row in expected) for kind in ("exact", "normalised", "ngram", "near")})


main()
