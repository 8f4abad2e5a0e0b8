"""Greedy generation in fp32: new tokens/s beside transformers.generate, batched with left padding and a cache.

The same prompt ids; answers are compared first and may part only where the two best logits lie within 1e-4.
"""

import operations
from common import Engine, fail, missing_oracle, take_turns
from workload import workloads

NEW_TOKENS = 48
NEAR_TIE = 1e-4


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


def measure(report, engine, work, machine):
    engine.ask("load", model=str(work.directory), precision="fp32")
    messages = [[{"role": "user", "content": text}] for text in work.questions[: work.prompts]]
    prompts = engine.ask("prompts", messages=messages)["prompts"]

    def ours():
        answer = engine.ask("generate", prompts=prompts, max_new_tokens=NEW_TOKENS)
        return answer["seconds"], answer["ids"]

    engines, check = {"holdfast": ours}, "ids not compared"
    answers = ours()[1]
    reason = missing_oracle("transformers")
    if reason:
        report.note("transformers left out: " + reason)
    else:
        import rival

        model = rival.Generation(work.directory)
        engines["transformers, left-padded"] = lambda: model.run(prompts, NEW_TOKENS)
        near = compare(model, prompts, answers, model.run(prompts, NEW_TOKENS)[1], work.name)
        check = f"ids equal, {near} of {len(prompts)} answers apart at a near tie"
    runs = dict(zip(engines, take_turns(report.repeats, *engines.values())))
    rates = {name: [sum(map(len, ids)) / seconds for seconds, ids in turns] for name, turns in runs.items()}
    least = operations.generation_seconds(operations.Sizes(work.directory), prompts, answers, machine["fma_gflops"] * 1e9, machine["read_gbps"] * 1e9)
    tokens = sum(map(len, answers))
    name = f"{work.name} fp32, {len(prompts)} prompts of {sum(map(len, prompts)):,} tokens in all, {tokens:,} new tokens"
    report.case("generation", name, "new tokens/s", rates, check, dict.fromkeys(engines, tokens / least), "FMA peak and memory")


def run(report):
    engine = Engine()
    machine = engine.ask("machine")
    for work in workloads(report):
        measure(report, engine, work, machine)
    engine.close()
