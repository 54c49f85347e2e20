"""./violet artifact: what published works claim, put to the test: packs are listed, run, checked within minutes, written up."""
from __future__ import annotations

import argparse
import os
import pathlib
import subprocess
import time
from collections.abc import Callable, Sequence

from violet_export import artifact_runs as runs_of_packs
from violet_export import command_line
from violet_export.artifact_appendix import LATEX, MARKDOWN, appendix, to_latex, to_markdown
from violet_export.artifact_page import rows_json, verdict_words, write_pack
from violet_export.artifact_runs import NOT_ATTEMPTED, REGRESSION, Foreseen, Interrupted, PlanRun, Row
from violet_export.command_line import FAILED, OK, ROOT, Progress, counted, say
from violet_export.hostile_files import ExportError, UsageError
from violet_export.packs import Pack, packs_called, read_packs
from violet_export.text_table import terminal_columns, text_table
from violet_export.whole_files import make_folder, write_whole

MOST_CHECK_SECONDS = 600
# What set-up, warm-up and judging take on top of the program's estimate, as measured on two processors.
_ON_TOP = 1.3
_EXAMPLES = """
./violet artifact list                          which works there are, and how many of their claims are tried
./violet artifact check                         claim, expected, measured, verdict of a part; within ten minutes
./violet artifact run viommu-atc11 --out DIR    one pack whole: verdicts, figures and a page
./violet artifact run --from RUN --out DIR      the same of runs that are there already
./violet artifact appendix --out appendix.tex   the skeleton that artifact evaluation asks for
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./violet artifact",
        description="published results, reproduced: claims, plans and verdicts",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=("list", "run", "check", "appendix"))
    parser.add_argument("packs", nargs="*", metavar="PACK", help="names of packs; default: all")
    parser.add_argument("--out", metavar="PATH", help="the folder of the pages; of appendix the file, .md or .tex")
    parser.add_argument("--from", dest="runs", action="append", default=[], metavar="RUN", help="of run: instead of measuring")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="of the table on stdout")
    parser.add_argument("--progress", choices=(*Progress.MODES, "json"), default="auto", help="of the runs, on stderr")
    parser.add_argument("--program", default="", help=argparse.SUPPRESS)
    return parser


def _list(packs: Sequence[Pack]) -> int:
    rows = []
    for pack in packs:
        tried = sum(claim.expectation is not None for claim in pack.claims)
        left = len(pack.claims) - tried
        words = f"{tried} of {len(pack.claims)}" if left else str(tried)
        rows.append([pack.name, pack.title, pack.source, words, ", ".join(pack.plans()), "yes" if pack.check else "no"])
    head = ["pack", "what", "source", "claims tried", "plans", "in check"]
    print(text_table(head, rows, terminal_columns()), end="")
    return OK


def table_of(rows: Sequence[Row], columns: int) -> str:
    """Claim, expected, measured, verdict; what is not attempted is counted below."""
    shown = [row for row in rows if row.verdict != NOT_ATTEMPTED]
    texts = [
        [row.pack, f"{row.claim.identity}: {row.claim.claim}", row.expected, row.measured, verdict_words(row)] for row in shown
    ]
    out = text_table(["pack", "claim", "expected", "measured", "verdict"], texts, columns) if texts else ""
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.verdict] = counts.get(row.verdict, 0) + 1
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    return f"{out}\n{counted(len(rows), 'claim')}: {told}. Why some are not attempted: ./violet artifact run, page.md\n"


class Budget:
    """What is left of a check's time, by what the plans so far took of their estimates."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock, self._began, self._estimated = seconds, clock, clock(), 0.0

    def elapsed(self) -> float:
        """In seconds."""
        return self._clock() - self._began

    def takes(self, estimated: float) -> bool:
        """Whether a plan ends in time; if so, it is counted as begun."""
        slower = self.elapsed() / self._estimated if self._estimated else 0.0
        if self.elapsed() + estimated * max(_ON_TOP, slower) > self._seconds:
            return False
        self._estimated += estimated
        return True


def _measured(
    packs: Sequence[Pack], wanted: dict[str, tuple[str, ...]], flags: argparse.Namespace, begin: Callable[[str], bool]
) -> dict[str, PlanRun]:
    """Runs those of the plans that are begun. What ends it early leaves the runs so far, and says how they are judged."""
    found: dict[str, PlanRun] = {}
    try:
        for number, (plan, settings) in enumerate(wanted.items(), 1):
            if begin(plan):
                say(f"plan {number} of {len(wanted)}: {plan}")
                found[plan] = runs_of_packs.run_plan(flags.program, plan, settings, command_line.runs_folder(), flags.progress)
    except (Interrupted, KeyboardInterrupt, ExportError, OSError):
        if found:
            names = "".join(f" {pack.name}" for pack in packs) if flags.packs else ""
            words = "".join(f" --from {run.identity}" for run in found.values())
            say(f"measured so far: {len(found)} of {len(wanted)}; for the verdicts: ./violet artifact run{names}{words}")
        raise
    return found


def _stored(program: str, names: Sequence[str], plans: Sequence[str]) -> dict[str, PlanRun]:
    found: dict[str, PlanRun] = {}
    for name in names:
        run = runs_of_packs.stored_run(program, name, command_line.runs_folder())
        if run.plan not in plans:
            raise UsageError(f"{run.identity} is a run of '{run.plan}', which no pack asked for needs: {', '.join(plans)}")
        if run.plan in found:
            raise UsageError(f"{run.identity} and {found[run.plan].identity} are both of the plan {run.plan}; name one")
        found[run.plan] = runs_of_packs.held_against_plan(run, runs_of_packs.foreseen(program, run.plan).judged)
    return found


def _told(rows: Sequence[Row], runs: dict[str, PlanRun], flags: argparse.Namespace) -> int:
    print(rows_json(rows, runs) if flags.format == "json" else table_of(rows, terminal_columns()), end="", flush=True)
    for row in rows:
        if row.fails:
            say(f"a must failed: {row.pack} {row.claim.identity}: {row.claim.claim}")
    listed = {(row.claim.plan, row.claim.expectation.claim) for row in rows if row.claim.expectation}
    failed = [(run.plan, claim) for run in runs.values() for claim in run.failed()]
    for plan, claim in failed:
        if (plan, claim) not in listed:
            say(f"a must failed that no claim here is judged by: plan {plan}: {claim}")
    partial = [run for run in runs.values() if not run.is_whole]
    for run in partial:
        ending = f", and the program ended with {run.code}" if run.code != OK else ""
        say(f"{run.identity} is not whole: it is {run.facts['outcome']}{ending}; its verdicts are of a part")
    if failed or any(row.fails for row in rows) or any(run.code == REGRESSION for run in runs.values()):
        return REGRESSION
    return FAILED if partial else OK


def _run(packs: Sequence[Pack], flags: argparse.Namespace) -> int:
    plans = list(dict.fromkeys(plan for pack in packs for plan in pack.plans()))
    folders = _folders(packs, flags.out)
    if flags.runs:
        runs = _stored(flags.program, flags.runs, plans)
    else:
        runs = _measured(packs, {plan: () for plan in plans}, flags, lambda _: True)
    rows = runs_of_packs.rows_of(packs, runs, {})
    code = _told(rows, runs, flags)
    for pack in packs if folders else ():
        own = [row for row in rows if row.pack == pack.name]
        say(f"page: {write_pack(pack, own, runs, folders[pack.name])}")
    return code


def _folders(packs: Sequence[Pack], out: str) -> dict[str, pathlib.Path]:
    """Those of the pages by their packs, made before anything is measured for an hour."""
    folders = {pack.name: pathlib.Path(out) / pack.name for pack in packs if out}
    for folder in folders.values():
        make_folder(folder)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise ExportError(f"{folder}: cannot be written")
    return folders


def checked_plans(packs: Sequence[Pack]) -> dict[str, tuple[str, ...]]:
    """The plans of a check, each once, with what is set in them."""
    wanted: dict[str, tuple[str, ...]] = {}
    for pack in packs:
        for plan, settings in pack.check.items():
            if wanted.setdefault(plan, settings) != settings:
                raise ExportError(f"packs/{pack.name}.toml: key 'check.{plan}': another pack sets other things in this plan")
    return wanted


def _check(packs: Sequence[Pack], flags: argparse.Namespace) -> int:
    wanted = checked_plans(packs)
    estimates = {one[0]: runs_of_packs.foreseen(flags.program, *one).seconds for one in wanted.items()}
    seconds = _ON_TOP * sum(estimates.values())
    say(f"{counted(len(wanted), 'plan')}, about {counted(max(1, round(seconds / 60)), 'minute')}")
    if seconds > MOST_CHECK_SECONDS:
        raise ExportError(
            f"the plans of this check take about {seconds:.0f} s, more than {MOST_CHECK_SECONDS}: name some packs, or shorten "
            "their [check]"
        )
    left_out = {plan: ", which no check runs" for pack in packs for plan in pack.plans() if plan not in wanted}
    budget = Budget(MOST_CHECK_SECONDS)

    def begin(plan: str) -> bool:
        if not budget.takes(estimates[plan]):
            left_out[plan] = ", left out: no time"
            say(f"the plan {plan} is left out: this machine is slower than estimated, and a check ends within ten minutes")
        return plan not in left_out

    runs = _measured(packs, wanted, flags, begin)
    say(f"measured in {budget.elapsed():.0f} s")
    return _told(runs_of_packs.rows_of(packs, runs, left_out), runs, flags)


def _revision() -> str:
    try:
        command = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "<the revision>"
    return done.stdout.strip() if done.returncode == 0 else "<the revision>"


def _appendix(packs: Sequence[Pack], flags: argparse.Namespace) -> int:
    out = pathlib.Path(flags.out) if flags.out else None
    kind = out.suffix.removeprefix(".") if out else MARKDOWN
    if kind not in (MARKDOWN, LATEX):
        raise UsageError(f"{out}: an appendix is {MARKDOWN} or {LATEX}, not '{kind}'")
    names = list(dict.fromkeys(plan for pack in packs for plan in pack.plans()))
    plans: dict[str, Foreseen] = {name: runs_of_packs.foreseen(flags.program, name) for name in names}
    check = sum(runs_of_packs.foreseen(flags.program, *one).seconds for one in checked_plans(packs).items())
    blocks = appendix(packs, plans, _ON_TOP * check, _revision())
    text = to_latex(blocks) if kind == LATEX else to_markdown(blocks)
    if out is None:
        print(text, end="")
    else:
        write_whole(out, text.encode("utf-8"))
        print(out)
    return OK


def artifact_verb(arguments: list[str]) -> int:
    """The whole verb; its exit code."""
    flags = _parser().parse_args(arguments)
    if flags.runs and flags.what != "run":
        raise UsageError(f"--from: {flags.what} judges no run; ./violet artifact run --from RUN does")
    if flags.out and flags.what not in ("run", "appendix"):
        raise UsageError(f"--out: {flags.what} writes no file; run and appendix do")
    packs = packs_called(flags.packs, read_packs(ROOT / "notebooks-export/packs", ROOT / "experiments/plans"))
    if flags.what == "list":
        return _list(packs)
    if not flags.program:
        raise ExportError("the program that measures is not built: ./violet setup builds it")
    try:
        return {"run": _run, "check": _check, "appendix": _appendix}[flags.what](packs, flags)
    except Interrupted as stopped:
        say(str(stopped))
        return stopped.code
