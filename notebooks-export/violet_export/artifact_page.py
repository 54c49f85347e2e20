"""One page of a pack, with its figures: what the work measured, what was found here, and what this testbed cannot say."""
from __future__ import annotations

import importlib
import json
import pathlib
from collections.abc import Sequence

from violet_export import command_line
from violet_export.artifact_runs import NOT_ATTEMPTED, PlanRun, Row
from violet_export.hostile_files import JsonObject
from violet_export.kinds import NotCarried
from violet_export.packs import Pack
from violet_export.run import read_run
from violet_export.whole_files import write_whole

SCHEMA, VERSION = "violet.artifact", 1


def _cell(text: str) -> str:
    """As a cell of a table in Markdown, where nothing of a run is markup."""
    return "".join(f"\\{one}" if one in "\\`*_{}[]<>#|~" else one for one in text)


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Its lines."""
    lines = [list(head), ["---"] * len(head), *(list(row) for row in rows)]
    return [f"| {' | '.join(one if number < 2 else _cell(one) for one in row)} |" for number, row in enumerate(lines)]


def verdict_words(row: Row) -> str:
    """With its class and its reason."""
    expectation = row.claim.expectation
    words = row.verdict if expectation is None else f"{expectation.importance}: {row.verdict}"
    return f"{words} ({row.reason})" if row.reason else words


def _figures(pack: Pack, runs: dict[str, PlanRun], folder: pathlib.Path) -> list[str]:
    """Draws them; the lines that show them, or say why one is not there."""
    lacking = command_line.missing(command_line.FIGURES)
    if lacking:
        return [f"Figures need {', '.join(lacking)}: `./violet setup --figures`."]
    files = importlib.import_module("violet_export.figure_files")
    lines = []
    for number, figure in enumerate(pack.figures, 1):
        run = runs.get(figure.plan)
        if run is None:
            lines += [f"Figure {number} is of the plan {figure.plan}, which was not run.", ""]
            continue
        stem = folder / f"{number}-{figure.plan}-{figure.kind}"
        try:
            drawing = files.drawing_for(figure.kind, [read_run(run.directory)], figure.options)
        except NotCarried as reason:
            lines += [f"Figure {number} cannot be drawn: {_cell(str(reason))}.", ""]
            continue
        files.write_figure(drawing, stem, ["pdf", "png"], files.inches_for(drawing, ""), figure.options)
        lines += [
            f"![{figure.shows}]({stem.name}.png)",
            "",
            f"{figure.shows} {_cell(' '.join([drawing.caption, *drawing.notes]))}",
            "",
        ]
    return lines


def _runs(pack: Pack, runs: dict[str, PlanRun]) -> list[str]:
    rows = []
    for plan in pack.plans():
        run = runs.get(plan)
        if run is None:
            rows.append([plan, "not run", "", "", ""])
            continue
        facts = run.facts
        host = f"{facts['host']}, {facts['cpu_model']}, {facts['cpus_online']} CPUs, {facts['kernel']}"
        rows.append([plan, run.identity, facts["outcome"], facts["git_revision"], host])
    return markdown_table(["plan", "run", "outcome", "revision", "host"], rows)


def page(pack: Pack, rows: Sequence[Row], runs: dict[str, PlanRun], figures: Sequence[str]) -> str:
    """The whole page."""
    table = [
        [row.claim.identity, row.claim.claim, row.claim.published, row.expected, row.measured, verdict_words(row)]
        for row in rows
        if row.verdict != NOT_ATTEMPTED
    ]
    left = [
        [row.claim.identity, row.claim.claim, row.claim.published, row.reason] for row in rows if row.verdict == NOT_ATTEMPTED
    ]
    sources = {
        f"- {row.claim.identity}: {_cell(row.claim.expectation.source)}" for row in rows if row.claim.expectation is not None
    }
    lines = [f"# {pack.title}", "", pack.source, "", "## What the work measured", "", pack.measured, ""]
    lines += ["## What this testbed shows", "", pack.shown, "", "## Claims", ""]
    lines += markdown_table(["id", "claim", "published", "expected here", "measured here", "verdict"], table)
    lines += ["", "Where the expectations come from:", "", *sorted(sources), "", *figures]
    lines += ["## What it does not show", "", pack.not_shown, ""]
    if left:
        lines += ["Not attempted:", "", *markdown_table(["id", "claim", "published", "why not"], left), ""]
    lines += ["## Runs", "", *_runs(pack, runs), ""]
    lines += [f"Again: `./violet artifact run {pack.name} --out DIR`", ""]
    return "\n".join(lines)


def _row_json(row: Row) -> JsonObject:
    expectation = row.claim.expectation
    return {
        "pack": row.pack,
        "id": row.claim.identity,
        "claim": row.claim.claim,
        "published": row.claim.published,
        "plan": row.claim.plan or None,
        "class": expectation.importance if expectation else None,
        "source": expectation.source if expectation else None,
        "expected": row.expected,
        "measured": row.measured,
        "verdict": row.verdict,
        "reason": row.reason,
    }


def rows_json(rows: Sequence[Row], runs: dict[str, PlanRun]) -> str:
    """The table for programs."""
    document: JsonObject = {
        "schema": SCHEMA,
        "version": VERSION,
        "runs": {plan: {"run": run.identity, **run.facts} for plan, run in runs.items()},
        "claims": [_row_json(row) for row in rows],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def write_pack(pack: Pack, rows: Sequence[Row], runs: dict[str, PlanRun], folder: pathlib.Path) -> pathlib.Path:
    """The page, its figures and the table for programs; the page's path."""
    figures = _figures(pack, runs, folder)
    own = {plan: run for plan, run in runs.items() if plan in pack.plans()}
    write_whole(folder / "claims.json", rows_json(rows, own).encode("utf-8"))
    write_whole(folder / "page.md", page(pack, rows, own, figures).encode("utf-8"))
    return folder / "page.md"
