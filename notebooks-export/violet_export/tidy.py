"""A run as tidy tables (one row a cell, repetition and metric), verdicts, and what may be concluded: what a notebook reads."""
from __future__ import annotations

import csv
import io
import json
import pathlib
import subprocess
from collections.abc import Iterable, Iterator

from violet_export import cells as names
from violet_export import regimes
from violet_export.estimates import Absent, Estimate, Spread
from violet_export.hostile_files import JsonObject, printable
from violet_export.kinds import METRIC_WORDS, PER_OPERATION
from violet_export.run import Cell, Run, setting_text

HEADLINES = (names.RATE, "map.p50", "map.p99", "unmap.p50", "unmap.p99", "mean_stale_pages", *PER_OPERATION, "injected_share")
_FACTS = (
    "run_id",
    "outcome",
    "started_utc",
    "finished_utc",
    "host",
    "cpu_model",
    "cpus_online",
    "kernel",
    "governor",
    "hugepages",
    "clock_source",
    "ns_per_tick",
    "git_revision",
    "build",
    "compiler",
    "command_line",
    "seed",
    "interleaved",
)
_JUDGED = (names.RATE, "map.p50", "unmap.p50", "mean_stale_pages")
_COMPARE_SECONDS = 120
VERDICT_COLUMNS = ("cell", "against", "metric", "ratio", "low", "high", "adjusted_p", "verdict", "why")


def csv_text(head: Iterable[str] | None, rows: Iterable[Iterable[object]]) -> str:
    """Numbers with all of their digits, nothing for what is not known."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if head is not None:
        writer.writerow(list(head))
    for row in rows:
        writer.writerow(["" if one is None else repr(one) if isinstance(one, float) else one for one in row])
    return text.getvalue()


def measurements(run: Run) -> Iterator[str]:
    """Every number of every repetition as CSV, with the reason where there is none; a piece a cell."""
    axes = run.varying()
    yield csv_text(["cell", *axes, "repetition", "counts", "disturbed", "metric", "unit", "value", "because"], [])
    for cell in run.cells:
        rows: list[list[object]] = []
        for one in cell.repetitions:
            fixed: list[object] = [cell.label, *(cell.axis(name) for name in axes)]
            fixed += [one.number + 1, int(one.counts), int(one.disturbed())]
            for name, metric in sorted(one.metrics.items()):
                rows.append([*fixed, name, metric.unit, metric.value, metric.because])
            for name, latency in sorted(one.latencies.items()):
                rows.append([*fixed, f"{name}.count", "1", float(latency.count), ""])
                for which in latency.numbers:
                    number = latency.number(which)
                    rows.append([*fixed, f"{name}.{which.replace('_', '.')}", latency.unit, number.value, number.because])
        yield csv_text(None, rows)


def summary(run: Run) -> str:
    """Medians over the repetitions that count, with what spreads them."""
    rows: list[list[object]] = []
    for cell in run.cells:
        for metric in HEADLINES:
            known = cell.estimate(metric)
            if isinstance(known, Estimate):
                rows.append(
                    [cell.label, metric, cell.samples(metric).unit, known.value, known.low, known.high, known.spread.value, ""]
                )
            else:
                rows.append([cell.label, metric, "", None, None, None, "", known.because])
    return csv_text(["cell", "metric", "unit", "median", "low", "high", "spread", "because"], rows)


def facts(run: Run) -> list[list[str]]:
    """Where and with what the run was made; what is not available says why."""
    rows = [[name, run.fact(name)] for name in _FACTS]
    costs = run.manifest.get("injected_costs")
    for name, value in (costs if isinstance(costs, dict) else {}).items():
        rows.append([f"injected {printable(name, 60)}", printable(value, 40)])
    lost = run.manifest.get("drop_counts")
    for name, value in (lost if isinstance(lost, dict) else {}).items():
        rows.append([f"lost {printable(name, 120)}", printable(value, 40)])
    rows.append(["checksums", "as stored" if not run.unchecked else f"not looked at: {run.unchecked}"])
    return rows


def asked(run: Run) -> list[list[str]]:
    """The plan: settings of the run, what varies, and what all cells share."""
    rows = []
    for table in ("run", "cores", "limits"):
        settings = run.plan.get(table)
        for name, value in (settings if isinstance(settings, dict) else {}).items():
            if value is not None:
                rows.append(
                    [
                        f"{table}.{printable(name, 60)}",
                        setting_text(value) if isinstance(value, (bool, int, float, str)) else "?",
                    ]
                )
    varying = run.varying()
    for name in varying:
        rows.append([f"varies: {name}", ", ".join(dict.fromkeys(cell.axis(name) for cell in run.cells if name in cell.axes))])
    for name in run.cells[0].axes:
        if name not in varying and all(name in cell.axes for cell in run.cells):
            rows.append([name, run.cells[0].axis(name)])
    return rows


def missing(run: Run) -> str:
    """What was not available, and why; how many repetitions each."""
    counts: dict[tuple[str, str], int] = {}
    for cell in run.cells:
        for one in cell.repetitions:
            for name, metric in one.metrics.items():
                if metric.value is None:
                    counts[name, metric.because] = counts.get((name, metric.because), 0) + 1
    return csv_text(["metric", "because", "repetitions"], ([*key, count] for key, count in sorted(counts.items())))


def notes(run: Run) -> str:
    """What the run warned of."""
    counts: dict[tuple[str, str], int] = {}
    for severity, text, _ in run.notes:
        counts[severity, text] = counts.get((severity, text), 0) + 1
    return csv_text(["severity", "text", "times"], ([*key, count] for key, count in counts.items()))


def verdicts(run: Run, program: str, baseline: str) -> tuple[list[list[object]], str]:
    """What `compare` says of the cells of the run, and why it says nothing."""
    words = baseline.split() or names.baseline_words(run, "")
    if not words:
        return [], "no strategy varies, and no baseline was named (--baseline)"
    if not program:
        return [], "the program that judges is not built"
    there = [metric for metric in _JUDGED if any(cell.samples(metric).values for cell in run.cells)]
    command = [
        program,
        "compare",
        str(run.directory.resolve()),
        "--baseline",
        " ".join(words),
        "--metric",
        ",".join(there),
        "--format",
        "json",
    ]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_COMPARE_SECONDS, check=False, stdin=subprocess.DEVNULL)
        told = json.loads(done.stdout) if done.returncode in (0, 3) else {}
    except (OSError, subprocess.TimeoutExpired, ValueError, RecursionError) as error:
        return [], f"compare could not be read: {printable(error, 200)}"
    if not told:
        return [], printable(done.stderr.decode("utf-8", "replace").strip(), 300) or "compare said nothing"
    return [_verdict(row) for contrast in told["contrasts"] for row in contrast["table"]["rows"]], ""


def _verdict(row: JsonObject) -> list[object]:
    def number(name: str) -> tuple[float | None, list[float]]:
        value = row.get(name)
        if not isinstance(value, dict):
            return None, []
        return value.get("value"), value.get("interval", [])

    ratio, ends = number("ratio")
    low, high = ends if len(ends) == 2 else (None, None)
    texts = [printable(row.get(name, ""), 300) for name in ("cell", "against", "metric")]
    return [*texts, ratio, low, high, number("adjusted p")[0], printable(row.get("verdict", "")), printable(row.get("why", ""))]


def concluded(rows: list[list[object]]) -> list[str]:
    """Sentences of what differs, from the verdicts alone."""
    found = []
    for cell, against, metric, ratio, low, high, _, verdict, _ in rows:
        words = METRIC_WORDS.get(str(metric), str(metric))
        if str(verdict).startswith(("better", "worse")) and isinstance(ratio, float):
            span = f" [{low:.3g}, {high:.3g}]" if isinstance(low, float) and isinstance(high, float) else ""
            found.append(f"{cell}: {words} is {ratio:.3g}{span} times that of {against}: {verdict}.")
        elif str(verdict).startswith("no difference"):
            found.append(f"{cell}: {words} does not differ from {against} by more than the margin.")
    return found


def not_concluded(run: Run, rows: list[list[object]], why_none: str) -> list[str]:
    """Sentences of what must not be read out of the run."""
    found = [f"There are no verdicts: {why_none}."] if why_none else []
    open_ones = [row for row in rows if not str(row[7]).startswith(("better", "worse", "no difference"))]
    for row in open_ones:
        found.append(f"{row[0]} against {row[1]}, {METRIC_WORDS.get(str(row[2]), str(row[2]))}: {row[7]} ({row[8]}).")
    found.append(
        f"Anything about another machine: all of it is of {run.fact('host')}, {run.fact('cpu_model')}, {run.fact('kernel')}."
    )
    shares = [share for cell in run.cells if (share := cell.injected_percent()) is not None]
    if shares and max(shares) >= 0.005:
        found.append(
            f"What exits and host work cost in reality: they are a model here, and took up to {max(shares):.0f} % of the time."
        )
    disturbed = sum(cell.disturbed() for cell in run.cells)
    if disturbed:
        found.append(
            f"Anything finer than what other programs did meanwhile: {disturbed} of {sum(len(c.slots) for c in run.cells)} "
            "repetitions were disturbed."
        )
    mixed = regimes.mixed_cells(run)
    if mixed:
        found.append(f"One number for {len(mixed)} of {len(run.cells)} cells: they met cores at different distances or speeds.")
    few = [cell for cell in run.cells if _has_no_interval(cell)]
    if few:
        found.append(
            f"How sure the medians of {len(few)} of {len(run.cells)} cells are: their repetitions are too few for an interval."
        )
    if run.unfinished or run.fact("outcome") != "finished":
        found.append(
            f"Anything about the whole plan: the run is {run.fact('outcome')}, {run.unfinished} repetitions did not finish."
        )
    return found


def _has_no_interval(cell: Cell) -> bool:
    known = cell.estimate(names.RATE)
    return isinstance(known, Absent) or known.spread is not Spread.INTERVAL


def write_tables(run: Run, folder: pathlib.Path, program: str, baseline: str) -> dict[str, bytes]:
    """Names and contents of all that a notebook reads beside figures."""
    rows, why = verdicts(run, program, baseline)
    words: JsonObject = {
        "schema": "violet.notebook",
        "version": 1,
        "run": run.identity,
        "asked": asked(run),
        "facts": facts(run),
        "no_verdicts": why,
        "concluded": concluded(rows),
        "not_concluded": not_concluded(run, rows, why),
    }
    texts = {
        "run.json": json.dumps(words, indent=1, ensure_ascii=False) + "\n",
        "measurements.csv": "".join(measurements(run)),
        "summary.csv": summary(run),
        "missing.csv": missing(run),
        "notes.csv": notes(run),
        "verdicts.csv": csv_text(VERDICT_COLUMNS, rows),
    }
    return {str(folder / name): text.encode("utf-8") for name, text in texts.items()}
