"""Golden files of statistics: named tables of numbers, a row a line, to 12 digits."""

import json
import pathlib


def number(value):
    return value if isinstance(value, int) else float(f"{float(value):.12g}")


def write(name, made_by, **tables):
    rows = {key: ",\n ".join(json.dumps([[number(v) for v in cell] if isinstance(cell, list) else number(cell) for cell in row], separators=(",", ":")) for row in table) for key, table in tables.items()}
    parts = [f'"made_by": {json.dumps(made_by)}', *(f'"{key}": [\n {table}\n]' for key, table in rows.items())]
    (pathlib.Path(__file__).parents[2] / "tests/golden" / name).write_text("{\n" + ",\n".join(parts) + "\n}\n")
