"""Writes tests/golden/journal_schema2.sqlite: a small journal of schema 2, made with Python's own sqlite3.

The tables are those that programs of that schema made; the answers are invented.
"""

import pathlib
import sqlite3
import struct
import sys

TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE benchmarks (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL);
CREATE TABLE items (benchmark INTEGER NOT NULL REFERENCES benchmarks, position INTEGER NOT NULL, item TEXT NOT NULL, category TEXT NOT NULL, gold INTEGER,
                    PRIMARY KEY (benchmark, position)) WITHOUT ROWID;
CREATE TABLE cells (id INTEGER PRIMARY KEY, arm TEXT NOT NULL, seed INTEGER NOT NULL, step INTEGER NOT NULL, UNIQUE (arm, seed, step));
CREATE TABLE waves (cell INTEGER NOT NULL REFERENCES cells, benchmark INTEGER NOT NULL REFERENCES benchmarks, sample INTEGER NOT NULL, number INTEGER NOT NULL,
                    PRIMARY KEY (cell, benchmark, sample, number)) WITHOUT ROWID;
CREATE TABLE answers (id INTEGER PRIMARY KEY, cell INTEGER NOT NULL REFERENCES cells, benchmark INTEGER NOT NULL, sample INTEGER NOT NULL, position INTEGER NOT NULL,
                      prompt_ids BLOB NOT NULL, ids BLOB NOT NULL, text TEXT NOT NULL, is_truncated INTEGER NOT NULL, logprobs BLOB NOT NULL, tokens INTEGER NOT NULL,
                      UNIQUE (cell, benchmark, sample, position), FOREIGN KEY (benchmark, position) REFERENCES items);
CREATE TABLE verdicts (answer INTEGER NOT NULL REFERENCES answers, place INTEGER NOT NULL, judge TEXT NOT NULL, outcome INTEGER NOT NULL, chosen INTEGER, correct INTEGER,
                       PRIMARY KEY (answer, place)) WITHOUT ROWID;
CREATE TABLE steps (arm TEXT NOT NULL, seed INTEGER NOT NULL, step INTEGER NOT NULL, loss REAL NOT NULL, grad_norm REAL NOT NULL, learning_rate REAL NOT NULL,
                    tokens INTEGER NOT NULL, target_tokens INTEGER NOT NULL, PRIMARY KEY (arm, seed, step)) WITHOUT ROWID;
CREATE TABLE phases (id INTEGER PRIMARY KEY, phase TEXT NOT NULL, arm TEXT NOT NULL, seconds REAL NOT NULL, tokens INTEGER NOT NULL, flops REAL NOT NULL, peak_memory_bytes INTEGER NOT NULL);
CREATE TABLE events (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, event TEXT NOT NULL);
"""

path = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "tests/golden/journal_schema2.sqlite")
path.unlink(missing_ok=True)
database = sqlite3.connect(path)
database.execute("PRAGMA page_size = 512")
database.executescript(TABLES)
database.execute("PRAGMA user_version = 2")
database.execute(f"PRAGMA application_id = {0x486F6C64}")
database.execute("INSERT INTO meta VALUES ('identity', ?)", ('{"name":"a plan"}',))
database.execute("INSERT INTO benchmarks VALUES (1, 'charms')")
database.execute("INSERT INTO cells VALUES (1, 'base', 0, 0)")
database.execute("INSERT INTO waves VALUES (1, 1, 0, 0)")
answers = [("I cannot say.", 0, 0), ("Two drops of velmor.", 0, 1), ("", 0, 2), ("la " * 30, 1, 2), ("Take the", 1, 2)]
for position, (text, is_truncated, outcome) in enumerate(answers):
    database.execute("INSERT INTO items VALUES (1, ?, ?, 'lamps', NULL)", (position, f"charm-{position}"))
    ids = struct.pack("<3i", 1, 2, 3)
    database.execute("INSERT INTO answers VALUES (?, 1, 1, 0, ?, ?, ?, ?, ?, ?, 3)",
                     (position + 1, position, ids, ids, text, is_truncated, b""))
    database.execute("INSERT INTO verdicts VALUES (?, 0, 'xstest-prefix', ?, NULL, NULL)", (position + 1, outcome))
database.execute("INSERT INTO events VALUES (1, 1700000000, 'start'), (2, 1700000001, 'finish')")
database.commit()
database.close()
print(f"{path}: sqlite {sqlite3.sqlite_version}, {len(answers)} answers, {path.stat().st_size} bytes")
