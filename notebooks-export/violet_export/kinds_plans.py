"""Kinds of figures that belong to a plan: device-bound and links."""
from __future__ import annotations

import dataclasses

from violet_export import cells as names
from violet_export.drawing import Drawing, Point, point_of
from violet_export.kinds import NotCarried, Options, axis_words, finish, left_out_note, measured_metric
from violet_export.run import Cell, Run

DEVICE_ALONE = "the device alone"
_SERVICE = ".service_ns"
_PIECES = (".io_bytes", ".fragments")


def _axis(run: Run, endings: tuple[str, ...], what: str) -> str:
    """The setting that varies and ends so."""
    found = [name for name in names.numeric_axes(run) if name.endswith(endings)]
    if not found:
        raise NotCarried(f"{what} does not vary in this run (settings that end in {' or '.join(endings)})")
    return found[0]


def _lines(run: Run, kind: str, axis: str, metric: str) -> Drawing:
    others = [name for name in run.varying() if name != axis]
    drawing = Drawing(kind, [], y_label=axis_words(run, metric), x_scale="log", series_label=", ".join(others))
    for cell in run.cells:
        if axis in cell.axes:
            series = names.words_of(cell, others) or "all"
            drawing.points.append(point_of(run, cell, cell.estimate(metric), series=series, x=float(cell.axis(axis))))
    drawing.notes = left_out_note(run, [axis])
    order = drawing.series()
    drawing.points.sort(key=lambda one: (order.index(one.series), one.x or 0.0))
    return drawing


def _own_time(points: list[Point]) -> str:
    """What the guest takes for an operation where the device does not limit it."""
    fastest = max((one.y for one in points if one.y), default=0.0)
    return f"{1e6 / fastest:.3g} us" if fastest > 0 else "n/a"


def device_bound(run: Run, _: Options) -> Drawing:
    """Throughput against the device's own time for an operation, with the line of a device that nobody holds up."""
    axis = _axis(run, (_SERVICE,), "the device's own time")
    measured = measured_metric(run, names.RATE)
    drawing = _lines(run, "device-bound", axis, measured)
    drawing.points = [one for one in drawing.points if one.x]
    if len({one.x for one in drawing.points}) < 2:
        raise NotCarried("a device that takes its time was measured at one speed only")
    times = "; ".join(
        f"{name}: {_own_time([one for one in drawing.points if one.series == name])}" for name in drawing.series()
    )
    for place in sorted({one.x for one in drawing.points if one.x}):
        drawing.points.append(Point(series=DEVICE_ALONE, x=place, y=1e9 / place, run=run.identity))
    drawing.x_label = "device's own time for an operation (ns, log)"
    drawing.caption = (
        "Operations per second against the time that the device itself takes for one, one after the other. Where a strategy "
        "follows the device alone it costs nothing; the line is computed and not measured. Shortest time of an "
        f"operation, device included: {times}."
    )
    return finish(run, drawing)


def _pieces(cell: Cell, axis: str) -> float:
    value = float(cell.axis(axis))
    return value / 4096 if axis.endswith(_PIECES[0]) else value


def links(run: Run, options: Options) -> Drawing:
    """What a request of N pieces needs, for strategies that map it piece by piece, as a list, or linked."""
    axis = _axis(run, _PIECES, "the number of pieces of a request")
    metric = measured_metric(run, options.metric or "syncs_per_operation")
    drawing = _lines(run, "links", axis, metric)
    pieces = {cell.label: _pieces(cell, axis) for cell in run.cells if axis in cell.axes}
    drawing.points = [dataclasses.replace(one, x=pieces[one.cell]) for one in drawing.points]
    drawing.x_label = "pages of a request (log)" if axis.endswith(_PIECES[0]) else "fragments of a request (log)"
    drawing.caption = "What one request needs by the number of its pieces: one wait for each, one for all, or none."
    return finish(run, drawing)
