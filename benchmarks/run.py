"""Runs the benchmarks and prints their tables: ./dev bench [NAME]... [--list] [--model NAME] [--repeats N] [--json FILE].

Each checks the answer before it times, warms up, takes turns with its rival on as many threads, repeats, and prints the
median, the spread, the ratio to the rival and the share of what the machine could do at most, measured in the same run.
"""

import argparse
import importlib
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
# The last one takes half an hour, and runs when it is named.
NAMES = ("nf4", "linear", "training", "width7b", "many_adapters", "generation", "llama", "scoring", "tokenizers", "loading", "rows", "statistics", "coverage", "judges", "results", "assessment")
MODULES = {"tokenizers": "tokenizer_speed", "statistics": "statistics_speed"}  # a library has the other name


def main():
    import common
    from common import REPEATS, THREADS, fail

    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__.split("\n\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=" ".join(NAMES) + " (default: all but assessment)")
    parser.add_argument("--list", action="store_true", help="what there is to run")
    parser.add_argument("--json", metavar="FILE", help="every rate of every repeat, to a file as well")
    parser.add_argument("--model", choices=("organism", "smollm2"), help="only on this one (training, generation, scoring)")
    parser.add_argument("--repeats", type=int, default=REPEATS, metavar="N", help=f"turns of each side (default: {REPEATS})")
    parser.add_argument("--data", metavar="DIR", type=pathlib.Path, help="a directory with benchmarks/ (default: HOLDFAST_SHARED_DATA, or ../shared/data)")
    parser.add_argument("--small", action="store_true", help="assessment: a few items and steps, to see that it runs")
    parser.add_argument("--nf4-rival", action="store_true", help="assessment: also beside bitsandbytes' NF4 base, which takes as long again")
    options = parser.parse_args()
    if options.repeats < 1:
        fail(f"found --repeats {options.repeats}, expected 1 or more")
    if unknown := [name for name in options.names if name not in NAMES]:
        fail(f"found benchmark '{unknown[0]}', expected one of {', '.join(NAMES)}; try ./dev bench --list")
    if options.data:
        common.SHARED = options.data.resolve()
    if options.list:
        for name in NAMES:
            print(f"{name:12}", importlib.import_module(MODULES.get(name, name)).__doc__.splitlines()[0])
        return
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(THREADS)
    from common import Report, machine

    head, report = machine(), Report(options.repeats, options.model, options.small, options.nf4_rival)
    versions = ", ".join(f"{name} {version}" for name, version in head["versions"].items() if version)
    print(f"{head['date']}, {head['processor']} with {head['vectors']}, {head['cores']} cores, {head['threads']} threads, commit {head['commit']}; {versions}")
    if head["load_before"] > 0.5:
        report.note(f"the machine's load was {head['load_before']:.1f} before the run: wait until it is idle for figures to keep")
    for name in options.names or NAMES[:-1]:
        module = importlib.import_module(MODULES.get(name, name))
        print(f"{name}: {module.__doc__.splitlines()[0]}", flush=True)
        module.run(report)
    if options.json:
        path = pathlib.Path(options.json)
        part = path.with_name(path.name + ".part")
        part.write_text(json.dumps({"machine": head, "notes": report.notes, "cases": report.cases}, indent=1) + "\n")
        part.replace(path)


main()
