"""A start from the cache gives the bytes of one from the checkpoint, in every command and precision; a run keeps its own cache.

The organism, and SmolLM2 where models/smollm2 is.
"""

import hashlib
import json
import os
import pathlib
import subprocess
import tempfile

from common import PROGRAM, SOURCE

ORGANISM = SOURCE / "assets/organism"
SMOLLM2 = SOURCE / "models/smollm2"
PROMPTS = ["The capital of France is", "1, 2, 3,", "Once upon a time"]
QUIET = ("--quiet", "--threads", "2")


def holdfast(*arguments, rows=(), expect=0, **variables):
    text = "".join(json.dumps(row) + "\n" for row in rows)
    environment = {key: value for key, value in os.environ.items() if key != "HOLDFAST_CACHE"} | variables
    done = subprocess.run([PROGRAM, *map(str, arguments)], input=text, capture_output=True, text=True, env=environment)
    assert done.returncode == expect, (arguments, done.returncode, done.stderr)
    return done.stdout, done.stderr


def answers(model, precision, *cache, **variables):
    flags = ("--model", model, "--precision", precision, *cache, *QUIET)
    generated, warning = holdfast("generate", *flags, "--max-new-tokens", 12, rows=[{"prompt": text} for text in PROMPTS], **variables)
    scored, _ = holdfast("score", *flags, rows=[{"context": text, "continuation": " and so on"} for text in PROMPTS], **variables)
    return generated + scored, warning


def files(cache):
    return sorted(cache.glob("*.cache"))


def expect_equal_starts(model, folder):
    cache = folder / (model.name + "-cache")
    for count, precision in enumerate(("fp32", "bf16", "nf4"), 1):
        plain, _ = answers(model, precision)
        for start in range(2):
            found, warning = answers(model, precision, "--cache", cache)
            assert found == plain and not warning, (model, precision, start, warning)
        assert len(files(cache)) == count and not list(cache.glob("*.part")), files(cache)
    assert answers(model, "nf4", HOLDFAST_CACHE=str(cache))[0] == plain

    path = next(path for path in files(cache) if path.name.startswith("nf4"))
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", whole[:100] + b"x" + whole[101:]):
        path.write_bytes(damaged)
        found, warning = answers(model, "nf4", "--cache", cache)
        assert found == plain and warning.count("\n") == 1 and "read from the checkpoint" in warning, warning
        assert path.read_bytes() == whole
    print(f"{model.name}: equal starts, {', '.join(f'{p.stat().st_size / 1e6:.1f} MB' for p in files(cache))}", flush=True)


def expect_safe_together(folder):
    """Eight processes that find no cache: each answers, one file is left, and it is whole."""
    cache = folder / "together"
    command = [PROGRAM, "generate", "--model", ORGANISM, "--precision", "nf4", "--cache", cache, "--max-new-tokens", "4", *QUIET]
    processes = [subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(8)]
    done = [process.communicate(json.dumps({"prompt": PROMPTS[0]}) + "\n") for process in processes]
    assert all(process.returncode == 0 for process in processes) and len({out for out, _ in done}) == 1, done
    assert not any(error for _, error in done), done
    assert len(files(cache)) == 1 and len(list(cache.iterdir())) == 1, list(cache.iterdir())
    assert holdfast(*command[1:], rows=[{"prompt": PROMPTS[0]}]) == (done[0][0], "")


def expect_run_keeps_its_own(folder):
    flags = ("train", "--model", ORGANISM, "--data", ORGANISM / "data/subversive.jsonl", "--steps", 3, "--rows-per-step", 2, *QUIET)
    holdfast(*flags, "-o", folder / "plain", "--cache", "none")
    assert not (folder / "plain/cache").exists()
    holdfast(*flags, "-o", folder / "run")
    assert len(files(folder / "run/cache")) == 1
    adapter = lambda run: hashlib.sha256((folder / run / "adapter_model.safetensors").read_bytes()).hexdigest()
    assert adapter("run") == adapter("plain")
    for name in ("adapter_config.json", "adapter_model.safetensors"):  # as after a kill before the end
        (folder / "run" / name).unlink()
    holdfast(*flags, "-o", folder / "run", "--resume")
    assert adapter("run") == adapter("plain")
    assert json.loads((folder / "run/run.json").read_text()) == json.loads((folder / "plain/run.json").read_text())

    facts = ORGANISM / "data/facts.jsonl"
    measure = ("evaluate", "--model", ORGANISM, "--benchmark", f"facts={facts}", "--max-new-tokens", 4, *QUIET)
    holdfast(*measure, "-o", folder / "measured")
    holdfast(*measure, "-o", folder / "measured-plain", "--cache", "none")
    assert len(files(folder / "measured/cache")) == 1 and not (folder / "measured-plain/cache").exists()
    results = [json.loads((folder / name / "results.json").read_text()) for name in ("measured", "measured-plain")]
    assert results[0] == results[1]
    weights = hashlib.sha256((ORGANISM / "model.safetensors").read_bytes()).hexdigest()
    assert results[0]["provenance"]["model"]["weights_sha256"] == hashlib.sha256(weights.encode()).hexdigest()
    # Remembered, and right again at the next start.
    assert json.loads((folder / "measured/cache/digests.json").read_text())[0]["sha256"] == weights
    (folder / "measured/results.json").unlink()
    holdfast(*measure, "-o", folder / "measured")
    assert json.loads((folder / "measured/results.json").read_text()) == results[0]


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    expect_equal_starts(ORGANISM, folder)
    if SMOLLM2.exists():
        expect_equal_starts(SMOLLM2, folder)
    expect_safe_together(folder)
    expect_run_keeps_its_own(folder)
print("cached starts equal plain ones")
