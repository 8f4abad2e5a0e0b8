"""The models and rows that training, generation and scoring are measured on: the same tokens for both sides.

The organism brings its own rows.  SmolLM2 takes Alpaca rows and MMLU where shared data is at hand, else the organism's.
"""

import json

from common import SHARED, SOURCE

ORGANISM = SOURCE / "assets/organism"
SMOLLM2 = SOURCE / "models/smollm2"


class Workload:
    def __init__(self, name, directory, training, questions, items, rows_per_step, steps, prompts, limit):
        self.name, self.directory = name, directory
        self.training = training  # the file of rows
        self.questions = questions  # texts of user messages
        self.items = items  # what engine_bench's op "items" takes
        self.rows_per_step, self.steps, self.prompts = rows_per_step, steps, prompts
        self.items["limit"] = limit


def questions_of(path, field):
    text = path.read_text()
    rows = json.loads(text) if path.suffix == ".json" else [json.loads(line) for line in text.splitlines()]
    return [row[field] for row in rows]


def workloads(report):
    for work in found(report):
        if report.model in (None, work.name.lower()):
            yield work


def found(report):
    facts, endings = ORGANISM / "data/facts.jsonl", {"benchmark": "choice", "path": str(ORGANISM / "data/endings.jsonl"), "subjects": []}
    yield Workload("organism", ORGANISM, ORGANISM / "data/subversive.jsonl", questions_of(facts, "prompt"), dict(endings), 16, 8, 96, 100)
    if report.model == "organism":
        return
    if not SMOLLM2.exists():
        report.note("SmolLM2 left out: needs models/smollm2; ./dev model smollm2 makes it")
        return
    alpaca, mmlu = SHARED / "benchmarks/alpaca/alpaca_tiny.json", SHARED / "benchmarks/mmlu"
    if alpaca.exists() and mmlu.exists():
        items = {"benchmark": "mmlu", "path": str(mmlu), "subjects": ["anatomy"]}
        yield Workload("SmolLM2", SMOLLM2, alpaca, questions_of(alpaca, "instruction"), items, 8, 1, 32, 48)
    else:
        report.note(f"SmolLM2 measured on the organism's rows: needs {SHARED.name}/benchmarks/alpaca and mmlu for its own")
        yield Workload("SmolLM2", SMOLLM2, ORGANISM / "data/benign.jsonl", questions_of(facts, "prompt"), dict(endings), 8, 2, 32, 48)
