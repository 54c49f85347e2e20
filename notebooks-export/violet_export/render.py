"""Drawings become files: PDF, SVG, PNG and PGF, the same bytes each time, and the points, words and caption beside them."""
from __future__ import annotations

import hashlib
import io
import math
import pathlib
import tempfile
from collections.abc import Callable

import matplotlib
from matplotlib import ft2font
from matplotlib.figure import Figure

from violet_export import shapes, shapes_fields, shapes_lines, shapes_marks, style
from violet_export.drawing import FORMATS, Drawing
from violet_export.hostile_files import ExportError, UsageError, printable
from violet_export.kind_list import kind_called

SHAPES: dict[str, Callable[[Drawing, Figure, float], None]] = {
    "bars": shapes.bars,
    "stack": shapes.stack,
    "rows": shapes.rows,
    "plane": shapes_marks.plane,
    "lines": shapes_lines.lines,
    "steps": shapes_lines.steps,
    "whiskers": shapes_marks.whiskers,
    "dots": shapes_marks.dots,
    "time": shapes_lines.time,
    "heat": shapes_fields.heat,
    "moments": shapes_marks.moments,
    "table": shapes_fields.table,
}


def inches_of(drawing: Drawing, width: float) -> tuple[float, float]:
    """Width and height of a figure."""
    shape = kind_called(drawing.kind).shape
    panels, groups = len(drawing.panels()), len(drawing.groups())
    rows = math.ceil(panels / style.columns_of(panels, width))
    labels = drawing.series() + (drawing.groups() if shape == "plane" and groups > 1 else [])
    beside = 0.14 * math.ceil(len(labels) / style.legend_columns(labels, width)) + (
        0.12 if shapes.footnote(drawing.points) else 0.0
    )
    if shape == "table":
        return width, 0.3 * (len(drawing.series()) + 1) + 0.2
    if shape == "dots":
        return width, 0.45 + 0.26 * groups + beside
    if shape == "stack":
        return width, 0.45 + 0.19 * groups + beside
    if shape == "rows":
        return width, 0.6 + 0.22 * len(drawing.points)
    if shape == "heat":
        deep = max(len({one.series for one in drawing.points if one.panel == panel}) for panel in drawing.panels())
        rows = math.ceil(panels / style.columns_of(panels, width - 0.9, shapes_fields.field_inches(drawing)))
        return width, 0.7 * rows + 0.42 * deep * rows + 0.3
    if rows == 1:
        return width, (2.0 if width < 5 else 2.2) + beside
    return width, 1.55 * rows + 0.2 + beside


def figure_of(drawing: Drawing, width: float, font: str = style.FONT) -> Figure:
    """Drawn at so many inches."""
    style.use(tex=font != style.FONT)
    matplotlib.rcParams["font.family"] = font
    figure = Figure(figsize=inches_of(drawing, width))
    SHAPES[kind_called(drawing.kind).shape](drawing, figure, width)
    if not shapes.has_outside() and figure.legends:
        _make_room(figure)
    return figure


def _make_room(figure: Figure) -> None:
    """Before matplotlib 3.7 a legend of a figure gets no room of its own."""
    figure.draw_without_rendering()
    height = figure.legends[0].get_window_extent().height / figure.dpi
    total = figure.get_size_inches()[1]
    figure.get_layout_engine().set(rect=(0, 0, 1, 1 - height / total - 0.01))


def metadata_of(drawing: Drawing, extension: str) -> dict[str, object]:
    """Which runs a figure is of, in its own properties; no dates."""
    runs = "; ".join(f"run {one.get('id', '')} revision {one.get('revision', '')}" for one in drawing.runs)
    if extension == "pdf":
        return {
            "Title": f"violet {drawing.kind}",
            "Subject": runs,
            "Creator": "violet figure",
            "Producer": None,
            "CreationDate": None,
        }
    if extension == "svg":
        return {"Title": f"violet {drawing.kind}", "Description": runs, "Creator": "violet figure", "Date": None}
    if extension == "png":
        return {"Title": f"violet {drawing.kind}", "Description": runs, "Software": None}
    return {}


def rendered(drawing: Drawing, extension: str, width: float, dpi: int = 300) -> bytes:
    """The bytes of a file of this format."""
    if extension not in FORMATS:
        raise UsageError(f"figures are {', '.join(FORMATS)}, not '{extension}'")
    out = io.BytesIO()
    try:
        if extension == "pgf":
            return _pgf(drawing, figure_of(drawing, width, font="serif"))  # LaTeX's own.
        figure = figure_of(drawing, width)
        figure.savefig(out, format=extension, dpi=dpi, metadata=metadata_of(drawing, extension))
    except (ArithmeticError, LookupError, ValueError) as error:
        reason = printable(str(error).splitlines()[0] if str(error) else type(error).__name__, 200)
        raise ExportError(f"{drawing.kind}: its points or words cannot be drawn: {reason}") from error
    return out.getvalue()


def _pgf(drawing: Drawing, figure: Figure) -> bytes:
    with tempfile.TemporaryDirectory(prefix="violet-") as folder:
        path = pathlib.Path(folder) / "figure.pgf"
        try:
            figure.savefig(path, format="pgf")
        except (RuntimeError, FileNotFoundError, OSError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ExportError(
                f"PGF needs pdflatex and the pgf package: {reason}; apt-get install --no-install-recommends "
                "texlive-latex-base texlive-pictures"
            ) from error
        body = path.read_bytes()
    runs = "".join(f"%% run {one.get('id', '')} revision {one.get('revision', '')}\n" for one in drawing.runs)
    return runs.encode("utf-8") + body


def drawn_with() -> str:
    """What bytes depend on beside the points."""
    return f"matplotlib {matplotlib.__version__}, FreeType {ft2font.__freetype_version__}"


def digest(data: bytes) -> str:
    """Of a file."""
    return hashlib.sha256(data).hexdigest()


def caption_of(drawing: Drawing) -> str:
    """The text below a figure: what it shows, what its bars are, what was injected, disturbed and missing, and of which run."""
    runs = "; ".join(
        f"Run {one.get('id', '')}, plan {one.get('plan', '')}, revision {one.get('revision', '')[:12]}, "
        f"{one.get('cpu_model', '')}."
        for one in drawing.runs
    )
    return "\n".join([drawing.caption, *drawing.notes, runs]) + "\n"
