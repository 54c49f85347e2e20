"""./violet export RUN --notebook: what export makes with Python, of a run that the program can also compare."""
from __future__ import annotations

import argparse
import pathlib

from violet_export import command_line
from violet_export.command_line import OK

_TEXT = "a run as an executed notebook with its figures"


def export_verb(arguments: list[str]) -> int:
    """The whole verb; its exit code."""
    parser = argparse.ArgumentParser(prog="./violet export", description=_TEXT)
    parser.add_argument("runs", nargs="+", metavar="RUN", help="directory, name or latest")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--notebook", action="store_true", help="a Jupyter notebook, executed, its HTML, its data and its figures"
    )
    parser.add_argument("--out", required=True, metavar="PATH", help="the folder; of several runs each has one in it")
    parser.add_argument(
        "--baseline", default="", metavar="WORDS", help="what verdicts and figures are held against; strategy=strict"
    )
    parser.add_argument("--program", default="", help=argparse.SUPPRESS)
    flags = parser.parse_args(arguments)
    command_line.need(command_line.NOTEBOOKS, "notebooks")
    from violet_export.notebook import NAME, write_notebook  # noqa: PLC0415

    runs = command_line.runs_called(flags.runs)
    for run in runs:
        folder = pathlib.Path(flags.out) / (run.identity if len(runs) > 1 else "")
        drawn = write_notebook(run, folder, flags.program, flags.baseline)
        print(f"{folder / NAME}.ipynb and .html, with {len(drawn)} figures")
    return OK
