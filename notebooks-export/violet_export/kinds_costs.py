"""Kinds of figures of what settings cost: the parts of an operation's time, and one setting changed at a time."""
from __future__ import annotations

from violet_export import cells as names
from violet_export.drawing import Drawing, point_of
from violet_export.estimates import Absent, Known, median_estimate
from violet_export.kinds import METRIC_WORDS, NotCarried, Options, axis_words, finish, measured_metric, sentence
from violet_export.run import Cell, Repetition, Run

INJECTED = {
    "exit": "exit",
    "entry": "entry",
    "pollution": "cache pollution",
    "wake": "wake-up",
    "host_map": "host work of MAP",
    "host_unmap": "host work of UNMAP",
    "iotlb_miss": "IOTLB miss",
    "stack": "stack and driver",
    "delay": "delay",
}
_REST = "not injected"

# Parts of a figure, of the phases that a run tells apart (engine/telemetry/work_phase.hpp): more than so many no reader
# tells apart in a bar. Of the guest first, then of the engine.
PARTS = {
    "workload": ("workload", "pace", "loop"),
    "strategy": ("strategy",),
    "IOVA": ("iova_allocate", "iova_free"),
    "cutting": ("cut",),
    "requests": ("request", "kick", "answers"),
    "spinning": ("spin",),
    "copying": ("copy",),
    "endpoints": ("endpoints", "rogue", "device"),
    "engine: decoding, answering": ("decode", "complete", "upkeep"),
    "engine: store": ("store",),
    "engine: invalidation": ("invalidate",),
    "engine: grace period": ("grace",),
    "engine: idle": ("idle", "asleep"),
    "telemetry": ("telemetry", "engine_telemetry", "guest_breakdown", "engine_breakdown"),
    "injected": ("injected", "engine_injected"),
    "others had the CPU": ("guest_waited", "engine_waited"),
    "not attributed": ("guest_rest", "engine_rest", "guest_long", "engine_long"),
}
_OTHER_LCORE = "endpoints' own lcore"


def ablation(run: Run, options: Options) -> Drawing:
    """One setting changed at a time."""
    metric = measured_metric(run, options.metric or names.RATE)
    axes = run.varying()
    asked = options.baseline.split()
    base = next((cell for cell in run.cells if names.matches(cell, asked)), None)
    if base is None:
        raise NotCarried(f"no cell has '{options.baseline}'")
    drawing = Drawing("ablation", [], x_label=f"{axis_words(run, metric)} relative to the first row", reference=1.0)
    drawing.points.append(
        point_of(
            run,
            base,
            names.ratio_of(run, base, base, metric),
            group=names.words_of(base, axes) or base.label,
            series="baseline",
        )
    )
    for cell in run.cells:
        changed = [
            name
            for name in axes
            if cell.axis(name) != base.axis(name)
            and "." not in name
            or ("." in name and name in cell.axes and name in base.axes and cell.axis(name) != base.axis(name))
        ]
        if len(changed) != 1:
            continue
        # Settings of a strategy that the baseline does not have tell rows of that strategy apart.
        own = [name for name in axes if "." in name and name in cell.axes and name not in base.axes]
        drawing.points.append(
            point_of(
                run,
                cell,
                names.ratio_of(run, base, cell, metric),
                group=names.words_of(cell, [*changed, *own]),
                series="one setting changed",
            )
        )
    if len(drawing.points) < 2:
        raise NotCarried(f"no cell differs from '{base.label}' in exactly one setting")
    drawing.caption = (
        f"{sentence(METRIC_WORDS.get(metric, metric))} when one setting of the first row is changed, "
        "relative to it (log axis)."
    )
    return finish(run, drawing)


def breakdown(run: Run, _: Options) -> Drawing:
    """Time per operation, by what it was spent on; of a run that does not tell, split in what was injected and the rest."""
    if any(one.value("time_guest") is not None for cell in run.cells for _, one in cell.slots):
        return _phases(run)
    drawing = Drawing("breakdown", [], y_label="ns per operation", series_label="part")
    axes = run.varying()
    for cell in run.cells:
        for part, known in _parts_of(cell).items():
            drawing.points.append(point_of(run, cell, known, group=names.words_of(cell, axes) or cell.label, series=part))
    if all(point.y is None for point in drawing.points):
        raise NotCarried(drawing.points[0].because if drawing.points else "there are no cells")
    if len(drawing.series()) < 2:
        raise NotCarried("no cost was injected, so that there is nothing to split")
    drawing.caption = (
        "Time of all CPUs of a cell for one operation, split in what was injected (a model, hatched) and all else "
        "(measured): medians of the parts of each repetition, and at the end their sum. A bar at the end of the first part "
        "is what spreads this part alone; the stored points have it of every part."
    )
    return finish(run, drawing)


def _phases(run: Run) -> Drawing:
    drawing = Drawing("breakdown", [], y_label="ns per operation", series_label="part")
    axes = run.varying()
    for cell in run.cells:
        for part, known in _phases_of(cell).items():
            drawing.points.append(point_of(run, cell, known, group=names.words_of(cell, axes) or cell.label, series=part))
    order = [*PARTS, _OTHER_LCORE]
    drawing.points.sort(key=lambda point: order.index(point.series))
    drawing.caption = (
        "Time of all CPUs of a cell for one operation, by what it was spent on, from sampled rounds: medians of the parts "
        "of each repetition, and at the end their sum. What was injected (a model) is hatched. A bar at the end of the first "
        "part is what spreads this part alone; the stored points have it of every part."
    )
    return finish(run, drawing)


def _phases_of(cell: Cell) -> dict[str, Known]:
    """Each part that some repetition met; what another met too rarely is in that one's rest."""
    parts: dict[str, list[float]] = {part: [] for part in [*PARTS, _OTHER_LCORE]}
    because = "it was not measured"
    for _, one in cell.slots:
        missing = _reason(one, ["time_guest", "cpus_used"])
        if missing:
            because = missing
            continue
        for part, phases in PARTS.items():
            parts[part].append(sum(one.value(f"time_{phase}") or 0.0 for phase in phases))
        lcores = 1 if one.value("time_engine") is None else 2
        parts[_OTHER_LCORE].append(max((one.value("cpus_used") or 0.0) - lcores, 0.0) * (one.value("time_guest") or 0.0))
    if not parts["workload"]:
        return {"workload": Absent(because)}
    return {
        part: median_estimate(values, cell.confidence)
        for part, values in parts.items()
        if part == "workload" or max(values) > 0
    }


def _parts_of(cell: Cell) -> dict[str, Known]:
    """The rest and each injected part, over the repetitions that tell all of them."""
    kinds = [kind for kind in INJECTED if any((one.value(f"injected_{kind}_share") or 0) > 0 for _, one in cell.slots)]
    parts: dict[str, list[float]] = {_REST: [], **{f"injected: {INJECTED[kind]}": [] for kind in kinds}}
    idle, because = 0, "it was not measured"
    for _, one in cell.slots:
        missing = _reason(one, [names.RATE, "cpus_used", *(f"injected_{kind}_share" for kind in kinds)])
        rate = one.value(names.RATE) or 0.0
        if missing:
            because = missing
        elif rate < 1e-9:
            idle += 1
        else:
            spent = [(one.value(f"injected_{kind}_share") or 0.0) / 100 * 1e9 / rate for kind in kinds]
            for values, part in zip(parts.values(), [(one.value("cpus_used") or 0.0) * 1e9 / rate - sum(spent), *spent]):
                values.append(part)
    if idle:  # Its operations take for ever: a median of the others would be of a faster cell.
        many = "" if idle == len(cell.slots) else f" in {idle} of {len(cell.slots)} repetitions"
        return {_REST: Absent(f"no operation was finished{many}")}
    if not parts[_REST]:
        return {_REST: Absent(because)}
    return {part: median_estimate(values, cell.confidence) for part, values in parts.items()}


def _reason(one: Repetition, metrics: list[str]) -> str:
    """Why a metric of these has no value; empty: all have."""
    for name in metrics:
        if one.value(name) is None:
            return f"{name}: {one.metrics[name].because if name in one.metrics else 'it was not measured'}"
    return ""
