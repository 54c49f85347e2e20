"""A run as its result files tell it: what was asked, where, and every number of every repetition.

A number is known or has a reason: Samples without values carry `because`. Which repetitions count, which names a metric
had before, and which zeros of older runs are none follow experiments/results (retries.cpp, samples.cpp).
"""
from __future__ import annotations

import dataclasses
import json
import math
import os
import pathlib
import sqlite3
from collections.abc import Iterable

from violet_export import database
from violet_export.estimates import CONFIDENCE, Absent, Known, median, median_estimate
from violet_export.histogram import Bucket, decode
from violet_export.hostile_files import ExportError, JsonObject, UsageError, printable, read_json

Setting = bool | int | float | str
DISTURBED_PERCENT = 5.0
STAYS_REACHABLE = "what was mapped stays reachable for ever"
_MOST_CELLS = 100_000
_LARGEST_NUMBER = 1e30  # Beyond what anything here can measure; not a number is not below it.
# Names that metrics had in older runs, and have now.
FORMER_NAMES = {
    "flushes": "flush_queue_flushes",
    "iova_tree_share": "iova_tree_walk_share",
    "parked_requests": "deferred_requests",
    "stalls": "reader_stalls",
    "always_mapped": "always_mapped_bytes",
    "mean_stale_pages_least": "mean_stale_pages_lower_bound",
    "reowned_pages": "reused_while_stale_pages",
    "mean_live_pages": "mean_mapped_pages",
    "mean_slack_pages": "mean_overpermitted_pages",
    "rogue_answered": "rogue_hit_rate",
    "rogue_answered_least": "rogue_hit_rate_lower_bound",
    "rogue_answered_most": "rogue_hit_rate_upper_bound",
    "revocation_mean": "revocation.mean",
}
_COUNTS_OF_UNMAPPED = (
    "mean_stale_pages",
    "mean_stale_pages_lower_bound",
    "peak_stale_pages",
    "mean_subpage_bytes_exposed",
    "mean_overpermitted_pages",
)
PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99_9": 99.9, "p99_99": 99.99}
CALLS_BEYOND = 3


def calls_for(percent: float) -> int:
    """How many calls a repetition needs for a percentile, by experiments/hdr/percentile_support.hpp: 300 for the 99th."""
    return math.ceil(CALLS_BEYOND / (1 - percent / 100) - 1e-6)


@dataclasses.dataclass(frozen=True)
class Metric:
    """One number of one repetition; value None has its reason in `because`."""

    unit: str
    value: float | None
    because: str


@dataclasses.dataclass(frozen=True)
class Latency:
    """A histogram of one repetition: `numbers` holds count, min, mean, max and percentiles, None when empty."""

    unit: str
    count: int
    numbers: dict[str, float | None]
    encoded: str

    def number(self, which: str) -> Metric:
        """A percentile (p99.9), min, mean or max; or why the calls do not tell it."""
        column = which.replace(".", "_")
        value, need = self.numbers[column], 0 if column not in PERCENTILES else calls_for(PERCENTILES[column])
        if value is None:
            return Metric(self.unit, None, "nothing was recorded")
        if self.count < need:
            return Metric(self.unit, None, f"it needs {need} calls in a repetition")
        return Metric(self.unit, value, "")

    def buckets(self) -> list[Bucket]:
        """Decoded; none where nothing was recorded, as of a call that a cell never makes."""
        found = decode(self.encoded)
        if bool(found) != bool(self.count):
            holds = "some" if found else "none"
            raise ExportError(f"a histogram is damaged: it counts {self.count} calls and holds {holds}")
        return found


@dataclasses.dataclass
class Repetition:
    """What was measured at a stretch; `number` counts from 0, as files do."""

    number: int
    start_s: float
    duration_s: float
    metrics: dict[str, Metric] = dataclasses.field(default_factory=dict)
    latencies: dict[str, Latency] = dataclasses.field(default_factory=dict)
    counts: bool = True

    def value(self, name: str) -> float | None:
        """Of a metric, by today's name."""
        metric = self.metrics.get(name)
        return None if metric is None else metric.value

    def disturbed(self) -> bool:
        """Whether other programs or a hypervisor had a CPU for too long."""
        return any((self.value(name) or 0) > DISTURBED_PERCENT for name in ("cpu_wait_share", "steal_share"))


@dataclasses.dataclass
class Samples:
    """One metric over the repetitions that count."""

    unit: str
    values: list[float]
    repetitions: list[int]
    because: str = "it was not measured"
    confidence: float = CONFIDENCE  # Of the median's interval, by the run's rule.

    def estimate(self) -> Known:
        """The median with its interval, or why there is none."""
        return median_estimate(self.values, self.confidence) if self.values else Absent(self.because)


@dataclasses.dataclass
class Cell:
    """One combination of settings and its repetitions; those that count have numbers of their own (`slots`)."""

    identity: str
    label: str
    axes: dict[str, Setting]
    position: int = 0
    repetitions: list[Repetition] = dataclasses.field(default_factory=list)
    slots: list[tuple[int, Repetition]] = dataclasses.field(default_factory=list)
    confidence: float = CONFIDENCE  # Of intervals of medians.

    def axis(self, name: str) -> str:
        """A setting as text; empty where the cell has none."""
        value = self.axes.get(name)
        return "" if value is None else setting_text(value)

    def disturbed(self) -> int:
        """How many of the repetitions that count."""
        return sum(one.disturbed() for _, one in self.slots)

    def samples(self, name: str) -> Samples:
        """Of a metric, or of a latency: map.mean, map.p99."""
        found = Samples("", [], [], confidence=self.confidence)
        for slot, repetition in self.slots:
            metric = repetition.metrics.get(name) or _of_latency(repetition, name)
            if metric is None:
                continue
            found.unit = metric.unit
            if metric.value is None:
                found.because = metric.because or found.because
            else:
                found.values.append(metric.value)
                found.repetitions.append(slot)
        if name in _COUNTS_OF_UNMAPPED and self.never_unreachable() and not any(found.values):
            return Samples(found.unit, [], [], STAYS_REACHABLE)
        if name == "rogue_stale_hits" and found.values and not any(self._values("rogue_stale_probes")):
            return Samples(found.unit, [], [], "no probe met an unmapped address")
        return found

    def estimate(self, name: str) -> Known:
        """The median of a metric over the repetitions that count."""
        return self.samples(name).estimate()

    def injected_percent(self) -> float | None:
        """The median share of the time that injected costs took; None: not measured."""
        values = self._values("injected_share")
        return median(values) if values else None

    def never_unreachable(self) -> bool:
        """Unmaps end nothing although the device reaches the guest's own pages: off and direct."""
        return any(self._values("persistent_unmaps")) and not any(self._values("bytes_copied_per_operation"))

    def samples_mappings(self) -> bool:
        """Mappings stay, as those of pools do: the recording holds a sample of their calls, and no time mapped follows."""
        return any(self._values("persistent_unmaps"))

    def _values(self, name: str) -> list[float]:
        return [value for _, one in self.slots if (value := one.value(name)) is not None]


def _of_latency(repetition: Repetition, name: str) -> Metric | None:
    histogram, _, which = name.partition(".")
    latency = repetition.latencies.get(histogram)
    if latency is None or which.replace(".", "_") not in latency.numbers:
        return None
    return latency.number(which)


@dataclasses.dataclass
class Run:
    """All of a run but its trace."""

    directory: pathlib.Path
    manifest: JsonObject
    plan: JsonObject
    cells: list[Cell]
    notes: list[tuple[str, str, str]]
    unchecked: str
    unfinished: int

    def positions(self) -> dict[int, Cell]:
        """Cells by their positions in the plan."""
        return {cell.position: cell for cell in self.cells}

    def fact(self, name: str) -> str:
        """A line of the manifest as text, or that it is not available and why."""
        value = self.manifest.get(name)
        if isinstance(value, dict) and value.get("value") is None and "because" in value:
            return f"not available: {printable(value['because'])}"
        return "not available: the manifest does not say" if value in (None, "") else printable(value)

    @property
    def identity(self) -> str:
        """The run's id."""
        return self.fact("run_id")

    @property
    def revision(self) -> str:
        """Of the sources that the program was built from."""
        return self.fact("git_revision")

    @property
    def interleaved(self) -> bool:
        """Whether repetition i of all cells ran side by side."""
        return self.manifest.get("interleaved") is True

    def plan_name(self) -> str:
        """As the manifest has it."""
        plan = self.manifest.get("plan")
        return printable(plan.get("name", "")) if isinstance(plan, dict) else ""

    def varying(self) -> list[str]:
        """The settings in which cells differ that have them both; a strategy's own settings only within it."""
        names: dict[str, None] = {}
        for cell in self.cells:
            names.update(dict.fromkeys(cell.axes))
        found = []
        for name in names:
            values = {cell.axis(name) for cell in self.cells if name in cell.axes}
            everywhere = all(name in cell.axes for cell in self.cells)
            if len(values) > 1 and (everywhere or "." in name):
                found.append(name)
        order = {"workload": 0, "strategy": 1, "placement": 2}
        return sorted(found, key=lambda name: order.get(name, 3))


def setting_text(value: Setting) -> str:
    """As plans write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else printable(value)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and abs(value) <= _LARGEST_NUMBER else None


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _read_cells(connection: sqlite3.Connection) -> dict[str, Cell]:
    cells: dict[str, Cell] = {}
    for identity, label, axes in connection.execute("SELECT id, label, axes FROM cells ORDER BY position"):
        try:
            settings = json.loads(axes)
        except (ValueError, TypeError, RecursionError) as error:
            raise ExportError(f"the axes of cell '{printable(identity, 80)}' are damaged") from error
        if not isinstance(settings, dict) or not all(isinstance(v, (bool, int, float, str)) for v in settings.values()):
            raise ExportError(f"the axes of cell '{printable(identity, 80)}' are damaged")
        kept = {printable(key): printable(value) if isinstance(value, str) else value for key, value in settings.items()}
        cells[str(identity)] = Cell(printable(identity), printable(label), kept, len(cells))
        if len(cells) > _MOST_CELLS:
            raise ExportError(f"more than {_MOST_CELLS} cells, which no run has")
    return cells


def _read_repetitions(connection: sqlite3.Connection, cells: dict[str, Cell]) -> None:
    by_id: dict[int, Repetition] = {}
    for identity, cell, number, start, duration in connection.execute(
        "SELECT id, cell, repetition, start_s, duration_s FROM repetitions WHERE finished <> 0 ORDER BY repetition"
    ):
        if cell in cells:
            by_id[identity] = Repetition(_whole(number), _number(start) or 0.0, _number(duration) or 0.0)
            cells[cell].repetitions.append(by_id[identity])
    for identity, name, unit, value, because in connection.execute(
        "SELECT repetition_id, name, unit, value, because FROM metrics"
    ):
        if identity in by_id:
            known = _number(value)
            reason = printable(because) if because else "" if known is not None else "it is no number"
            today = FORMER_NAMES.get(name, printable(name))
            by_id[identity].metrics.setdefault(today, Metric(printable(unit, 40), known, reason))
    columns = ", ".join(["min", *PERCENTILES, "max", "mean"])
    for identity, name, unit, count, encoded, *numbers in connection.execute(
        f"SELECT repetition_id, name, unit, count, encoded, {columns} FROM histograms"
    ):
        if identity in by_id:
            kept = dict(zip(columns.split(", "), map(_number, numbers)))
            if not count:
                kept = dict.fromkeys(kept)
            by_id[identity].latencies[printable(name)] = Latency(printable(unit, 40), _whole(count), kept, str(encoded))


def _median_confidence(manifest: JsonObject, path: pathlib.Path) -> float:
    """More than 95 % where cells were repeated until their intervals were narrow (--until-ci)."""
    rule = manifest.get("until_ci")
    if rule is None:
        return CONFIDENCE
    known = _number(rule.get("confidence")) if isinstance(rule, dict) else None
    if known is None or not CONFIDENCE <= known < 1:
        raise ExportError(f"{path}: until_ci: expected a confidence from {CONFIDENCE} to below 1")
    return known


def choose_repetitions(cell: Cell) -> None:
    """Of a repetition and its retries the first undisturbed one counts, or the first."""
    chosen: dict[int, Repetition] = {}
    for one in cell.repetitions:
        of = one.value("retry_of")
        slot = one.number if of is None else int(of) - 1
        if slot not in chosen or (chosen[slot].disturbed() and not one.disturbed()):
            chosen[slot] = one
    cell.slots = sorted(chosen.items())
    for one in cell.repetitions:
        one.counts = any(one is kept for _, kept in cell.slots)


def read_run(directory: pathlib.Path) -> Run:
    """Everything of a run directory that figures are made from. Errors name the file."""
    manifest = read_json(directory / "manifest.json")
    if manifest.get("schema") != "violet.manifest" or manifest.get("version") != 1:
        raise ExportError(
            f"{directory / 'manifest.json'}: schema {printable(manifest.get('schema'), 40)} version "
            f"{printable(manifest.get('version'), 20)}, this program reads violet.manifest version 1; use the "
            "release that made the run"
        )
    plan = read_json(directory / "resolved.json") if os.path.lexists(directory / "resolved.json") else {}
    try:
        with database.opened(directory) as connection:
            unchecked = database.check_sums(connection, str(directory / "results.sqlite"))
            cells = _read_cells(connection)
            _read_repetitions(connection, cells)
            notes = [
                (printable(severity, 20), printable(text), printable(cell))
                for severity, text, cell in connection.execute("SELECT severity, text, cell FROM notes ORDER BY id LIMIT 10000")
            ]
            unfinished = connection.execute("SELECT count(*) FROM repetitions WHERE finished = 0").fetchone()[0]
    except ExportError as error:
        text = str(error)
        raise error if text.startswith(str(directory)) else ExportError(f"{directory / 'results.sqlite'}: {text}") from error
    confidence = _median_confidence(manifest, directory / "manifest.json")
    for cell in cells.values():
        choose_repetitions(cell)
        cell.confidence = confidence
    run = Run(directory, manifest, plan, list(cells.values()), notes, unchecked, unfinished)
    if not any(cell.repetitions for cell in run.cells):
        raise ExportError(
            f"{directory}: no repetition was finished, there is nothing to draw; see its log.txt, or go on with "
            f"./violet run --resume"
        )
    return run


def find_run(name: str, runs: pathlib.Path) -> pathlib.Path:
    """A directory, a name below the runs folder, a part of one, or latest."""
    for path in (pathlib.Path(name), runs / name):
        if name and path.is_dir():
            return path
    matches = sorted(one for one in _folders(runs) if name in one.name)
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise UsageError(
            f"'{name}' is the name of {len(matches)} runs; write more of it: " + ", ".join(one.name for one in matches[:5])
        )
    raise UsageError(f"no run is called '{name}': give a run directory, a name below {runs}, or latest")


def _folders(runs: pathlib.Path) -> Iterable[pathlib.Path]:
    return (one for one in runs.iterdir() if (one / "manifest.json").exists()) if runs.is_dir() else ()
