"""A drawing is what a figure shows, before it is drawn: points and words. It is stored, and a figure is drawn from the store.

Points are tidy: one row a mark, every column the same in all kinds, so that a stored figure can be read by any program and
drawn again without its run.
"""
from __future__ import annotations

import csv
import dataclasses
import io
import math

from violet_export.estimates import Absent, Estimate, Known, Spread
from violet_export.hostile_files import ExportError, JsonObject, is_text
from violet_export.run import STAYS_REACHABLE, Cell, Run

MEASURED, NOT_AVAILABLE, ALWAYS = "measured", "not available", "always reachable"
SCHEMA = "violet.figure"
VERSION = 1
MOST_POINTS = 50_000
FORMATS = ("pdf", "svg", "png", "pgf")
_NUMBERS = ("x", "x_low", "x_high", "y", "y_low", "y_high", "injected_percent")
_COUNTS = ("repetitions", "disturbed")


@dataclasses.dataclass(frozen=True)
class Point:
    """One mark. A number that is None is not known; `state` and `because` say why, and zero is a number."""

    panel: str = ""
    group: str = ""
    series: str = ""
    x: float | None = None
    x_low: float | None = None
    x_high: float | None = None
    y: float | None = None
    y_low: float | None = None
    y_high: float | None = None
    spread: str = ""
    repetitions: int = 0
    disturbed: int = 0
    injected_percent: float | None = None
    state: str = MEASURED
    because: str = ""
    run: str = ""
    cell: str = ""


COLUMNS = tuple(field.name for field in dataclasses.fields(Point))


@dataclasses.dataclass
class Drawing:
    """Points and what is written around them. `reference` is a line at a value of y; `notes` go into the caption."""

    kind: str
    points: list[Point]
    x_label: str = ""
    y_label: str = ""
    x_scale: str = "linear"
    y_scale: str = "linear"
    series_label: str = ""
    reference: float | None = None
    caption: str = ""
    notes: list[str] = dataclasses.field(default_factory=list)
    runs: list[dict[str, str]] = dataclasses.field(default_factory=list)
    width: str = "column"

    def words(self) -> JsonObject:
        """All but the points."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "points"}

    def series(self) -> list[str]:
        """In the order in which they come."""
        return list(dict.fromkeys(one.series for one in self.points))

    def groups(self) -> list[str]:
        """Likewise."""
        return list(dict.fromkeys(one.group for one in self.points))

    def panels(self) -> list[str]:
        """Likewise."""
        return list(dict.fromkeys(one.panel for one in self.points))


def drawing_of(words: JsonObject, points: list[Point]) -> Drawing:
    """As it was stored."""
    fields = {field.name: field for field in dataclasses.fields(Drawing)}
    if not isinstance(words.get("kind"), str) or set(words) - set(fields):
        raise ExportError("the words of a stored figure are damaged")
    drawing = Drawing(kind=str(words["kind"]), points=points)
    for name, value in words.items():
        before = getattr(drawing, name)
        if name == "reference":
            good = value is None or isinstance(value, (int, float))
        else:
            good = isinstance(value, type(before)) and (not isinstance(value, str) or is_text(value))
        if isinstance(value, list):
            good = good and all(isinstance(one, dict) if name == "runs" else is_text(one) for one in value)
            texts = [text for one in value if isinstance(one, dict) for pair in one.items() for text in pair]
            good = good and all(map(is_text, texts))
        if not good:
            raise ExportError(f"the words of a stored figure are damaged: {name}")
        setattr(drawing, name, value)
    return drawing


def points_to_csv(points: list[Point]) -> str:
    """Numbers with all of their digits; what is not known is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for point in points:
        writer.writerow(
            [
                "" if value is None else repr(value) if isinstance(value, float) else value
                for value in dataclasses.astuple(point)
            ]
        )
    return text.getvalue()


def points_from_csv(text: str, name: str) -> list[Point]:
    """`name` stands for the file in messages."""
    try:
        rows = list(csv.reader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise ExportError(f"{name}: damaged: {error}") from error
    if len(rows) > MOST_POINTS:
        raise ExportError(f"{name}: over {MOST_POINTS} points are more than a figure holds; choose cells with --where")
    if not rows or tuple(rows[0]) != COLUMNS:
        raise ExportError(f"{name}: the columns are not those of stored points ({', '.join(COLUMNS)})")
    return [_point_from(dict(zip(COLUMNS, row)), f"{name}, line {line}") for line, row in enumerate(rows[1:], 2)]


def _point_from(row: dict[str, str], where: str) -> Point:
    values: dict[str, object] = dict(row)
    try:
        for name in _NUMBERS:
            values[name] = float(row[name]) if row[name] else None
        for name in _COUNTS:
            values[name] = int(row[name])
    except (KeyError, ValueError) as error:
        raise ExportError(f"{where}: damaged: {error}") from error
    if any(isinstance(value, float) and not math.isfinite(value) for value in values.values()):
        raise ExportError(f"{where}: a number that is none")
    return Point(**values)  # type: ignore[arg-type]


def point_of(run: Run, cell: Cell, known: Known, **where: object) -> Point:
    """A mark whose y is an estimate of a cell, or the reason why there is none."""
    fixed = {
        "run": run.identity,
        "cell": cell.label,
        "disturbed": cell.disturbed(),
        "repetitions": len(cell.slots),
        "injected_percent": cell.injected_percent(),
        **where,
    }
    if isinstance(known, Estimate) and not all(map(math.isfinite, (known.value, known.low, known.high))):
        known = Absent("it is beyond all numbers")
    if isinstance(known, Absent):
        state = ALWAYS if known.because == STAYS_REACHABLE else NOT_AVAILABLE
        return Point(state=state, because=known.because, **fixed)  # type: ignore[arg-type]
    fixed["repetitions"] = known.count
    fixed |= {"y": known.value, "y_low": known.low, "y_high": known.high, "spread": known.spread.value}
    return Point(**fixed)  # type: ignore[arg-type]


def run_facts(run: Run) -> dict[str, str]:
    """What tells a run from others, for the metadata of a figure."""
    return {
        "id": run.identity,
        "revision": run.revision,
        "plan": run.plan_name(),
        "outcome": run.fact("outcome"),
        "host": run.fact("host"),
        "cpu_model": run.fact("cpu_model"),
    }


def spread_words(points: list[Point]) -> str:
    """What the error bars are, for a caption."""
    kinds = {point.spread for point in points if point.spread}
    counts = sorted({point.repetitions for point in points if point.spread})
    if not counts:
        return ""
    many = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    words = []
    if Spread.INTERVAL.value in kinds:
        words.append("bars with caps are 95 % intervals")
    if Spread.RANGE.value in kinds:
        words.append("dotted bars without caps are the range of values too few for an interval")
    if Spread.NONE.value in kinds:
        words.append("what has no bar was measured once")
    return f"Medians of {many} repetition{'' if counts[-1] == 1 else 's'}; {', '.join(words)}."


def estimate_of(point: Point) -> Estimate | None:
    """What point_of() stored."""
    if point.y is None or point.y_low is None or point.y_high is None:
        return None
    return Estimate(point.y, point.y_low, point.y_high, Spread(point.spread), point.repetitions)
