"""What CPython's random.Random gives, for base/python_random.  Usage: python_random.py [OUT]; no packages."""

import json
import pathlib
import platform
import random
import sys

CASES = [(1234, 20, 5), (1234, 21, 5), (1234, 22, 5), (1234, 1119, 25), (1234, 7473, 5), (1234, 39905, 10), (1234, 40, 6), (1234, 86, 6), (0, 3, 3), (7, 1, 1), (2**40 + 3, 500, 8), (1234, 5, 0)]
golden = {"made_by": "scripts/golden/python_random.py", "python": platform.python_version(), "samples": [], "bits": []}
for seed, size, count in CASES:
    generator = random.Random(seed)
    golden["samples"].append({"seed": seed, "size": size, "count": count, "draws": [generator.sample(range(size), count) for _ in range(4)]})
for count in (1, 7, 31, 32, 33, 53, 64):
    generator = random.Random(1234)
    golden["bits"].append({"count": count, "values": [str(generator.getrandbits(count)) for _ in range(700)][::100]})
out = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2] / "tests/golden/python_random.json")
out.write_text(json.dumps(golden, indent=1) + "\n")
