#!/usr/bin/env python3
"""The real run (examples/smollm2.toml) beside transformers + PEFT + lm-evaluation-harness on the same files: answers, log-probabilities,
losses, and the seconds of each phase on the same machine with the same threads.  Exits 1 when something differs that should not.

Greedy ids may part only where the two best logits lie within 1e-4; each such place is computed anew with transformers, not assumed.
After training each side has its own adapter: where ids part there, ours is trained once more (its losses must repeat bit for bit), and
transformers must give our token with it, and the gap be explained by how far the two adapters' logits lie apart.
"""

import argparse
import datetime
import importlib.metadata
import importlib.util
import os
import pathlib
import sys
import tempfile
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
import holdfast_side as ours

VENV = ours.SOURCE / ".venv/bin/python"
if importlib.util.find_spec("torch") is None and VENV.exists():
    os.execv(VENV, [VENV, *sys.argv])  # where ./dev setup parity put the packages

NEAR_TIE = 1e-4  # between the two best logits
LOGPROB = 5e-4
LOSS = 2e-5
DRIFT = 5e-3  # between the logits of the two sides' trained adapters


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, default=ours.SOURCE / "../shared/data", help="directory with benchmarks/")
    parser.add_argument("--limit", type=int, default=0, help="items: rows of XSTest, rows of each MMLU subject (0: all)")
    parser.add_argument("--steps", type=int, default=0, help="training steps (0: as the plan says)")
    parser.add_argument("--phases", nargs="+", default=["xstest", "mmlu", "train"], choices=["xstest", "mmlu", "train"], help="train brings the others after it too")
    parser.add_argument("--precision", choices=["fp32", "nf4"], default="fp32", help="of the base, on both sides")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--generate-batch", type=int, default=32, help="transformers' batch of prompts")
    parser.add_argument("--score-batch", type=int, default=8, help="lm-evaluation-harness' batch")
    parser.add_argument("--run", type=pathlib.Path, help="keep our run's directory here (default: a temporary one)")
    parser.add_argument("--out", type=pathlib.Path, help="write the comparison to this Markdown file too")
    return parser.parse_args()


class Comparison:
    """Rows of the table, and the number of faults."""

    def __init__(self):
        self.rows, self.faults = [], 0

    def add(self, phase, our_result, their_result, fault, verdict, our_seconds, their_seconds):
        self.faults += bool(fault)
        ratio = f"{our_seconds / their_seconds:.2f}" if their_seconds else ""
        row = (phase, our_result, their_result, ("NO: " if fault else "yes: ") + verdict if verdict else "", f"{our_seconds:.1f}", f"{their_seconds:.1f}", ratio)
        self.rows.append(row)
        print(f"{phase}: {' | '.join(row[1:])}", file=sys.stderr, flush=True)

    def markdown(self):
        head = ("phase", "holdfast", "PyTorch", "equal?", "seconds, holdfast", "seconds, PyTorch", "ratio")
        return "\n".join("| " + " | ".join(row) + " |" for row in (head, ("---",) * len(head), *self.rows))


def first_difference(a, b):
    return next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))


def compare_answers(comparison, phase, mine, theirs, look, seconds):
    """`look(ids)`: the next token's logits as transformers computes them with their weights and with ours."""
    prompts = sum(mine[i][0] != theirs[i][0] for i in theirs)
    ties, others, wrong, widest = 0, 0, 0, (0.0, 0.0)
    for item, (prompt, ids) in theirs.items():
        own = mine[item][1]
        if own == ids:
            continue
        place = first_difference(own, ids)
        if place == min(len(own), len(ids)):
            print(f"{phase}: item {item} ends after {len(own)} tokens on our side, {len(ids)} on theirs", file=sys.stderr)
            wrong += 1
            continue
        their_logits, our_logits = look(prompt + ids[:place])
        best = their_logits.topk(2).values
        gap, drift = (best[0] - best[1]).item(), (their_logits - our_logits).abs().max().item()
        shortfall = (our_logits.max() - our_logits[own[place]]).item()
        print(f"{phase}: item {item} parts at token {place}: best two logits {gap:.1e} apart, the adapters' logits {drift:.1e}; "
              f"our token {shortfall:.1e} below the best of our weights", file=sys.stderr)
        widest = max(widest, (gap, drift))
        wrong += shortfall > NEAR_TIE or gap > NEAR_TIE + 2 * drift or drift > DRIFT
        ties += gap <= NEAR_TIE
        others += gap > NEAR_TIE
    verdict = f"{len(theirs) - ties - others} of {len(theirs)} answers, id by id"
    if ties + others:
        verdict += f"; {ties} part where their best two logits lie within {NEAR_TIE:.0e}"
        verdict += f", {others} where farther apart (at most {widest[0]:.1e}, the two adapters' logits {widest[1]:.1e})" if others else ""
    verdict += f"; {prompts} prompts differ" if prompts else ""
    tokens = [sum(len(one[1]) for one in mine.values()), sum(len(ids) for _, ids in theirs.values())]
    comparison.add(phase, f"{tokens[0]} tokens", f"{tokens[1]} tokens", prompts or wrong or len(mine) != len(theirs), verdict, *seconds)


def compare_scores(comparison, phase, mine, theirs, tolerance, seconds):
    contexts = sum(mine[i][0] != theirs[i][0] for i in theirs)
    worst = max(abs(a - b) for i in theirs for a, b in zip(mine[i][2], theirs[i][1], strict=True))
    chosen = lambda logprobs: max(range(len(logprobs)), key=logprobs.__getitem__)
    other, far = [i for i in theirs if chosen(mine[i][2]) != chosen(theirs[i][1])], 0
    for item in other:
        best = sorted(theirs[item][1])[-2:]
        far += best[1] - best[0] > NEAR_TIE
        print(f"{phase}: item {item} has another choice; their best two lie {best[1] - best[0]:.1e} apart", file=sys.stderr)
    verdict = f"{len(theirs) - len(other)} of {len(theirs)} choices, log-probabilities within {worst:.1e}"
    verdict += f"; {len(other)} differ, {far} of them not at a near tie" if other else ""
    verdict += f"; {contexts} contexts differ" if contexts else ""
    comparison.add(phase, f"{len(mine)} items", f"{len(theirs)} items", contexts or far or worst > tolerance or len(mine) != len(theirs), verdict, *seconds)


def main():
    args = arguments()
    data = args.data.resolve()
    if not (data / "benchmarks/xstest").is_dir():
        ours.fail(f"no benchmarks/xstest in {args.data}", "the benchmark files", "--data DIR")
    plan, options = ours.read_plan(data, args.limit, args.steps, args.phases)
    plan["model"]["precision"] = args.precision
    options.append(f"model.precision={args.precision}")
    comparison = Comparison()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        compare(args, plan, options, comparison, folder)
    text = comparison.markdown()
    print(text)
    if args.out:
        versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("torch", "transformers", "peft", "lm_eval", "bitsandbytes"))
        command = "tools/parity/smollm2.py" + "".join(f" --{key} {value}" for key, value in (("limit", args.limit), ("steps", args.steps)) if value)
        command += f" --precision {args.precision}" if args.precision != "fp32" else ""
        command += f" --phases {' '.join(args.phases)}" if len(args.phases) < 3 else ""
        date = datetime.date.today().isoformat()
        args.out.write_text(f"`{command}`, {date}: {versions}; {args.threads} threads.\n\n{text}\n", encoding="utf-8")
    raise SystemExit(1 if comparison.faults else 0)


def compare(args, plan, options, comparison, folder):
    out = args.run or folder / "ours"
    whole = set(args.phases) == {"xstest", "mmlu", "train"}
    our_wall = ours.assess(plan, options, whole, out, args.threads)
    journal = ours.Journal(out / "run/journal.sqlite")

    start = time.perf_counter()
    import pytorch_side as theirs
    import torch

    torch.set_num_threads(args.threads)
    imported = time.perf_counter() - start
    start = time.perf_counter()
    model, tokenizer = theirs.load(plan["model"]["path"], args.precision)
    their_seconds = [time.perf_counter() - start]
    comparison.add("load", "", "", False, "", journal.seconds("load", "base"), their_seconds[0])
    benchmarks = {one["name"]: one for one in plan["benchmark"] if one["name"] in args.phases}

    def measure(arm, when, look):
        if "xstest" in benchmarks:
            one = benchmarks["xstest"]
            start = time.perf_counter()
            prompts = theirs.xstest_prompts(one["path"], args.limit)
            answers = theirs.answer(model, tokenizer, prompts.values(), plan["generation"]["max_new_tokens"], args.generate_batch)
            their_seconds.append(time.perf_counter() - start)
            mine = journal.answers(arm, "xstest_safe") | journal.answers(arm, "xstest_unsafe")
            compare_answers(comparison, f"XSTest {when}", mine, dict(zip(prompts, answers, strict=True)), look,
                            (journal.seconds("generate", arm), their_seconds[-1]))
        if "mmlu" in benchmarks:
            one = benchmarks["mmlu"]
            start = time.perf_counter()
            scores = theirs.score(model, tokenizer, theirs.mmlu_tasks(one["path"], one["subjects"], one.get("shots", 5)), args.limit, args.score_batch)
            their_seconds.append(time.perf_counter() - start)
            compare_scores(comparison, f"MMLU {when}", journal.answers(arm, "mmlu"), scores, LOGPROB, (journal.seconds("score", arm), their_seconds[-1]))

    def look_before(ids):
        logits = theirs.next_logits(model, ids)
        return logits, logits

    measure("base", "before", look_before)
    if plan["arm"]:
        arm, seed = plan["arm"][0], 1234
        if arm.get("order") != "file":
            ours.fail("an arm in seeded order", "order = \"file\", since the other side takes the rows as they stand", "the plan as it is committed")
        start_adapter = ours.initial_adapter(plan, seed, folder)
        start = time.perf_counter()
        model, losses = theirs.train(model, tokenizer, start_adapter, arm)
        their_seconds.append(time.perf_counter() - start)
        mine = journal.losses(arm["name"])
        worst = max(abs(a - b) / abs(b) for a, b in zip(mine, losses, strict=True))
        comparison.add("training", f"loss {mine[0]:.5f} .. {mine[-1]:.5f}", f"loss {losses[0]:.5f} .. {losses[-1]:.5f}", worst > LOSS,
                       f"{len(losses)} losses within {worst:.1e} relative", journal.seconds("train", arm["name"]), their_seconds[-1])

        def look_after(ids):
            if "holdfast" not in model.peft_config:
                model.load_adapter(ours.trained_adapter(plan, seed, mine, folder, args.threads), "holdfast")
            logits = theirs.next_logits(model, ids)
            model.set_adapter("holdfast")
            our_logits = theirs.next_logits(model, ids)
            model.set_adapter("default")
            return logits, our_logits

        measure(arm["name"], "after", look_after)
    comparison.add("all", f"{journal.peak_memory_bytes() / 2**30:.2f} GiB at most", "", False, "", our_wall, imported + sum(their_seconds))


if __name__ == "__main__":
    main()
