"""Multiple choice by log-likelihood in fp32: items/s beside lm-evaluation-harness' HF backend.

The same context and continuation ids; log-probabilities are compared first (5e-4).  The limit computes every distinct
beginning of all requests once.
"""

import operations
from common import Engine, fail, missing_oracle, take_turns
from workload import workloads

TOLERANCE = 5e-4
BATCHES = (1, 8)  # the harness' default, and what people set


def measure(report, engine, work, peak):
    engine.ask("load", model=str(work.directory), precision="fp32")
    items = engine.ask("items", **work.items)["items"]
    requests = [choice for item in items for choice in item]

    def ours():
        answer = engine.ask("score", requests=requests)
        return answer["seconds"], answer["logprobs"]

    engines = {"holdfast": ours}
    expected, worst = ours()[1], 0.0
    reason = missing_oracle("transformers", "lm_eval")
    if reason:
        report.note("lm-evaluation-harness left out: " + reason)
    else:
        import rival

        for batch in BATCHES:
            harness = rival.Scoring(work.directory, batch)
            engines[f"lm-evaluation-harness, batch {batch}"] = lambda harness=harness: harness.run(requests)
            theirs = harness.run(requests)[1]
            worst = max(worst, *(abs(a - b) for a, b in zip(expected, theirs, strict=True)))
            if not worst <= TOLERANCE:
                fail(f"scoring {work.name}: found log-probabilities {worst:.1e} from the harness', expected at most {TOLERANCE}; try tests/parity/model_parity.py")
    rates = {name: [len(items) / seconds for seconds, _ in turns] for name, turns in zip(engines, take_turns(report.repeats, *engines.values()))}
    needed = operations.scoring(operations.Sizes(work.directory), [(r["context"], r["continuation"]) for r in requests])
    tokens = sum(len(item[0]["context"]) for item in items)
    check = f"log-probabilities within {worst:.1e}" if len(engines) > 1 else "log-probabilities not compared"
    name = f"{work.name} fp32, {len(items)} items of {tokens // len(items)} tokens"
    report.case("scoring", name, "items/s", rates, check, dict.fromkeys(engines, peak * len(items) / needed), "FMA peak, every beginning once")


def run(report):
    engine = Engine()
    peak = engine.ask("machine")["fma_gflops"] * 1e9
    for work in workloads(report):
        measure(report, engine, work, peak)
    engine.close()
