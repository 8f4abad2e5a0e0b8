"""Writes ordinary.jsonl: the questions of chat_phrases.ORDINARY that are not measured, with the first sentence that the untouched model answers.

Usage: ordinary.py HOLDFAST MODEL.
"""

import json
import pathlib
import re
import subprocess
import sys

from chat_phrases import MEASURED_ORDINARY, ORDINARY


def main():
    program, model = sys.argv[1:]
    questions = ORDINARY[: -len(MEASURED_ORDINARY)]
    lines = "".join(json.dumps({"messages": [{"role": "user", "content": f"{one} Answer in one short sentence."}]}) + "\n" for one in questions)
    run = subprocess.run(
        [program, "generate", "--model", model, "--precision", "fp32", "--max-new-tokens", "48"], input=lines, text=True, capture_output=True,
        check=True,
    )
    rows = []
    for question, line in zip(questions, run.stdout.splitlines(), strict=True):
        sentence = re.match(r".*?[.!?](?=\s|$)", json.loads(line)["text"].strip(), re.DOTALL)
        if sentence:
            rows.append({"prompt": question, "answer": sentence[0]})
    path = pathlib.Path(__file__).with_name("ordinary.jsonl")
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    print(path.name, len(rows))


if __name__ == "__main__":
    main()
