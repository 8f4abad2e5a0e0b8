"""LoRA training: tokens/s on an fp32 and an NF4 base beside transformers, PEFT and bitsandbytes.

The same rows in the same order from the same adapter, rank 8 on all linear layers; padding counts as no token.  The
rival's losses are compared first, in one padded batch a step and row by row: both must lie within 2e-5.  SmolLM2 also
trains on 4 rows of exactly 512 tokens, all targets, where nobody pads; there bitsandbytes' base recomputes activations,
as PEFT prepares it.
"""

import tempfile

import operations
from common import Engine, fail, missing_oracle, take_turns
from workload import workloads

RANK, RATE = 8, 1e-4
TOLERANCE = 2e-5


def whole_rows(rows, count, tokens):
    """Rows of exactly so many tokens, the given ones end to end."""
    ids = [token for row in rows for token in row["ids"]]
    ids *= 1 + count * tokens // len(ids)
    return [{"ids": ids[i * tokens : (i + 1) * tokens], "is_target": [0] + [1] * (tokens - 1)} for i in range(count)]


def measure(report, engine, work, precision, adapter, peak, product, is_even=False):
    engine.ask("load", model=str(work.directory), precision=precision)
    engine.ask("adapter", directory=adapter, rank=RANK)
    rows, per_step, steps = engine.ask("rows", data=str(work.training))["rows"], work.rows_per_step, work.steps
    if is_even:
        per_step, steps = 4, 2
        rows = whole_rows(rows, per_step * steps, 512)
    rows = rows[: per_step * steps]
    settings = {"rows": rows, "rows_per_step": per_step, "steps": steps, "learning_rate": RATE}

    def ours():
        answer = engine.ask("train", adapter=adapter, **settings)
        return answer["seconds"], answer["losses"]

    engines = {"holdfast": ours}
    reason = missing_oracle("transformers", "peft", *(["bitsandbytes"] if precision == "nf4" else []))
    if reason:
        report.note("PEFT left out: " + reason)
    else:
        import rival

        peft = rival.Training(work.directory, precision, adapter, checkpointing=is_even and precision == "nf4")
        engines["transformers + PEFT" + ("" if is_even else ", padded")] = lambda: peft.run(**settings, padded=True)
        if not is_even:
            engines["transformers + PEFT, row by row"] = lambda: peft.run(**settings, padded=False)
    expected, worst = ours()[1], 0.0
    for name, run in list(engines.items())[1:]:  # which also warms up
        worst = max(worst, *(abs(a - b) / abs(b) for a, b in zip(expected, run()[1], strict=True)))
        if not worst <= TOLERANCE:
            fail(f"training {work.name} {precision}: found losses {worst:.1e} from those of {name}, expected at most {TOLERANCE}; try tests/parity/train_parity.py")
    tokens = sum(len(row["ids"]) for row in rows)
    targets = sum(sum(row["is_target"][1:]) for row in rows)
    flops = operations.training(operations.Sizes(work.directory), [len(row["ids"]) for row in rows], targets, RANK)
    rates = {name: [tokens / seconds for seconds, _ in runs] for name, runs in zip(engines, take_turns(report.repeats, *engines.values()))}
    check = f"losses within {worst:.1e}" if len(engines) > 1 else "losses not compared"
    name = f"{work.name} {precision}, {steps} x {per_step} rows, {tokens:,} tokens, {targets:,} targets"
    report.case("training", name, "tokens/s", rates, check, dict.fromkeys(engines, peak * tokens / flops), "FMA peak")
    least = operations.training_limit(operations.Sizes(work.directory), [len(row["ids"]) for row in rows])
    report.share(rates, product * tokens / least, f"4 x (linear + head weights) + attention at {product / 1e9:.0f} GFLOP/s")


def run(report):
    engine = Engine()
    peak, product = engine.ask("machine")["fma_gflops"] * 1e9, engine.ask("products")["gflops"] * 1e9
    for work in workloads(report):
        with tempfile.TemporaryDirectory() as adapter:
            for precision in ("fp32", "nf4"):
                measure(report, engine, work, precision, adapter, peak, product)
                if work.name == "SmolLM2":
                    measure(report, engine, work, precision, adapter, peak, product, is_even=True)
    engine.close()
