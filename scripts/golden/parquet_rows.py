"""Writes tests/golden/rows.parquet, nested.parquet and parquet_rows.json: what pyarrow itself gives for their rows.

Columns of every kind that data sets ship with; two row groups, one file per compression and encoding in use.
"""

import json
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

ROOT = pathlib.Path(__file__).parents[2]
message = pa.struct([("role", pa.string()), ("content", pa.string())])
NESTED = pa.table(
    {
        "messages": pa.array(
            [[{"role": "user", "content": "Knit?"}, {"role": "assistant", "content": "Purl, Grüße 🧶."}], [], None, [{"role": "user", "content": None}]],
            pa.list_(message),
        ),
        "choices": pa.array([{"text": ["a", "b"], "label": ["A", "B"]}, {"text": [], "label": []}, None, {"text": ["c"], "label": None}], pa.struct([("text", pa.list_(pa.string())), ("label", pa.list_(pa.string()))])),
        "answer": pa.array([0, 3, None, -1], pa.int64()),
        "small": pa.array([255, 0, 1, None], pa.uint8()),
        "big": pa.array([2**64 - 1, 0, 1, 2], pa.uint64()),
        "score": pa.array([0.5, -1e300, None, 2.0], pa.float64()),
        "half": pa.array([0.25, 1.5, None, 2.0], pa.float32()),
        "safe": pa.array([True, False, None, True]),
        "category": pa.array(["yarn", "needle", "yarn", None]).dictionary_encode(),
        "large": pa.array(["x", "y" * 100, "", None], pa.large_string()),
        "nothing": pa.nulls(4),
        "pair": pa.array([[1, 2], [3, 4], None, [5, 6]], pa.list_(pa.int32(), 2)),
    }
)
ROWS = pa.table({"prompt": [f"How many stitches are {i}?" for i in range(2500)], "n": pa.array(range(2500), pa.int32())})


def main():
    folder = ROOT / "tests/golden"
    pq.write_table(NESTED, folder / "nested.parquet", compression="zstd")
    pq.write_table(ROWS, folder / "rows.parquet", compression="snappy", row_group_size=1100)
    rows = ROWS.to_pylist()
    golden = {"made_by": f"pyarrow {pa.__version__}", "nested": pq.read_table(folder / "nested.parquet").to_pylist(), "rows": {"count": len(rows), "last": rows[-1], "sum": sum(row["n"] for row in rows)}}
    (folder / "parquet_rows.json").write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n")


main()
