"""An example paper of two pages: six figures of a run, and a text whose numbers come from numbers.tex."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess

from violet_export import cells as names
from violet_export import out_folder
from violet_export.estimates import Estimate
from violet_export.figure_verb import draw_all
from violet_export.hostile_files import ExportError, read_json
from violet_export.kind_list import kind_called
from violet_export.kinds import Options, sentence
from violet_export.numbers_tex import cell_names, escaped, numbers_tex
from violet_export.run import Run
from violet_export.whole_files import without_others, write_whole

# Which figures a paper of two pages shows, the most telling first.
ORDER = ("bars", "plane", "exposure", "sweep", "breakdown", "whiskers", "ccdf", "ablation", "per-operation", "cdf",
         "exposure-time", "heatmap", "repetitions", "strategies")  # fmt: skip
# Sentences of captions that a reader needs beside the figure.
_SAID = ("Medians", "Modelled", "Injected as configured", "\u2020", "The run is not complete", "Checksums were not")
_IS_NO_ZERO = "is no zero:"
FIGURES, WIDE_FIGURES = 6, 2
MOST_SENTENCES = 8
# LaTeX executes an earlier paper.aux: none that lay there is read.
MADE = ("paper.tex", "paper.pdf", "numbers.tex", "paper.aux", "paper.log")
_SECONDS = 120
_HEAD = r"""\documentclass[twocolumn,10pt]{article}
\usepackage[letterpaper,margin=0.7in,columnsep=0.25in]{geometry}
\usepackage{graphicx}
\setlength{\abovecaptionskip}{2pt}\setlength{\belowcaptionskip}{0pt}
\makeatletter
\newenvironment{pinned}{\par\addvspace{5pt}\noindent\begin{minipage}{\linewidth}\def\@captype{figure}\centering}%
  {\end{minipage}\par\addvspace{5pt}}
\makeatother
\input{numbers}
\raggedbottom
\begin{document}
"""


def _is_wide(folder: pathlib.Path, name: str) -> bool:
    inches = read_json(folder / "figures" / f"{name}.json").get("inches")
    return isinstance(inches, (int, float)) and inches > 4


def choose(drawn: list[str], wide: dict[str, bool]) -> list[str]:
    """Six figures that two pages hold: at most two of them over both columns."""
    found: list[str] = []
    for name in ORDER:
        if name in drawn and len(found) < FIGURES and (not wide[name] or sum(wide[one] for one in found) < WIDE_FIGURES):
            found.append(name)
    return found


def _caption(folder: pathlib.Path, name: str) -> str:
    """What it shows, what was injected, disturbed, missing or not complete; the file beside the figure says the rest."""
    lines = (folder / "figures" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    kept = [line for at, line in enumerate(lines) if at == 0 or line.startswith(_SAID) or _IS_NO_ZERO in line]
    return escaped(" ".join(kept))


def _inches_high(folder: pathlib.Path, name: str) -> float:
    box = re.search(rb"/MediaBox \[ 0 0 [\d.]+ ([\d.]+) \]", (folder / "figures" / f"{name}.pdf").read_bytes())
    return float(box.group(1)) / 72 if box else 0.0


def paired(heights: dict[str, float]) -> list[str]:
    """High figures and low ones in turn, so that a column holds one of each."""
    order = sorted(heights, key=lambda name: -heights[name])
    return [name for pair in zip(order, reversed(order)) for name in pair][: len(order)]


def _figure(folder: pathlib.Path, name: str) -> str:
    """Pinned where it stands: floats of two pages would end on a third."""
    picture = rf"\includegraphics[width=\linewidth,height=4.9in,keepaspectratio]{{figures/{name}.pdf}}"
    caption = rf"\caption{{\footnotesize {_caption(folder, name)}}}\label{{fig:{name}}}"
    return rf"\begin{{pinned}}{picture}" + f"\n{caption}" + r"\end{pinned}"


def _text(run: Run, drawn: list[str], baseline: str) -> str:
    by_name = cell_names(run)
    baselines, varying = names.Baselines(run, names.baseline_words(run, baseline)), run.varying()
    sentences = []
    for name, cell in list(by_name.items())[:MOST_SENTENCES]:
        title = escaped(sentence(names.words_of(cell, varying) or cell.label))
        text = rf"{title} reaches \violet{{{name}}}{{{names.RATE}}}"
        base = baselines.of(cell)
        if base is not None and base is not cell and isinstance(cell.estimate(names.RATE), Estimate):
            text += rf", \violet{{{name}}}{{ratio:{names.RATE}}} times its baseline"
        if cell.samples("mean_stale_pages").unit:
            text += rf", with \violet{{{name}}}{{mean_stale_pages}} stale"
        sentences.append(text + ".")
    figures = " ".join(rf"Figure~\ref{{fig:{name}}} shows {escaped(kind_called(name).what)}." for name in drawn)
    return "\n\n".join([
        rf"\section*{{Numbers of run {escaped(run.identity)}}}",
        r"\noindent An example: every number of its text is called by name from \texttt{numbers.tex}, and every figure is "
        r"drawn from the points that lie beside it. " + figures,
        rf"\paragraph{{Set-up.}} {escaped(run.fact('cpu_model'))}, {escaped(run.fact('kernel'))}, revision "
        rf"{escaped(run.revision[:12])}, plan {escaped(run.plan_name())}.",
        r"\paragraph{Results.} " + " ".join(sentences),
    ])  # fmt: skip


def compile_paper(folder: pathlib.Path) -> str:
    """Makes paper.pdf; empty, or why there is none."""
    if shutil.which("pdflatex") is None:
        return ("paper.pdf needs pdflatex: apt-get install --no-install-recommends texlive-latex-base")  # fmt: skip
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "0", "FORCE_SOURCE_DATE": "1", "openin_any": "p", "openout_any": "p"}
    whole = False
    try:
        why = _run_latex(folder, environment)
        whole = not why
    finally:
        if not whole:  # Half a paper is none.
            (folder / "paper.pdf").unlink(missing_ok=True)
    return why


def _run_latex(folder: pathlib.Path, environment: dict[str, str]) -> str:
    for _ in range(2):  # The second knows the numbers of the figures.
        try:
            done = subprocess.run(["pdflatex", "-no-shell-escape", "-halt-on-error", "-interaction=nonstopmode", "paper.tex"],
                                  cwd=folder, env=environment, capture_output=True, stdin=subprocess.DEVNULL, timeout=_SECONDS,
                                  check=False, umask=without_others())  # fmt: skip
        except subprocess.TimeoutExpired:
            return f"pdflatex did not end within {_SECONDS} s"
        if done.returncode != 0:
            lines = done.stdout.decode("utf-8", "replace").splitlines()
            return f"pdflatex failed: {next((line for line in lines if line.startswith('!')), 'see paper.log')}"
    return ""


def write_paper(run: Run, folder: pathlib.Path, baseline: str) -> tuple[list[str], str]:
    """The kinds of figures that are in it, and why there is no PDF where there is none."""
    out_folder.prepare(folder, MADE)
    drawn, refused = draw_all([run], folder / "figures", ["pdf"], "", Options(baseline=baseline))
    chosen = choose(drawn, {name: _is_wide(folder, name) for name in drawn})
    if not chosen:
        raise ExportError(f"{run.identity} carries no figure: {'; '.join(refused.values())}")
    write_whole(folder / "numbers.tex", numbers_tex(run, baseline).encode("utf-8"))
    wide = [name for name in chosen if _is_wide(folder, name)]
    beside = paired({name: _inches_high(folder, name) for name in chosen if name not in wide})
    body = [
        _HEAD + r"\twocolumn[{",
        *(_figure(folder, name) for name in wide),
        "}]",
        _text(run, [*wide, *beside], baseline),
        *(_figure(folder, name) for name in beside),
        r"\end{document}",
        "",
    ]
    write_whole(folder / "paper.tex", "\n".join(body).encode("utf-8"))
    return chosen, compile_paper(folder)
