"""Drawings as fields: heat maps and tables."""
from __future__ import annotations

import matplotlib
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from violet_export import style
from violet_export.drawing import Drawing, Point
from violet_export.estimates import Spread
from violet_export.shapes import grid_of, is_interval, legend, marks_of, missing_words


def field_inches(drawing: Drawing) -> float:
    """How wide a panel has to be for the numbers in its fields."""
    return 0.6 + 0.72 * max(len({one.group for one in drawing.points if one.panel == panel}) for panel in drawing.panels())


def heat(drawing: Drawing, figure: Figure, width: float) -> None:
    """Fields in shades, each with its number; what is missing is hatched."""
    panels = drawing.panels()
    grid = grid_of(figure, panels, width - 0.9, field_inches(drawing))
    values = [one.y for one in drawing.points if one.y is not None]
    low, high = min(values), max(values)
    shades = matplotlib.colormaps["cividis"]
    for panel, axes in zip(panels, grid):
        points = [one for one in drawing.points if one.panel == panel]
        groups, series = list(dict.fromkeys(one.group for one in points)), list(dict.fromkeys(one.series for one in points))
        there = set()
        for point in points:
            x, y = groups.index(point.group), series.index(point.series)
            there.add((x, y))
            _field(axes, (x, y), point, shades, (low, high))
        for x in range(len(groups)):
            for y in range(len(series)):
                if (x, y) not in there:
                    axes.text(x, y, "not\nasked", ha="center", va="center", fontsize=5.5, color="#606060")
        axes.set_xticks(range(len(groups)), [style.plain(one, 20) for one in groups])
        axes.set_yticks(range(len(series)), [style.plain(one, 20) for one in series])
        axes.set_xlim(-0.5, len(groups) - 0.5)
        axes.set_ylim(-0.5, len(series) - 0.5)
        axes.grid(visible=False)
        axes.tick_params(length=0)
        axes.set_xlabel(style.plain(drawing.x_label))
        axes.set_ylabel(style.plain(drawing.y_label))
        axes.set_title(style.plain(panel, 40))
    colours = ScalarMappable(Normalize(low, high), shades)
    bar = figure.colorbar(colours, ax=grid, format=lambda value, _: style.quantity(value), fraction=0.05)
    bar.solids.set_rasterized(False)  # PGF would put it into a file of its own.
    bar.set_label(style.plain(drawing.series_label))
    legend(figure, [], [], drawing.points, width)


def _field(axes: Axes, where: tuple[int, int], point: Point, shades: object, span: tuple[float, float]) -> None:
    x, y = where
    corner = (x - 0.5, y - 0.5)
    if point.y is None:
        axes.add_patch(Rectangle(corner, 1, 1, facecolor="white", edgecolor="#808080", hatch="////", linewidth=0.4))
        axes.text(
            x,
            y,
            missing_words(point),
            ha="center",
            va="center",
            fontsize=6,
            bbox={"facecolor": "white", "linewidth": 0, "pad": 1},
        )
        return
    share = (point.y - span[0]) / (span[1] - span[0]) if span[1] > span[0] else 0.5
    axes.add_patch(Rectangle(corner, 1, 1, facecolor=shades(share), edgecolor="white", linewidth=0.6))  # type: ignore[operator]
    ink = "white" if share < 0.55 else "black"
    axes.text(x, y + 0.12, style.quantity(point.y) + marks_of(point), ha="center", va="center", fontsize=6.5, color=ink)
    if point.y_low is not None and point.y_high is not None and point.spread != Spread.NONE.value:
        axes.text(
            x,
            y - 0.2,
            _ends_words(point.y_low, point.y_high, is_interval(point)),
            ha="center",
            va="center",
            fontsize=5,
            color=ink,
        )


def table(drawing: Drawing, figure: Figure, width: float) -> None:
    """Rows of numbers, ruled as books rule them."""
    axes = figure.subplots()
    axes.axis("off")
    heads, names = drawing.groups(), drawing.series()
    cells = {(one.series, one.group): one for one in drawing.points}
    first = 0.25
    step = (1 - first) / max(1, len(heads))
    high = 1 / (len(names) + 1)
    for column, head in enumerate(heads):
        axes.text(
            first + (column + 0.95) * step,
            1 - high * 0.5,
            style.plain(head).replace(" (", "\n("),
            ha="right",
            va="center",
            fontsize=6.5,
        )
    for row, name in enumerate(names, 1):
        y = 1 - (row + 0.5) * high
        marks = next((marks_of(cells[name, head]) for head in heads if (name, head) in cells), "")
        axes.text(0, y, f"{style.plain(name, 40)} {marks}".strip(), ha="left", va="center", fontsize=6.5)
        for column, head in enumerate(heads):
            point = cells.get((name, head))
            axes.text(
                first + (column + 0.95) * step, y, _table_words(point), ha="right", va="center", fontsize=6, linespacing=0.9
            )
    for y, thick in ((1.0, 0.8), (1 - high, 0.5), (0.0, 0.8)):
        axes.plot([0, 1], [y, y], color="black", linewidth=thick, clip_on=False)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)


def _table_words(point: Point | None) -> str:
    if point is None:
        return ""
    if point.y is None:
        return missing_words(point)
    words = style.quantity(point.y)
    if point.y_low is None or point.y_high is None or point.spread == Spread.NONE.value:
        return words
    return f"{words}\n{_ends_words(point.y_low, point.y_high, is_interval(point))}"


def _ends_words(low: float, high: float, interval: bool) -> str:
    """A comma for an interval, dots for a range."""
    return f"[{style.quantity(low)}{', ' if interval else ' .. '}{style.quantity(high)}]"
