"""./violet figure: draws the figures of a run, lists their kinds, and draws stored figures again to compare them."""
from __future__ import annotations

import argparse
import pathlib

from violet_export import command_line
from violet_export.cells import matches
from violet_export.command_line import FAILED, OK, Progress, say
from violet_export.drawing import FORMATS, SCHEMA
from violet_export.hostile_files import ExportError, UsageError, read_json
from violet_export.kinds import NotCarried, Options
from violet_export.kind_list import KINDS, NOT_CARRIED_BY_RESULTS, kind_called
from violet_export.run import Run
from violet_export.whole_files import make_folder, refuse_files_of_run, write_whole

_EXAMPLES = """
./violet figure list latest                          what this run can show, and why not the rest
./violet figure bars latest --out bars.pdf           one figure, with its points, words and caption beside it
./violet figure --all latest --out figures           all that the run carries, as PDF, SVG and PNG
./violet figure --verify figures latest              draws them again and compares, bit for bit
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./violet figure",
        description="figures of a run, for a paper",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("words", nargs="*", metavar="KIND RUN", help="a kind and one run or more; or: list [RUN]")
    parser.add_argument("--all", action="store_true", help="every kind that the run carries")
    parser.add_argument(
        "--verify", metavar="DIR", help="draw the figures of a folder again and compare; with RUN its points too"
    )
    parser.add_argument(
        "--out", metavar="PATH", help="a file, whose ending chooses the format (none: pdf, svg, png); with --all a " "folder"
    )
    parser.add_argument("--sheet", action="store_true", help="one PNG with every kind, each of the first RUN that carries it")
    parser.add_argument("--grey", action="store_true", help="the sheet as a printer without colours shows it")
    parser.add_argument("--format", default="", help=f"instead of the ending: some of {','.join(FORMATS)}")
    parser.add_argument("--width", choices=("column", "page"), default="", help="3.3 or 7 inches; default: as the figure needs")
    parser.add_argument("--metric", default="", help="instead of operations_per_s")
    parser.add_argument("--axis", default="", help="of sweep: the setting; of heatmap: two, with a comma")
    parser.add_argument("--latency", default="", help="map or unmap, for cdf, ccdf and whiskers")
    parser.add_argument("--baseline", default="", metavar="WORDS", help="of bars and ablation, such as strategy=strict")
    parser.add_argument("--where", default="", metavar="WORDS", help="only the cells whose label has these words")
    parser.add_argument("--progress", choices=Progress.MODES, default="auto", help="of --all, on stderr")
    parser.add_argument("--absolute", action="store_true", help="no baseline")
    return parser


def _options(flags: argparse.Namespace) -> Options:
    return Options(flags.metric, flags.axis, flags.latency, flags.baseline, flags.where, flags.absolute)


def _chosen(run: Run, options: Options) -> Run:
    """The run with the cells that --where leaves."""
    if options.where:
        run.cells = [cell for cell in run.cells if matches(cell, options.where.split())]
        if not run.cells:
            raise UsageError(f"no cell of {run.identity} has '{options.where}'")
    return run


def _list(names: list[str], options: Options) -> int:
    runs = [_chosen(run, options) for run in command_line.runs_called(names)]
    for kind in KINDS:
        print(f"{kind.name:14} {kind.what}")
        for run in runs:
            try:
                kind.make(run, options)
            except NotCarried as reason:
                print(f"{'':14} not of {run.identity}: {reason}")
    for why in NOT_CARRIED_BY_RESULTS:
        print(f"{'-':14} {why}")
    return OK


def _formats(flags: argparse.Namespace, out: pathlib.Path) -> tuple[pathlib.Path, list[str]]:
    ending = out.suffix.removeprefix(".")
    formats = [one for one in flags.format.split(",") if one]
    stem = out.with_suffix("") if ending in FORMATS else out
    if ending and ending not in FORMATS and not formats:
        raise UsageError(f"{out}: figures are {', '.join(FORMATS)}, not '{ending}'; name one of them, or --format")
    wrong = [one for one in formats if one not in FORMATS]
    if wrong:
        raise UsageError(f"--format: figures are {', '.join(FORMATS)}, not '{wrong[0]}'")
    return stem, formats or ([ending] if ending in FORMATS else ["pdf", "svg", "png"])


def _refuse_files_of(runs: list[Run], out: pathlib.Path) -> None:
    for run in runs:
        refuse_files_of_run(out, run.directory)


def _draw(kind: str, names: list[str], flags: argparse.Namespace) -> int:
    from violet_export.figure_files import drawing_for, inches_for, write_figure  # noqa: PLC0415

    kind_called(kind)
    options = _options(flags)
    stem, formats = _formats(flags, pathlib.Path(flags.out))
    runs = [_chosen(run, options) for run in command_line.runs_called(names)]
    _refuse_files_of(runs, stem)
    try:
        drawing = drawing_for(kind, runs, options)
    except NotCarried as reason:
        say(f"{', '.join(run.identity for run in runs)} carries no figure '{kind}': {reason}")
        return FAILED
    make_folder(stem.parent)
    for path in write_figure(drawing, stem, formats, inches_for(drawing, flags.width), options):
        print(path)
    return OK


def draw_all(
    runs: list[Run],
    folder: pathlib.Path,
    formats: list[str],
    width: str,
    options: Options,
    progress: Progress = Progress("never"),
) -> tuple[list[str], dict[str, str]]:
    """The kinds that were drawn, and the others with the reason."""
    from violet_export.figure_files import drawing_for, inches_for, write_figure  # noqa: PLC0415

    make_folder(folder)
    drawn, refused = [], {}
    for number, kind in enumerate(KINDS, 1):
        progress.step(f"figures: {number} of {len(KINDS)}, {kind.name}")
        try:
            drawing = drawing_for(kind.name, runs, options)
        except NotCarried as reason:
            refused[kind.name] = str(reason)
            continue
        write_figure(drawing, folder / kind.name, formats, inches_for(drawing, width), options)
        drawn.append(kind.name)
    progress.end()
    return drawn, refused


def _verify(folder: pathlib.Path, names: list[str], flags: argparse.Namespace) -> int:
    from violet_export.figure_files import options_of, verify_figure  # noqa: PLC0415

    if not folder.is_dir():
        raise ExportError(f"{folder}: is no folder")
    status, seen = OK, 0
    runs = command_line.runs_called(names)
    for path in sorted(folder.glob("*.json")):
        if read_json(path).get("schema") != SCHEMA:
            continue
        seen += 1
        where = options_of(read_json(path), path)
        found = verify_figure(path, [_chosen(run, where) for run in (command_line.runs_called(names) if where.where else runs)])
        left = f"; {', '.join(found.left_out)}" if found.left_out else ""
        words = f"differs: {', '.join(found.wrong)}" if found.wrong else f"holds: {', '.join(found.compared)}"
        print(f"{found.name:16} {words}{left}")
        status = FAILED if found.wrong else status
    if not seen:
        raise ExportError(f"{folder}: holds no figure of Violet")
    return status


def _sheet(runs: list[Run], out: pathlib.Path, grey: bool) -> int:
    from violet_export.sheet import sheet  # noqa: PLC0415

    _refuse_files_of(runs, out)
    write_whole(out, sheet(runs, grey))
    print(out)
    return OK


def figure_verb(arguments: list[str]) -> int:
    """The whole verb; its exit code."""
    parser = _parser()
    flags = parser.parse_args(arguments)
    words = flags.words
    if words[:1] == ["list"]:
        return _list(words[1:], _options(flags))
    if flags.verify is None and not flags.out:
        parser.error("--out is missing: where shall the figure go?")
    if flags.verify is None and len(words) < (1 if flags.all or flags.sheet else 2):
        parser.error("a run is missing, after the kind" if words else "a kind and a run are missing; see: ./violet figure list")
    command_line.need(command_line.FIGURES, "figures")
    if flags.verify is not None:
        return _verify(pathlib.Path(flags.verify), words, flags)
    if flags.sheet:
        return _sheet(command_line.runs_called(words), pathlib.Path(flags.out), flags.grey)
    if not flags.all:
        return _draw(words[0], words[1:], flags)
    runs = [_chosen(run, _options(flags)) for run in command_line.runs_called(words)]
    _, formats = _formats(flags, pathlib.Path("figures"))
    _refuse_files_of(runs, pathlib.Path(flags.out) / "all")
    drawn, refused = draw_all(runs, pathlib.Path(flags.out), formats, flags.width, _options(flags), Progress(flags.progress))
    print(f"{len(drawn)} figures in {flags.out}: {', '.join(drawn)}")
    for kind, reason in refused.items():
        say(f"no {kind}: {reason}")
    return OK if drawn else FAILED
