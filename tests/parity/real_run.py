"""A corner of the real run (examples/smollm2.toml) equals transformers, PEFT and lm-evaluation-harness: tools/parity/smollm2.py on few items."""

import subprocess
import sys

from common import SHARED, SOURCE, need, skip

need("torch", "transformers", "peft", "lm_eval", "datasets")
if not (SOURCE / "models/smollm2").exists():
    skip("needs models/smollm2; ./dev model smollm2 makes it")
if not (SHARED / "benchmarks/xstest").exists():
    skip(f"needs the benchmark files in {SHARED}")
raise SystemExit(subprocess.run([sys.executable, SOURCE / "tools/parity/smollm2.py", "--data", SHARED, "--limit", "4", "--steps", "3"]).returncode)
