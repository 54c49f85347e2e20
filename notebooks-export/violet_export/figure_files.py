"""A figure on disk: NAME.pdf (svg, png, pgf) with its points NAME.csv, its words NAME.json and its caption NAME.txt.

What is drawn is what is stored: a figure is drawn from the points as they were read back, so that --verify can draw it again
from the folder alone.
"""
from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Sequence

from violet_export import render, style
from violet_export.drawing import FORMATS, SCHEMA, VERSION, Drawing, drawing_of, points_from_csv, points_to_csv
from violet_export.hostile_files import ExportError, JsonObject, printable, read_bounded, read_json
from violet_export.kinds import NotCarried, Options
from violet_export.kind_list import kind_called
from violet_export.run import Run
from violet_export.whole_files import write_whole

_BY_GROUP, _BY_SERIES = ("dots", "stack", "rows"), ("lines", "moments", "table")
_MOST_FILE_BYTES = 64 << 20


def drawing_for(kind: str, runs: Sequence[Run], options: Options) -> Drawing:
    """Of one run or of several, which stand side by side."""
    made = [kind_called(kind).make(run, options) for run in runs]
    if len(made) == 1:
        return made[0]
    first = made[0]
    if any(one.y_label != first.y_label or one.x_label != first.x_label for one in made):
        raise NotCarried("the runs are not held against the same baseline; name one with --baseline, or ask for --absolute")
    shape = kind_called(kind).shape
    for number, one in enumerate(made, 1):
        field = "group" if shape in _BY_GROUP else "series" if shape in _BY_SERIES else "panel"
        one.points = [
            dataclasses.replace(point, **{field: ", ".join(filter(None, (f"run {number}", getattr(point, field))))})
            for point in one.points
        ]
        one.runs = [{**facts, "id": f"{facts['id']} (run {number})"} for facts in one.runs]
    notes = [
        note if len({note in one.notes for one in made}) == 1 else f"Run {number}: {note}"
        for number, one in enumerate(made, 1)
        for note in one.notes
    ]
    return dataclasses.replace(
        first,
        points=[point for one in made for point in one.points],
        notes=list(dict.fromkeys(notes)),
        runs=[facts for one in made for facts in one.runs],
        width="page",
    )


def write_figure(
    drawing: Drawing, stem: pathlib.Path, formats: Sequence[str], inches: float, options: Options
) -> list[pathlib.Path]:
    """Every file of a figure; `stem` is the name without an ending."""
    points = points_to_csv(drawing.points)
    kept = drawing_of(drawing.words(), points_from_csv(points, f"{stem}.csv"))
    files = {f"{stem.name}.{one}": render.rendered(kept, one, inches) for one in formats}
    files |= {f"{stem.name}.csv": points.encode("utf-8"), f"{stem.name}.txt": render.caption_of(kept).encode("utf-8")}
    words: JsonObject = {
        "schema": SCHEMA,
        "version": VERSION,
        "drawn_with": render.drawn_with(),
        "inches": inches,
        "options": dataclasses.asdict(options),
        "words": kept.words(),
        "sha256": {name: render.digest(data) for name, data in files.items()},
    }
    files[f"{stem.name}.json"] = (json.dumps(words, indent=1, ensure_ascii=False) + "\n").encode("utf-8")
    for name, data in files.items():
        write_whole(stem.parent / name, data)
    return [stem.parent / name for name in files]


def inches_for(drawing: Drawing, asked: str) -> float:
    """One or two columns, as asked, else as the drawing needs."""
    return {"column": style.COLUMN_INCHES, "page": style.PAGE_INCHES}[asked or drawing.width]


@dataclasses.dataclass(frozen=True)
class Checked:
    """What --verify found of one figure; `wrong` is empty when it holds."""

    name: str
    compared: list[str]
    wrong: list[str]
    left_out: list[str]


def verify_figure(path: pathlib.Path, runs: Sequence[Run]) -> Checked:
    """Draws the figure of NAME.json again, from its points and, where its run is given, from the run."""
    stored = read_json(path)
    stem, sums, words = path.stem, stored.get("sha256"), stored.get("words")
    if stored.get("version") != VERSION or not isinstance(sums, dict) or not isinstance(words, dict):
        raise ExportError(f"{path}: version {printable(stored.get('version'), 20)}, this program reads {VERSION}")
    found = Checked(stem, [], [], [])
    text = read_bounded(path.with_suffix(".csv"), _MOST_FILE_BYTES)
    drawing = drawing_of(words, points_from_csv(text.decode("utf-8", "replace"), str(path.with_suffix(".csv"))))
    same_tools = stored.get("drawn_with") == render.drawn_with()
    for name, digest in sums.items():
        extension = str(name).rpartition(".")[2]
        if name != f"{stem}.{extension}" or extension not in (*FORMATS, "csv", "txt"):
            raise ExportError(f"{path}: '{printable(name, 60)}' is no file of this figure")
        _verify_file(path, drawing, extension, str(digest), (stored, text, same_tools), found)
    _verify_against_runs(path, drawing, options_of(stored, path), runs, text, found)
    return found


def options_of(stored: JsonObject, path: pathlib.Path) -> Options:
    """With which a stored figure was made."""
    options = stored.get("options", {})
    kinds = {field.name: type(field.default) for field in dataclasses.fields(Options)}
    if not isinstance(options, dict):
        raise ExportError(f"{path}: damaged: options")
    for name, value in options.items():
        if type(value) is not kinds.get(name):
            raise ExportError(f"{path}: damaged: the option '{printable(name, 40)}' is none of this program")
    return Options(**options)


def _verify_against_runs(
    path: pathlib.Path, drawing: Drawing, options: Options, runs: Sequence[Run], text: bytes, found: Checked
) -> None:
    """In the order in which the figure has its runs, whatever the order of these."""
    by_id = {run.identity: run for run in runs}
    ids = [str(facts.get("id", "")).partition(" (")[0] for facts in drawing.runs if isinstance(facts, dict)]
    missing = [one for one in ids if one not in by_id]
    if not ids or missing:
        names = f"; it is of {', '.join(printable(one, 80) for one in missing)}" if missing and runs else ""
        found.left_out.append(f"points were not compared with a run{names}")
        return
    try:
        again = drawing_for(drawing.kind, [by_id[one] for one in ids], options)
    except NotCarried as reason:
        found.wrong.append(f"points from the run: it carries no such figure: {reason}")
        return
    (found.compared if points_to_csv(again.points).encode("utf-8") == text else found.wrong).append("points from the run")


def _verify_file(
    path: pathlib.Path, drawing: Drawing, extension: str, digest: str, stored: tuple[JsonObject, bytes, bool], found: Checked
) -> None:
    words, points, same_tools = stored
    data = read_bounded(path.with_suffix(f".{extension}"), _MOST_FILE_BYTES)
    if render.digest(data) != digest:
        found.wrong.append(f"{extension}: is not the file that was written")
    elif extension == "csv":
        (found.compared if points_to_csv(drawing.points).encode("utf-8") == points else found.wrong).append("points")
    elif extension == "txt":
        (found.compared if render.caption_of(drawing).encode("utf-8") == data else found.wrong).append("caption")
    elif not same_tools:
        found.left_out.append(
            f"{extension} not compared (drawn with {printable(words.get('drawn_with'), 60)}, here is {render.drawn_with()})"
        )
    else:
        inches = words.get("inches")
        if not isinstance(inches, (int, float)) or not 1 <= inches <= 40:
            raise ExportError(f"{path}: a width that is none")
        (found.compared if render.rendered(drawing, extension, float(inches)) == data else found.wrong).append(extension)
