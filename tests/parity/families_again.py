"""One family, taken at random: its golden file made anew equals the one that is held, and all its configurations give
transformers' numbers.  Usage: families_again.py [FAMILY]; the family drawn is printed, so that a failure can be run again.
"""

import json
import pathlib
import random
import subprocess
import sys
import tempfile

from common import SOURCE, need

need("torch", "transformers")
import safetensors
import torch
import transformers

HERE = pathlib.Path(__file__).parent
HELD = SOURCE / "tests/golden/families"


def read(path):
    with safetensors.safe_open(path, "pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}, file.metadata()


family = sys.argv[1] if len(sys.argv) > 1 else random.choice(sorted(path.stem for path in HELD.glob("*.safetensors")))
print(f"drew {family}")
with tempfile.TemporaryDirectory() as folder:
    subprocess.run([sys.executable, SOURCE / "scripts/golden/families.py", "--out", folder, family], check=True, capture_output=True)
    made, held = read(pathlib.Path(folder) / f"{family}.safetensors"), read(HELD / f"{family}.safetensors")
if made[1]["made_by"] == held[1]["made_by"]:
    assert json.loads(made[1]["config"]) == json.loads(held[1]["config"]), "the configuration differs"
assert made[0].keys() == held[0].keys(), made[0].keys() ^ held[0].keys()
for key, tensor in held[0].items():
    # Weights come from a seed; what was computed with them may differ by the processor's order of summing.
    is_computed = key in ("golden.logits", "golden.aux_loss")
    limit = 2e-6 * tensor.abs().max().item() if is_computed else 0
    assert tensor.dtype == made[0][key].dtype and tensor.shape == made[0][key].shape, key
    assert (tensor.double() - made[0][key].double()).abs().max().item() <= limit, key
print(f"{family}: {len(held[0])} tensors made anew with transformers {transformers.__version__}, torch {torch.__version__}: as held")
raise SystemExit(subprocess.run([sys.executable, HERE / "families_parity.py", family]).returncode)
