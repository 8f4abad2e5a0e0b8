"""Multiple choice by log-likelihood in fp32: items/s beside lm-evaluation-harness' HF backend.

The workload's own items (MMLU 5-shot where shared data has it), and items in the shape of HellaSwag's: a context of 60
tokens and four endings of 20, without shots.  The same ids; log-probabilities are compared first (5e-4).  The limit
computes every distinct beginning of all requests once.
"""

import operations
from common import Engine, fail, missing_oracle, take_turns
from workload import workloads

TOLERANCE = 5e-4
BATCHES = (1, 8)  # the harness' default, and what people set


def shaped_items(engine, work, count):
    """Four-way items cut out of the workload's own text, one ending the true one."""
    stream = [token for row in engine.ask("rows", data=str(work.training))["rows"] for token in row["ids"]]
    context, ending = 60, 20
    items = []
    for i in range(count):
        begin = i * (context + ending) % (len(stream) - context - ending)
        choices = [begin + context] + [(begin + jump) % (len(stream) - ending) for jump in (1009, 2503, 4001)]
        items.append([{"context": stream[begin : begin + context], "continuation": stream[start : start + ending]} for start in choices])
    return items


def case(report, engine, work, peak, harnesses, items, what):
    requests = [choice for item in items for choice in item]

    def ours():
        answer = engine.ask("score", requests=requests)
        return answer["seconds"], answer["logprobs"]

    engines = {"holdfast": ours}
    expected, worst = ours()[1], 0.0
    for batch, harness in harnesses.items():
        engines[f"lm-evaluation-harness, batch {batch}"] = lambda harness=harness: harness.run(requests)
        theirs = harness.run(requests)[1]
        worst = max(worst, *(abs(a - b) for a, b in zip(expected, theirs, strict=True)))
        if not worst <= TOLERANCE:
            fail(f"scoring {work.name}: found log-probabilities {worst:.1e} from the harness', expected at most {TOLERANCE}; try tests/parity/model_parity.py")
    rates = {name: [len(items) / seconds for seconds, _ in turns] for name, turns in zip(engines, take_turns(report.repeats, *engines.values()))}
    needed = operations.scoring(operations.Sizes(work.directory), [(r["context"], r["continuation"]) for r in requests])
    tokens = sum(len(item[0]["context"]) for item in items)
    check = f"log-probabilities within {worst:.1e}" if len(engines) > 1 else "log-probabilities not compared"
    name = f"{work.name} fp32, {what}: {len(items)} items of {tokens // len(items)} tokens"
    report.case("scoring", name, "items/s", rates, check, dict.fromkeys(engines, peak * len(items) / needed), "FMA peak, every beginning once")


def measure(report, engine, work, peak):
    engine.ask("load", model=str(work.directory), precision="fp32")
    harnesses = {}
    reason = missing_oracle("transformers", "lm_eval")
    if reason:
        report.note("lm-evaluation-harness left out: " + reason)
    else:
        import rival

        harnesses = {batch: rival.Scoring(work.directory, batch) for batch in BATCHES}
    items = engine.ask("items", **work.items)["items"]
    case(report, engine, work, peak, harnesses, items, "MMLU 5-shot" if work.items["benchmark"] == "mmlu" else "endings")
    case(report, engine, work, peak, harnesses, shaped_items(engine, work, work.items["limit"]), "HellaSwag's shape")


def run(report):
    engine = Engine()
    peak = engine.ask("machine")["fma_gflops"] * 1e9
    for work in workloads(report):
        measure(report, engine, work, peak)
    engine.close()
