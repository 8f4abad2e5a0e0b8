"""`holdfast selftest` finds what others have found, and says so when it does not: the same program beside an organism of which one weight is another."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile

from common import PROGRAM, SHARED, SOURCE


def selftest(program, *arguments):
    done = subprocess.run([program, "selftest", "--json", *map(str, arguments)], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


status, out, error = selftest(PROGRAM)
assert status == 0, (out, error)
checks = json.loads(out)["checks"]
assert {check["part"] for check in checks} == {"bits", "answers", "counts", "statistics"}
assert all(check["has_passed"] and check["source"] for check in checks), checks

with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    shutil.copytree(SOURCE / "assets", folder / "assets")
    (folder / "build").mkdir()
    copy = folder / "build/holdfast"
    shutil.copy(os.path.realpath(PROGRAM), copy)
    weights = folder / "assets/organism/model.safetensors"
    data = bytearray(weights.read_bytes())
    begin = 8 + int.from_bytes(data[:8], "little")
    first = next(tensor for name, tensor in json.loads(data[8:begin]).items() if name == "model.norm.weight")
    for at in range(*first["data_offsets"], 2):  # the signs of the last norm
        data[begin + at + 1] ^= 0x80
    weights.write_bytes(data)
    status, out, error = selftest(copy)
    assert status == 3, (status, out, error)
    failed = {check["part"] for check in json.loads(out)["checks"] if not check["has_passed"]}
    assert {"answers", "counts"} <= failed and "statistics" not in failed, failed
# A model has the published scores of another only by chance; and a name that no page knows is refused, not passed.
anatomy = SHARED / "benchmarks/mmlu/anatomy"
if anatomy.exists():
    organism = ("--model", SOURCE / "assets/organism", "--precision", "fp32", "--benchmark", f"mmlu={anatomy}")
    status, out, error = selftest(PROGRAM, *organism, "--as", "Llama-2-7b-hf")
    assert status == 3, (status, out, error)
    assert [check["part"] for check in json.loads(out)["checks"] if not check["has_passed"]] == ["scores"], out
    status, out, error = selftest(PROGRAM, *organism)
    assert status == 2 and "Llama-2-7b-hf" in error, (status, out, error)
print(f"selftest: {len(checks)} checks pass, and fail where the model is another")
