"""Greedy generation of SmolLM2 beside llama.cpp at equal weight precision, 32 prompts and 1: new tokens/s.

In fp32 the same weights, keys and values in float too; answers are compared first and may part only where the two best
logits lie within 1e-4.  A second line is llama.cpp as it sets itself, with attention in half precision: how many of its answers
are the same is said.  In four bits NF4 (4.13 bits a weight) beside Q4_0 (4.5): other numbers, so each side is held to itself:
its answers must be the same again, and ours those of transformers on the NF4 base.
`llama-cpp-python` is installed into .venv-llama, built from source where there is no wheel.
"""

import functools
import json
import pathlib
import subprocess
import sys
import tempfile

from common import SOURCE, THREADS, Engine, fail, missing_oracle, take_turns
from generation import NEAR_TIE, compare
from workload import SMOLLM2, workloads

NEW_TOKENS = 48
VENV = SOURCE / ".venv-llama"
REQUIREMENTS = SOURCE / "requirements-llama.txt"


def installed():
    """The Python that has llama.cpp, or None where it cannot be had."""
    python, stamp = VENV / "bin/python", VENV / "installed"
    if stamp.exists() and stamp.read_text() == REQUIREMENTS.read_text():
        return python
    print("  (installing llama-cpp-python into .venv-llama, from source where there is no wheel)", flush=True)
    for command in ([sys.executable, "-m", "venv", VENV], [python, "-m", "pip", "install", "-q", "-r", REQUIREMENTS, "numpy"]):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            print(done.stderr[-2000:], file=sys.stderr)
            return None
    stamp.write_text(REQUIREMENTS.read_text())
    return python


class Worker:
    def __init__(self, python):
        self.process = subprocess.Popen([python, pathlib.Path(__file__).with_name("llama_worker.py"), str(THREADS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            fail(f"found no answer of llama.cpp to '{request['op']}', expected a line")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def write_gguf(path, kind):
    """The checkpoint as GGUF, its matrices in one type: as tests/parity writes them, whose values are checked there."""
    sys.path.insert(0, str(SOURCE / "tests/parity"))
    import gguf
    import gguf_files

    tokenizer = json.loads((SMOLLM2 / "tokenizer.json").read_text())
    gguf_files.write_model(SMOLLM2, path, lambda name: gguf.GGMLQuantizationType[kind], gguf_files.byte_level(tokenizer, "smollm"))


def measure(report, work, python, precision, kind):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.gguf"
        write_gguf(path, kind)
        workers = {"": Worker(python), ", as it sets itself": Worker(python)}
        for name, worker in workers.items():
            worker.ask(op="load", path=str(path), exact=not name)
    engine = Engine()
    engine.ask("load", model=str(work.directory), precision=precision)
    ends = json.loads((work.directory / "generation_config.json").read_text())["eos_token_id"]
    ends = ends if isinstance(ends, list) else [ends]
    all_prompts = engine.ask("prompts", messages=[[{"role": "user", "content": text}] for text in work.questions[:32]])["prompts"]
    import rival

    model = rival.Generation(work.directory, precision)
    for prompts in (all_prompts, all_prompts[:1]):

        def ours():
            answer = engine.ask("generate", prompts=prompts, max_new_tokens=NEW_TOKENS)
            return answer["seconds"], answer["ids"]

        def theirs(worker):
            answer = worker.ask(op="generate", prompts=prompts, max_new_tokens=NEW_TOKENS, ends=ends)
            return answer["seconds"], answer["ids"]

        engines = {f"holdfast {precision}": ours} | {f"llama.cpp {kind}{name}": functools.partial(theirs, worker) for name, worker in workers.items()}
        answers, others, loose = (run()[1] for run in engines.values())
        if precision == "fp32":
            near = compare(model, prompts, answers, others, "llama.cpp")
            check = f"ids equal, {near} of {len(prompts)} answers apart at a near tie"
        else:
            near = compare(model, prompts, answers, model.run(prompts, NEW_TOKENS)[1], "NF4")
            if theirs(workers[""])[1] != others:
                fail("llama: found other answers of llama.cpp to the same prompts, expected the same again")
            check = f"ours equal to transformers' on the NF4 base, {near} apart within {NEAR_TIE:g}; llama.cpp's numbers are others"
        check += f"; as it sets itself {sum(a == b for a, b in zip(others, loose))} of {len(prompts)} of llama.cpp's answers are the same"
        runs = dict(zip(engines, take_turns(report.repeats, *engines.values())))
        rates = {name: [sum(map(len, ids)) / seconds for seconds, ids in turns] for name, turns in runs.items()}
        report.case("llama", f"SmolLM2, {len(prompts)} prompts of {sum(map(len, prompts)):,} tokens in all, {sum(map(len, answers)):,} new tokens", "new tokens/s", rates, check)
    for worker in workers.values():
        worker.close()
    engine.close()


def run(report):
    for reason in (missing_oracle("transformers", "gguf", "bitsandbytes"), None if SMOLLM2.exists() else "needs models/smollm2; ./dev model smollm2 makes it"):
        if reason:
            report.note("llama.cpp left out: " + reason)
            return
    python = installed()
    if python is None:
        report.note("llama.cpp left out: llama-cpp-python could not be installed")
        return
    for work in workloads(report):
        if work.directory == SMOLLM2:
            measure(report, work, python, "fp32", "F32")
            measure(report, work, python, "nf4", "Q4_0")
