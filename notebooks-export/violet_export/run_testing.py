"""A small run folder for tests, with everything that figures have to tell apart: zero and not available, always reachable,
injected costs, disturbed and repeated repetitions, and names that are meant to do harm."""
from __future__ import annotations

import base64
import collections
import json
import pathlib
import sqlite3
import struct
import zlib

from violet_export import database

HARM = "$\\input{/etc/passwd}$ <script>"
_SCHEMA = """
PRAGMA application_id = 1449750380; PRAGMA user_version = 1;
CREATE TABLE cells(id TEXT PRIMARY KEY, position INTEGER NOT NULL, label TEXT NOT NULL, axes TEXT NOT NULL,
  strategy TEXT AS (json_extract(axes, '$.strategy')));
CREATE TABLE repetitions(id INTEGER PRIMARY KEY, cell TEXT NOT NULL, repetition INTEGER NOT NULL, attempts INTEGER NOT NULL,
  finished INTEGER NOT NULL, start_s REAL NOT NULL, duration_s REAL);
CREATE TABLE metrics(repetition_id INTEGER NOT NULL, name TEXT NOT NULL, unit TEXT NOT NULL, value REAL, because TEXT,
  better TEXT NOT NULL, PRIMARY KEY(repetition_id, name)) WITHOUT ROWID;
CREATE TABLE histograms(repetition_id INTEGER NOT NULL, name TEXT NOT NULL, unit TEXT NOT NULL, better TEXT NOT NULL,
  count INTEGER NOT NULL, min REAL, p50 REAL, p90 REAL, p99 REAL, p99_9 REAL, p99_99 REAL, max REAL, mean REAL,
  encoded TEXT NOT NULL, PRIMARY KEY(repetition_id, name)) WITHOUT ROWID;
CREATE TABLE notes(id INTEGER PRIMARY KEY, at_s REAL NOT NULL, severity TEXT NOT NULL, text TEXT NOT NULL, cell TEXT NOT NULL,
  repetition_id INTEGER);
CREATE INDEX notes_of_repetition ON notes(repetition_id);
CREATE TABLE checks(subject TEXT NOT NULL, id INTEGER NOT NULL, digest TEXT NOT NULL, PRIMARY KEY(subject, id)) WITHOUT ROWID;
"""
RATES = {"strict": 100_000.0, "lazy-percpu": 150_000.0, "off": 900_000.0, HARM: 120_000.0}


def encoded_histogram(values: list[int]) -> str:
    """HdrHistogram's V2 encoding of small values (below 2048, where a bucket is a value)."""
    numbers, at = bytearray(), 0

    def put(number: int) -> None:
        zigzag = (number << 1) ^ (number >> 63)
        while zigzag > 0x7F:
            numbers.append(zigzag & 0x7F | 0x80)
            zigzag >>= 7
        numbers.append(zigzag)

    for value, count in sorted(collections.Counter(values).items()):
        if value > at:
            put(at - value)
        put(count)
        at = value + 1
    raw = struct.pack(">iiiiqqd", 0x1C849303 | 0x10, len(numbers), 0, 3, 1, 1 << 40, 1.0) + bytes(numbers)
    packed = zlib.compress(raw)
    return base64.b64encode(struct.pack(">ii", 0x1C849304 | 0x10, len(packed)) + packed).decode("ascii")


def _metrics(strategy: str, exit_ns: int, number: int) -> dict[str, float | str]:
    wobble = 1 + 0.01 * ((number * 7) % 5)
    lazy, off = strategy == "lazy-percpu", strategy == "off"
    return {
        "operations_per_s": RATES[strategy] * wobble / (1 + exit_ns / 2000),
        "injected_share": exit_ns / 100.0,
        "injected_exit_share": exit_ns / 100.0,
        "cpus_used": 1.0,
        "cpu_wait_share": 20.0 if number == 3 and lazy else 0.0,
        "requests_per_operation": 0.0 if off else 2.0,
        "kicks_per_operation": 0.0,
        "syncs_per_operation": 1.0,
        "bytes_copied_per_operation": 0.0,
        "persistent_unmaps": 9.0 if off else 0.0,
        "mean_stale_pages": 0.0 if not lazy else 40.0 * wobble,
        "mean_stale_pages_least": 0.0 if not lazy else 39.0,
        "peak_stale_pages": 0.0 if not lazy else 80.0,
        "mean_mapped_pages": 256.0,
        "ping_pong_before": 600.0 if lazy and number == 5 else 110.0,
        "ping_pong_after": 600.0 if lazy and number == 5 else 112.0,
        "frequency_before": "the kernel shows no frequency of these CPUs",
    }


def write_run(
    directory: pathlib.Path, repetitions: int = 6, exits: tuple[int, ...] = (0, 1500), outcome: str = "finished"
) -> None:
    """Makes the folder and its files."""
    directory.mkdir(parents=True)
    (directory / "manifest.json").write_text(
        json.dumps(
            {
                "schema": "violet.manifest",
                "version": 1,
                "run_id": directory.name,
                "plan": {"name": "figures", "hash": "0"},
                "started_utc": "2026-01-31T12:00:00Z",
                "outcome": outcome,
                "host": "lab",
                "cpu_model": "Example CPU",
                "git_revision": "0123456789abcdef",
                "interleaved": True,
                "injected_costs": {"exit_ns, least": 0.0, "exit_ns, most": 1500.0},
                "governor": {"value": None, "because": "there is no cpufreq here"},
            }
        ),
        encoding="utf-8",
    )
    (directory / "resolved.json").write_text(
        json.dumps({"schema": "violet.plan", "version": 1, "name": "figures", "run": {"repetitions": repetitions}}),
        encoding="utf-8",
    )
    connection = sqlite3.connect(directory / "results.sqlite")
    connection.executescript(_SCHEMA)
    identity = position = 0
    for exit_ns in exits:
        for strategy in RATES:
            axes = {"workload": "net-rx", "strategy": strategy, "placement": "samecore", "costs.exit_ns": exit_ns}
            name = f"cell-{position}"
            connection.execute(
                "INSERT INTO cells(id, position, label, axes) VALUES(?, ?, ?, ?)",
                (name, position, f"strategy={strategy} costs.exit_ns={exit_ns}", json.dumps(axes)),
            )
            position += 1
            for number in range(repetitions):
                identity += 1
                _write_repetition(connection, identity, name, number, _metrics(strategy, exit_ns, number))
    _protect(connection, identity)
    connection.commit()
    connection.close()


def _write_repetition(
    connection: sqlite3.Connection, identity: int, cell: str, number: int, metrics: dict[str, float | str]
) -> None:
    connection.execute("INSERT INTO repetitions VALUES(?, ?, ?, 1, 1, ?, 1.0)", (identity, cell, number, float(identity)))
    for name, value in metrics.items():
        known = isinstance(value, float)
        connection.execute(
            "INSERT INTO metrics VALUES(?, ?, '1', ?, ?, 'lower')",
            (identity, name, value if known else None, None if known else value),
        )
    values = [100 + (i * 13 + number) % 900 for i in range(1000)]
    ordered = sorted(values)
    connection.execute(
        "INSERT INTO histograms VALUES(?, 'map', 'ns', 'lower', 1000, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            identity,
            float(ordered[0]),
            float(ordered[499]),
            float(ordered[899]),
            float(ordered[989]),
            float(ordered[998]),
            float(ordered[999]),
            float(ordered[999]),
            sum(values) / 1000,
            encoded_histogram(values),
        ),
    )


def _protect(connection: sqlite3.Connection, repetitions: int) -> None:
    if not database.has_checksums():
        connection.executescript("DROP TABLE checks")
        return
    rows = [("cells", 0), *(("repetition", one) for one in range(1, repetitions + 1))]
    low = 0
    for subject, identity in rows:
        digest = database.digest_of(connection, subject, identity)
        connection.execute("INSERT INTO checks VALUES(?, ?, ?)", (subject, identity, digest))
        low = (low + int(digest[16:], 16)) & (2**64 - 1)
    connection.execute("INSERT INTO checks VALUES('all', 0, ?)", (f"{len(rows)} {low:016x}",))
