"""Greedy generation: new tokens/s beside transformers.generate in fp32, batched with left padding and a cache.

All prompts of a workload in one call; one prompt alone, on a base in fp32 and in NF4; and XSTest's 450 prompts, which
transformers takes in batches of 32, where shared data has them.  The same prompt ids; answers are compared first, those on
NF4 with transformers on bitsandbytes' base, and may part only where the two best logits lie within 1e-4.
"""

import csv

import operations
from common import SHARED, Engine, fail, missing_oracle, take_turns
from workload import workloads

NEW_TOKENS = 48
NEAR_TIE = 1e-4
RIVAL_BATCH = 32
XSTEST = SHARED / "benchmarks/xstest/xstest_prompts.csv"


def compare(model, prompts, ours, theirs, name):
    """How many answers part at a near tie; any other difference ends the run."""
    near = 0
    for prompt, a, b in zip(prompts, ours, theirs, strict=True):
        if a == b:
            continue
        place = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
        gap = model.gap(prompt + b[:place])
        if gap >= NEAR_TIE:
            fail(f"generation {name}: found token {a[place : place + 1]} at place {place}, expected {b[place : place + 1]} ({gap:.1e} above the next); try tests/parity/model_parity.py")
        near += 1
    return near


class Rival:
    """transformers, loaded once; None where the packages are missing."""

    @staticmethod
    def of(report, work):
        reason = missing_oracle("transformers")
        if reason:
            report.note("transformers left out: " + reason)
            return None
        return Rival(work)

    def __init__(self, work):
        import rival

        self.model = rival.Generation(work.directory)

    def run(self, prompts):
        """In batches: seconds of all, and the answers."""
        seconds, answers = 0.0, []
        for begin in range(0, len(prompts), RIVAL_BATCH):
            one, ids = self.model.run(prompts[begin : begin + RIVAL_BATCH], NEW_TOKENS)
            seconds += one
            answers += ids
        return seconds, answers


def case(report, engine, machine, work, rival, prompts, what, precision="fp32", repeats=None):
    """Ours on a base that is loaded with `precision`, the rival's in fp32."""

    def ours():
        answer = engine.ask("generate", prompts=prompts, max_new_tokens=NEW_TOKENS)
        return answer["seconds"], answer["ids"]

    engines, check = {f"holdfast, {precision}": ours}, "ids not compared"
    answers = ours()[1]
    if rival:
        engines["transformers, fp32"] = lambda: rival.run(prompts)
        theirs = rival.run(prompts)[1]
        oracle = rival.model
        if precision != "fp32":  # timed beside fp32, compared with the same numbers
            oracle = None
            reason = missing_oracle("bitsandbytes")
            if reason:
                report.note(f"ids on a base in {precision} not compared: {reason}")
            else:
                oracle = type(rival.model)(work.directory, precision)
                theirs = oracle.run(prompts, NEW_TOKENS)[1]
        if oracle:
            near = compare(oracle, prompts, answers, theirs, f"{work.name}, {what}, {precision}")
            check = f"ids equal, {near} of {len(prompts)} answers apart at a near tie"
    runs = dict(zip(engines, take_turns(repeats or report.repeats, *engines.values())))
    rates = {name: [sum(map(len, ids)) / seconds for seconds, ids in turns] for name, turns in runs.items()}
    sizes, tokens = operations.Sizes(work.directory), sum(map(len, answers))

    def limit(name):
        bytes_per_weight = 0.516 if name == "holdfast, nf4" else 4  # codes, and scales of 64 weights in 8 bits
        least = operations.generation_seconds(sizes, prompts, answers, machine["fma_gflops"] * 1e9, machine["read_gbps"] * 1e9, bytes_per_weight)
        return tokens / least

    name = f"{work.name}, {what}: {sum(map(len, prompts)):,} prompt tokens, {tokens:,} new tokens"
    report.case("generation", name, "new tokens/s", rates, check, {name: limit(name) for name in engines}, "FMA peak and memory")


def prompts_of(engine, texts):
    return engine.ask("prompts", messages=[[{"role": "user", "content": text}] for text in texts])["prompts"]


def measure(report, engine, work, machine):
    engine.ask("load", model=str(work.directory), precision="fp32")
    rival = Rival.of(report, work)
    prompts = prompts_of(engine, work.questions[: work.prompts])
    case(report, engine, machine, work, rival, prompts, f"{len(prompts)} prompts")
    case(report, engine, machine, work, rival, prompts[:1], "one prompt")
    if work.name == "SmolLM2":
        if XSTEST.exists():
            with XSTEST.open(newline="") as file:
                texts = [row["prompt"] for row in csv.DictReader(file)]
            case(report, engine, machine, work, rival, prompts_of(engine, texts), f"XSTest, {len(texts)} prompts", repeats=1)
        else:
            report.note(f"XSTest left out: needs {SHARED.name}/benchmarks/xstest")
    engine.ask("load", model=str(work.directory), precision="nf4")
    case(report, engine, machine, work, rival, prompts[:1], "one prompt", precision="nf4")


def run(report):
    engine = Engine()
    machine = engine.ask("machine")
    for work in workloads(report):
        measure(report, engine, work, machine)
    engine.close()
