"""`holdfast power`: R's published sample size, the detectable difference as its inverse, and one clear line for what cannot be."""

import json
import os
import subprocess


def power(*options):
    done = subprocess.run([os.environ["HOLDFAST"], "power", *options], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def answer(*options):
    status, out, error = power("--json", *options)
    assert status == 0, error
    return json.loads(out)


# R's manual of power.prop.test: p1 = .50, p2 = .75, power = .90 gives n = 76.7.
assert answer("--unpaired", "--baseline", "0.75", "--difference", "25pp", "--power", "0.9")["n"] == 77
needed = answer("--difference", "0.05", "--discordant", "10%")
found = answer("--n", str(needed["n"]), "--discordant", "10%")
assert abs(found["detectable"] - 0.05) < 2e-4, found
assert answer("--clusters-ratio", "0.5")["n"] in (2 * answer()["n"] - 1, 2 * answer()["n"])
assert "438 needed" in power()[1]

for options in (["--difference", "x"], ["--difference", "0"], ["--baseline", "2"], ["--power", "1"], ["--alpha", "nan"], ["--n", "0"], ["--n", "1"], ["--n", "500", "--difference", "5pp"], ["--discordant", "1pp"], ["--difference", "99pp"], ["--samples", "0"], ["--clusters-ratio", "0"], ["--unpaired", "--discordant", "0.1"]):
    status, out, error = power(*options)
    assert status == 2 and not out and error.startswith("[power] found ") and "; try " in error and error.count("\n") == 1, (options, status, out, error)
print("power: sizes, inverse and messages hold")
