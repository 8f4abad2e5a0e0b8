"""docs/measuring.md beside a count that Holdfast has no part in, and its pictures drawn anew.

Lists and labels are read with tomllib and csv (scripts/pictures/xstest.py); kappa is scikit-learn's where it is there.
"""

import importlib.util
import pathlib
import subprocess
import sys
import tempfile

from common import SHARED, SOURCE, skip

if not (SHARED / "benchmarks/xstest/safe_prompts_labelled_completions.csv").exists():
    skip("needs XSTest's labelled answers in shared/data")
sys.path.insert(0, str(SOURCE / "scripts/pictures"))
import xstest

answers = xstest.read_answers(SHARED)
table = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in (SOURCE / "docs/measuring.md").read_text().splitlines() if line.startswith("|")][2:]
lists = xstest.read_lists(SOURCE)
assert {row[0] for row in table} == set(lists), "the document has other lists than assets/judges"
for row in table:
    tp, fp, fn, tn = xstest.counts(answers, lists[row[0]])[row[1]]
    assert [int(cell) for cell in row[2:6]] == [tp, fp, fn, tn], (row, [tp, fp, fn, tn])
    assert row[6].startswith(f"{100 * tp / (tp + fn):.1f} (") and row[7].startswith(f"{100 * tn / (tn + fp):.1f} ("), row
    if importlib.util.find_spec("sklearn"):
        from sklearn.metrics import cohen_kappa_score

        own = [one for one in answers if row[1] in ("together", one["model"])]
        kappa = cohen_kappa_score([xstest.is_refusal(one) for one in own], [xstest.refuses(lists[row[0]], one["completion"]) for one in own])
        assert row[8].startswith(f"{kappa:.3f} ("), (row, kappa)
with tempfile.TemporaryDirectory() as folder:
    subprocess.run([sys.executable, str(SOURCE / "scripts/pictures/measuring.py"), folder, str(SHARED)], check=True)
    drawn = sorted(path.name for path in pathlib.Path(folder).iterdir())
    for name in drawn:
        assert (pathlib.Path(folder) / name).read_bytes() == (SOURCE / "docs/pictures" / name).read_bytes(), f"{name} is not what the data draw"
print(f"{len(table)} lines of the table and {len(drawn)} pictures as counted and drawn anew")
