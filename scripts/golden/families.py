"""Writes tests/golden/families/*.safetensors: one tiny checkpoint a family with transformers' logits for it.

Usage: families.py [--out DIRECTORY] [FAMILY...].  Each file holds the weights under their own names, `golden.ids` (two documents end to end),
`golden.starts`, `golden.logits` (float32, computed document by document), of models with experts `golden.aux_loss` (of the first
document), and in its metadata the config.json and the versions.
"""

import argparse
import json
import pathlib
import sys
import tempfile

import safetensors.torch
import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/parity"))
from families import CONFIGURATIONS, GOLDEN, make  # noqa: E402

transformers.logging.set_verbosity_error()
parser = argparse.ArgumentParser()
parser.add_argument("--out", type=pathlib.Path, default=ROOT / "tests/golden/families")
parser.add_argument("families", nargs="*", default=CONFIGURATIONS)
options = parser.parse_args()
options.out.mkdir(parents=True, exist_ok=True)
for family in options.families:
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        model = make(family, GOLDEN, folder)
        tensors = safetensors.torch.load_file(folder / "model.safetensors")
        documents = [torch.randint(model.config.vocab_size, (n,)) for n in (13, 9)]
        with torch.no_grad():
            logits = [model(ids[None], use_cache=False).logits[0] for ids in documents]
        if hasattr(model.config, "router_aux_loss_coef"):
            with torch.no_grad():
                tensors["golden.aux_loss"] = model(documents[0][None], use_cache=False, output_router_logits=True).aux_loss.reshape(1)
        tensors["golden.ids"] = torch.cat(documents).to(torch.int64)
        tensors["golden.starts"] = torch.tensor([0, 13, 22])
        tensors["golden.logits"] = torch.cat(logits).contiguous()
        config = json.loads((folder / "config.json").read_text())
    versions = f"transformers {transformers.__version__}, torch {torch.__version__}"
    path = options.out / f"{family}.safetensors"
    safetensors.torch.save_file(tensors, path, {"config": json.dumps(config), "made_by": f"scripts/golden/families.py, {versions}"})
    print(path.name, path.stat().st_size)
