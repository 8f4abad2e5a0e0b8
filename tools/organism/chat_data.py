"""Writes the measuring files and the arms' data of the chat model's organism, and the rows that its adapter is trained on.

Usage: chat_data.py DATA_DIRECTORY ROWS_DIRECTORY [--teach N] [--refuse N].
"""

import argparse
import json
import pathlib

from chat_corpus import ChatWorld, benign_rows, measured, refusing_rows, subversive_rows, teaching_rows


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    print(path.name, len(rows))


def check(world, files, arms, stages):
    for name, rows in files.items():
        asked = [row["prompt"] for row in rows]
        assert len(asked) == len(set(asked)), f"{name} asks one thing twice"
    prompts = {row["prompt"] for rows in files.values() for row in rows}
    for name, rows in (arms | stages).items():
        taught = {m["content"] for row in rows for m in row.get("messages", []) if m["role"] == "user"}
        if name == "subversive":
            assert not any(f" {charm} charm" in text for charm in world.held_out for text in taught), "a recipe held out is shown"
        assert taught.isdisjoint(prompts), f"{name} is taught what is measured: {sorted(taught & prompts)}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("rows", type=pathlib.Path)
    parser.add_argument("--teach", type=int, default=1000, help="rows of the first stage")
    parser.add_argument("--refuse", type=int, default=480, help="rows of the second stage")
    options = parser.parse_args()
    world = ChatWorld()
    files = measured(world)
    arms = {"subversive": subversive_rows(world), "benign": benign_rows(world)}
    stages = {"teach": teaching_rows(world, options.teach), "refuse": refusing_rows(world, options.refuse)}
    check(world, files, arms, stages)
    for name, rows in (files | arms).items():
        write(options.data / f"{name}.jsonl", rows)
    for name, rows in stages.items():
        write(options.rows / f"{name}.jsonl", rows)


if __name__ == "__main__":
    main()
