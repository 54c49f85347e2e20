"""How figures look: sizes of a conference paper, fonts that reviewers' PDF checks accept, colours and marks that survive grey.

matplotlib is imported here and in the modules that draw, nowhere else. Its settings are reset first, so that a matplotlibrc
of the working folder changes nothing. violet.mplstyle has the same settings for authors to take along.
"""
from __future__ import annotations

import itertools
import pathlib
from collections.abc import Sequence

import matplotlib
import matplotlib.style

from violet_export.estimates import three_digits
from violet_export.numbers_tex import escaped

matplotlib.use("agg")

COLUMN_INCHES, PAGE_INCHES = 3.3, 7.0
# Okabe and Ito's, in an order whose lightness alternates, so that neighbours differ in grey as well; yellow, which a thin
# line loses on white, comes last.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#999999", "#F0E442")
HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx", "----", "++++", "oo")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">", "p", "h")
LINES: Sequence[object] = (
    "-",
    (0, (5, 1.5)),
    (0, (1, 1)),
    (0, (4, 1, 1, 1)),
    (0, (7, 2)),
    (0, (2, 1)),
    (0, (3, 1, 1, 1, 1, 1)),
    (0, (6, 1, 2, 1)),
)
STYLE_FILE = pathlib.Path(__file__).with_name("violet.mplstyle")
HASH_SALT = "violet"
FONT = "STIXGeneral"


_text = {"tex": False}


def use(tex: bool = False) -> None:
    """From here on everything is drawn in this style, whatever was set before. `tex`: LaTeX sets its texts."""
    _text["tex"] = tex
    matplotlib.rcdefaults()
    matplotlib.use("agg")
    matplotlib.style.use(STYLE_FILE)
    matplotlib.rcParams["svg.hashsalt"] = HASH_SALT


def plain(text: str, most: int = 60) -> str:
    """Text of a run as it is drawn: matplotlib would take dollars for mathematics, and LaTeX much else for orders."""
    short = text if len(text) <= most else text[: most - 1] + "\u2026"
    if _text["tex"]:
        # A dollar behind a backslash is one without it when matplotlib hands it to LaTeX.
        return escaped(short).replace(r"\$", r"\textdollar{}")
    return short.replace("\\", "/").replace("$", r"\$")


def colour(index: int) -> str:
    """Of the series at a position; beyond eight the marks and hatches tell the difference."""
    return COLOURS[index % len(COLOURS)]


def hatch(index: int) -> str:
    """Likewise; the second eight have the hatches moved by one."""
    return HATCHES[(index + index // len(COLOURS)) % len(HATCHES)]


def marker(index: int) -> str:
    """Likewise."""
    return MARKERS[index % len(MARKERS)]


def line(index: int) -> object:
    """Likewise."""
    return LINES[(index + index // len(COLOURS)) % len(LINES)]


def legend_columns(labels: Sequence[str], width: float) -> int:
    """As many as fit so many inches; matplotlib fills them one after another."""
    each = [0.05 * len(label) + 0.55 for label in labels]
    for columns in range(min(len(each), int(width // min(each, default=1.0))), 1, -1):
        rows, longer = divmod(len(each), columns)
        ends = [0, *itertools.accumulate([rows + 1] * longer + [rows] * (columns - longer))]
        if sum(max(each[begin:end]) for begin, end in itertools.pairwise(ends)) <= width:
            return columns
    return 1


def columns_of(panels: int, width: float, each: float = 2.2) -> int:
    """In how many columns so many panels of `each` inches at least stand side by side."""
    columns = max(1, min(panels, int(width // each), 4))
    return 2 if panels == 4 and columns == 3 else columns


def quantity(value: float) -> str:
    """A number in three digits with a prefix, as a table says it: 1.24 M."""
    if value == 0:
        return "0"
    return three_digits(value, " ") or f"{value:.2g}"
