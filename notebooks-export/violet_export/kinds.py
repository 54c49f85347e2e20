"""The kinds of figures: what each shows, and how its points come from a run.

A kind is one function that makes a Drawing or raises NotCarried with the reason why this run has no such figure, and one
line in KINDS (kind_list.py).
"""
from __future__ import annotations

import dataclasses
from collections.abc import Callable

from violet_export import cells as names
from violet_export import regimes
from violet_export.drawing import Drawing, point_of, run_facts, spread_words
from violet_export.estimates import Absent, Estimate, Known
from violet_export.hostile_files import UsageError, meant
from violet_export.run import Cell, Run


class NotCarried(Exception):
    """Why a run cannot carry a kind of figure."""


@dataclasses.dataclass(frozen=True)
class Options:
    """What a user may choose; empty: the kind's own choice."""

    metric: str = ""
    axis: str = ""
    latency: str = ""
    baseline: str = ""
    where: str = ""
    absolute: bool = False


@dataclasses.dataclass(frozen=True)
class Kind:
    """`shape` is how it is drawn (shapes.py)."""

    name: str
    what: str
    shape: str
    make: Callable[[Run, Options], Drawing]


METRIC_WORDS = {
    "operations_per_s": "operations per second",
    "mean_stale_pages": "stale pages, mean over time",
    "requests_per_operation": "requests per operation",
    "kicks_per_operation": "kicks per operation",
    "syncs_per_operation": "waits per operation",
    "bytes_copied_per_operation": "bytes copied per operation",
    "iotlb_hit_rate": "IOTLB hit rate",
    "peak_stale_pages": "stale pages, peak",
}
MOST_SERIES = 16
PER_OPERATION = ("requests_per_operation", "kicks_per_operation", "syncs_per_operation", "bytes_copied_per_operation")


def sentence(words: str) -> str:
    """With a capital at its begin."""
    return words[:1].upper() + words[1:]


def unit_of(run: Run, metric: str) -> str:
    """As the run has it."""
    return next((unit for cell in run.cells if (unit := cell.samples(metric).unit)), "")


def axis_words(run: Run, metric: str) -> str:
    """What stands at an axis: the metric in words, with its unit."""
    unit = unit_of(run, metric)
    words = METRIC_WORDS.get(metric, metric.replace("_", " "))
    return words if unit in ("", "1") or unit.endswith("/s") or "bytes" in words or "pages" in words else f"{words} ({unit})"


def measured_metric(run: Run, metric: str) -> str:
    """The metric, when any cell has it."""
    if any(cell.samples(metric).values for cell in run.cells):
        return metric
    there = {name: None for cell in run.cells for _, one in cell.slots for name in one.metrics}
    there |= {f"{name}.p99": None for cell in run.cells for _, one in cell.slots for name in one.latencies}
    if not any(cell.samples(metric).unit for cell in run.cells) and metric not in there and metric != names.RATE:
        raise UsageError(
            f"no metric of this run is called '{metric}'{meant(metric, there)}; ./violet list metrics has them all"
        )
    because = run.cells[0].samples(metric).because if run.cells else "there are no cells"
    raise NotCarried(f"{metric} was measured in no cell: {because}")


def injected_note(run: Run) -> str:
    """What was injected, in one sentence of a caption."""
    costs = run.manifest.get("injected_costs")
    shares = [share for cell in run.cells if (share := cell.injected_percent()) is not None]
    if not shares:
        return "" if not costs else f"Injected as configured, not measured: {_costs_words(costs)}."
    if max(shares) < 0.005:
        return "No cost was injected."
    spent = f"injected costs took {min(shares):.0f} to {max(shares):.0f} % of the measured time of a cell (all lcores together)"
    return f"Modelled, not measured: {_costs_words(costs)}{spent}."


def _costs_words(costs: object) -> str:
    if not isinstance(costs, dict) or not costs:
        return ""
    return (
        ", ".join(f"{name} = {value:g}" if isinstance(value, float) else f"{name} = {value}" for name, value in costs.items())
        + "; "
    )


def state_notes(drawing: Drawing) -> list[str]:
    """Sentences on what has no number."""
    notes = []
    reasons: dict[tuple[str, str], set[str]] = {}
    for point in drawing.points:
        if point.state != "measured":
            words = "always" if point.state == "always reachable" else "n/a"
            reasons.setdefault((words, point.because), set()).add(
                ", ".join(one for one in (point.series, point.group, point.panel) if one)
            )
    for (words, because), where in reasons.items():
        listed = sorted(where)
        more = f" and {len(listed) - 4} more" if len(listed) > 4 else ""
        notes.append(f"\"{words}\" is no zero: {because} ({'; '.join(listed[:4])}{more}).")
    return notes


def disturbed_note(run: Run, drawing: Drawing) -> str:
    """Of the cells that are drawn, in repetitions that count."""
    drawn = {point.cell for point in drawing.points}
    cells = [cell for cell in run.cells if cell.label in drawn]
    disturbed = [cell.disturbed() for cell in cells if cell.disturbed()]
    if not disturbed:
        return ""
    return (
        f"\u2020 Other programs or a hypervisor had a CPU for over 5 % of the time in {sum(disturbed)} of "
        f"{sum(len(cell.slots) for cell in cells)} repetitions ({len(disturbed)} of {len(cells)} cells)."
    )


def regimes_note(run: Run, drawing: Drawing) -> str:
    """Of the cells that are drawn whose repetitions met different states of the host."""
    drawn = {point.cell for point in drawing.points}
    mixed = [cell for cell in regimes.mixed_cells(run) if cell.label in drawn]
    if not mixed:
        return ""
    return (
        f"The host was not the same throughout: medians of {len(mixed)} of {len(drawn)} cells are over repetitions with cores "
        "at different distances or speeds."
    )


def left_out_note(run: Run, setting_names: list[str]) -> list[str]:
    """Of the cells that lack one of the settings that a figure is over."""
    absent = sum(any(name not in cell.axes for name in setting_names) for cell in run.cells)
    return [f"{absent} of {len(run.cells)} cells have no {' or '.join(setting_names)} and are left out."] if absent else []


def spread_in_brackets(drawing: Drawing) -> Drawing:
    """The captions of figures that write numbers instead of drawing bars."""
    for bar, number in (
        ("bars with caps are", "in brackets are"),
        ("dotted bars without caps are the range of", "in brackets with dots is the range of"),
        ("what has no bar was measured once", "what has no brackets was measured once"),
    ):
        drawing.notes = [note.replace(bar, number) for note in drawing.notes]
    return drawing


def finish(run: Run, drawing: Drawing) -> Drawing:
    """Adds to a drawing what every caption has to say."""
    if len(drawing.series()) > MOST_SERIES:
        raise NotCarried(f"{len(drawing.series())} series are more than a reader can tell apart; choose cells with --where")
    drawing.runs = [run_facts(run)]
    withheld = sum(1 for cell in run.cells for one in cell.repetitions if not one.counts)
    notes = [
        spread_words(drawing.points),
        *drawing.notes,
        injected_note(run),
        *state_notes(drawing),
        disturbed_note(run, drawing),
        regimes_note(run, drawing),
    ]
    if withheld:
        notes.append(f"{withheld} disturbed repetitions were repeated and are not counted.")
    if run.unfinished:
        notes.append(f"{run.unfinished} repetitions did not finish and are left out.")
    if run.fact("outcome") != "finished":
        notes.append(f"The run is not complete: it is {run.fact('outcome')}.")
    if run.unchecked:
        notes.append(f"Checksums were not looked at: {run.unchecked}.")
    drawing.notes = [note for note in notes if note]
    return drawing


def grouped(run: Run) -> tuple[str, list[str]]:
    """The setting that tells series apart, and those that tell groups apart."""
    axis = names.series_axis(run)
    return axis, [name for name in run.varying() if name != axis]


def bars(run: Run, options: Options) -> Drawing:
    """A metric, relative to a baseline cell where there is one."""
    metric = measured_metric(run, options.metric or names.RATE)
    axis, groups = grouped(run)
    words = [] if options.absolute else names.baseline_words(run, options.baseline)
    baselines = names.Baselines(run, words)
    drawing = Drawing("bars", [], y_label=axis_words(run, metric), series_label=axis)
    for cell in run.cells:
        base = baselines.of(cell)
        if words and base is None:
            known: Known = Absent("no baseline has all else in common with it")
        else:
            known = names.ratio_of(run, base, cell, metric) if base else cell.estimate(metric)
        drawing.points.append(
            point_of(run, cell, known, group=names.words_of(cell, groups), series=names.series_words(cell, axis))
        )
    drawing.caption = f"{sentence(METRIC_WORDS.get(metric, metric))}"
    if words:
        name = " ".join(word.partition("=")[2] or word for word in words)
        drawing.reference = 1.0
        drawing.y_label += f"\nrelative to {name}"
        drawing.caption += f" relative to {name}, all else equal, Hodges and Lehmann's ratio over repetitions"
    drawing.caption += "."
    drawing.width = "page" if len(drawing.points) > 12 else "column"
    return finish(run, drawing)


def per_operation(run: Run, _: Options) -> Drawing:
    """Requests, kicks, waits and copied bytes of one operation."""
    axis, groups = grouped(run)
    drawing = Drawing("per-operation", [], series_label=axis, width="page")
    for metric in PER_OPERATION:
        if not any(cell.samples(metric).unit for cell in run.cells):
            continue
        for cell in run.cells:
            drawing.points.append(
                point_of(
                    run,
                    cell,
                    cell.estimate(metric),
                    panel=METRIC_WORDS[metric],
                    group=names.words_of(cell, groups),
                    series=names.series_words(cell, axis),
                )
            )
    if not drawing.points:
        raise NotCarried("no repetition counted requests, kicks or copies")
    drawing.caption = "What one operation of the workload needs of the virtio-iommu, and what is copied for it."
    return finish(run, drawing)


def _reference(run: Run, cells: list[Cell]) -> Cell | None:
    def rate(cell: Cell) -> float:
        known = cell.estimate(names.RATE)
        return known.value if isinstance(known, Estimate) else 0.0

    off = [cell for cell in cells if cell.axis("strategy") == "off" and rate(cell) > 0]
    best = max(off or cells, key=rate, default=None)
    return best if best is not None and rate(best) > 0 else None


def plane(run: Run, _: Options) -> Drawing:
    """Stale pages against relative throughput; the front is marked when it is drawn."""
    drawing = Drawing(
        "plane",
        [],
        x_label="stale pages, mean over time (log)",
        y_label="throughput relative to the reference",
        x_scale="log",
        series_label="strategy",
        reference=1.0,
    )
    axes = [name for name in run.varying() if name not in ("workload", "strategy")]
    references, left_out = [], []
    for workload in dict.fromkeys(cell.axis("workload") for cell in run.cells):
        cells = [cell for cell in run.cells if cell.axis("workload") == workload]
        base = _reference(run, cells)
        if base is None:
            left_out.append(names.setting_words("workload", workload))
            continue
        references.append(names.words_of(base, ["strategy", *axes]) or base.label)
        for cell in cells:
            panel = names.setting_words("workload", workload) if "workload" in run.varying() else ""
            known = names.ratio_of(run, base, cell, names.RATE)
            point = point_of(
                run, cell, known, panel=panel, group=names.words_of(cell, axes), series=cell.axis("strategy") or cell.label
            )
            drawing.points.append(_placed(point, cell))
    if not drawing.points:
        raise NotCarried("no cell has both a throughput and stale pages")
    drawing.width = "page" if len(drawing.panels()) > 1 or len(drawing.groups()) > 4 else "column"
    drawing.caption = (
        "Protection against performance: pages that could still be reached after their unmap, and throughput "
        f"relative to {'; '.join(dict.fromkeys(references))}. Filled marks are on the Pareto front: no cell that "
        "protects is both faster and leaves fewer stale pages."
    )
    drawing.notes = ["Left of the axis break: zero stale pages; right of it: all memory stays reachable, always."]
    if left_out:
        drawing.notes.append(f"Left out, because no cell has a throughput: {', '.join(left_out)}.")
    return finish(run, drawing)


def _placed(point, cell: Cell):  # type: ignore[no-untyped-def]
    stale = cell.estimate("mean_stale_pages")
    if isinstance(stale, Estimate):
        return dataclasses.replace(point, x=stale.value, x_low=stale.low, x_high=stale.high)
    if point.y is None:
        return point
    if cell.never_unreachable():
        return dataclasses.replace(point, state="always reachable", because=stale.because)
    return dataclasses.replace(point, state="not available", because=stale.because)
