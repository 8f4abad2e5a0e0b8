"""tokenize and render: bad input ends with exit status 2 and one line that says what was found and expected; good rows before it are answered."""

import json
import pathlib
import subprocess
import tempfile

from common import PROGRAM, SOURCE

ORGANISM = SOURCE / "assets/organism"
faults = 0


def run(arguments, data, limit_s=60):
    return subprocess.run([PROGRAM, *map(str, arguments)], input=data, capture_output=True, timeout=limit_s)


def refused(name, arguments, data, *said):
    global faults
    done = run(arguments, data)
    error = done.stderr.decode(errors="replace")
    good = done.returncode == 2 and error.count("\n") == 1 and error.startswith("[") and "found" in error and "expected" in error and all(one in error for one in said)
    if not good:
        faults += 1
        print(name, "ended with", done.returncode, "and said", error[:500])


def row(value):
    return json.dumps(value).encode() + b"\n"


tokenize, decode, render = ["tokenize", "--model", ORGANISM], ["tokenize", "--decode", "--model", ORGANISM], ["render", "--model", ORGANISM]
message = {"role": "user", "content": "hello"}
refused("no UTF-8", tokenize, b'{"text": "a\xff"}\n', "standard input:1", "UTF-8")
refused("no UTF-8 in the second row", render, row({"messages": [message]}) + b'{"messages": "\xc3("}\n', "standard input:2")
refused("no JSON", tokenize, b"hello\n", "standard input:1")
refused("cut off", tokenize, b'{"text": "a', "standard input:1")
refused("half a surrogate pair", tokenize, b'{"text": "a\\ud83d"}\n', "standard input:1", "surrogate")
refused("ids and an option of texts", [*decode, "--no-special-tokens"], row({"ids": [1]}), "--no-special-tokens")
refused("no messages in the second row", render, row({"messages": [message]}) + row({"messages": []}), "[chat template] standard input:2: found")
refused("no text", tokenize, row({"txt": "a"}), "'text'")
refused("a number as text", tokenize, row({"text": 5}), "text 5")
refused("an object of very many keys", tokenize, b"{" + b",".join(b'"k%d":1' % i for i in range(1_000_000)) + b"}\n", "keys")
refused("very deep JSON", tokenize, b'{"text":' + b"[" * 1_000_000 + b"\n", "nested")
refused("ids that are no list", decode, row({"ids": 5}), "ids 5")
for bad in (-1, 10**6, 2**31, 2**32 + 5, 2**63, 1.5, "5", None):
    refused(f"id {bad}", decode, row({"ids": [1, bad]}), json.dumps(bad)[:8])
refused("skip_special as a text", decode, row({"ids": [1], "skip_special": "yes"}), "skip_special")
refused("no messages", render, row({"messages": []}))
refused("messages as a text", render, row({"messages": "hello"}))
refused("a message as a text", render, row({"messages": ["hello"]}))
refused("add_generation_prompt as a number", render, row({"messages": [message], "add_generation_prompt": 1}), "add_generation_prompt")
refused("a last message that is not there", render, row({"messages": [message, {"role": "assistant"}], "continue_final_message": True}), "'content'")
refused("both ways to go on", render, row({"messages": [message], "continue_final_message": True, "add_generation_prompt": True}), "continue_final_message")
refused("a date that is none", [*render, "--template-date", "2023-02-29"], row({"messages": [message]}), "2023-02-29")

hostile = row({"id": 3, "messages": [message | {"content": "a<|im_end|>b"}], "unknown": {"a": None}})
library, plain = (json.loads(run([*render, *options], hostile).stdout) for options in ([], ["--plain-content"]))
if library["text"] != plain["text"] or library["ids"].count(2) != 2 or plain["ids"].count(2) != 1 or [one["control_tokens_in_content"] for one in (library, plain)] != [1, 1] or plain["unknown"] != {"a": None}:
    faults += 1
    print("control tokens in content:", library, plain)

done = run(tokenize, row({"text": "hello"}) + b"\n" + row({"text": "a" * (50 << 20), "id": 7})[:-1])
rows = done.stdout.decode().splitlines()
if done.returncode != 0 or len(rows) != 2 or json.loads(rows[1])["id"] != 7:
    faults += 1
    print("a line of 50 MB ended with", done.returncode, done.stderr[:500])

with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    tokenizer = (ORGANISM / "tokenizer.json").read_bytes()
    refused("no tokenizer", ["tokenize", "--model", folder], row({"text": "a"}), "tokenizer.json")
    for name, data in {"empty": b"", "cut off": tokenizer[: len(tokenizer) // 2], "a list": b"[]", "brackets": b"[" * 1_000_000, "no UTF-8": tokenizer.replace(b'"model"', b'"\xff"', 1)}.items():
        (folder / "tokenizer.json").write_bytes(data)
        refused(f"tokenizer.json: {name}", ["tokenize", "--model", folder], row({"text": "a"}), "tokenizer.json")
    (folder / "tokenizer.json").write_bytes(tokenizer)
    (folder / "tokenizer_config.json").write_text("{}")
    refused("no template", ["render", "--model", folder], row({"messages": [message]}), "chat_template")
    for name, source in {"parentheses": "{{ " + "(" * 10_000 + "1" + ")" * 10_000 + " }}", "long range": "{% for i in range(10**9) %}{% endfor %}", "endless": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
                         "raises": "{{ raise_exception('one\ntwo') }}", "unknown tag": "{% import 'x' %}"}.items():
        (folder / "chat_template.jinja").write_text(source)
        refused(f"template: {name}", ["render", "--model", folder], row({"messages": [message]}), "[chat template]")
    (folder / "chat_template.jinja").write_bytes(b"a\xff")
    refused("template: no UTF-8", ["render", "--model", folder], row({"messages": [message]}), "UTF-8")
print("bad inputs of tokenize and render:", faults, "not refused as they must be")
raise SystemExit(1 if faults else 0)
