"""./violet export RUN --notebook, --numbers, --paper: what export makes with Python."""

from __future__ import annotations

import argparse
import importlib
import pathlib

from violet_export import command_line
from violet_export.command_line import LACKS, OK, say
from violet_export.hostile_files import ExportError

_TEXT = "a run as a notebook, as numbers for LaTeX, or as an example paper"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./violet export", description=_TEXT)
    parser.add_argument("run", metavar="RUN", help="directory, name or latest")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--notebook", action="store_true", help="a Jupyter notebook, executed, its HTML, its data and its figures"
    )
    what.add_argument("--numbers", action="store_true", help="every number as \\violet{cell}{metric}, with interval and unit")
    what.add_argument(
        "--paper", action="store_true", help="two pages with six figures, whose text takes its numbers from --numbers"
    )
    parser.add_argument("--out", required=True, metavar="PATH", help="the folder; of --numbers the file")
    parser.add_argument("--baseline", default="", metavar="WORDS", help="what is compared against; such as strategy=strict")
    parser.add_argument("--program", default="", help=argparse.SUPPRESS)
    return parser


def export_verb(arguments: list[str]) -> int:
    """The whole verb; its exit code."""
    flags = _parser().parse_args(arguments)
    out = pathlib.Path(flags.out)
    if not flags.numbers:
        command_line.need(
            command_line.NOTEBOOKS if flags.notebook else command_line.FIGURES, "notebooks" if flags.notebook else "figures"
        )
    run = command_line.runs_called([flags.run])[0]
    if flags.notebook:
        drawn = importlib.import_module("violet_export.notebook").write_notebook(run, out, flags.program, flags.baseline)
        print(f"{out}/notebook.ipynb and .html, with {len(drawn)} figures")
        return OK
    if flags.paper:
        drawn, why = importlib.import_module("violet_export.paper").write_paper(run, out, flags.baseline)
        print(f"{out}/paper.tex, with {len(drawn)} figures: {', '.join(drawn)}")
        if why:
            say(why)
            return LACKS if "apt-get" in why else command_line.FAILED
        print(f"{out}/paper.pdf")
        return OK
    from violet_export.whole_files import write_whole  # noqa: PLC0415
    from violet_export.numbers_tex import numbers_tex  # noqa: PLC0415

    if not out.parent.is_dir():
        raise ExportError(f"{out.parent}: is no folder")
    write_whole(out, numbers_tex(run, flags.baseline).encode("utf-8"))
    print(out)
    return OK
