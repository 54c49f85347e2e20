"""Kinds of figures over settings, and of the repetitions themselves."""
from __future__ import annotations

from violet_export import cells as names
from violet_export.drawing import Drawing, Point, point_of
from violet_export.kinds import (
    METRIC_WORDS,
    NotCarried,
    Options,
    axis_words,
    finish,
    left_out_note,
    measured_metric,
    sentence,
    spread_in_brackets,
)
from violet_export.run import Cell, Repetition, Run


def sweep(run: Run, options: Options) -> Drawing:
    """A metric over a numeric setting."""
    axes = names.numeric_axes(run)
    axis = options.axis or (axes[0] if axes else "")
    if axis not in axes:
        raise NotCarried(
            f"no numeric setting '{axis}' varies"
            if axis
            else "no numeric setting varies in this run; sweep one, " "for instance --set axes.iotlb_entries=[64,1024,65536]"
        )
    metric = measured_metric(run, options.metric or names.RATE)
    others = [name for name in run.varying() if name != axis]
    places = sorted({float(cell.axis(axis)) for cell in run.cells if axis in cell.axes})
    wide = places[0] > 0 and places[-1] / places[0] > 20
    drawing = Drawing(
        "sweep",
        [],
        x_label=f"{axis}" + (" (log)" if wide else ""),
        y_label=axis_words(run, metric),
        x_scale="log" if wide else "linear",
        series_label=", ".join(others),
    )
    for cell in run.cells:
        if axis in cell.axes:
            drawing.points.append(
                point_of(
                    run, cell, cell.estimate(metric), series=names.words_of(cell, others) or "all", x=float(cell.axis(axis))
                )
            )
    drawing.notes = left_out_note(run, [axis])
    order = drawing.series()
    drawing.points.sort(key=lambda one: (order.index(one.series), one.x or 0.0))
    drawing.caption = f"{sentence(METRIC_WORDS.get(metric, metric))} over {axis}."
    return finish(run, drawing)


def _field_name(cell: Cell, axis: str) -> str:
    return names.setting_words(axis, cell.axis(axis)) if axis in names.STANDS_ALONE else cell.axis(axis)


def heatmap(run: Run, options: Options) -> Drawing:
    """A metric over two settings; a panel for each combination of the others."""
    axes = run.varying()
    chosen = [name for name in options.axis.split(",") if name]
    pair = chosen if len(chosen) == 2 else sorted(axes, key=lambda name: name not in names.numeric_axes(run))[:2]
    if len(pair) < 2 or any(name not in axes for name in pair):
        raise NotCarried(f"two settings have to vary; here vary: {', '.join(axes) or 'none'}")
    metric = measured_metric(run, options.metric or names.RATE)
    others = [name for name in axes if name not in pair]
    drawing = Drawing("heatmap", [], x_label=pair[0], y_label=pair[1], series_label=axis_words(run, metric), width="page")
    for cell in run.cells:
        if all(name in cell.axes for name in pair):
            drawing.points.append(
                point_of(
                    run,
                    cell,
                    cell.estimate(metric),
                    group=_field_name(cell, pair[0]),
                    series=_field_name(cell, pair[1]),
                    panel=names.words_of(cell, others),
                )
            )
    if all(one.y is None for one in drawing.points):
        raise NotCarried(f"{metric} was measured in no cell that has both {pair[0]} and {pair[1]}")
    drawing.notes = left_out_note(run, pair)
    if len(drawing.panels()) > 6 or len(drawing.groups()) * len(drawing.series()) > 400:
        raise NotCarried("more fields than a page holds; choose cells with --where")
    drawing.caption = (
        f"{sentence(METRIC_WORDS.get(metric, metric))} over {pair[0]} and {pair[1]}; below each median stand the "
        "ends of what spreads it."
    )
    return spread_in_brackets(finish(run, drawing))


def repetitions(run: Run, options: Options) -> Drawing:
    """Every repetition by itself, in the order of time: what medians are made of."""
    metric = measured_metric(run, options.metric or names.RATE)
    axes = run.varying()
    drawing = Drawing(
        "repetitions",
        [],
        x_label="time since the run began (s)",
        y_label=axis_words(run, metric),
        y_scale="log",
        series_label=", ".join(axes),
        width="page",
    )
    for cell in run.cells:
        for one in cell.repetitions:
            drawing.points.append(_repetition_point(run, cell, one, metric, names.words_of(cell, axes) or cell.label))
    drawing.caption = (
        f"{sentence(METRIC_WORDS.get(metric, metric))} of every repetition, when it was measured. Hollow marks: "
        "disturbed by other programs or a hypervisor; crossed: repeated, and not counted."
    )
    drawing.notes = ["Each mark is one repetition: it has no interval."]
    return finish(run, drawing)


def _repetition_point(run: Run, cell: Cell, one: Repetition, metric: str, series: str) -> Point:
    value = one.value(metric)
    reason = one.metrics[metric].because if metric in one.metrics else "it was not measured"
    return Point(
        series=series,
        group="" if one.counts else "not counted",
        x=one.start_s,
        y=value,
        repetitions=1,
        disturbed=int(one.disturbed()),
        state="measured" if value is not None else "not available",
        because="" if value is not None else reason,
        run=run.identity,
        cell=cell.label,
    )
