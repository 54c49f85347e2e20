"""Drawings as marks: the plane, rows of dots, percentiles and single repetitions."""
from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from violet_export import style
from violet_export.drawing import ALWAYS, Drawing, Point
from violet_export.shapes import (
    error_bar,
    grid_of,
    is_interval,
    legend,
    list_missing,
    marks_of,
    missing_words,
    plain_log_ticks,
    signed,
)


def handles_of(series: list[str], lines: bool = True) -> list[object]:
    return [
        Line2D(
            [],
            [],
            color=style.colour(i),
            linestyle=style.line(i) if lines else "none",
            marker=style.marker(i),
            markeredgecolor="black",
            markeredgewidth=0.4,
        )
        for i in range(len(series))
    ]


class PlaceAxis:
    """A logarithmic axis with a place for zero at its left and one for always at its right, each behind a break."""

    def __init__(self, values: list[float], zero: bool, always: bool) -> None:
        positive = [value for value in values if value > 0] or [1.0]
        self.low, self.high = math.floor(math.log10(min(positive))), math.ceil(math.log10(max(positive)) + 1e-9)
        if self.low == self.high:
            self.high += 1
        self.step = max(0.5, (self.high - self.low) * 0.18)
        self.zero, self.always = zero, always

    def at(self, value: float) -> float:
        """Where a value lies."""
        return math.log10(value) if value > 0 else self.low - self.step

    @property
    def at_always(self) -> float:
        """Where it lies that nothing ever ends."""
        return self.high + self.step

    def dress(self, axes: Axes) -> None:
        """Ticks, labels and breaks."""
        places: list[float] = list(range(self.low, self.high + 1))
        every = max(1, len(places) // 6)
        labels = [f"$10^{{{place:g}}}$" if (place - self.low) % every == 0 else "" for place in places]
        left, right = self.low - self.step * 0.35, self.high + self.step * 0.35
        if self.zero:
            places, labels, left = [self.low - self.step, *places], ["0", *labels], self.low - self.step * 1.5
            axes.axvline(self.low - self.step * 0.45, color="black", linewidth=0.5, linestyle=(0, (1, 2)))
        if self.always:
            places, labels, right = (
                [*places, self.at_always],
                [*labels[:-1], labels[-1] if self.high - self.low < 3 else "", "always"],
                self.at_always + self.step * 0.6,
            )
            axes.axvline(self.high + self.step * 0.45, color="black", linewidth=0.5, linestyle=(0, (1, 2)))
        axes.set_xticks(places)
        axes.set_xticklabels(labels)
        axes.set_xlim(left, right)


def _x_bar(axes: Axes, places: PlaceAxis, y: float, ends: tuple[float | None, float | None], interval: bool) -> None:
    low, high = ends
    if low is None or high is None or high <= 0:
        return
    axes.plot(
        [places.at(low), places.at(high)], [y, y], color="black", linewidth=0.7, linestyle="-" if interval else ":", zorder=2
    )


def _front(points: list[Point]) -> list[Point]:
    able = [(one.x, one.y, one) for one in points if one.y is not None and one.x is not None]
    kept = [
        (x, y, one) for x, y, one in able if not any(left <= x and up >= y and (left < x or up > y) for left, up, _ in able)
    ]
    return [one for _, _, one in sorted(kept, key=lambda one: one[:2])]


def plane(drawing: Drawing, figure: Figure, width: float) -> None:
    """Marks by strategy (colour and form), with a number for what else varies; the front filled and joined."""
    panels, series, groups = drawing.panels(), drawing.series(), drawing.groups()
    grid = grid_of(figure, panels, width)
    for panel, axes in zip(panels, grid):
        points = [one for one in drawing.points if one.panel == panel]
        values = [one.x for one in points if one.x is not None]
        places = PlaceAxis(values, any(value == 0 for value in values), any(one.state == ALWAYS for one in points))
        front = _front(points)
        axes.plot(
            [places.at(one.x or 0.0) for one in front],
            [one.y or 0.0 for one in front],
            color="#808080",
            linewidth=0.8,
            zorder=1,
        )
        for point in points:
            _plane_mark(axes, places, point, series, groups, point in front)
        places.dress(axes)
        axes.set_ylim(bottom=0)
        axes.axhline(1.0, color="black", linewidth=0.5, linestyle=(0, (4, 2)), zorder=0)
        axes.set_title(style.plain(panel))
        axes.set_xlabel(style.plain(drawing.x_label, 90) if len(panels) == 1 else "stale pages (log)")
        list_missing(axes, [one for one in points if one.y is None or (one.x is None and one.state != ALWAYS)])
    grid[0].set_ylabel("relative throughput")
    handles, labels = handles_of(series, lines=False), list(series)
    if len(groups) > 1:
        handles += [
            Line2D([], [], linestyle="none", marker=f"${number}$", color="black") for number in range(1, len(groups) + 1)
        ]
        labels += groups
    legend(figure, handles, labels, drawing.points, width)


def _plane_mark(axes: Axes, places: PlaceAxis, point: Point, series: list[str], groups: list[str], on_front: bool) -> None:
    if point.y is None or (point.x is None and point.state != ALWAYS):
        return
    index = series.index(point.series)
    x = places.at(point.x) if point.x is not None else places.at_always
    axes.plot(
        [x],
        [point.y],
        marker=style.marker(index),
        linestyle="none",
        markersize=5,
        markeredgewidth=0.9,
        markeredgecolor="black" if on_front else style.colour(index),
        zorder=5,
        markerfacecolor=style.colour(index) if on_front else "white",
    )
    error_bar(axes, x, point)
    _x_bar(axes, places, point.y, (point.x_low, point.x_high), is_interval(point))
    place = groups.index(point.group)
    words = (str(place + 1) if len(groups) > 1 else "") + marks_of(point)
    # Neighbours in turn at the right and the left, so that numbers of equal points stand apart.
    away, side = ((4, 1), "left") if place % 2 == 0 else ((-4, 1), "right")
    axes.annotate(words, (x, point.y), xytext=away, textcoords="offset points", fontsize=6, ha=side)


def whiskers(drawing: Drawing, figure: Figure, width: float) -> None:
    """Marks side by side at each percentile, with intervals."""
    panels, series, groups = drawing.panels(), drawing.series(), drawing.groups()
    grid = grid_of(figure, panels, width)
    for panel, axes in zip(panels, grid):
        axes.set_yscale("log")
        for point in (one for one in drawing.points if one.panel == panel):
            index = series.index(point.series)
            at = (point.x or 0.0) + (index - (len(series) - 1) / 2) * 0.7 / max(1, len(series))
            if point.y is None or point.y <= 0:
                words = missing_words(point) if point.y is None else "0"
                axes.text(
                    at,
                    0.02,
                    words,
                    transform=axes.get_xaxis_transform(),
                    rotation=90,
                    fontsize=6,
                    style="italic",
                    ha="center",
                    va="bottom",
                )
                continue
            axes.plot(
                [at],
                [point.y],
                marker=style.marker(index),
                linestyle="none",
                color=style.colour(index),
                markersize=3.6,
                markeredgecolor="black",
                markeredgewidth=0.4,
                zorder=5,
            )
            error_bar(axes, at, point)
        axes.set_xticks(range(len(groups)))
        axes.set_xticklabels([style.plain(one, 20) for one in groups])
        axes.set_xlim(-0.5, len(groups) - 0.5)
        axes.set_title(style.plain(panel, 34))
        axes.minorticks_off()
    for axes in grid[:: style.columns_of(len(panels), width)]:
        axes.set_ylabel(style.plain(drawing.y_label))
    legend(figure, handles_of(series, lines=False), signed(series, drawing.points), drawing.points, width)


def dots(drawing: Drawing, figure: Figure, width: float) -> None:
    """A row for each group, its values as marks on one axis with places for zero and always."""
    axes = figure.subplots()
    groups, series = drawing.groups(), drawing.series()
    values = [one.y for one in drawing.points if one.y is not None]
    places = PlaceAxis(values, any(value == 0 for value in values), any(one.state == ALWAYS for one in drawing.points))
    for point in drawing.points:
        index = series.index(point.series)
        at = groups.index(point.group) + (index - (len(series) - 1) / 2) * 0.62 / max(1, len(series))
        x = places.at(point.y) if point.y is not None else places.at_always
        if point.y is None and point.state != ALWAYS:
            axes.text(
                0.995,
                at,
                f"n/a: {style.plain(point.because, 30)}",
                transform=axes.get_yaxis_transform(),
                fontsize=5,
                ha="right",
                va="center",
                style="italic",
            )
            continue
        _x_bar(axes, places, at, (point.y_low, point.y_high), is_interval(point))
        axes.plot(
            [x],
            [at],
            marker=style.marker(index),
            linestyle="none",
            color=style.colour(index),
            markeredgecolor="black",
            markeredgewidth=0.4,
            zorder=5,
        )
    places.dress(axes)
    axes.set_yticks(range(len(groups)))
    marked = {one.group: marks_of(one) for one in drawing.points}
    axes.set_yticklabels([f"{style.plain(group, 48)} {marked[group]}".strip() for group in groups])
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.grid(axis="x", visible=True)
    axes.grid(axis="y", visible=False)
    for border in range(1, len(groups)):
        axes.axhline(border - 0.5, color="#D0D0D0", linewidth=0.4)
    axes.set_xlabel(style.plain(drawing.x_label, 90))
    legend(figure, handles_of(series, lines=False), series, drawing.points, width)


def moments(drawing: Drawing, figure: Figure, width: float) -> None:
    """A mark for every repetition."""
    axes = figure.subplots()
    series = drawing.series()
    for point in (one for one in drawing.points if one.x is not None):
        index = series.index(point.series)
        if point.y is None or point.y <= 0:
            axes.text(
                point.x,
                0.01,
                missing_words(point) if point.y is None else style.quantity(point.y),
                color=style.colour(index),
                transform=axes.get_xaxis_transform(),
                rotation=90,
                fontsize=6,
                style="italic",
                ha="center",
                va="bottom",
            )
            continue
        axes.plot(
            [point.x],
            [point.y],
            marker=style.marker(index),
            linestyle="none",
            markersize=4,
            markeredgewidth=0.7,
            markeredgecolor=style.colour(index),
            markerfacecolor="none" if point.disturbed else style.colour(index),
        )
        if point.group:
            axes.plot([point.x], [point.y], marker="x", linestyle="none", color="black", markersize=5, markeredgewidth=0.6)
    times = [one.x for one in drawing.points if one.x is not None] or [0.0]
    beside = 0.04 * (max(times) - min(times)) or 1.0
    axes.set_xlim(min(times) - beside, max(times) + beside)  # Of words too, which scale no axis.
    if any(one.y is not None and one.y > 0 for one in drawing.points):
        axes.set_yscale("log")
        plain_log_ticks(axes.yaxis)
    else:
        axes.set_yticks([])  # All of them stand at the foot, as words.
    axes.set_xlabel(style.plain(drawing.x_label, 90))
    axes.set_ylabel(style.plain(drawing.y_label, 90))
    handles = [Line2D([], [], linestyle="none", marker=style.marker(i), color=style.colour(i)) for i in range(len(series))]
    legend(figure, list(handles), series, [], width)  # Hollow marks say what is disturbed.
