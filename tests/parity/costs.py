"""The ledger of a cut-down demo: its seconds add up to what the run took, its tokens are the journal's, its operations those that the model's sizes ask
for (benchmarks/operations.py), and rebuilding the outputs changes nothing."""

import json
import pathlib
import sqlite3
import sys
import tempfile
import time

from common import SOURCE, run
from runs import SMALL, finish

sys.path.insert(0, str(SOURCE / "benchmarks"))
import operations

RANK = 8
SETTINGS = SMALL + ["--set", "benchmark.forbidden.limit=60", "--set", "arm.benign.steps=6", "--set", "price.usd_per_hour=0.36"]


def close(found, expected, share):
    return abs(found - expected) <= share * expected


with tempfile.TemporaryDirectory() as folder:
    out = pathlib.Path(folder) / "run"
    start = time.time()
    finish(out, *SETTINGS)
    wall = time.time() - start
    costs = json.loads((out / "costs.json").read_text())
    phases = {(one["phase"], one["arm"]): one for one in costs["phases"]}
    seconds = sum(one["seconds"] for one in costs["phases"])
    print(f"{wall:.2f} s on the wall, {seconds:.2f} s in phases: " + ", ".join(f"{one['phase']} {one['arm']} {one['seconds']:.2f}" for one in costs["phases"]))
    assert 0.9 * wall <= seconds <= wall, "the phases do not add up to the run"
    assert {one["phase"] for one in costs["phases"]} == {"load", "train", "generate", "score", "judge", "report"}, phases.keys()
    totals = costs["totals"]
    assert close(totals["seconds"], seconds, 1e-9) and close(totals["usd"], seconds * 0.36 / 3600, 1e-9)
    assert 0.1 * seconds < totals["device_seconds"] <= 1.05 * costs["machine"]["threads"] * seconds + 1, totals

    journal = sqlite3.connect(out / "journal.sqlite")
    query = lambda sql: journal.execute(sql).fetchall()
    for arm, tokens, targets in query("SELECT arm, sum(tokens), sum(target_tokens) FROM steps GROUP BY arm"):
        assert (phases["train", arm]["tokens"], phases["train", arm]["output_tokens"]) == (tokens, targets)
    sizes = operations.Sizes(SOURCE / "assets/organism")
    lora = sizes.adapter(RANK)
    for arm in ("base", "subversive", "benign"):
        answers = query(f"SELECT length(a.prompt_ids) / 4, length(a.ids) / 4 FROM answers a JOIN cells c ON c.id = a.cell WHERE c.arm = '{arm}' AND length(a.ids) > 0")
        one = phases["generate", arm]
        generated = sum(n for _, n in answers)
        assert one["tokens"] == sum(map(sum, answers)) and one["output_tokens"] == generated
        assert generated < one["computed_tokens"] < one["tokens"], "what prompts begin with was not shared"
        # The last token of an answer is not put through the model.
        least = (one["computed_tokens"] - len(answers)) * (sizes.linear() + (lora if arm != "base" else 0)) + generated * sizes.head()
        longest = max(map(sum, answers))
        most = least + one["computed_tokens"] * sizes.attention(longest)
        assert 0.99 * least <= one["flops"] <= 1.01 * most, (arm, least, one["flops"], most)
    for arm in ("subversive", "benign"):
        one = phases["train", arm]
        least = one["tokens"] * (2 * sizes.linear() + 3 * lora) + 2 * one["output_tokens"] * sizes.head()
        below = 2 * sum(o * i for o, i in sizes.shapes[:3])  # no gradient goes below the first layer
        # Arms trained together share a step's operations by tokens: their targets are not the same share.
        assert 0.9 * (least - one["tokens"] * below) <= one["flops"] <= 1.2 * least, (arm, least, one["flops"])
    assert phases["score", "base"]["computed_tokens"] < phases["score", "base"]["tokens"] + phases["score", "base"]["output_tokens"]

    shares = costs["machine"]["share_of_peak"]
    assert all(0 < shares[name] <= 1 for name in ("train", "generate", "score")), shares
    print(f"share of {costs['machine']['peak_flops'] / 1e9:.0f} GFLOP/s: " + ", ".join(f"{name} {share:.3f}" for name, share in shares.items()))
    models = list(dict.fromkeys(one["model"] for one in costs["projections"]))
    assert models == ["organism", "Llama 2 7B", "Llama 2 13B", "Llama 2 70B", "Mixtral 8x7B"], models
    assert len(costs["projections"]) == 15 and [one["model"] for one in costs["claims"]] == models
    for one in costs["projections"]:
        assert one["statement"] and len(one["assumptions"]) >= 8
        assert one["fits_one_device"] == ("seconds" in one) == ("usd" in one)
    for one in costs["claims"]:
        print(one["statement"])
    before = (out / "costs.json").read_bytes()
    again = pathlib.Path(folder) / "again"
    run("report", out, "-o", again)
    assert (again / "costs.json").read_bytes() == before, "report rebuilt another costs.json"

    overlap = json.loads((out / "results.json").read_text())["overlap"]
    assert {one["arm"] for one in overlap} == {"subversive", "benign"} and len(overlap) == 10
    print("overlap: " + ", ".join(f"{one['arm']} on {one['benchmark']} {one['overlapping']}/{one['items']}" for one in overlap if one["overlapping"]))
