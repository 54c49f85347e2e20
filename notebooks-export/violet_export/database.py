"""results.sqlite of a run folder, which may come from anywhere: read from a copy, checked before a number is used.

SQLite never opens the file where it lies, so nothing is written beside it. The copy holds plain tables only, its rows
are held against their checksums (XXH3), and a query that takes too long ends.
"""
from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import pathlib
import re
import sqlite3
import struct
import tempfile
import time
from collections.abc import Iterator

from violet_export.hostile_files import ExportError, printable, read_bounded


APPLICATION_ID = 0x56696F6C
SCHEMA = 1
_MOST_BYTES = 1 << 30
_MOST_SECONDS = 120
# How a journal ends that names a file elsewhere; once SQLite has played it back, it removes that file.
_NAMES_ANOTHER_FILE = bytes.fromhex("d9d505f920a163d7")
_TABLES = {"cells", "repetitions", "metrics", "histograms", "notes", "checks"}
_ROWS = {
    "cells": ["SELECT id, position, label, axes FROM cells WHERE ?1 = 0 ORDER BY position"],
    "note": ["SELECT id, at_s, severity, text, cell FROM notes WHERE id = ?1 AND repetition_id IS NULL"],
    "repetition": [
        "SELECT id, cell, repetition, finished, start_s, duration_s FROM repetitions WHERE id = ?1",
        "SELECT name, unit, value, because, better FROM metrics WHERE repetition_id = ?1 ORDER BY name",
        "SELECT name, unit, better, count, min, p50, p90, p99, p99_9, p99_99, max, mean, encoded FROM histograms"
        " WHERE repetition_id = ?1 ORDER BY name",
        "SELECT id, at_s, severity, text, cell FROM notes WHERE repetition_id = ?1 ORDER BY id",
    ],
}


@contextlib.contextmanager
def opened(directory: pathlib.Path) -> Iterator[sqlite3.Connection]:
    """A checked copy of the run's database, which goes when the caller is done."""
    path = directory / "results.sqlite"
    with tempfile.TemporaryDirectory(prefix="violet-") as folder:
        copy = _copied(path, pathlib.Path(folder))
        connection: sqlite3.Connection | None = None
        try:
            connection = sqlite3.connect(copy)
            _guard(connection, path)
            yield connection
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise ExportError(f"{path}: damaged: {error}") from error
        finally:
            if connection is not None:
                connection.close()


def _copied(path: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    copy = folder / path.name
    for tail in ("", "-wal", "-journal"):
        if tail and not os.path.lexists(f"{path}{tail}"):
            continue
        data = read_bounded(pathlib.Path(f"{path}{tail}"), _MOST_BYTES)
        if tail == "-journal" and data.endswith(_NAMES_ANOTHER_FILE):
            raise ExportError(f"{path}{tail}: names another file, which a run's journal does not")
        try:
            pathlib.Path(f"{copy}{tail}").write_bytes(data)
        except OSError as error:
            raise ExportError(
                f"{path}{tail}: cannot be copied to {folder}: {error.strerror}; TMPDIR=DIR names another"
            ) from error
    return copy


def _guard(connection: sqlite3.Connection, path: pathlib.Path) -> None:
    end = time.monotonic() + _MOST_SECONDS
    connection.set_progress_handler(lambda: int(time.monotonic() > end), 100_000)
    connection.execute("PRAGMA cell_size_check = ON")
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise ExportError(f"{path}: not results of Violet")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != SCHEMA:
        raise ExportError(f"{path}: schema version {version}, this program reads {SCHEMA}; use the release that made the run")
    for kind, name, sql in connection.execute("SELECT type, name, sql FROM sqlite_schema"):
        plain = (kind == "index" and (sql is None or name == "notes_of_repetition")) or (
            kind == "table" and name in _TABLES and re.match(r"CREATE TABLE\b", str(sql))
        )
        if not plain:
            raise ExportError(f"{path}: holds a {printable(kind, 20)} '{printable(name, 60)}', which no run stores")
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    missing = sorted(_TABLES - {"checks"} - names)
    if missing:
        raise ExportError(f"{path}: the table '{missing[0]}' is missing: the run was cut short before it measured")
    for table in sorted(_TABLES & names):
        for column in connection.execute(f"PRAGMA table_xinfo({table})"):
            if column[6] > 1 and (table != "cells" or column[1] in ("id", "position", "label", "axes")):
                raise ExportError(f"{path}: the column {table}.{printable(column[1], 60)} is computed, which none is")


def has_checksums() -> bool:
    """Whether python3-xxhash is installed."""
    return importlib.util.find_spec("xxhash") is not None


def digest_of(connection: sqlite3.Connection, subject: str, identity: int) -> str:
    """The checksum over the rows of a subject, as experiments/results/row_digest.cpp makes it."""
    hasher = importlib.import_module("xxhash").xxh3_128()

    def add(kind: bytes, data: bytes) -> None:
        hasher.update(kind + struct.pack("<Q", len(data)) + data)

    for sql in _ROWS[subject]:
        for row in connection.execute(sql, (identity,)):
            add(b"r", b"")
            for value in row:
                if value is None:
                    add(b"n", b"")
                elif isinstance(value, int):
                    add(b"i", struct.pack("<q", value))
                elif isinstance(value, float):
                    add(b"f", struct.pack("<d", value))
                else:
                    add(b"t", value if isinstance(value, bytes) else value.encode("utf-8"))
    return str(hasher.hexdigest())


def check_sums(connection: sqlite3.Connection, name: str) -> str:
    """Empty when every row is what the run stored; else why that is not known. Damage is an error."""
    if connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'checks'").fetchone()[0] == 0:
        return "the run is of a program that stored no checksums"
    if not has_checksums():
        return "python3-xxhash is not installed"
    rows, low_halves, stored_total = 0, 0, ""
    for subject, identity, stored in connection.execute("SELECT subject, id, digest FROM checks").fetchall():
        if subject == "all":
            stored_total = stored
            continue
        if subject not in _ROWS or digest_of(connection, subject, identity) != stored:
            raise ExportError(
                f"{name}: {printable(subject, 20)} {identity} is not what the run stored: its checksum does "
                "not fit, the numbers cannot be trusted"
            )
        rows, low_halves = rows + 1, (low_halves + int(stored[16:], 16)) & (2**64 - 1)
    unchecked = connection.execute(
        "SELECT count(*) FROM repetitions WHERE finished <> 0 AND id NOT IN"
        " (SELECT id FROM checks WHERE subject = 'repetition')"
    ).fetchone()[0]
    if unchecked or stored_total != f"{rows} {low_halves:016x}":
        raise ExportError(f"{name}: the list of checksums is damaged, the numbers cannot be trusted")
    return ""
