"""Tables for a terminal: columns that wrap their words, as wide as COLUMNS says."""
from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence

_GAP = "  "
_NARROWEST = 8


def terminal_columns() -> int:
    """As ./violet has it: of the terminal or COLUMNS, and 100 in a pipe."""
    fallback = 80 if sys.stdout.isatty() else 100
    return max(40, shutil.get_terminal_size((fallback, 24)).columns)


def _widths(rows: Sequence[Sequence[str]], columns: int) -> list[int]:
    """No column is wider than its longest text; those that are take the room away from the widest."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    room = columns - len(_GAP) * (len(widths) - 1)
    while sum(widths) > room and max(widths) > _NARROWEST:
        widest = widths.index(max(widths))
        widths[widest] -= 1
    return widths


def text_table(head: Sequence[str], rows: Sequence[Sequence[str]], columns: int) -> str:
    """The head, a line, and the rows."""
    everything = [list(head), *(list(row) for row in rows)]
    widths = _widths(everything, columns)
    lines = []
    for number, row in enumerate(everything):
        cells = [textwrap.wrap(text, width) or [""] for text, width in zip(row, widths)]
        for at in range(max(map(len, cells))):
            parts = [(cell[at] if at < len(cell) else "").ljust(width) for cell, width in zip(cells, widths)]
            lines.append(_GAP.join(parts).rstrip())
        if number == 0:
            lines.append(_GAP.join("\u2500" * width for width in widths))
    return "\n".join(lines) + "\n"
