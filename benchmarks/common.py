"""What the benchmarks share: the programs they time, turns, statistics, and the table."""

import datetime
import importlib.metadata
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[1]
PROGRAMS = SOURCE / "build/benchmarks"
SHARED = pathlib.Path(os.environ.get("HOLDFAST_SHARED_DATA", SOURCE / "../shared/data"))
THREADS = int(os.environ.get("HOLDFAST_BENCH_THREADS", min(2, len(os.sched_getaffinity(0)))))
REPEATS = 3
ORACLES = ("transformers", "peft", "bitsandbytes", "lm_eval")


def fail(message):
    print("[bench] " + message, file=sys.stderr)
    sys.exit(2)


def missing_oracle(*modules):
    """Why the rival cannot run, or None."""
    for module in modules:
        try:
            importlib.metadata.version(module)
        except importlib.metadata.PackageNotFoundError:
            return f"needs the Python package {module}; ./dev setup parity installs it"
    return None


class Engine:
    """A program of build/benchmarks: one request, one answer."""

    def __init__(self, program="engine_bench"):
        self.program = program
        self.process = subprocess.Popen([PROGRAMS / program, str(THREADS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, op, **fields):
        self.process.stdin.write(json.dumps({"op": op, **fields}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            fail(f"found no answer to '{op}', expected a line; {self.program} ended with {self.process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            fail(f"{op}: {answer['error']}")
        return answer

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def google_benchmark(name, *flags):
    """One run of a kernel file: its context and {benchmark name: counters}."""
    command = [PROGRAMS / name, f"--threads={THREADS}", "--benchmark_format=json", *flags]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        fail(f"{name} ended with {done.returncode}: {done.stderr.strip()}")
    result = json.loads(done.stdout)
    return result["context"], {row["name"].removesuffix("/real_time"): row for row in result["benchmarks"]}


def take_turns(repeats, *works):
    """Runs A B A B ...: a list of `repeats` results for each."""
    results = [[] for _ in works]
    for _ in range(repeats):
        for result, work in zip(results, works, strict=True):
            result.append(work())
    return results


class Report:
    """Cases, each with a check, a ceiling, and one line an engine; printed as they come and kept for --json."""

    def __init__(self, repeats=REPEATS, model=None, small=False, nf4_rival=False):
        self.repeats, self.model = repeats, model  # turns of each case; the one model to run on, or all
        self.small, self.nf4_rival = small, nf4_rival  # of the assessment
        self.cases = []
        self.notes = []

    def note(self, text):
        """Something left out, and why: once."""
        if text not in self.notes:
            self.notes.append(text)
            print("  (" + text + ")", flush=True)

    def case(self, benchmark, name, unit, rates, check=None, limits=None, limit_name=None):
        """`rates`: {engine: [rate of each repeat]}, ours first; `limits`: {engine: the rate at the machine's limit}."""
        results = []
        ours = statistics.median(next(iter(rates.values())))
        for engine, values in rates.items():
            result = {"engine": engine, "rates": values, "median": statistics.median(values), "low": min(values), "high": max(values)}
            limit = (limits or {}).get(engine)
            if limit:
                result |= {"limit": limit, "of_limit": result["median"] / limit}
            if results:
                result["ratio"] = ours / result["median"]
            results.append(result)
        self.cases.append({"benchmark": benchmark, "case": name, "unit": unit, "check": check, "limit_name": limit_name, "results": results})
        print(f"  {name}" + (f": {check}" if check else ""))
        for result in results:
            line = f"    {result['engine']:36} {number(result['median']):>9} {unit:14} {number(result['low'])} .. {number(result['high'])}"
            if "of_limit" in result:
                line += f", {100 * result['of_limit']:.0f} % of {number(result['limit'])} ({limit_name})"
            if "ratio" in result:
                line += f"; holdfast {result['ratio']:.2f} times"
            print(line, flush=True)


    def share(self, rates, limit, limit_name):
        """Of the last case: each engine's part of a second limit."""
        shares = {engine: statistics.median(values) / limit for engine, values in rates.items()}
        self.cases[-1]["share"] = {"limit": limit, "limit_name": limit_name, "shares": shares}
        print(f"    share of the limit, {number(limit)} {self.cases[-1]['unit']} ({limit_name}): " + ", ".join(f"{engine} {share:.2f}" for engine, share in shares.items()), flush=True)


def number(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def machine():
    """What stands at the head of a run: where and with what it was made."""
    info = pathlib.Path("/proc/cpuinfo").read_text() if os.path.exists("/proc/cpuinfo") else ""
    model = next((line.split(":")[1].strip() for line in info.splitlines() if line.startswith("model name")), platform.processor())
    flags = next((line.split(":")[1].split() for line in info.splitlines() if line.startswith("flags")), [])
    vectors = next((name for flag, name in (("avx512f", "AVX-512"), ("avx2", "AVX2")) if flag in flags), "no AVX2")
    versions = {}
    for package in ("torch", *ORACLES):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=SOURCE, capture_output=True, text=True).stdout.strip()
    return {"date": datetime.date.today().isoformat(), "processor": model, "vectors": vectors, "cores": len(os.sched_getaffinity(0)), "threads": THREADS, "load_before": os.getloadavg()[0], "commit": commit, "versions": versions}
