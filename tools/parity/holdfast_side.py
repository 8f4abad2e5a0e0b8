"""Our half of the real run's comparison: runs the plan, and reads what it did from the journal."""

import array
import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import time
import tomllib

SOURCE = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("HOLDFAST", SOURCE / "build/holdfast"))
PLAN = SOURCE / "examples/smollm2.toml"


def fail(found, expected, advice):
    print(f"[parity] found {found}, expected {expected}; try {advice}", file=sys.stderr)
    sys.exit(2)


def read_plan(data, limit, steps, phases):
    """The plan as a dictionary with absolute paths, and the --set options that make the program's plan the same."""
    plan = tomllib.loads(PLAN.read_text())
    options = [f"data={data}"]
    plan["model"]["path"] = str((PLAN.parent / plan["model"]["path"]).resolve())
    plan["data"] = str(data)
    benchmarks = [one for one in plan["benchmark"] if one["name"] in phases]
    plan["benchmark"] = benchmarks or [plan["benchmark"][0] | {"limit": 1}]  # a plan needs one
    plan["arm"] = plan["arm"][:1] if "train" in phases else []
    for one in plan["benchmark"]:
        one["path"] = one["path"].replace("{data}", str(data))
        if limit:
            one["limit"] = limit
            options.append(f"benchmark.{one['name']}.limit={limit}")
    for arm in plan["arm"]:
        arm["data"] = arm["data"].replace("{data}", str(data))
        if steps:
            arm["steps"] = steps
            options.append(f"arm.{arm['name']}.steps={steps}")
    return plan, options


def write_toml(plan, path):
    """A plan of which phases were left out, as TOML."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in plan.items() if not isinstance(value, dict | list)]
    for key, value in plan.items():
        for table in value if isinstance(value, list) else [value] if isinstance(value, dict) else []:
            lines += ["", f"[[{key}]]" if isinstance(value, list) else f"[{key}]"]
            lines += [f"{name} = {json.dumps(content)}" for name, content in table.items()]
    path.write_text("\n".join(lines) + "\n")


def run(*arguments):
    start = time.perf_counter()
    if subprocess.run([PROGRAM, *map(str, arguments)], stdout=subprocess.DEVNULL).returncode != 0:
        fail(f"that holdfast {arguments[0]} failed", "the message above to be heeded", "the same command by itself")
    return time.perf_counter() - start


def initial_adapter(plan, seed, folder):
    """The adapter that the arm starts from, in PEFT's format: one step at rate 0 changes no weight."""
    arm = plan["arm"][0]
    row = folder / "one_row.jsonl"
    row.write_text(json.dumps({"messages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hello!"}]}) + "\n")
    run("train", "--model", plan["model"]["path"], "--data", row, "-o", folder / "start", "--precision", "fp32", "--steps", 1, "--rows-per-step", 1,
        "--lr", 0, "--rank", arm.get("rank", 8), "--alpha", arm.get("alpha", 16), "--seed", seed, "--quiet")
    return folder / "start"


def trained_adapter(plan, seed, losses, folder, threads):
    """The adapter that the arm ended with, trained again; its losses must be the journal's, bit for bit."""
    arm = plan["arm"][0]
    run("train", "--model", plan["model"]["path"], "--data", arm["data"], "-o", folder / "trained", "--precision", plan["model"]["precision"],
        "--steps", arm["steps"], "--rows-per-step", arm["rows_per_step"], "--lr", arm["lr"], "--order", arm["order"], "--seed", seed,
        "--rank", arm.get("rank", 8), "--alpha", arm.get("alpha", 16), "--threads", threads, "--quiet")
    again = [json.loads(line)["loss"] for line in (folder / "trained/log.jsonl").read_text().splitlines()]
    if again != losses:
        fail(f"losses {again[:3]} ... from train", f"the assessment's {losses[:3]} ...", "a report: the same rows, seed and threads must give the same bits")
    return folder / "trained"


def assess(plan, options, whole, out, threads):
    """Runs the assessment afresh in `out`; returns its wall time."""
    if out.exists() and any(out.iterdir()):
        fail(f"files in {out}", "a new or empty directory, since the run is timed from its start", "another --run")
    out.mkdir(parents=True, exist_ok=True)
    path = PLAN
    if not whole:
        path = out / "plan.toml"
        write_toml(plan, path)
    return run("assess", path, "-o", out / "run", "--threads", threads, *(word for one in options for word in ("--set", one)))


class Journal:
    def __init__(self, path):
        self.database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)

    def answers(self, arm, benchmark):
        """[(prompt ids, ids, log-probabilities)] of the arm's last step, in the benchmark file's order of items."""
        rows = self.database.execute(
            "SELECT i.item, a.prompt_ids, a.ids, a.logprobs FROM answers a JOIN cells c ON c.id = a.cell JOIN benchmarks b ON b.id = a.benchmark "
            "JOIN items i ON i.benchmark = a.benchmark AND i.position = a.position WHERE c.arm = ? AND b.name = ? "
            "AND c.step = (SELECT max(step) FROM cells WHERE arm = c.arm) ORDER BY a.position", (arm, benchmark))
        return {item: (array.array("i", prompt).tolist(), array.array("i", ids).tolist(), array.array("d", logprobs).tolist())
                for item, prompt, ids, logprobs in rows}

    def losses(self, arm):
        return [loss for (loss,) in self.database.execute("SELECT loss FROM steps WHERE arm = ? ORDER BY step", (arm,))]

    def seconds(self, phase, arm):
        return self.database.execute("SELECT coalesce(sum(seconds), 0) FROM phases WHERE phase = ? AND arm = ?", (phase, arm)).fetchone()[0]

    def peak_memory_bytes(self):
        return self.database.execute("SELECT max(peak_memory_bytes) FROM phases").fetchone()[0]
