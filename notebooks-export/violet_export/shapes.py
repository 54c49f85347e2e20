"""Drawings as bars, stacks and rows: everything that grows from a baseline. Zero is written as 0, what is missing as n/a."""
from __future__ import annotations

import math

import matplotlib
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from violet_export import style
from violet_export.drawing import ALWAYS, Drawing, Point
from violet_export.estimates import Spread

_EDGE = "black"
_MOST_MISSING = 4
_DAGGER, _DOUBLE_DAGGER = "\u2020", "\u2021"


def injected_words(points: list[Point]) -> str:
    """What a legend says of injected costs; empty: there were none, or it is not known."""
    shares = [share for point in points if (share := point.injected_percent or 0.0) >= 0.005]
    if not shares:
        return ""
    low, high = round(min(shares)), round(max(shares))
    span = f"{high} %" if low == high else f"{low} to {high} %"
    return f"{_DOUBLE_DAGGER} injected costs: {span} of the time"


def marks_of(point: Point) -> str:
    """The signs behind a mark: disturbed, and what was injected."""
    injected = _DOUBLE_DAGGER if (point.injected_percent or 0) >= 0.005 else ""
    return (_DAGGER if point.disturbed else "") + injected


def missing_words(point: Point) -> str:
    """What is drawn where there is no number."""
    return "always" if point.state == ALWAYS else "n/a"


def list_missing(axes: Axes, points: list[Point]) -> None:
    """Below the label of x, where it hides no mark: a line for each point that has no place on the axes."""
    lines = []
    for point in points:
        name = ", ".join(words for words in (style.plain(point.series, 30), style.plain(point.group, 30)) if words)
        lines.append(f"{missing_words(point)}: {name}")
    if len(lines) > _MOST_MISSING:
        lines = [*lines[: _MOST_MISSING - 1], f"n/a: {len(lines) - _MOST_MISSING + 1} more"]
    if lines:
        axes.set_xlabel("\n".join([axes.get_xlabel(), *lines]))


def signed(series: list[str], points: list[Point]) -> list[str]:
    """Names in a legend, with the signs of the marks that they stand for."""
    found = {name: sorted(set("".join(marks_of(one) for one in points if one.series == name))) for name in series}
    return [f"{name} {''.join(found[name])}".strip() for name in series]


def is_interval(point: Point) -> bool:
    """Whether the ends are those of a 95 % interval."""
    return point.spread == Spread.INTERVAL.value


def error_bar(axes: Axes, at: float, point: Point, horizontal: bool = False, colour: str = "black") -> None:
    """Caps for an interval, dots for a range."""
    if point.y is None or point.y_low is None or point.y_high is None or point.spread == Spread.NONE.value:
        return
    ends = [[max(0.0, point.y - point.y_low)], [max(0.0, point.y_high - point.y)]]
    size = 1.8 if is_interval(point) else 0.0
    where = {"xerr": ends} if horizontal else {"yerr": ends}
    x, y = (point.y, at) if horizontal else (at, point.y)
    container = axes.errorbar(
        [x], [y], fmt="none", ecolor=colour, elinewidth=0.7, capsize=size, capthick=0.7, zorder=4, **where
    )
    if not is_interval(point):
        for line in container.lines[2]:
            line.set_linestyle(":")


def legend(figure: Figure, handles: list[object], labels: list[str], points: list[Point], width: float) -> None:
    """Above the axes, in as many columns as fit; below them what the signs beside marks mean."""
    if handles:
        shown = [style.plain(label) for label in labels]
        figure.legend(
            handles,
            shown,
            loc="outside upper center" if has_outside() else "upper center",
            ncols=style.legend_columns(shown, width),
        )
    signs = footnote(points)
    if signs:
        figure.supxlabel(signs, x=0.01, ha="left", fontsize=6)


def footnote(points: list[Point]) -> str:
    """What the signs beside marks mean; empty: there are none."""
    disturbed = f"{_DAGGER} disturbed repetitions" if any(point.disturbed for point in points) else ""
    return "   ".join(words for words in (injected_words(points), disturbed) if words)


def has_outside() -> bool:
    """Whether a figure's legend gets room of its own, as since matplotlib 3.7."""
    return tuple(int(part) for part in matplotlib.__version__.split(".")[:2]) >= (3, 7)


def bars(drawing: Drawing, figure: Figure, width: float) -> None:
    """Grouped bars, a panel of axes for each panel of the drawing."""
    panels, series = drawing.panels(), drawing.series()
    grid = grid_of(figure, panels, width)
    for panel, axes in zip(panels, grid):
        points = [one for one in drawing.points if one.panel == panel]
        _bars_of_panel(axes, points, series, drawing)
        axes.set_ylabel(style.plain(drawing.y_label or panel, 90))
        if drawing.y_label:
            axes.set_title(style.plain(panel))
    handles = [Patch(facecolor=style.colour(i), hatch=style.hatch(i), edgecolor=_EDGE) for i in range(len(series))]
    legend(figure, list(handles) if len(series) > 1 else [], series if len(series) > 1 else [], drawing.points, width)


def grid_of(figure: Figure, panels: list[str], width: float, each: float = 2.2) -> list[Axes]:
    """Axes for the panels, in rows that fit the width."""
    columns = style.columns_of(len(panels), width, each)
    rows = math.ceil(len(panels) / columns)
    grid = figure.subplots(rows, columns, squeeze=False)
    flat = [axes for row in grid for axes in row]
    for axes in flat[len(panels) :]:
        axes.set_visible(False)
    return flat[: len(panels)]


def _bars_of_panel(axes: Axes, points: list[Point], series: list[str], drawing: Drawing) -> None:
    groups = list(dict.fromkeys(one.group for one in points))
    thick = 0.84 / max(1, len(series))
    top = max([one.y_high or one.y or 0.0 for one in points if one.y is not None] or [1.0]) or 1.0
    for point in points:
        index = series.index(point.series)
        at = groups.index(point.group) + (index - (len(series) - 1) / 2) * thick
        if point.y is None:
            axes.text(at, top * 0.015, missing_words(point), rotation=90, ha="center", va="bottom", fontsize=6, style="italic")
            continue
        axes.bar(at, point.y, thick * 0.92, color=style.colour(index), hatch=style.hatch(index), edgecolor=_EDGE, linewidth=0.5)
        error_bar(axes, at, point)
        high = max(point.y, point.y_high or 0.0)
        words = ("0" if point.y == 0 else "") + marks_of(point)
        axes.text(at, high + top * 0.012, words, ha="center", va="bottom", fontsize=6)
    axes.set_ylim(0, top * 1.12)
    axes.set_xlim(-0.55, len(groups) - 0.45)
    if drawing.reference is not None:
        axes.axhline(drawing.reference, color="black", linewidth=0.6, linestyle=(0, (4, 2)), zorder=1)
    _group_labels(axes, groups)
    if top >= 1e4 or top < 0.01:
        axes.yaxis.set_major_formatter(lambda value, _: style.quantity(value))


def _group_labels(axes: Axes, groups: list[str]) -> None:
    axes.set_xticks(range(len(groups)))
    axes.tick_params(axis="x", length=0)
    wrapped = [style.plain(group, 44).replace(", ", "\n") for group in groups]
    longest = max((len(part) for group in wrapped for part in group.split("\n")), default=0)
    inches = axes.figure.get_size_inches()[0] / max(1, len(axes.figure.axes) if len(axes.figure.axes) < 4 else 3)
    crowded = longest * 0.055 * len(groups) > inches
    axes.set_xticklabels(
        wrapped,
        rotation=35 if crowded else 0,
        ha="right" if crowded else "center",
        rotation_mode="anchor" if crowded else "default",
        fontsize=6 if crowded else 7,
    )


def stack(drawing: Drawing, figure: Figure, width: float) -> None:
    """Stacked horizontal bars: what was injected is hatched, what is the rest is grey."""
    axes = figure.subplots()
    groups, series = drawing.groups(), drawing.series()
    ends = dict.fromkeys(groups, 0.0)
    faces = [_face_of(part, index) for index, part in enumerate(series)]
    for part, (face, hatch) in zip(series, faces):
        for point in drawing.points:
            if point.series == part and point.y is not None:
                axes.barh(
                    groups.index(point.group),
                    point.y,
                    0.7,
                    left=ends[point.group],
                    color=face,
                    hatch=hatch,
                    edgecolor=_EDGE,
                    linewidth=0.5,
                )
                ends[point.group] += point.y
    for point in drawing.points:
        if point.y is None:
            axes.text(0, groups.index(point.group), f" {missing_words(point)}", va="center", fontsize=6, style="italic")
    whole = [one for one in drawing.points if one.series == series[0] and one.y is not None]
    far = max(max(ends[one.group], one.y_high or 0.0) for one in whole)
    for point in whole:
        at = groups.index(point.group)
        error_bar(axes, at, point, horizontal=True)
        words = f"{style.quantity(ends[point.group])} {marks_of(point).replace(_DOUBLE_DAGGER, '')}"
        axes.text(max(ends[point.group], point.y_high or 0.0) + far * 0.012, at, words.strip(), va="center", fontsize=6)
    axes.set_xlim(0, far * 1.16)
    axes.set_yticks(range(len(groups)), [style.plain(group, 48) for group in groups])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(groups) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", visible=True)
    axes.set_xlabel(style.plain(drawing.y_label, 90))
    axes.xaxis.set_major_formatter(lambda value, _: style.quantity(value))
    handles = [Patch(facecolor=face, hatch=hatch, edgecolor=_EDGE) for face, hatch in faces]
    labels = [f"{part} {_DOUBLE_DAGGER}" if part.startswith("injected") else part for part in series]
    legend(figure, list(handles), labels, [one for one in drawing.points if one.series == series[0]], width)


def _face_of(part: str, index: int) -> tuple[str, str]:
    """Colour and hatch of a part of a stack. More parts than there are colours are told apart by hatches as well."""
    if part.startswith("not "):
        return "#B8B8B8", ""
    hatched = part.startswith("injected") or index >= len(style.COLOURS)
    return style.colour(index), style.hatch(max(index, 1)) if hatched else ""


def rows(drawing: Drawing, figure: Figure, width: float) -> None:
    """Horizontal bars from 1 on a logarithmic axis, the baseline first."""
    axes = figure.subplots()
    points = drawing.points
    places = [value for one in points for value in (one.y_low, one.y, one.y_high) if value is not None and value > 0]
    low, high = min([*places, 0.9]), max([*places, 1.1])
    for at, point in enumerate(points):
        if point.y is None:
            axes.text(1.0, at, f" {missing_words(point)}", va="center", fontsize=6, style="italic")
            continue
        index = 0 if at == 0 else 1 if point.y < 1 else 2
        axes.barh(
            at,
            point.y - 1,
            0.62,
            left=1.0,
            color=("#707070", style.colour(1), style.colour(0))[index],
            hatch=("", "////", "")[index],
            edgecolor=_EDGE,
            linewidth=0.5,
        )
        error_bar(axes, at, point, horizontal=True)
        axes.text(
            max(point.y_high or point.y, 1.0) * 1.04, at, f"{style.quantity(point.y)}{marks_of(point)}", va="center", fontsize=6
        )
    axes.set_xscale("log")
    axes.set_xlim(low / 1.15, high * 1.6)
    axes.set_yticks(range(len(points)))
    axes.set_yticklabels([style.plain(one.group, 48) for one in points], fontsize=7)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", visible=True)
    axes.axvline(1.0, color="black", linewidth=0.7)
    axes.set_xlabel(style.plain(drawing.x_label, 90))
    plain_log_ticks(axes.xaxis)
    legend(figure, [], [], points, width)


def plain_log_ticks(axis: object) -> None:
    """Numbers and not powers on a logarithmic axis; of more than two decades only powers of ten."""
    low, high = axis.get_view_interval()  # type: ignore[attr-defined]
    subs = (1.0, 2.0, 5.0) if high < 300 * low else (1.0,)
    axis.set_major_locator(ticker.LogLocator(subs=subs))  # type: ignore[attr-defined]
    axis.set_major_formatter(lambda value, _: style.quantity(value))  # type: ignore[attr-defined]
    axis.set_minor_formatter(ticker.NullFormatter())  # type: ignore[attr-defined]
