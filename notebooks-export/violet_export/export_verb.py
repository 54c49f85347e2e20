"""./violet export RUN --notebook, --numbers, --paper, --tidy, --sqlite: what export makes with Python."""

from __future__ import annotations

import argparse
import importlib
import pathlib
import sys
from collections.abc import Iterable

from violet_export import command_line
from violet_export.command_line import LACKS, OK, Progress, say
from violet_export.hostile_files import ExportError, UsageError
from violet_export.run import Run
from violet_export.sqlite_export import write_sqlite
from violet_export.tidy import measurements
from violet_export.whole_files import refuse_files_of_run, write_whole

_TEXT = "a run as a notebook, as numbers for LaTeX, as an example paper, as a tidy table or as SQLite"


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
    what.add_argument("--tidy", action="store_true", help="CSV: one row a cell, repetition and metric, reasons included")
    what.add_argument("--sqlite", action="store_true", help="one file of plain tables and views, documented in itself")
    parser.add_argument(
        "--out", metavar="PATH", help="the folder; of --numbers, --tidy (also - for stdout) and --sqlite the file"
    )
    parser.add_argument("--baseline", default="", metavar="WORDS", help="what is compared against; such as strategy=strict")
    parser.add_argument("--progress", choices=Progress.MODES, default="auto", help="of --notebook, on stderr")
    parser.add_argument("--program", default="", help=argparse.SUPPRESS)
    return parser


def export_verb(arguments: list[str]) -> int:
    """The whole verb; its exit code."""
    flags = _parser().parse_args(arguments)
    if not flags.out and not flags.tidy:
        raise UsageError("--out is missing: where shall it go?")
    out = None if flags.out in (None, "", "-") else pathlib.Path(flags.out)
    if out is None and not (flags.tidy or flags.numbers):
        raise UsageError("--out -: only --tidy and --numbers are text for stdout; name a path")
    if flags.notebook or flags.paper:
        command_line.need(
            command_line.NOTEBOOKS if flags.notebook else command_line.FIGURES, "notebooks" if flags.notebook else "figures"
        )
    run = command_line.runs_called([flags.run])[0]
    if out is None:
        sys.stdout.writelines(_pieces(run, flags))
        return OK
    if flags.notebook:
        writer = importlib.import_module("violet_export.notebook")
        drawn = writer.write_notebook(run, out, flags.program, flags.baseline, Progress(flags.progress))
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
    if not out.parent.is_dir():
        raise ExportError(f"{out.parent}: is no folder")
    refuse_files_of_run(out, run.directory)
    if flags.sqlite:
        write_sqlite(run, out, Progress(flags.progress))
    else:
        write_whole(out, "".join(_pieces(run, flags)).encode("utf-8"))
    print(out)
    return OK


def _pieces(run: Run, flags: argparse.Namespace) -> Iterable[str]:
    """The text of --tidy or --numbers."""
    if flags.numbers:
        return [importlib.import_module("violet_export.numbers_tex").numbers_tex(run, flags.baseline)]
    return measurements(run)
