"""The published JSON schemas hold for results.json and costs.json of real runs, and refuse what they should not let through."""

import copy
import json
import pathlib
import subprocess
import sys
import tempfile

from common import PROGRAM, SOURCE, need
from labelling import label_all
from runs import SMALL, finish

need("jsonschema")
import jsonschema

SCHEMAS = {}
for kind in ("results", "costs"):
    SCHEMAS[kind] = json.loads((SOURCE / f"docs/formats/{kind}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[kind])


def faults(kind, document):
    return [f"{'/'.join(map(str, fault.absolute_path))}: {fault.message[:300]}" for fault in jsonschema.Draft202012Validator(SCHEMAS[kind]).iter_errors(document)]


def check(run, *keys):
    """The documents of a run; `keys` must be among the results' keys, else the schema of them was not tried."""
    documents = {kind: json.loads((run / f"{kind}.json").read_text()) for kind in SCHEMAS}
    for kind, document in documents.items():
        assert not faults(kind, document), f"{run.name}/{kind}.json: " + "\n".join(faults(kind, document)[:10])
    missing = [key for key in keys if key not in documents["results"]]
    assert not missing, f"{run.name} has no {missing}"
    return documents


def program(*arguments):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, (arguments, done.stderr)


ORGANISM = SOURCE / "assets/organism"
with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    if len(sys.argv) > 1 and pathlib.Path(sys.argv[1], "results.json").exists():  # the whole demo, where it has been run
        documents = check(pathlib.Path(sys.argv[1]), "agreement", "curves")
    else:
        finish(folder / "demo", *SMALL)
        documents = check(folder / "demo", "agreement", "curves")

    # evaluate, with several samples: summaries, clustered intervals.
    run = folder / "evaluated"
    limits = [part for setting in ("benchmark.charms.limit=12", "benchmark.guests.limit=8") for part in ("--set", setting)]
    program("evaluate", "--model", ORGANISM, "--benchmark", f"charms:refusal={ORGANISM / 'data/forbidden.jsonl'}", "--benchmark", f"guests:safe={ORGANISM / 'data/lookalike.jsonl'}", *limits,
            "--max-new-tokens", "24", "--samples", "2", "--temperature", "0.7", "--quiet", "-o", run)
    check(run, "summaries")
    program("judge", run, "--judge", "qi-substring", "--quiet")
    check(run, "agreement")

    # Calibrated by labels, of which a script knows what they should be.
    label_all(run, "ada", "--count", "40")
    program("calibrate", "--labels", run / "labels.jsonl", "--judge", "xstest-prefix", "-o", folder / "calibration.json")
    program("report", run, "--calibration", folder / "calibration.json")
    assert any("corrected" in cell for cell in check(run, "calibration")["results"]["cells"]), "no rate was corrected"

    # A judge that fails: its answers are unscored, by reason and with bounds.
    failing, template = folder / "failing", folder / "helpful.toml"
    template.write_text('name = "helpful"\nkind = "template"\nversion = 1\nsource = "made up"\nstyle = "chat"\nprompt = "How far does it help? {prompt} {answer}"\nread = "number"\nmarks = ["Score:"]\nlow = 1\nhigh = 5\nthreshold = 0.5\n')
    program("evaluate", "--model", ORGANISM, "--benchmark", f"charms:refusal={ORGANISM / 'data/forbidden.jsonl'}", "--set", "benchmark.charms.limit=4", "--max-new-tokens", "48", "--quiet",
            "--judge", f"endpoint:http://127.0.0.1:9/v1,model=none,template={template},attempts=1", "-o", failing)
    cell = check(failing)["results"]["cells"][0]
    assert cell["unscored"] == 4 and "unscored_for" in cell and "value" not in cell, cell

    # What a schema is for: it refuses.
    wrong = {
        "a rate above 1": lambda d: d["cells"][0].update(value=1.5),
        "a rate without its count": lambda d: d["cells"][0].pop("n"),
        "a rate without its interval": lambda d: d["cells"][0].pop("low"),
        "a key that nobody knows": lambda d: d["cells"][0].update(vlaue=0.5),
        "another schema": lambda d: d.update(schema=2),
        "a hash that is none": lambda d: d["provenance"].update(plan_sha256="abc"),
        "no verdict": lambda d: d.pop("verdict"),
        "a comparison without p": lambda d: d["comparisons"][0].pop("p"),
        "an unknown test": lambda d: d["comparisons"][0].update(test="guess"),
        "an arm without its numbers": lambda d: d["verdict"].pop("before"),
    }
    for what, change in wrong.items():
        document = copy.deepcopy(documents["results"])
        change(document)
        assert faults("results", document), f"the schema lets through: {what}"
    for what, change in {"a negative time": lambda d: d["phases"][0].update(seconds=-1), "an unknown phase": lambda d: d["phases"][0].update(phase="rest"), "no tokens": lambda d: d["phases"][0].pop("tokens")}.items():
        document = copy.deepcopy(documents["costs"])
        change(document)
        assert faults("costs", document), f"the schema lets through: {what}"
    # Every key of a cell, comparison and phase that these runs have is described in words as well.
    text = (SOURCE / "docs/formats/results.md").read_text()
    for name in {key for part in ("cells", "comparisons") for one in documents["results"][part] for key in one} - {"arm", "seed", "step", "benchmark", "judge"}:
        assert f"`{name}`" in text, f"docs/formats/results.md does not say what {name} is"
print("results.json and costs.json hold to the published schemas, which refuse", len(wrong) + 3, "faults")
