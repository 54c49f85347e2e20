"""What the runs of packs say: the program runs plans and judges what they expect; a claim's verdict is one of these."""
from __future__ import annotations

import dataclasses
import json
import os
import pathlib
from collections.abc import Iterable, Sequence

from violet_export.hostile_files import ExportError, JsonObject, printable
from violet_export.packs import Claim, Pack
from violet_export.program import asked_for_json, run_for_json
from violet_export.run import find_run

NOT_ATTEMPTED = "not attempted"
NOT_RUN = "not run"
NOT_JUDGED = "not judged"
OK, REGRESSION, INTERRUPTED = 0, 3, (4, 130)
_OF_VERDICTS = ("expected", "measured", "verdict", "reason")
_NOT_ASKED = ("measured", "verdict", "reason", "evidence", "source")


@dataclasses.dataclass(frozen=True)
class Judged:
    """An expectation as the program judged it, or as it will (no `measured`, no `verdict`); `asked` is all that it bounds."""

    expected: str
    measured: str
    verdict: str
    reason: str
    asked: str = ""
    is_must: bool = False


@dataclasses.dataclass(frozen=True)
class PlanRun:
    """A run of a plan; `judged` by the claim of the expectation. `facts` are lines of its manifest, `code` the program's."""

    plan: str
    identity: str
    directory: pathlib.Path
    facts: dict[str, str]
    judged: dict[str, Judged]
    code: int = OK

    @property
    def is_whole(self) -> bool:
        """Whether all that the plan asks for was measured: what is missing says nothing of a claim."""
        return self.code in (OK, REGRESSION) and self.facts["outcome"] == "finished"

    def failed(self) -> list[str]:
        """The claims that must hold and do not, of packs or of none."""
        return [claim for claim, one in self.judged.items() if one.is_must and one.verdict == "fails"]


@dataclasses.dataclass(frozen=True)
class Foreseen:
    """What a plan will take, before it is run."""

    seconds: float
    trace_mib: int
    judged: dict[str, Judged]


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table: a claim of a pack and its verdict."""

    pack: str
    claim: Claim
    expected: str
    measured: str
    verdict: str
    reason: str

    @property
    def fails(self) -> bool:
        """Whether something that must hold does not."""
        expectation = self.claim.expectation
        return expectation is not None and expectation.importance == "must" and self.verdict == "fails"


def _judged(value: object) -> dict[str, Judged]:
    found = {}
    for one in value if isinstance(value, list) else []:
        if isinstance(one, dict):
            expected, measured, verdict, reason = (printable(one.get(key, ""), 1000) for key in _OF_VERDICTS)
            asked = {key: value for key, value in one.items() if key not in _NOT_ASKED}
            words = (json.dumps(asked, sort_keys=True), one.get("class") == "must")
            found[printable(one.get("claim", ""), 1000)] = Judged(expected, measured, verdict, reason, *words)
    return found


def _text(value: object) -> str:
    if isinstance(value, dict):
        return f"not available: {printable(value.get('because', ''))}"
    return printable(value)


def run_of(report: JsonObject, runs: pathlib.Path) -> PlanRun:
    """From what `run` and `report` print as JSON."""
    manifest = report.get("manifest")
    plan = manifest.get("plan") if isinstance(manifest, dict) else None
    if report.get("schema") != "violet.report" or not isinstance(manifest, dict) or not isinstance(plan, dict):
        raise ExportError("the program's report is of another version than this reads (violet.report)")
    keys = ("host", "cpu_model", "cpus_online", "kernel", "git_revision", "started_utc", "outcome")
    identity = printable(manifest.get("run_id"))
    facts = {key: _text(manifest.get(key, "")) for key in keys}
    return PlanRun(printable(plan.get("name")), identity, runs / identity, facts, _judged(report.get("expectations")))


def stored_run(program: str, name: str, runs: pathlib.Path) -> PlanRun:
    """A run that was made before, judged now."""
    directory = find_run(name, runs)
    found = run_of(asked_for_json([program, "report", str(directory), "--format", "json"]), runs)
    return dataclasses.replace(found, directory=directory)


def held_against_plan(run: PlanRun, plan: dict[str, Judged]) -> PlanRun:
    """A run of before judges by the words that its plan had then, or that its maker gave it: others are not the pack's."""
    kept = {}
    for claim, one in run.judged.items():
        now = plan.get(claim)
        if now is not None and now.asked != one.asked:
            why = f"{run.identity} expects otherwise than the plan does now: {one.expected}, not {now.expected}"
            kept[claim] = Judged(now.expected, "", NOT_JUDGED, why)
        else:
            kept[claim] = one
    return dataclasses.replace(run, judged=kept)


class Interrupted(Exception):
    """A run was stopped by the user; `code` is the exit code of the program."""

    def __init__(self, plan: str, settings: Iterable[str], code: int) -> None:
        words = "".join(f" --set {one}" for one in settings)
        super().__init__(f"the plan {plan} was interrupted; ./violet run {plan}{words} --resume goes on")
        self.code = code


def run_plan(program: str, plan: str, settings: Sequence[str], runs: pathlib.Path, progress: str) -> PlanRun:
    """Runs a bundled plan, with its progress on stderr."""
    command = [program, "run", plan, "--format", "json", "--progress", progress]
    for setting in settings:
        command += ["--set", setting]
    code, report = run_for_json(command)
    if code in INTERRUPTED:
        raise Interrupted(plan, settings, code)
    if not report:
        raise ExportError(f"the plan {plan} was not measured: the program ended with {code}")
    return dataclasses.replace(run_of(report, runs), code=code)


def foreseen(program: str, plan: str, settings: Sequence[str] = ()) -> Foreseen:
    """How long a plan will take, by the program's estimate, and what it expects."""
    command = [program, "run", plan, "--dry-run", "--format", "json"]
    for setting in settings:
        command += ["--set", setting]
    told = asked_for_json(command)
    seconds, trace = told.get("estimated_s"), told.get("trace_mib")
    if not isinstance(seconds, (int, float)) or not isinstance(trace, int):
        raise ExportError(f"run {plan} --dry-run: the program says neither how long it takes nor how large it gets")
    return Foreseen(float(seconds), trace, _judged(told.get("expectations")))


def rows_of(packs: Iterable[Pack], runs: dict[str, PlanRun], left_out: dict[str, str]) -> list[Row]:
    """Every claim with its verdict; `left_out` says why a plan has no run, where there is more to say than that."""
    rows = []
    for pack in packs:
        for claim in pack.claims:
            if claim.expectation is None:
                rows.append(Row(pack.name, claim, claim.published, "", NOT_ATTEMPTED, claim.not_attempted))
                continue
            run = runs.get(claim.plan)
            judged = None if run is None else run.judged.get(claim.expectation.claim)
            if run is None:
                rows.append(Row(pack.name, claim, "", "", NOT_RUN, f"plan {claim.plan}{left_out.get(claim.plan, '')}"))
            elif judged is None:
                why = f"{run.identity} was made when the plan did not expect this"
                rows.append(Row(pack.name, claim, "", "", NOT_JUDGED, why))
            else:
                rows.append(Row(pack.name, claim, judged.expected, judged.measured, judged.verdict, judged.reason))
    return rows


def bytes_of(folder: pathlib.Path) -> int:
    """What the files of a run take."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            total += os.stat(os.path.join(place, name), follow_symlinks=False).st_blocks * 512
    return total
