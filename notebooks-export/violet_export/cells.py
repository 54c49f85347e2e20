"""How the cells of a run fall into panels, groups and series, and what they and their settings are called."""
from __future__ import annotations

from violet_export.estimates import FEWEST_PAIRS, Absent, Known, ratio_estimate
from violet_export.hostile_files import ExportError
from violet_export.run import Cell, Run, Samples

RATE = "operations_per_s"
UNITS_OF_SETTINGS = {"_ns": "ns", "_ms": "ms", "_kib": "KiB", "_bytes": "B", "_mib": "MiB", "_us": "us"}
STANDS_ALONE = ("strategy", "placement", "iotlb", "store", "workload", "queue", "iova")


def short(name: str) -> str:
    """A setting without the table that it is in: costs.exit_ns is exit_ns."""
    return name.rpartition(".")[2]


def setting_words(name: str, value: str) -> str:
    """A setting with its value, as a label says it."""
    if not value:
        return ""
    if name == "workload":
        return value.removeprefix("trace:")
    if name in STANDS_ALONE:
        return value
    for ending, unit in UNITS_OF_SETTINGS.items():
        if name.endswith(ending):
            return f"{short(name).removesuffix(ending)} {value} {unit}"
    return f"{short(name)} {value}"


def words_of(cell: Cell, axes: list[str]) -> str:
    """What tells a cell from its neighbours that differ in `axes`."""
    return ", ".join(words for name in axes if (words := setting_words(name, cell.axis(name))))


def is_number(text: str) -> bool:
    """Whether a setting's value can be a place on an axis."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def numeric_axes(run: Run) -> list[str]:
    """Settings that vary and are numbers in every cell that has them."""
    return [name for name in run.varying() if all(is_number(c.axis(name)) for c in run.cells if name in c.axes)]


def series_axis(run: Run, but: tuple[str, ...] = ()) -> str:
    """The strategy, when it varies; else the first setting that does."""
    names = [name for name in run.varying() if name not in but]
    return "strategy" if "strategy" in names else names[0] if names else ""


def series_words(cell: Cell, axis: str) -> str:
    """A cell's name in a legend."""
    return setting_words(axis, cell.axis(axis)) if axis else cell.axis("strategy") or cell.label


def matches(cell: Cell, words: list[str]) -> bool:
    """Whether a cell's label or settings have all these words: strict, strategy=strict, costs.exit_ns=1500."""
    have = {*cell.label.split(), *(f"{k}={cell.axis(k)}" for k in cell.axes), *(cell.axis(k) for k in STANDS_ALONE)}
    return all(word in have for word in words)


def baseline_words(run: Run, asked: str) -> list[str]:
    """Of the cells that others are held against: as asked, else off, direct or strict; empty: there is none."""
    if asked:
        words = asked.split()
        if not any(matches(cell, words) for cell in run.cells):
            raise ExportError(f"no cell has '{asked}'; there are {', '.join(cell.label for cell in run.cells[:6])}")
        return words
    if "strategy" not in run.varying():
        return []
    names = {cell.axis("strategy") for cell in run.cells}
    return next(([f"strategy={name}"] for name in ("off", "direct", "strict") if name in names), [])


def key_without(cell: Cell, axes: list[str], left_out: set[str]) -> tuple[str, ...]:
    """What two cells have in common that differ in `left_out` only."""
    return tuple("" if name in left_out else cell.axis(name) for name in axes)


class Baselines:
    """The cell of `words` that has every setting in common with a given cell that they do not name."""

    def __init__(self, run: Run, words: list[str]) -> None:
        ones = [one for one in run.cells if matches(one, words)] if words else []
        left_out = {word.partition("=")[0] for word in words if "=" in word}
        self._axes = run.varying()
        if not left_out:
            left_out = {name for name in self._axes if any(one.axis(name) in words for one in ones)}
        # A strategy's own settings go with it: strategy.lazy-percpu.entries.
        self._left_out = left_out | {name for name in self._axes if any(name.startswith(f"{one}.") for one in left_out)}
        self._found: dict[tuple[str, ...], Cell] = {}
        for one in ones:
            self._found.setdefault(self._key(one), one)

    def _key(self, cell: Cell) -> tuple[str, ...]:
        return key_without(cell, self._axes, self._left_out)

    def of(self, cell: Cell) -> Cell | None:
        """None: there is no such cell, or no baseline was named."""
        return self._found.get(self._key(cell))


def ratio_of(run: Run, baseline: Cell, contender: Cell, metric: str) -> Known:
    """As `compare` gives it: of an interleaved run the repetitions that both have, which are pairs where they are enough."""
    below, above = baseline.samples(metric), contender.samples(metric)
    for one in (above, below):
        if not one.values:
            return Absent(one.because)
    if baseline is contender and min(below.values) > 0:
        below, above = _of_itself(below), _of_itself(above)
    if run.interleaved:
        below, above = _shared(below, above)
        if not below.values:
            return Absent("no repetition has both")
    paired = run.interleaved and len(below.values) >= FEWEST_PAIRS
    return ratio_estimate(below.values, above.values, paired or baseline is contender)


def _shared(one: Samples, other: Samples) -> tuple[Samples, Samples]:
    """Both without the repetitions that the other has not, as cells have that --until-ci stopped at different numbers."""
    mine, theirs = dict(zip(one.repetitions, one.values)), dict(zip(other.repetitions, other.values))
    both = [number for number in mine if number in theirs]
    return (
        Samples(one.unit, [mine[number] for number in both], both),
        Samples(other.unit, [theirs[number] for number in both], both),
    )


def _of_itself(samples: Samples) -> Samples:
    return Samples(samples.unit, [1.0] * len(samples.values), samples.repetitions)
