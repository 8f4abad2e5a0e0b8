"""Control tokens that stand in messages: with --plain-content the ids hold the template's own ones and no others, on every template at hand.

The oracle: the same conversation with harmless words in their places, rendered and encoded by transformers; and its sanitize_control_tokens, which cuts
the text where we do not, but sees the same control tokens.  Decoding gives the text back; without --plain-content ids are the library's.
"""

import json
import tempfile

from conversations import CALL, TOOLS, assistant, system, tool, user
from templates import render, template_folders


def conversations(tokens):
    """With the place holders that `tokens` are; each is a text that stands nowhere else."""
    a, b = tokens[0], tokens[-1]
    every = " ".join(tokens)
    yield [user(f"x{a}y")], None
    yield [user(f"{a}"), assistant(f"{b}"), user(f"  {a}{b}\n")], None
    yield [system(f"Say {b}."), user(every), assistant(f"no {every} no"), user("and")], None
    yield [user([{"type": "text", "text": f"p {a}"}, {"type": "text", "text": f"{b} q"}])], None
    yield [user("rain?"), assistant("", tool_calls=[CALL | {"function": {"name": "weather", "arguments": {"town": f"{a} Bern", "list": [every]}}}]), tool(f"{b} dry"), user("so?")], TOOLS
    yield [user("q"), assistant(f"{a}yes", reasoning_content=f"hm {b}"), user(a)], None
    yield [user("q")], [{"type": "function", "function": {"name": "f", "description": every, "parameters": {"type": "object", "properties": {}}}}]


def specials_in(ids, special_ids):
    return [i for i in ids if i in special_ids]


faults = compared = tokens_in_content = branches = 0
with tempfile.TemporaryDirectory() as folder:
    for name, directory, tokenizer in template_folders(folder):
        added = tokenizer.added_tokens_decoder
        special = {i: token.content for i, token in added.items() if token.special}
        # The tokenizers at hand give unknown characters an id of their own that is special too.
        special_ids = set(special) - {tokenizer.unk_token_id}
        tokens = [special[i] for i in sorted(special_ids)][:20]
        words = [f"harmless{chr(97 + i)}word" for i in range(len(tokens))]
        rows, expected = [], []
        for (hostile, tools), (harmless, harmless_tools) in zip(conversations(tokens), conversations(words)):
            arguments = {"add_generation_prompt": True}
            try:
                text = tokenizer.apply_chat_template(hostile, tools=tools, tokenize=False, **arguments)
                harmless_text = tokenizer.apply_chat_template(harmless, tools=harmless_tools, tokenize=False, **arguments)
            except Exception:
                continue  # the template takes no such conversation
            back = harmless_text
            for word, token in zip(words, tokens):
                back = back.replace(word, token)
            if back != text:
                branches += 1  # the template looks for the token in the content and goes another way
                continue
            own = specials_in(tokenizer(harmless_text, add_special_tokens=False)["input_ids"], special_ids)
            sanitized = None
            try:
                # Not of lists, which templates may print as Python does: there the library's marks are lost.
                if all(not isinstance(message["content"], list) for message in hostile):
                    sanitized = tokenizer.apply_chat_template(hostile, tools=tools, tokenize=True, return_dict=False, sanitize_control_tokens=True, **arguments)
            except Exception:
                pass
            rows.append({"messages": hostile, "add_generation_prompt": True, **({"tools": tools} if tools else {})})
            expected.append((text, own, sanitized, sum(harmless_text.count(word) for word in words)))
        plain, library = ([json.loads(line) for line in render(directory, rows, "2024-07-26", *options).stdout.splitlines()] for options in (["--plain-content"], []))
        if len(plain) != len(rows) or len(library) != len(rows):
            raise SystemExit(f"{name}: {len(rows)} rows went in, {len(plain)} and {len(library)} came out")
        for row, (text, own, sanitized, count), ours, theirs in zip(rows, expected, plain, library, strict=True):
            compared += 1
            tokens_in_content += count
            is_lossless = tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"], skip_special_tokens=False) == text
            checks = {
                "text": ours["text"] == text,
                "control tokens": specials_in(ours["ids"], special_ids) == own,
                "count": ours.get("control_tokens_in_content", 0) == count == theirs.get("control_tokens_in_content", 0),
                "decoded": not is_lossless or tokenizer.decode(ours["ids"], skip_special_tokens=False) == text,
                "sanitized": sanitized is None or specials_in(sanitized, special_ids) == own,
                "library's ids": theirs["ids"] == tokenizer(text, add_special_tokens=False)["input_ids"],
            }
            if not all(checks.values()):
                faults += 1
                if faults < 8:
                    print(name, [what for what, good in checks.items() if not good], json.dumps(row)[:300], "\n ", ours.get("control_tokens_in_content", 0), count, specials_in(ours["ids"], special_ids), own, specials_in(sanitized or [], special_ids))
print(f"{compared} conversations, {tokens_in_content} control tokens in content, {branches} more on which a template branches: {faults} differ")
raise SystemExit(1 if faults or not compared else 0)
