"""A notebook that runs from top to bottom without a network, on the files beside it, and again with the same result.

The folder holds the data, the stored figures and a copy of this package, so that the notebook draws its figures itself and
says whether they are the stored ones, bit for bit. Texts of the run are data to it: they are printed, never part of its code
or of its Markdown.
"""
from __future__ import annotations

import importlib
import json
import os
import pathlib
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

from violet_export import out_folder
from violet_export.command_line import Progress
from violet_export.hostile_files import ExportError, printable
from violet_export.kind_list import kind_called
from violet_export.kinds import Options, sentence
from violet_export.run import Run
from violet_export.tidy import write_tables
from violet_export.whole_files import make_folder, write_whole

NAME = "notebook"
_CELL_SECONDS = 300
_SETUP = """\
import json
import pathlib

import pandas
from IPython.display import Image, display

from violet_export import render
from violet_export.drawing import drawing_of, points_from_csv

pandas.set_option("display.max_rows", 400, "display.max_colwidth", 90, "display.width", 160, "display.precision", 4)
run = json.loads(pathlib.Path("data/run.json").read_text(encoding="utf-8"))


def table(name):
    numbers = dict.fromkeys(("value", "median", "low", "high", "ratio", "adjusted_p"), [""])
    return pandas.read_csv(f"data/{name}.csv", keep_default_na=False, na_values=numbers)


def figure(name):
    \"\"\"Draws a stored figure again, and says whether it is the same.\"\"\"
    stem = pathlib.Path("figures", name)
    stored = json.loads(stem.with_suffix(".json").read_text(encoding="utf-8"))
    points = points_from_csv(stem.with_suffix(".csv").read_text(encoding="utf-8"), name)
    drawing = drawing_of(stored["words"], points)
    picture = render.rendered(drawing, "png", stored["inches"])
    display(Image(picture, width=int(stored["inches"] * 110)))
    print(render.caption_of(drawing))
    same = picture == stem.with_suffix(".png").read_bytes()
    assert same or stored["drawn_with"] != render.drawn_with(), f"{name}: not the stored figure"
    others = f"Drawn with {render.drawn_with()}, stored with {stored['drawn_with']}: bytes not compared."
    print("The same bytes as the stored figure." if same else others)


print(run["run"])"""
_PARTS: Sequence[tuple[str, str]] = (
    (
        "## What was asked\nThe plan with every default; what varies comes with all its values.",
        'pandas.DataFrame(run["asked"], columns=["setting", "value"])',
    ),
    ("## Where and with what\nWhat could not be known says why.", 'pandas.DataFrame(run["facts"], columns=["fact", "value"])'),
    ("## What the run warned of", 'table("notes")'),
    ("## What was not available, and why\nNone of these is a zero.", 'table("missing")'),
    (
        "## Measurements\nOne row a cell, repetition and metric. `counts` is 0 where a disturbed repetition was repeated.",
        'measurements = table("measurements")\nprint(len(measurements), "rows")\nmeasurements.head(12)',
    ),
    (
        "### Repetitions\nHow many there are of each cell, and how many were disturbed by other programs or a hypervisor.",
        'once = measurements.drop_duplicates(["cell", "repetition"])\nonce.groupby("cell", sort=False)[["counts", "disturbed"]]'
        '.agg(["size", "sum"])',
    ),
    (
        "### Medians\nWith the 95 % interval where the repetitions are enough for one, else the range.",
        'summary = table("summary")\nsummary',
    ),
    (
        "### Cells by metrics\nMedians alone, cells in the order of the plan.",
        'wide = summary.pivot_table(index="cell", columns="metric", values="median", sort=False)\nwide',
    ),
)
_END: Sequence[tuple[str, str]] = (
    (
        "## Verdicts\nOf `./violet compare`: exact rank tests, corrected for all that is judged together.",
        'verdicts = table("verdicts")\nprint(run["no_verdicts"])\nverdicts',
    ),
    ("## What may be concluded\nComputed from the verdicts.", 'for line in run["concluded"]:\n    print("-", line)'),
    ("## What may not", 'for line in run["not_concluded"]:\n    print("-", line)'),
)


def notebook_of(figures: Sequence[str]) -> dict[str, Any]:
    """The notebook before it was executed."""
    cells: list[dict[str, Any]] = []

    def add(kind: str, source: str) -> None:
        cell: dict[str, Any] = {"cell_type": kind, "id": f"violet-{len(cells):02}", "metadata": {}, "source": source}
        if kind == "code":
            cell |= {"execution_count": None, "outputs": []}
        cells.append(cell)

    add(
        "markdown",
        "# A run of Violet\nRuns from top to bottom on the files beside it: `data/` (tables), `figures/` (points, words and "
        "captions) and `violet_export/` (what draws). Numbers and names come from there alone.",
    )
    add("code", _SETUP)
    for text, code in _PARTS:
        add("markdown", text)
        add("code", code)
    add("markdown", "## Figures\nThose that fit this plan, each drawn anew from its stored points.")
    for name in figures:
        add("markdown", f"### {name}\n{sentence(kind_called(name).what)}.")
        add("code", f'figure("{name}")')
    for text, code in _END:
        add("markdown", text)
        add("code", code)
    return {
        "cells": cells,
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
    }


def execute(folder: pathlib.Path) -> None:
    """Runs the notebook in its folder and keeps its output. Nothing of the user's Jupyter is read or written."""
    nbformat, nbclient = importlib.import_module("nbformat"), importlib.import_module("nbclient")
    path = folder / f"{NAME}.ipynb"
    notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
    with tempfile.TemporaryDirectory(prefix="violet-") as private:
        spec = pathlib.Path(private) / "kernels/violet/kernel.json"
        spec.parent.mkdir(parents=True)
        command = [sys.executable, "-s", "-B", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec.write_text(json.dumps({"argv": command, "display_name": "violet", "language": "python"}), encoding="utf-8")
        ours = {
            "JUPYTER_DATA_DIR": private,
            "JUPYTER_RUNTIME_DIR": f"{private}/runtime",
            "JUPYTER_CONFIG_DIR": private,
            "IPYTHONDIR": f"{private}/ipython",
            "MPLCONFIGDIR": f"{private}/matplotlib",
            "JUPYTER_PLATFORM_DIRS": "0",
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        }
        os.environ.update(ours)
        os.environ.pop("PYTHONPATH", None)
        client = nbclient.NotebookClient(
            notebook,
            timeout=_CELL_SECONDS,
            kernel_name="violet",
            record_timing=False,
            resources={"metadata": {"path": str(folder)}},
        )
        try:
            client.execute()
        except nbclient.exceptions.CellExecutionError as error:
            raise ExportError(f"{path}: a cell failed: {str(error).strip().splitlines()[-1]}") from error
        except (nbclient.exceptions.CellTimeoutError, nbclient.exceptions.DeadKernelError, RuntimeError) as error:
            raise ExportError(f"{path}: could not be executed: {printable(error, 200)}") from error
    notebook.metadata = nbformat.from_dict(notebook_of([])["metadata"])
    write_whole(path, (nbformat.writes(notebook) + "\n").encode("utf-8"))


def to_html(folder: pathlib.Path) -> None:
    """One page without scripts from elsewhere."""
    nbformat, nbconvert = importlib.import_module("nbformat"), importlib.import_module("nbconvert")
    exporter = nbconvert.HTMLExporter(template_name="lab")
    exporter.mathjax_url = exporter.require_js_url = exporter.jquery_url = ""
    notebook = nbformat.reads((folder / f"{NAME}.ipynb").read_text(encoding="utf-8"), as_version=4)
    body, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"name": "A run of Violet"}})
    write_whole(folder / f"{NAME}.html", body.encode("utf-8"))


def _copy_package(folder: pathlib.Path) -> None:
    here, there = pathlib.Path(__file__).resolve().parent, folder / "violet_export"
    make_folder(there)
    for path in sorted(here.iterdir()):
        if path.suffix in (".py", ".mplstyle") and not path.stem.endswith(("_test", "_testing")):
            write_whole(there / path.name, path.read_bytes())


def write_notebook(
    run: Run, folder: pathlib.Path, program: str, baseline: str, progress: Progress = Progress("never")
) -> list[str]:
    """Everything, executed; the kinds of figures that are in it."""
    from violet_export.figure_verb import draw_all  # noqa: PLC0415

    out_folder.prepare(folder, (f"{NAME}.ipynb", f"{NAME}.html"))
    progress.step("notebook: tables and verdicts")
    for part in ("data", "figures"):
        make_folder(folder / part)
    for name, data in write_tables(run, folder / "data", program, baseline).items():
        write_whole(pathlib.Path(name), data)
    drawn, _ = draw_all([run], folder / "figures", ["pdf", "png"], "", Options(baseline=baseline), progress)
    _copy_package(folder)
    write_whole(folder / f"{NAME}.ipynb", (json.dumps(notebook_of(drawn), indent=1) + "\n").encode("utf-8"))
    progress.step(f"notebook: executing it, with {len(drawn)} figures")
    execute(folder)
    progress.step("notebook: HTML")
    to_html(folder)
    progress.end()
    return drawn
