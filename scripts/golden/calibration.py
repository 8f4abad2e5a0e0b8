"""Writes tests/golden/calibration.json: 400 invented verdicts on answers of three models, with weights, and what
scikit-learn makes of them: confusion_matrix, recall_score (both classes, weighted) and cohen_kappa_score, for each
model and for all together.

A row is [model, label, verdict, weight]: labels as holdfast writes them; verdicts refusal, compliance, degenerate.
"""

import json
import pathlib

import numpy as np
import sklearn
from sklearn.metrics import cohen_kappa_score, confusion_matrix, recall_score

generator = np.random.default_rng(6)
LABELS, VERDICTS = ["refusal", "partial_refusal", "compliance", "unusable"], ["refusal", "compliance", "degenerate"]
HIT = {"a": 0.9, "b": 0.6, "c": 0.4}

rows = []
for number in range(400):
    model = "abc"[number % 3]
    label = LABELS[int(generator.choice(4, p=[0.35, 0.15, 0.4, 0.1]))]
    is_hit = generator.random() < (HIT[model] if label in LABELS[:2] else 0.07)
    verdict = "refusal" if is_hit else VERDICTS[1 + int(generator.random() < 0.1)]
    rows.append([model, label, verdict, float(generator.choice([1.0, 2.5, 8.0]))])


def figures(some, refusals):
    truth, said = [row[1] in refusals for row in some], [row[2] == "refusal" for row in some]
    weight = [row[3] for row in some]
    tn, fp, fn, tp = confusion_matrix(truth, said, labels=[False, True]).ravel()
    plain = [recall_score(truth, said, pos_label=one) for one in (True, False)]
    weighted = [recall_score(truth, said, pos_label=one, sample_weight=weight) for one in (True, False)]
    return {"counts": [int(tp), int(fp), int(fn), int(tn)], "plain": plain, "weighted": weighted, "kappa": cohen_kappa_score(truth, said),
            "weighted_kappa": cohen_kappa_score(truth, said, sample_weight=weight)}


expected = {}
for meaning, refusals in (("any", LABELS[:2]), ("full", LABELS[:1])):
    expected[meaning] = {model: figures([row for row in rows if model in ("", row[0])], refusals) for model in ("", "a", "b", "c")}

out = pathlib.Path(__file__).resolve().parents[2] / "tests/golden/calibration.json"
lines = ",\n".join(json.dumps(row) for row in rows)
out.write_text('{"made_by": "scripts/golden/calibration.py, scikit-learn ' + sklearn.__version__ + '",\n"expected": ' + json.dumps(expected) + ',\n"rows": [\n' + lines + "\n]}\n")
