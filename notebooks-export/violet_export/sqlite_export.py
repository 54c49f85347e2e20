"""A run as one SQLite file with plain tables, and views for what is asked most often; the table `documentation` says what each
column is. The run's own results.sqlite stays as it is: it is for ./violet, and holds nothing but what was stored."""
from __future__ import annotations

import os
import pathlib
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator

from violet_export.command_line import Progress
from violet_export.estimates import Estimate
from violet_export.hostile_files import ExportError
from violet_export.run import PERCENTILES, Cell, Run, Setting, setting_text
from violet_export.tidy import facts
from violet_export.whole_files import refuse_irregular

# Tables and views: name, what a row is, and the columns with their types (of tables) and meanings.
_CELL = ("cell", "TEXT NOT NULL", "id of the cell: depends on its settings alone")
_REPETITION = ("repetition", "INTEGER NOT NULL", "from 1; what was repeated comes after the plan's")
_TABLES: dict[str, tuple[str, list[tuple[str, str, str]]]] = {
    "facts": (
        "where and with what the run was made",
        [("fact", "TEXT NOT NULL", "its name"), ("value", "TEXT NOT NULL", "or 'not available' with the reason")],
    ),
    "cells": (
        "a combination of settings",
        [_CELL, ("position", "INTEGER NOT NULL", "in the plan, from 1"), ("label", "TEXT NOT NULL", "what varies, in words")],
    ),
    "settings": (
        "one setting of a cell, defaults included",
        [_CELL, ("setting", "TEXT NOT NULL", "its name, as plans have it"), ("value", "", "a number or a text")],
    ),
    "repetitions": (
        "what was measured at a stretch",
        [
            _CELL,
            _REPETITION,
            ("counts", "INTEGER NOT NULL", "0: another one counts in its place"),
            ("disturbed", "INTEGER NOT NULL", "1: other programs or a hypervisor had a CPU for over 5 % of the time"),
            ("start_s", "REAL NOT NULL", "since the run began"),
            ("duration_s", "REAL NOT NULL", "of the measured time"),
        ],
    ),
    "metrics": (
        "a number of a repetition",
        [
            _CELL,
            _REPETITION,
            ("metric", "TEXT NOT NULL", "./violet list metrics"),
            ("unit", "TEXT NOT NULL", "of the value"),
            ("value", "REAL", "NULL: there is none"),
            ("because", "TEXT NOT NULL", "why there is none"),
        ],
    ),
    "latencies": (
        "a histogram of a repetition, in numbers",
        [
            _CELL,
            _REPETITION,
            ("latency", "TEXT NOT NULL", "map, unmap, ..."),
            ("unit", "TEXT NOT NULL", "of all but count"),
            ("count", "INTEGER NOT NULL", "of calls"),
            ("min", "REAL", "exact"),
            ("mean", "REAL", "exact"),
            ("max", "REAL", "exact"),
            *((name, "REAL", "percentile; NULL: it takes three calls beyond it") for name in PERCENTILES),
            ("encoded", "TEXT NOT NULL", "HdrHistogram, V2, deflated, base64"),
        ],
    ),
    "buckets": (
        "a bucket of a histogram that is not empty",
        [
            _CELL,
            _REPETITION,
            ("latency", "TEXT NOT NULL", "map, unmap, ..."),
            ("low", "INTEGER NOT NULL", "lowest value in it"),
            ("high", "INTEGER NOT NULL", "highest value in it"),
            ("count", "INTEGER NOT NULL", "of calls"),
        ],
    ),
    "medians": (
        "a metric of a cell over the repetitions that count",
        [
            _CELL,
            ("metric", "TEXT NOT NULL", "./violet list metrics; of latencies map.mean, unmap.p99, ..."),
            ("unit", "TEXT NOT NULL", "of the median"),
            ("median", "REAL", "NULL: there is none"),
            ("low", "REAL", "of the interval or the range"),
            ("high", "REAL", "likewise"),
            ("spread", "TEXT NOT NULL", "what low and high are: 95 % interval, range, one value"),
            ("repetitions", "INTEGER NOT NULL", "that have a number"),
            ("because", "TEXT NOT NULL", "why there is no median"),
        ],
    ),
    "notes": (
        "what the run warned of",
        [
            ("severity", "TEXT NOT NULL", "info, warning, error"),
            ("text", "TEXT NOT NULL", "in words"),
            ("cell", "TEXT NOT NULL", "id of the cell; empty: the whole run"),
        ],
    ),
}
_NUMBERS = ("min", "mean", "max", *PERCENTILES)
_OF_LATENCIES = " UNION ALL ".join(
    f"SELECT cell, repetition, latency || '.{name.replace('_', '.')}', unit, {name},"
    f" CASE WHEN {name} IS NULL THEN 'too few calls' ELSE '' END FROM latencies"
    for name in _NUMBERS
)
_VIEWS: dict[str, tuple[str, str, list[tuple[str, str]]]] = {
    "measurements": (
        "tidy: one row a cell, repetition and metric, those of latencies included",
        "SELECT m.cell, c.label, m.repetition, r.counts, r.disturbed, m.metric, m.unit, m.value, m.because FROM"
        f" (SELECT cell, repetition, metric, unit, value, because FROM metrics UNION ALL {_OF_LATENCIES}) m"
        " JOIN cells c USING (cell) JOIN repetitions r USING (cell, repetition)",
        [
            ("cell", "id of the cell"),
            ("label", "what varies, in words"),
            ("repetition", "from 1"),
            ("counts", "0: another one counts in its place"),
            ("disturbed", "1: the host was busy with other things"),
            ("metric", "its name; map.p99 of a latency"),
            ("unit", "of the value"),
            ("value", "NULL: there is none"),
            ("because", "why there is none"),
        ],
    ),
    "cell_settings": (
        "a cell with the settings that are looked at most",
        "SELECT c.cell, c.position, c.label, "
        + ", ".join(
            f"(SELECT value FROM settings s WHERE s.cell = c.cell AND s.setting = '{name}') AS {name}"
            for name in ("workload", "strategy", "placement", "iotlb", "iova", "store")
        )
        + " FROM cells c ORDER BY c.position",
        [
            ("cell", "id of the cell"),
            ("position", "in the plan, from 1"),
            ("label", "what varies, in words"),
            ("workload", "what the guest does"),
            ("strategy", "how it maps for DMA"),
            ("placement", "where the engine runs"),
            ("iotlb", "design of the IOTLB"),
            ("iova", "allocator of addresses"),
            ("store", "domain store"),
        ],
    ),
    "protection": (
        "speed and exposure of a cell side by side",
        "SELECT s.cell, s.label, s.workload, s.strategy, s.placement, o.median AS operations_per_s, o.low, o.high,"
        " e.median AS mean_stale_pages, e.because AS stale_because FROM cell_settings s"
        " LEFT JOIN medians o ON o.cell = s.cell AND o.metric = 'operations_per_s'"
        " LEFT JOIN medians e ON e.cell = s.cell AND e.metric = 'mean_stale_pages'",
        [
            ("cell", "id of the cell"),
            ("label", "what varies, in words"),
            ("workload", "what the guest does"),
            ("strategy", "how it maps for DMA"),
            ("placement", "where the engine runs"),
            ("operations_per_s", "median"),
            ("low", "of its interval or range"),
            ("high", "likewise"),
            ("mean_stale_pages", "median; NULL: there is none"),
            ("stale_because", "why there is none, such as that what was mapped stays reachable for ever"),
        ],
    ),
}


def documented() -> Iterator[tuple[str, str, str]]:
    """Every table and view (column empty), and every column, with what it is."""
    for name, (row, columns) in _TABLES.items():
        yield name, "", row
        yield from ((name, column, meaning) for column, _, meaning in columns)
    for name, (row, _, described) in _VIEWS.items():
        yield name, "", row
        yield from ((name, column, meaning) for column, meaning in described)


def _insert(connection: sqlite3.Connection, table: str, rows: Iterable[tuple[object, ...]]) -> None:
    places = ", ".join("?" * len(_TABLES[table][1]))
    connection.executemany(f"INSERT INTO {table} VALUES({places})", rows)


def _metrics_of(cell: Cell) -> list[str]:
    names: dict[str, None] = {}
    for _, one in cell.slots:
        names.update(dict.fromkeys(one.metrics))
        names.update(dict.fromkeys(f"{latency}.{which.replace('_', '.')}" for latency in one.latencies for which in _NUMBERS))
    return list(names)


def _medians(cell: Cell) -> Iterator[tuple[object, ...]]:
    for metric in _metrics_of(cell):
        samples = cell.samples(metric)
        known = samples.estimate()
        if isinstance(known, Estimate):
            spread = known.spread.value
            yield cell.identity, metric, samples.unit, known.value, known.low, known.high, spread, known.count, ""
        else:
            yield cell.identity, metric, samples.unit, None, None, None, "", 0, known.because


def _is_sqlite_number(value: Setting) -> bool:
    return isinstance(value, float) or (type(value) is int and -(2**63) <= value < 2**63)


def _add_cell(connection: sqlite3.Connection, cell: Cell) -> None:
    key = cell.identity
    _insert(connection, "cells", [(key, cell.position + 1, cell.label)])
    # SQLite's integers have 64 bits, and JSON's as many as a file from elsewhere likes.
    values = ((name, value if _is_sqlite_number(value) else setting_text(value)) for name, value in cell.axes.items())
    _insert(connection, "settings", ((key, *one) for one in values))
    for one in cell.repetitions:
        number = one.number + 1
        row = (key, number, int(one.counts), int(one.disturbed()), one.start_s, one.duration_s)
        _insert(connection, "repetitions", [row])
        metrics = ((key, number, name, m.unit, m.value, m.because) for name, m in one.metrics.items())
        _insert(connection, "metrics", metrics)
        for name, latency in one.latencies.items():
            numbers = (latency.number(which).value for which in _NUMBERS)
            _insert(connection, "latencies", [(key, number, name, latency.unit, latency.count, *numbers, latency.encoded)])
            buckets = ((key, number, name, bucket.low, bucket.high, bucket.count) for bucket in latency.buckets())
            _insert(connection, "buckets", buckets)
    _insert(connection, "medians", _medians(cell))


def _fill(connection: sqlite3.Connection, run: Run, progress: Progress) -> None:
    for name, (_, columns) in _TABLES.items():
        connection.execute(f"CREATE TABLE {name}({', '.join(f'{column} {kind}'.strip() for column, kind, _ in columns)})")
    for name, (_, sql, _) in _VIEWS.items():
        connection.execute(f"CREATE VIEW {name} AS {sql}")
    connection.execute("CREATE TABLE documentation(name TEXT NOT NULL, column_name TEXT NOT NULL, meaning TEXT NOT NULL)")
    connection.executemany("INSERT INTO documentation VALUES(?, ?, ?)", documented())
    _insert(connection, "facts", (tuple(one) for one in facts(run)))
    _insert(connection, "notes", run.notes)
    for number, cell in enumerate(run.cells, 1):
        progress.step(f"cell {number} of {len(run.cells)}")
        _add_cell(connection, cell)
    connection.execute("CREATE INDEX by_setting ON settings(cell, setting)")
    connection.execute("CREATE INDEX by_metric ON medians(metric, cell)")


def write_sqlite(run: Run, out: pathlib.Path, progress: Progress) -> None:
    """The whole file, or nothing of it; what is no regular file stays."""
    refuse_irregular(out)
    try:
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as folder:
            made = pathlib.Path(folder) / "run.sqlite"
            connection = sqlite3.connect(made)
            try:
                _fill(connection, run, progress)
                connection.commit()
            finally:
                connection.close()
            os.replace(made, out)
    except (OSError, sqlite3.Error) as error:
        raise ExportError(f"{out}: {error}") from error
    progress.end()
