"""LoRA steps at the width of Llama 2 7B, two layers, NF4 base, one row of 512 tokens: tokens/s beside PEFT + bitsandbytes.

The checkpoint has random weights (tools/models/random_checkpoint.py).  The rival recomputes its activations, as PEFT
prepares a quantised base.  Losses are compared first: they must lie within 2e-5.
"""

import random
import sys
import tempfile

import operations
from common import SOURCE, Engine, fail, missing_oracle, take_turns

RANK, RATE, STEPS, TOKENS, LAYERS = 8, 1e-4, 2, 512, 2
TOLERANCE = 2e-5


def random_checkpoint(folder, layers=LAYERS):
    sys.path.insert(0, str(SOURCE / "tools/models"))
    import pathlib

    from random_checkpoint import write

    return write("llama2-7b", pathlib.Path(folder) / f"llama2-7b-{layers}", layers=layers, quiet=True)


def run(report):
    with tempfile.TemporaryDirectory() as folder:
        directory, adapter = random_checkpoint(folder), folder + "/adapter"
        engine = Engine()
        product = engine.ask("products")["gflops"] * 1e9
        engine.ask("load", model=str(directory), precision="nf4")
        engine.ask("adapter", directory=adapter, rank=RANK)
        draw = random.Random(5)
        rows = [{"ids": [draw.randrange(3, 32000) for _ in range(TOKENS)], "is_target": [0] + [1] * (TOKENS - 1)} for _ in range(STEPS)]
        settings = {"rows": rows, "rows_per_step": 1, "steps": STEPS, "learning_rate": RATE}

        def ours():
            answer = engine.ask("train", adapter=adapter, **settings)
            return answer["seconds"], answer["losses"]

        engines, check = {"holdfast": ours}, "losses not compared"
        expected = ours()[1]
        reason = missing_oracle("transformers", "peft", "bitsandbytes")
        if reason:
            report.note("PEFT left out: " + reason)
        else:
            import rival

            peft = rival.Training(directory, "nf4", adapter, checkpointing=True)
            engines["PEFT + bitsandbytes, recomputing"] = lambda: peft.run(**settings, padded=True)
            worst = max(abs(a - b) / abs(b) for a, b in zip(expected, peft.run(**settings, padded=True)[1], strict=True))
            if not worst <= TOLERANCE:
                fail(f"width7b: found losses {worst:.1e} from PEFT's, expected at most {TOLERANCE}; try tests/parity/sizes.py peft")
            check = f"losses within {worst:.1e}"
        rates = {name: [STEPS * TOKENS / seconds for seconds, _ in runs] for name, runs in zip(engines, take_turns(report.repeats, *engines.values()))}
        report.case("width7b", f"{LAYERS} layers of 7B's width, NF4, {STEPS} x {TOKENS} tokens", "tokens/s", rates, check)
        least = operations.training_limit(operations.Sizes(directory), [TOKENS] * STEPS)
        report.share(rates, product * STEPS * TOKENS / least, f"4 x (linear + head weights) + attention at {product / 1e9:.0f} GFLOP/s")
        engine.close()
