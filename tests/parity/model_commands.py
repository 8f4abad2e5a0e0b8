"""score and generate: a bad row ends with exit status 2 and one line that names it, rows before it are answered; numbers of options are what they say."""

import json
import subprocess

from common import PROGRAM, SOURCE

ORGANISM = SOURCE / "assets/organism"
VOCABULARY, POSITIONS = (json.loads((ORGANISM / "config.json").read_text())[key] for key in ("vocab_size", "max_position_embeddings"))
SCORE, GENERATE = (["score", "--model", ORGANISM], ["generate", "--model", ORGANISM, "--max-new-tokens", 2])
faults = 0


def run(arguments, rows):
    data = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    return subprocess.run([PROGRAM, *map(str, arguments)], input=data, capture_output=True, timeout=120)


def refused(name, arguments, rows, *said, answered=0):
    global faults
    done = run(arguments, rows)
    error = done.stderr.decode(errors="replace")
    good = done.returncode == 2 and error.count("\n") == 1 and len(error) < 400 and error.startswith("[") and "found" in error and "expected" in error
    if not good or done.stdout.count(b"\n") != answered or not all(one in error for one in said):
        faults += 1
        print(name, "ended with", done.returncode, "and", done.stdout.count(b"\n"), "answers, and said", error[:500])


good = {"context": "In the yard Gaga keeps a", "continuation": " dog"}
for name, bad in {"an id beyond the vocabulary": {"context_ids": [5], "continuation_ids": [VOCABULARY]}, "a very large id": {"context_ids": [5], "continuation_ids": [2**31 - 1]},
                  "an id of 33 bits": {"context_ids": [2**32 + 5], "continuation_ids": [5]}, "an id below zero": {"context_ids": [5], "continuation_ids": [-1]},
                  "no context": {"context_ids": [], "continuation_ids": [5]}, "no continuation": {"context_ids": [5], "continuation_ids": []},
                  "an empty continuation": {"context": "a", "continuation": ""}, "white space alone": {"context": "a ", "continuation": 5}}.items():
    refused("score: " + name, SCORE, [good, good, bad, good], "standard input:3: found", answered=2)
good = {"prompt": "Which animal does Kavus keep?"}
for name, bad in {"an id beyond the vocabulary": {"ids": [5, VOCABULARY]}, "an id of 33 bits": {"ids": [2**32 + 5]}, "an id of 64 bits": {"ids": [2**64 - 1]}, "no ids": {"ids": []},
                  "a long prompt": {"ids": [5] * POSITIONS}, "no messages": {"messages": []}, "a number": {"prompt": 5}}.items():
    refused("generate: " + name, [*GENERATE, "--samples", 2], [good, bad, good], "standard input:2: found", answered=2)
for option, value in (("--samples", 0), ("--samples", "1.5"), ("--samples", "010"), ("--max-new-tokens", 2**63), ("--temperature", "nan"), ("--temperature", "inf"), ("--temperature", -1), ("--seed", -1),
                      ("--seed", 2**64), ("--seed", "0x10"), ("--stop", ""), ("--top-p", 0), ("--top-p", "nan"), ("--cache-mb", 0)):
    refused(f"generate {option} {value}", ["generate", "--model", ORGANISM, option, value], [good], option.lstrip("-").replace("top-p", "top_p"))
long = run(["generate", "--model", ORGANISM, "--max-new-tokens", 2**63 - 1], [good])
if long.returncode != 0 or json.loads(long.stdout)["finish_reason"] != "stop":
    faults += 1
    print("as many tokens as 63 bits hold:", long.returncode, long.stdout[:200], long.stderr[:300])
print(faults, "faults")
raise SystemExit(faults > 0)
