"""Loading a base up to its first token: from its files, from the cache, and transformers'; and whole processes.

SmolLM2 in fp32 and NF4, and two layers of Llama 2 7B's width in NF4.  All files are in the system's cache.  Greedy tokens
are compared first: after the first start, after the second, and the rival's.
"""

import json
import random
import subprocess
import sys
import tempfile
import time

from common import SOURCE, THREADS, Engine, fail, missing_oracle, take_turns
from width7b import random_checkpoint
from workload import SMOLLM2

PROMPTS, NEW_TOKENS = 4, 4
PROGRAM = SOURCE / "build/holdfast"
RIVAL_START = """
import sys, torch, transformers
torch.set_num_threads(int(sys.argv[2]))
tokenizer = transformers.AutoTokenizer.from_pretrained(sys.argv[1])
model = transformers.AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32)
ids = tokenizer(sys.argv[3], return_tensors="pt")
print(model.generate(**ids, max_new_tokens=1, do_sample=False)[0, -1].item())
"""


def measure(report, name, directory, precision):
    """From nothing to one token of one prompt: a base that is only mapped is read then."""
    engine = Engine()
    vocabulary = json.loads((directory / "config.json").read_text())["vocab_size"]
    draw = random.Random(3)
    prompts = [[draw.randrange(3, vocabulary) for _ in range(12)] for _ in range(PROMPTS)]

    def answers():
        return engine.ask("generate", prompts=prompts, max_new_tokens=NEW_TOKENS)["ids"]

    def ours(**cache):
        loading = engine.ask("load", model=str(directory), precision=precision, **cache)["seconds"]
        return loading, loading + engine.ask("generate", prompts=prompts[:1], max_new_tokens=1)["seconds"]

    with tempfile.TemporaryDirectory() as cache:
        ours(cache=cache)
        first = answers()
        ours(cache=cache)
        if answers() != first:
            fail(f"loading {name}: found other tokens after the second start, expected the same; try ctest -R Cached")
        engines, check = {"holdfast, second start": lambda: ours(cache=cache), "holdfast, first start": ours}, "tokens of both starts equal"
        reason = missing_oracle("transformers", *(["bitsandbytes"] if precision == "nf4" else []))
        if reason:
            report.note("transformers left out: " + reason)
        else:
            import rival

            def theirs():
                loading, model = rival.timed(lambda: rival.Generation(directory, precision))
                return loading, loading + model.run(prompts[:1], 1)[0]

            expected = rival.Generation(directory, precision).run(prompts, NEW_TOKENS)[1]
            if expected != first:
                fail(f"loading {name}: found tokens {first}, expected {expected}; try tests/parity/model_parity.py")
            engines["transformers.from_pretrained"] = theirs
            check += " to transformers'"
        turns = dict(zip(engines, take_turns(report.repeats, *engines.values())))
    least = ", ".join(f"{engine_name} {min(s for s, _ in runs):.3f} and {min(s for _, s in runs):.3f}" for engine_name, runs in turns.items())
    rates = {engine_name: [1 / seconds for _, seconds in runs] for engine_name, runs in turns.items()}
    report.case("loading", f"{name} {precision} loaded, and one token; least seconds of loading and of both: {least}", "starts/s", rates, check)
    engine.close()


def first_token(report, precision):
    """Whole processes: from the command to the id of one token."""
    text = "The capital of France is"

    def started(command, **options):
        start = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, **options)
        if done.returncode != 0:
            fail(f"{command[0]} ended with {done.returncode}: {done.stderr[-300:]}")
        return time.perf_counter() - start, done.stdout

    with tempfile.TemporaryDirectory() as cache:
        command = [PROGRAM, "generate", "--model", SMOLLM2, "--precision", precision, "--cache", cache, "--threads", str(THREADS), "--max-new-tokens", "1", "--quiet"]

        def ours():
            seconds, out = started(command, input=json.dumps({"prompt": text}) + "\n")
            return seconds, json.loads(out)["ids"]

        first, second = ours()[1], ours()[1]  # from the files, then from the cache
        if second != first:
            fail(f"first token {precision}: found {second} from the cache, expected {first}; try ctest -R start.cache")
        engines, check = {"holdfast, second start": ours}, "the token that of the first start"
        if precision == "fp32" and not missing_oracle("transformers"):

            def theirs():
                seconds, out = started([sys.executable, "-c", RIVAL_START, SMOLLM2, str(THREADS), text])
                return seconds, [int(out.split()[-1])]

            expected = theirs()[1]
            if second != expected:
                fail(f"first token: found {second}, expected {expected}; try tests/parity/model_parity.py")
            engines["python, transformers"], check = theirs, "the token equal to transformers'"
        turns = take_turns(report.repeats, *engines.values())
    least = ", ".join(f"{name} {min(s for s, _ in runs):.3f}" for name, runs in zip(engines, turns))
    rates = {name: [1 / seconds for seconds, _ in runs] for name, runs in zip(engines, turns)}
    report.case("loading", f"process start to the first token, SmolLM2 {precision}; least seconds: {least}", "starts/s", rates, check)


def run(report):
    if not SMOLLM2.exists():
        report.note("SmolLM2 left out: needs models/smollm2; ./dev model smollm2 makes it")
    elif report.model in (None, "smollm2"):
        for precision in ("fp32", "nf4"):
            measure(report, "SmolLM2", SMOLLM2, precision)
        for precision in ("fp32", "nf4"):
            first_token(report, precision)
    with tempfile.TemporaryDirectory() as folder:
        measure(report, "2 layers of 7B's width", random_checkpoint(folder), "nf4")
