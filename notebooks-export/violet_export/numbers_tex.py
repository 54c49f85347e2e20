"""numbers.tex: every number of a run by cell and metric, so that a paper's text cannot disagree with its figures.

    \\violet{strict-samecore}{map.p99}            1.24 k [1.23 k, 1.38 k] ns
    \\violetvalue{strict-samecore}{map.p99}       1.24 k ns
    \\violet{lazy-samecore}{ratio:map.p99}        1.9 [1.8, 2.1]           relative to the baseline

Names are made of letters, digits and hyphens alone, values of digits and fixed words: nothing that a run holds is TeX.
"""

from __future__ import annotations

import re

from violet_export import cells as names
from violet_export.estimates import Absent, Estimate, Known, Spread, three_digits
from violet_export.run import STAYS_REACHABLE, Cell, Run

_DEFINITIONS = r"""\makeatletter
\providecommand{\violet}[2]{\violet@look{#1}{#2}{whole}}
\providecommand{\violetvalue}[2]{\violet@look{#1}{#2}{value}}
\providecommand{\violet@look}[3]{\@ifundefined{violet@#1/#2/#3}%
  {\@latex@error{numbers.tex has no '#2' of a cell '#1'}{The names are listed at its begin.}\textbf{??}}%
  {\csname violet@#1/#2/#3\endcsname}}
\providecommand{\violet@set}[4]{\expandafter\gdef\csname violet@#1/#2/value\endcsname{#3}%
  \expandafter\gdef\csname violet@#1/#2/whole\endcsname{#4}}
"""
_ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "%": r"\%",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "\u2020": r"\dag{}",
    "\u2021": r"\ddag{}",
    "\u2026": r"\ldots{}",
}
_NAMES_A_LINE = 100
_PERCENTILES = ("mean", "p50", "p90", "p99", "p99.9", "p99.99")


def escaped(text: str) -> str:
    """Text of a run as LaTeX prints it: no character of it has a meaning to TeX, and what its fonts lack is a question mark."""
    return "".join(_ESCAPES.get(one, one if " " <= one <= "~" else "?") for one in text)


def slug(text: str) -> str:
    """Letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:80]


def cell_names(run: Run) -> dict[str, Cell]:
    """The cells by the names that a paper calls them; of two of one name the later has a number."""
    found: dict[str, Cell] = {}
    varying = run.varying()
    for cell in run.cells:
        name = slug(names.words_of(cell, varying)) or slug(cell.axis("strategy")) or "cell"
        number = 1
        while (name if number == 1 else f"{name}-{number}") in found:
            number += 1
        found[name if number == 1 else f"{name}-{number}"] = cell
    return found


def number_text(value: float) -> str:
    """Three digits with a prefix."""
    if value == 0:
        return "0"
    if words := three_digits(value, r"\,"):
        return words
    mantissa, _, exponent = f"{value:.2e}".partition("e")
    return rf"\ensuremath{{{mantissa}\times10^{{{int(exponent)}}}}}"


def _entry(known: Known, unit: str) -> tuple[str, str]:
    """The value, and the value with what spreads it."""
    if isinstance(known, Absent):
        words = "always" if known.because == STAYS_REACHABLE else r"\textit{n/a}"
        return words, words
    tail = "" if unit in ("", "1") else f"~{escaped(unit)}"
    value, low, high = map(number_text, (known.value, known.low, known.high))
    if known.spread is Spread.INTERVAL:
        return value + tail, f"{value} [{low}, {high}]{tail}"
    if known.spread is Spread.RANGE:
        return value + tail, f"{value} (range {low} to {high}){tail}"
    return value + tail, f"{value}{tail} (once)"


def _metrics(cell: Cell) -> list[str]:
    found: dict[str, None] = {}
    for _, one in cell.slots:
        found.update(dict.fromkeys(one.metrics))
        for latency in one.latencies:
            found.update(dict.fromkeys(f"{latency}.{which}" for which in _PERCENTILES))
    return [name for name in found if re.fullmatch(r"[A-Za-z0-9_.]+", name)]


def _spread_words(run: Run) -> str:
    """Of how many repetitions the medians are, and what their brackets hold."""
    counts = sorted({len(cell.slots) for cell in run.cells if cell.slots})
    known = [one for cell in run.cells for name in _metrics(cell) if isinstance(one := cell.estimate(name), Estimate)]
    kinds = {one.spread for one in known}
    parts = [
        words
        for spread, words in (
            (Spread.INTERVAL, "95 % intervals"),
            (Spread.RANGE, "ranges where repetitions are too few for an interval"),
            (Spread.NONE, "single values (once)"),
        )
        if spread in kinds
    ]
    many = "no" if not counts else f"{counts[0]}" if counts[0] == counts[-1] else f"{counts[0]} to {counts[-1]}"
    return f"medians of {many} repetition{'' if counts == [1] else 's'} with {' and '.join(parts) or 'nothing measured'}"


def _warnings(run: Run) -> list[str]:
    """What a caption would say of the run; digits and plain words alone, since TeX comments end with a line."""
    found = []
    if run.fact("outcome") != "finished":
        found.append(f"The run is not complete: {slug(run.fact('outcome'))}, {run.unfinished} repetitions did not finish.")
    disturbed, cells = sum(cell.disturbed() for cell in run.cells), sum(1 for cell in run.cells if cell.disturbed())
    if disturbed:
        found.append(f"Disturbed by other programs or a hypervisor: {disturbed} repetitions of {cells} cells.")
    if run.unchecked:
        found.append("Checksums were not looked at.")
    return found


def _some_at_a_time(all_names: list[str]) -> list[list[str]]:
    """TeX reads no line of over 200,000 characters, not even a comment."""
    return [all_names[at : at + _NAMES_A_LINE] for at in range(0, len(all_names), _NAMES_A_LINE)]


def numbers_tex(run: Run, baseline: str) -> str:
    """The file. Ratios are there for every cell that has a baseline."""
    by_name = cell_names(run)
    baselines = names.Baselines(run, names.baseline_words(run, baseline))
    lines = [
        f"% Numbers of run {slug(run.identity)}, revision {slug(run.revision)}, {_spread_words(run)}.",
        *(f"% {line}" for line in _warnings(run)),
        r"% \violet{cell}{metric} has what spreads it, \violetvalue the median; ratio:metric is relative to the baseline.",
        *(f"% Cells: {', '.join(some)}" for some in _some_at_a_time(list(by_name))),
        _DEFINITIONS.rstrip(),
    ]
    for name, cell in by_name.items():
        base = baselines.of(cell)
        for metric in _metrics(cell):
            entries = [(metric, _entry(cell.estimate(metric), cell.samples(metric).unit))]
            if base is not None and isinstance(cell.estimate(metric), Estimate):
                entries.append((f"ratio:{metric}", _entry(names.ratio_of(run, base, cell, metric), "")))
            for key, (value, whole) in entries:
                lines.append(rf"\violet@set{{{name}}}{{{key}}}{{{value}}}{{{whole}}}")
    return "\n".join([*lines, r"\makeatother", ""])
