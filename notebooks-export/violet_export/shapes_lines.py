"""Drawings as lines: sweeps, distribution functions and levels over time."""
from __future__ import annotations

import dataclasses
import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from violet_export import style
from violet_export.drawing import ALWAYS, Drawing
from violet_export.shapes import error_bar, grid_of, legend, list_missing, signed
from violet_export.shapes_marks import handles_of


def lines(drawing: Drawing, figure: Figure, width: float) -> None:
    """A line for each series, with its intervals."""
    axes = figure.subplots()
    series = drawing.series()
    values = [one.y for one in drawing.points if one.y is not None]
    for index, name in enumerate(series):
        points = [one for one in drawing.points if one.series == name and one.x is not None]
        known = [one for one in points if one.y is not None]
        axes.plot(
            [one.x for one in known],
            [one.y for one in known],
            color=style.colour(index),
            linestyle=style.line(index),
            marker=style.marker(index),
            markeredgecolor="black",
            markeredgewidth=0.4,
            zorder=3,
        )
        for point in known:
            error_bar(axes, point.x or 0.0, point, colour=style.colour(index))
    if drawing.x_scale == "log":
        axes.set_xscale("log")
    if values and min(values) > 0 and max(values) / min(values) > 30:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(lambda value, _: style.quantity(value))
    missing = sorted({one.x for one in drawing.points if one.y is None and one.x is not None})
    for place in missing:
        axes.text(
            place, 0.01, "n/a", transform=axes.get_xaxis_transform(), rotation=90, fontsize=6, style="italic", ha="center"
        )
    axes.set_xticks(sorted({one.x for one in drawing.points if one.x is not None}))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.minorticks_off()
    axes.set_xlabel(style.plain(drawing.x_label))
    axes.set_ylabel(style.plain(drawing.y_label, 90))
    legend(figure, handles_of(series), signed(series, drawing.points), drawing.points, width)


def _marked(shares: list[float]) -> list[int]:
    """Where a curve passes shares that tell it from its neighbours."""
    above = (0.1, 0.5, 0.9, 0.01, 0.001, 0.0001)
    return sorted({_nearest(shares, wanted) for wanted in above})


def _nearest(shares: list[float], wanted: float) -> int:
    return min(range(len(shares)), key=lambda place: abs(shares[place] - wanted))


def steps(drawing: Drawing, figure: Figure, width: float) -> None:
    """Distribution functions with bands."""
    panels, series = drawing.panels(), drawing.series()
    grid = grid_of(figure, panels, width)
    for panel, axes in zip(panels, grid):
        for index, name in enumerate(series):
            points = [one for one in drawing.points if one.panel == panel and one.series == name and one.y is not None]
            if not points:
                continue
            x = [one.x or 0.0 for one in points]
            axes.fill_between(
                x,
                [one.y_low or 0.0 for one in points],
                [one.y_high or 0.0 for one in points],
                step="post",
                color=style.colour(index),
                alpha=0.22,
                linewidth=0,
            )
            axes.step(
                x,
                [one.y or 0.0 for one in points],
                where="post",
                color=style.colour(index),
                linestyle=style.line(index),
                marker=style.marker(index),
                markevery=_marked([one.y or 0.0 for one in points]),
                markersize=3,
                markeredgecolor="black",
                markeredgewidth=0.3,
            )
        axes.set_xscale("log")
        axes.set_yscale(drawing.y_scale)
        if drawing.y_scale == "linear":
            axes.set_ylim(0, 1.02)
        axes.set_title(style.plain(panel, 34))
        axes.set_xlabel(style.plain(drawing.x_label))
        list_missing(axes, [one for one in drawing.points if one.panel == panel and one.y is None])
        axes.minorticks_off()
    for axes in grid[:: style.columns_of(len(panels), width)]:
        axes.set_ylabel(style.plain(drawing.y_label))
    legend(figure, handles_of(series), signed(series, drawing.points), drawing.points, width)


def _say_always(axes: Axes) -> None:
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.9}
    axes.text(0.98, 0.08, "stale: always", transform=axes.transAxes, ha="right", fontsize=6, style="italic", bbox=box, zorder=6)


def time(drawing: Drawing, figure: Figure, width: float) -> None:
    """Levels over time with bands; gaps where nothing is known."""
    panels, series = drawing.panels(), drawing.series()
    grid = grid_of(figure, panels, width)
    for panel, axes in zip(panels, grid):
        for index, name in enumerate(series):
            points = [one for one in drawing.points if one.panel == panel and one.series == name and one.x is not None]
            x = [one.x or 0.0 for one in points]
            y = [math.nan if one.y is None else one.y for one in points]
            low = [math.nan if one.y_low is None else one.y_low for one in points]
            high = [math.nan if one.y_high is None else one.y_high for one in points]
            axes.fill_between(x, low, high, step="post", color=style.colour(index), alpha=0.3, linewidth=0)
            axes.step(x, y, where="post", color=style.colour(index), linestyle=style.line(index), linewidth=0.8)
        if any(one.state == ALWAYS for one in drawing.points if one.panel == panel):
            _say_always(axes)
        axes.set_yscale("symlog", linthresh=1.0)
        axes.set_ylim(bottom=-0.15)
        signs = signed([panel], [dataclasses.replace(one, series=panel) for one in drawing.points if one.panel == panel])
        axes.set_title(style.plain(signs[0], 44))
        axes.yaxis.set_major_formatter(lambda value, _: style.quantity(value))
        axes.minorticks_off()
    for axes in grid:
        axes.set_xlabel("time (s)")
    for axes in grid[:: style.columns_of(len(panels), width)]:
        axes.set_ylabel("pages (log above 1)")
    handles = [Line2D([], [], color=style.colour(i), linestyle=style.line(i)) for i in range(len(series))]
    legend(figure, list(handles), series, drawing.points, width)
