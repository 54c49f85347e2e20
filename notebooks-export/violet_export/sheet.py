"""A contact sheet: every kind of figure on one picture, each from the first of the runs that carries it."""

from __future__ import annotations

import importlib
import io
import pathlib
from collections.abc import Sequence

import matplotlib

from violet_export import render
from violet_export.drawing import Drawing
from violet_export.figure_files import drawing_for, inches_for
from violet_export.hostile_files import ExportError
from violet_export.kind_list import KINDS
from violet_export.kinds import NotCarried, Options
from violet_export.run import Run

PIXELS, GAP, HEAD, DPI = 1460, 24, 22, 100


def _first(kind: str, runs: Sequence[Run]) -> Drawing | None:
    for run in runs:
        try:
            return drawing_for(kind, [run], Options())
        except NotCarried:
            continue
    return None


def sheet(runs: Sequence[Run], grey: bool) -> bytes:
    """A PNG. Small figures stand beside one another; `grey` is what a printer without colours makes of it."""
    pillow, fonts = importlib.import_module("PIL.Image"), importlib.import_module("PIL.ImageFont")
    pictures = []
    for kind in KINDS:
        drawing = _first(kind.name, runs)
        if drawing is not None:
            data = render.rendered(drawing, "png", inches_for(drawing, ""), DPI)
            title = kind.name
            pictures.append((title, pillow.open(io.BytesIO(data)).convert("RGB")))
    if not pictures:
        raise ExportError("none of these runs carries a figure")
    # Shelves of pictures of similar height waste the least.
    places, x, y, high = [], 0, 0, 0
    for title, picture in sorted(pictures, key=lambda one: (one[1].width, one[1].height)):
        if x and x + picture.width > PIXELS:
            x, y, high = 0, y + high + GAP, 0
        places.append((title, picture, x, y))
        x, high = x + picture.width + GAP, max(high, picture.height + HEAD)
    whole = pillow.new("RGB", (PIXELS, y + high), "white")
    draw = importlib.import_module("PIL.ImageDraw").Draw(whole)
    font = fonts.truetype(str(pathlib.Path(matplotlib.get_data_path(), "fonts/ttf/STIXGeneralBol.ttf")), 15)
    for title, picture, left, top in places:
        draw.text((left + 4, top), title, fill="black", font=font)
        whole.paste(picture, (left, top + HEAD))
    out = io.BytesIO()
    (whole.convert("L") if grey else whole.quantize(128)).save(out, format="png", optimize=True)
    return out.getvalue()
