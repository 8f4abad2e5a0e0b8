"""Rendered prompts and their ids equal transformers' apply_chat_template, on every template and chat tokenizer at hand; so does what a template raises.

Every conversation with and without tools and generation prompt, with the switches that templates know, and continued.  --quick: a third of them on
each template, all of them on some.
"""

import json
import sys
import tempfile

from conversations import CONTINUED, PLAIN, TOOLS, WITH_SWITCHES
from templates import DATES, FixedDate, render, template_folders

import jinja2

QUICK = "--quick" in sys.argv


def rows_to_compare(date, turn):
    """Yields a row for `render`, and the arguments of apply_chat_template.  `turn`: the template's number."""
    # The second date alone needs no more than a look.
    for i, messages in enumerate(PLAIN if date == DATES[0] else PLAIN[:2]):
        for prompt in (False, True):
            for tools in (None, TOOLS):
                if QUICK and (i + turn) % 3:
                    continue
                yield {"messages": messages, "add_generation_prompt": prompt, **({"tools": tools} if tools else {})}, {"tools": tools, "add_generation_prompt": prompt}
    if date == DATES[0]:
        yield {"messages": PLAIN[0]}, {}
        for messages, more in WITH_SWITCHES:
            yield {"messages": messages, "add_generation_prompt": True, **more}, {"add_generation_prompt": True, **more}
        for messages, more in CONTINUED:
            yield {"messages": messages, **more}, more


def one_line(text):
    return "".join(" " if ord(c) < 0x20 else c for c in text)


def is_refused_alike(error, done):
    """With exit status 2, and where the template itself raised, with its words."""
    said = done.stderr
    words = error.message if type(error) is jinja2.exceptions.TemplateError else None
    return done.returncode == 2 and said.count("\n") == 1 and (words is None or f"that the template refuses: {one_line(words)}; expected" in said)


faults = compared = refused = templates = errors = 0
with tempfile.TemporaryDirectory() as folder:
    for name, directory, tokenizer in template_folders(folder):
        templates += 1
        for date in DATES:
            FixedDate.day_seen = date
            good, refusals = [], {}
            for row, arguments in rows_to_compare(date, templates):
                try:
                    text = tokenizer.apply_chat_template(row["messages"], tokenize=False, **arguments)
                except Exception as error:
                    refused += 1
                    refusals.setdefault(repr(error)[:200], (row, error))
                    continue
                # Ids are those of the text, without special tokens: asked of the whole way in one case of four.
                ids = tokenizer(text, add_special_tokens=False)["input_ids"] if "tools" in row or row.get("add_generation_prompt") else tokenizer.apply_chat_template(row["messages"], tokenize=True, return_dict=False, **arguments)
                good.append((row, text, ids))
            compared += len(good)
            done = render(directory, [row for row, _, _ in good], date)
            lines = done.stdout.split("\n")
            results = []
            for i, (row, text, ids) in enumerate(good):
                found = json.loads(lines[i]) if i < len(lines) and lines[i] else {"text": done.stderr, "ids": []}
                results.append((row, text + str(ids), found["text"] + str(found["ids"]), found["text"] == text and found["ids"] == ids))
            # A refusal ends the program: one of each kind, or of one kind.
            for row, error in list(refusals.values())[: 1 if QUICK else None]:
                one = render(directory, [row], date)
                results.append((row, repr(error), one.stdout + one.stderr, is_refused_alike(error, one)))
                errors += 1
            for row, expected, found, is_good in results:
                faults += not is_good
                if not is_good and faults <= 12:
                    print(name, json.dumps(row)[:300], "\n  expected", expected[:900], "\n  found", found[:900])
print(f"{templates} templates, {len(PLAIN) + len(WITH_SWITCHES) + len(CONTINUED)} conversations: {compared} renderings, {refused} refused by the library ({errors} kinds of refusal compared), {faults} differ")
raise SystemExit(1 if faults or not templates else 0)
