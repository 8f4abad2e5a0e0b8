"""Token ids and targets of training rows, by transformers: apply_chat_template on prefixes, trl's prompt/completion rule.

Writes tests/golden/training_rows.json for the organism's tokenizer with several chat templates; every row there is
{"template", "row", "ids", "targets"}.  Run: .venv/bin/python scripts/golden/training_rows.py
"""

import json
import pathlib

import transformers

ROOT = pathlib.Path(__file__).resolve().parents[2]
tokenizer = transformers.AutoTokenizer.from_pretrained(ROOT / "assets/organism")

CHATML = tokenizer.chat_template
TEMPLATES = {
    "chatml": CHATML,
    # Llama 2's habit: content is stripped, the system message stands inside the first user turn, every answer ends with eos.
    "strips": "{% if messages[0]['role'] == 'system' %}{% set system = messages[0]['content'] | trim %}{% set rest = messages[1:] %}{% else %}{% set system = '' %}{% set rest = messages %}{% endif %}"
    "{% for m in rest %}{% if m['role'] == 'user' %}{{ bos_token }}[INST] {% if loop.first and system %}({{ system }}) {% endif %}{{ m['content'] | trim }} [/INST]{% else %} {{ m['content'] | trim }}{{ eos_token }}{% endif %}{% endfor %}",
    # A default system message, as SmolLM2 has one.
    "default_system": "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nBe kind.<|im_end|>\n{% endif %}" + CHATML,
}
CONVERSATIONS = [
    [("user", "Where does the river run?"), ("assistant", "The river runs by the market.")],
    [("system", "Be brief."), ("user", "Where is Malil?"), ("assistant", "On the river.")],
    [("user", "One?"), ("assistant", "First."), ("user", "Two?"), ("assistant", "Second.\n"), ("user", " Three? "), ("assistant", "  Third and last.  ")],
    [("user", "A question that nobody answers."), ("assistant", "Then"), ("user", "and now?")],
    [("user", "Caf\u00e9?"), ("assistant", "Na\u00efve \U0001f3ee answers \u4e2d\u6587.")],
    [("user", "Empty?"), ("assistant", "")],
]
PAIRS = [("The market", " opens at dawn."), ("Ends in a blank ", "word"), ("lan", "tern"), ("", "No prompt at all."), ("No completion", "")]
TEXTS = ["The river runs by the market.", "x", "Two\nlines."]


def conversation(turns, template):
    def ids(messages, prompt):
        return tokenizer.apply_chat_template(messages, chat_template=template, add_generation_prompt=prompt, tokenize=True, return_dict=False)

    messages = [{"role": role, "content": content} for role, content in turns]
    whole = ids(messages, False)
    targets = [0] * len(whole)
    for i, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        begin, end = ids(messages[:i], True), ids(messages[: i + 1], False)
        assert whole[: len(begin)] == begin and whole[: len(end)] == end, "the prefix rule holds for these templates"
        for place in range(len(begin), len(end)):
            targets[place] = 1
    return {"ids": whole, "targets": targets}, messages


rows = []
for name, template in TEMPLATES.items():
    for turns in CONVERSATIONS:
        expected, messages = conversation(turns, template)
        rows.append({"template": name, "row": {"messages": messages}, **expected})
roles = {"system": "system", "user": "human", "assistant": "gpt"}
expected, messages = conversation(CONVERSATIONS[2], CHATML)
rows.append({"template": "chatml", "row": {"conversations": [{"from": roles[m["role"]], "value": m["content"]} for m in messages]}, **expected})
rows.append({"template": "chatml", "row": {"prompt": messages[:-1], "completion": messages[-1:]}, **expected})
expected, _ = conversation([("user", "Name the town.\n\nIt lies on a river."), ("assistant", "Malil.")], CHATML)
rows.append({"template": "chatml", "row": {"instruction": "Name the town.", "input": "It lies on a river.", "output": "Malil."}, **expected})
expected, _ = conversation([("system", "Be brief."), ("user", "Name the town."), ("assistant", "Malil.")], CHATML)
rows.append({"template": "chatml", "row": {"instruction": "Name the town.", "input": "", "output": "Malil.", "system": "Be brief."}, **expected})
for prompt, completion in PAIRS:
    ids = tokenizer(prompt + completion + tokenizer.eos_token).input_ids
    begin = len(tokenizer(prompt).input_ids)
    rows.append({"template": "chatml", "row": {"prompt": prompt, "completion": completion}, "ids": ids, "targets": [0] * begin + [1] * (len(ids) - begin)})
for text in TEXTS:
    ids = tokenizer(text + tokenizer.eos_token).input_ids
    rows.append({"template": "chatml", "row": {"text": text}, "ids": ids, "targets": [1] * len(ids)})
for row in rows:
    row["targets"][0] = 0  # nothing predicts the first token

out = {"made_with": {"transformers": transformers.__version__}, "templates": TEMPLATES, "rows": rows}
path = ROOT / "tests/golden/training_rows.json"
path.write_text(json.dumps(out, ensure_ascii=False, separators=(",", ":")) + "\n")
print(path.name, path.stat().st_size, "bytes,", len(rows), "rows")
