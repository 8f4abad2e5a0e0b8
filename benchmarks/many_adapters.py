"""Nine adapters on one base: step time of nine runs in shared passes beside the same nine one after the other.

Each run has its own rows, 256 tokens a step, rank 8 on all linear layers.  Losses are compared first and must be equal
to the last bit.  There is no rival: nobody else trains several adapters on a frozen base on a CPU.
"""

import tempfile

import operations
from common import Engine, fail, take_turns
from workload import workloads

RUNS, TOKENS, RANK, RATE = 9, 256, 8, 1e-4


def pieces(rows, count):
    """Rows of exactly TOKENS tokens, made of the workload's rows end to end."""
    ids = [token for row in rows for token in row["ids"]]
    while len(ids) < count * TOKENS:
        ids += ids
    return [{"ids": ids[i * TOKENS : (i + 1) * TOKENS], "is_target": [0] + [1] * (TOKENS - 1)} for i in range(count)]


def measure(report, engine, work, precision, adapter, peak):
    engine.ask("load", model=str(work.directory), precision=precision)
    engine.ask("adapter", directory=adapter, rank=RANK)
    steps = 2
    rows = pieces(engine.ask("rows", data=str(work.training))["rows"], RUNS * steps)
    settings = {"adapter": adapter, "runs": [rows[i::RUNS] for i in range(RUNS)], "rows_per_step": 1, "steps": steps, "learning_rate": RATE, "pack_tokens": 4096}

    def run(together):
        answer = engine.ask("train_many", together=together, **settings)
        return answer["seconds"], answer["losses"]

    if run(True)[1] != run(False)[1]:
        fail(f"many_adapters {work.name} {precision}: found other losses together than alone, expected equal bits; try ctest -R TrainersTogether")
    tokens = RUNS * TOKENS * steps
    flops = operations.training(operations.Sizes(work.directory), [TOKENS] * RUNS * steps, RUNS * steps * (TOKENS - 1), RANK)
    names = ["holdfast, nine together", "holdfast, one after the other"]
    turns = take_turns(report.repeats, lambda: run(True), lambda: run(False))
    rates = {name: [tokens / seconds for seconds, _ in runs] for name, runs in zip(names, turns)}
    name = f"{work.name} {precision}, {RUNS} adapters x {TOKENS} tokens a step"
    report.case("many_adapters", name, "tokens/s", rates, "losses equal to the bit", dict.fromkeys(names, peak * tokens / flops), "FMA peak")


def run(report):
    engine = Engine()
    peak = engine.ask("machine")["fma_gflops"] * 1e9
    for work in workloads(report):
        with tempfile.TemporaryDirectory() as adapter:
            for precision in ("fp32", "nf4"):
                measure(report, engine, work, precision, adapter, peak)
    engine.close()
