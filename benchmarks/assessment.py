"""The whole assessment of examples/smollm2.toml, NF4: end to end beside transformers + PEFT + lm-evaluation-harness in fp32.

XSTest's 450 prompts x 48 tokens and three MMLU subjects before and after 40 steps of 8 rows.  Checked first: in fp32, on
a sample, the same ids, choices and losses; then, of both whole runs, that every prompt and context has the same token
ids and every step as many of them.  One turn a side, for it takes half an hour; --small cuts it to a few items.
"""

import json
import math
import pathlib
import sys
import tempfile
import time

from common import SHARED, SOURCE, THREADS, fail, missing_oracle

sys.path.insert(0, str(SOURCE / "tools/parity"))
ASKED = 4  # times the rival's speed, end to end
SAMPLE = 6  # items of each benchmark and subject that are compared
SMALL = {"limit": 3, "steps": 2, "sample": 1}
ROWS, STEPS = 8, 40
SEED = 1234  # of the arm, by default
GENERATE_BATCH, SCORE_BATCH = 32, 8
NEAR_TIE = 1e-4  # between the two best logits, or the two best choices
LOSS = 2e-5  # relative, in fp32


def plan_of(ours, limit, steps, phases, precision):
    """The plan, the same as --set options, and whether the file can be used as it is."""
    plan, options = ours.read_plan(SHARED, limit, steps, phases)
    plan["model"]["precision"] = precision
    options.append(f"model.precision={precision}")
    for arm in plan["arm"]:
        arm["rows_per_step"] = ROWS
        options.append(f"arm.{arm['name']}.rows_per_step={ROWS}")
    return plan, options


def check_sample(ours, theirs, model, tokenizer, adapter, folder, count):
    """Both sides in fp32 on the first items; ends the run where they differ by more than a tie.  Returns what to print."""
    plan, options = plan_of(ours, count, count, ["xstest", "mmlu", "train"], "fp32")
    ours.assess(plan, options, True, folder / "sample", THREADS)
    journal = ours.Journal(folder / "sample/run/journal.sqlite")
    xstest, mmlu = plan["benchmark"]
    prompts = theirs.xstest_prompts(xstest["path"], count)
    mine, near = journal.answers("base", "xstest_safe") | journal.answers("base", "xstest_unsafe"), 0
    for item, (prompt, ids) in zip(prompts, theirs.answer(model, tokenizer, prompts.values(), plan["generation"]["max_new_tokens"], GENERATE_BATCH), strict=True):
        if mine[item][0] != prompt:
            fail(f"assessment: found another prompt for item {item}, expected the same ids; try tools/parity/smollm2.py")
        if mine[item][1] == ids:
            continue
        place = next((i for i, (a, b) in enumerate(zip(mine[item][1], ids)) if a != b), min(len(mine[item][1]), len(ids)))
        best = theirs.next_logits(model, prompt + ids[:place]).topk(2).values
        if best[0] - best[1] >= NEAR_TIE:
            fail(f"assessment: found another token at place {place} of item {item} ({best[0] - best[1]:.1e} above the next), expected the same; try tools/parity/smollm2.py")
        near += 1
    choice = lambda logprobs: max(range(len(logprobs)), key=logprobs.__getitem__)
    scores = theirs.score(model, tokenizer, theirs.mmlu_tasks(mmlu["path"], mmlu["subjects"], mmlu.get("shots", 5)), count, SCORE_BATCH)
    mine = journal.answers("base", "mmlu")
    for item, (context, logprobs) in scores.items():
        best = sorted(logprobs)[-2:]
        if mine[item][0] != context or (choice(mine[item][2]) != choice(logprobs) and best[1] - best[0] >= NEAR_TIE):
            fail(f"assessment: found another context or choice for item {item}, expected the same; try tools/parity/smollm2.py")
    own = journal.losses(plan["arm"][0]["name"])
    losses = theirs.train(model, tokenizer, adapter, plan["arm"][0])[1]
    worst = max(abs(a - b) / abs(b) for a, b in zip(own, losses, strict=True))
    if worst > LOSS:
        fail(f"assessment: found losses {worst:.1e} from PEFT's, expected at most {LOSS}; try tools/parity/smollm2.py")
    return f"in fp32 {len(losses)} losses within {worst:.1e}, {len(prompts)} answers ({near} apart at a near tie) and {len(scores)} choices the same"


def step_tokens(tokenizer, arm):
    """How many ids the rows of each step have, as the rival renders them."""
    rows, count = json.loads(pathlib.Path(arm["data"]).read_text(encoding="utf-8")), arm["rows_per_step"]
    render = lambda row: tokenizer.apply_chat_template([{"role": "user", "content": row["instruction"] + ("\n\n" + row["input"] if row["input"] else "")},
                                                        {"role": "assistant", "content": row["output"]}], tokenize=False)
    lengths = [len(tokenizer(render(row), add_special_tokens=False).input_ids) for row in rows]
    return [sum(lengths[(step * count + i) % len(rows)] for i in range(count)) for step in range(arm["steps"])]


def run_rival(theirs, model, tokenizer, plan, limit, adapter):
    """Seconds of each phase, and what was asked: {phase: seconds}, {benchmark: {item: ids}}."""
    seconds, asked = {}, {}
    xstest, mmlu = plan["benchmark"]
    prompts = theirs.xstest_prompts(xstest["path"], limit)
    tasks = lambda: theirs.mmlu_tasks(mmlu["path"], mmlu["subjects"], mmlu.get("shots", 5))

    def measure(when):
        start = time.perf_counter()
        answers = theirs.answer(model, tokenizer, prompts.values(), plan["generation"]["max_new_tokens"], GENERATE_BATCH)
        seconds["XSTest " + when] = time.perf_counter() - start
        start = time.perf_counter()
        scores = theirs.score(model, tokenizer, tasks(), limit, SCORE_BATCH)
        seconds["MMLU " + when] = time.perf_counter() - start
        asked[when] = {"xstest": {item: prompt for item, (prompt, _) in zip(prompts, answers, strict=True)}, "mmlu": {item: context for item, (context, _) in scores.items()}}

    measure("before")
    start = time.perf_counter()
    model, _ = theirs.train(model, tokenizer, adapter, plan["arm"][0])
    seconds["training"] = time.perf_counter() - start
    measure("after")
    return seconds, asked


def check_whole(journal, arm, asked, tokens):
    """The two runs were given the same: prompts, contexts, and in each step rows of as many tokens."""
    for when, who in (("before", "base"), ("after", arm)):
        mine = {"xstest": journal.answers(who, "xstest_safe") | journal.answers(who, "xstest_unsafe"), "mmlu": journal.answers(who, "mmlu")}
        for benchmark, items in asked[when].items():
            other = [item for item, ids in items.items() if mine[benchmark].get(item, [None])[0] != ids]
            if other or len(mine[benchmark]) != len(items):
                fail(f"assessment: found {len(other)} of {len(items)} items of {benchmark} {when} asked otherwise (ours: {len(mine[benchmark])}), expected the same token ids")
    own = [count for (count,) in journal.database.execute("SELECT tokens FROM steps WHERE arm = ? ORDER BY step", (arm,))]
    if own != tokens:
        fail(f"assessment: found steps of {own[:3]} ... tokens, expected {tokens[:3]} ...: the same rows")


def run(report):
    missing = [str(path) for path in (SOURCE / "models/smollm2", SHARED / "benchmarks/xstest", SHARED / "benchmarks/mmlu", SHARED / "benchmarks/alpaca") if not path.exists()]
    if missing:
        report.note(f"assessment left out: {missing[0]} is missing; try ./dev model smollm2 and --data DIR, a directory with benchmarks/")
        return
    if reason := missing_oracle("transformers", "peft", "lm_eval", "datasets", *(["bitsandbytes"] if report.nf4_rival else [])):
        report.note("assessment left out, since nothing can be compared: " + reason)
        return
    limit, steps = (SMALL["limit"], SMALL["steps"]) if report.small else (0, STEPS)
    start = time.perf_counter()
    import holdfast_side as ours
    import pytorch_side as theirs
    import torch

    torch.set_num_threads(THREADS)
    imported = time.perf_counter() - start
    plan, options = plan_of(ours, limit, steps, ["xstest", "mmlu", "train"], "nf4")
    arm = plan["arm"][0]
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        rivals = ["fp32"] + (["nf4"] if report.nf4_rival else [])
        model, tokenizer = theirs.load(plan["model"]["path"], "fp32")
        adapter = ours.initial_adapter(plan, SEED, folder)
        check = check_sample(ours, theirs, model, tokenizer, adapter, folder, SMALL["sample"] if report.small else SAMPLE)
        del model
        wall = ours.assess(plan, options, True, folder / "ours", THREADS)
        journal = ours.Journal(folder / "ours/run/journal.sqlite")
        times = {"holdfast, nf4": {f"{name} {when}": journal.seconds(phase, who) for when, who in (("before", "base"), ("after", arm["name"]))
                                   for name, phase in (("XSTest", "generate"), ("MMLU", "score"))}
                 | {"training": journal.seconds("train", arm["name"]), "load": journal.seconds("load", "base"), "end to end": wall}}
        for precision in rivals:
            start = time.perf_counter()
            model, tokenizer = theirs.load(plan["model"]["path"], precision)
            loaded = time.perf_counter() - start
            seconds, asked = run_rival(theirs, model, tokenizer, plan, limit, adapter)
            if precision == "fp32":
                check_whole(journal, arm["name"], asked, step_tokens(tokenizer, arm))
            seconds["end to end"] = imported + loaded + sum(seconds.values())
            times[f"transformers + PEFT + lm-eval, {precision}"] = seconds | {"load": loaded}
        items = {name: len(asked["before"][name.lower()]) for name in ("XSTest", "MMLU")}
        print_cases(report, times, items, steps, check)


def print_cases(report, times, items, steps, check):
    work = [(f"{name} {when}", items[name], unit) for when in ("before", "after") for name, unit in (("XSTest", "answers/s"), ("MMLU", "items/s"))]
    work.insert(2, ("training", steps * ROWS, "rows/s"))
    for phase, amount, unit in work:
        rates = {engine: [amount / seconds[phase]] for engine, seconds in times.items()}
        report.case("assessment", f"{phase}, {amount} in " + " and ".join(f"{seconds[phase]:.1f}" for seconds in times.values()) + " s", unit, rates, check)
    report.case("assessment", "end to end in " + " and ".join(f"{seconds['end to end']:.1f}" for seconds in times.values()) + " s", "runs/hour",
                {engine: [3600 / seconds["end to end"]] for engine, seconds in times.items()}, check)
    ratio = min(seconds["end to end"] for engine, seconds in times.items() if not engine.startswith("holdfast")) / times["holdfast, nf4"]["end to end"]
    verdict = "not a figure, for --small measures start-up" if report.small else "met" if ratio >= ASKED else "NOT met"
    print(f"    end to end {math.floor(10 * ratio) / 10:.1f} times; asked: {ASKED} ({verdict})", flush=True)
