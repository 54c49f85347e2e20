"""Numbers and the paper: what LaTeX prints is what the run says, and nothing that a run holds is TeX."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from violet_export import numbers_tex, paper, run_testing
from violet_export.run import Run, read_run


class Paper(unittest.TestCase):
    folder: pathlib.Path
    run_of_all: Run

    @classmethod
    def setUpClass(cls) -> None:
        holder = tempfile.TemporaryDirectory(prefix="violet-test-")
        cls.addClassCleanup(holder.cleanup)
        cls.folder = pathlib.Path(holder.name)
        run_testing.write_run(cls.folder / "run")
        cls.run_of_all = read_run(cls.folder / "run")

    def test_numbers_have_interval_and_unit(self) -> None:
        text = numbers_tex.numbers_tex(self.run_of_all, "")
        self.assertIn(r"\violet@set{strict-exit-0-ns}{operations_per_s}{102\,k}{102\,k [100\,k, 104\,k]}", text)
        self.assertIn(r"\violet@set{strict-exit-0-ns}{kicks_per_operation}{0}{0 [0, 0]}", text)
        self.assertIn(r"\violet@set{off-exit-0-ns}{mean_stale_pages}{always}{always}", text)
        self.assertIn(r"\violet@set{strict-exit-0-ns}{frequency_before}{\textit{n/a}}{\textit{n/a}}", text)
        self.assertIn(r"\violet@set{strict-exit-0-ns}{map.p99.9}{\textit{n/a}}{\textit{n/a}}", text)
        self.assertRegex(text, r"\{lazy-percpu-exit-1500-ns\}\{ratio:operations_per_s\}\{0\.167\}\{0\.167 \[")
        self.assertNotIn("passwd$", text)

    def test_the_head_says_what_the_numbers_are(self) -> None:
        head = numbers_tex.numbers_tex(self.run_of_all, "").split(r"\makeatletter")[0]
        self.assertIn("medians of 6 repetitions with 95 % intervals", head)
        self.assertIn("Disturbed by other programs or a hypervisor: 2 repetitions of 2 cells.", head)
        run_testing.write_run(self.folder / "short", repetitions=3, outcome="interrupted")
        head = numbers_tex.numbers_tex(read_run(self.folder / "short"), "").split(r"\makeatletter")[0]
        self.assertIn("medians of 3 repetitions with ranges where repetitions are too few for an interval", head)
        self.assertNotIn("95 %", head)
        self.assertIn("The run is not complete: interrupted", head)

    def test_captions_of_the_paper_keep_what_warns(self) -> None:
        place = self.folder / "captions" / "figures"
        place.mkdir(parents=True)
        lines = ["Bars.", "Left of the axis.", '"n/a" is no zero: x.', "The run is not complete: it is interrupted.",
                 "Checksums were not looked at: y.", "Injected as configured, not measured: z."]  # fmt: skip
        (place / "bars.txt").write_text("\n".join(lines), encoding="utf-8")
        caption = paper._caption(place.parent, "bars")
        for line in (*lines[:1], *lines[2:]):
            self.assertIn(numbers_tex.escaped(line), caption)
        self.assertNotIn(lines[1], caption)

    def test_nothing_of_a_run_is_tex(self) -> None:
        self.assertEqual(numbers_tex.slug(run_testing.HARM), "input-etc-passwd-script")
        self.assertEqual(numbers_tex.escaped("\\input{x}_%\u2020\u00e9"), r"\textbackslash{}input\{x\}\_\%\dag{}?")
        for line in numbers_tex.numbers_tex(self.run_of_all, "").splitlines():
            if line.startswith(r"\violet@set"):
                self.assertRegex(line, r"^\\violet@set\{[a-z0-9-]+\}\{[\w.:]+\}\{[\w\\{}.,/~% -]+\}\{[\w\\{}.,/~% \[\]()-]+\}$")

    def test_no_line_is_too_long_for_tex(self) -> None:
        run = read_run(self.folder / "run")
        run.cells = [dataclasses.replace(run.cells[0], axes={"strategy": f"{'x' * 70}{at}"}, slots=[]) for at in range(3000)]
        self.assertLess(max(map(len, numbers_tex.numbers_tex(run, "").splitlines())), 20_000)

    def test_columns_hold_high_and_low_figures(self) -> None:
        self.assertEqual(paper.paired({"a": 1.0, "b": 5.0, "c": 2.0, "d": 4.0}), ["b", "a", "d", "c"])
        self.assertEqual(paper.paired({"a": 1.0, "b": 5.0, "c": 2.0}), ["b", "a", "c"])

    def test_the_paper_has_two_pages_and_six_figures(self) -> None:
        out = self.folder / "paper"
        chosen, why = paper.write_paper(self.run_of_all, out, "")
        self.assertEqual(len(chosen), paper.FIGURES)
        if shutil.which("pdflatex") is None:
            self.assertIn("apt-get install", why)
            self.skipTest("needs pdflatex (texlive-latex-base)")
        self.assertEqual(why, "")
        log = (out / "paper.log").read_text(encoding="utf-8", errors="replace")
        self.assertRegex(log, r"Output written on paper\.pdf \(2 pages")
        self.assertNotIn("undefined", log)
        first = (out / "paper.pdf").read_bytes()
        self.assertEqual(paper.compile_paper(out), "")
        self.assertEqual((out / "paper.pdf").read_bytes(), first)
        self.assertEqual(len(re.findall(rb"/Type3", first)), 0)

    def test_a_number_that_is_not_there_stops_latex(self) -> None:
        if shutil.which("pdflatex") is None:
            self.skipTest("needs pdflatex (texlive-latex-base)")
        place = self.folder / "wrong"
        place.mkdir()
        (place / "numbers.tex").write_text(numbers_tex.numbers_tex(self.run_of_all, ""), encoding="utf-8")
        (place / "a.tex").write_text(
            r"\documentclass{article}\input{numbers}\begin{document}\violet{strict}{speed}\end{document}", encoding="utf-8"
        )
        done = subprocess.run(
            ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "a.tex"],
            cwd=place,
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
        )
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"numbers.tex has no 'speed' of a cell 'strict'", done.stdout.replace(b"\n", b""))


if __name__ == "__main__":
    unittest.main()
