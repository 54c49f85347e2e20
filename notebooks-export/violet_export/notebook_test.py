"""The notebook runs from top to bottom on its own folder, twice with the same result, and says what the run says."""

from __future__ import annotations

import csv
import json
import os
import pathlib
import shutil
import stat
import sys
import tempfile
import unittest

from violet_export import notebook, out_folder, run_testing, tidy, whole_files
from violet_export.hostile_files import UsageError
from violet_export.run import read_run

# Stands in for the program: what `compare` prints, in the form that it prints it in.
COMPARE = """#!{python}
import json
import sys

assert sys.argv[1] == "compare" and "--baseline" in sys.argv, sys.argv
row = {{"cell": "strategy=strict", "against": "strategy=off", "metric": "operations_per_s", "verdict": "worse (regression)",
       "ratio": {{"value": 0.5, "interval": [0.4, 0.6]}}, "adjusted p": {{"value": 0.01}}, "why": "large effect"}}
print(json.dumps({{"contrasts": [{{"table": {{"rows": [row, {{**row, "verdict": "inconclusive", "why": "few"}}]}}}}]}}))
sys.exit(3)
"""


class Notebook(unittest.TestCase):
    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory(prefix="violet-test-")
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)
        run_testing.write_run(self.folder / "run")
        self.program = self.folder / "program"
        self.program.write_text(COMPARE.format(python=sys.executable), encoding="utf-8")
        self.program.chmod(0o755)

    def test_executes_and_again_with_the_same_result(self) -> None:
        out = self.folder / "out"
        drawn = notebook.write_notebook(read_run(self.folder / "run"), out, str(self.program), "")
        self.assertIn("plane", drawn)
        text = (out / "notebook.ipynb").read_text(encoding="utf-8")
        stored = json.loads(text)
        self.assertEqual([one["id"] for one in stored["cells"]][:2], ["violet-00", "violet-01"])
        outputs = "".join(json.dumps(one.get("outputs", "")) for one in stored["cells"])
        self.assertEqual(outputs.count("The same bytes as the stored figure."), len(drawn))
        self.assertIn("0.5 [0.4, 0.6] times", outputs)
        self.assertIn("not available: there is no cpufreq here", outputs)
        html = (out / "notebook.html").read_text(encoding="utf-8")
        self.assertNotIn(run_testing.HARM, html)
        self.assertNotIn('src="http', html)
        # On the folder alone, elsewhere, without the run and without this checkout.
        moved = self.folder / "moved"
        shutil.move(str(out), moved)
        shutil.rmtree(self.folder / "run")
        notebook.execute(moved)
        self.assertEqual((moved / "notebook.ipynb").read_text(encoding="utf-8"), text)

    def test_a_folder_with_anything_else_in_it_runs_nothing(self) -> None:
        run = read_run(self.folder / "run")
        marks = "open(__file__ + '.ran', 'w')"
        for name in ("pandas.py", "ipykernel_launcher.py", "violet_export/json.py", "violet_export/render/__init__.py"):
            with self.subTest(name):
                out = self.folder / name.replace("/", "-")
                (out / name).parent.mkdir(parents=True)
                (out / name).write_text(marks, encoding="utf-8")
                before = sorted(out.rglob("*"))
                with self.assertRaisesRegex(UsageError, "which no export makes"):
                    notebook.write_notebook(run, out, "", "")
                self.assertEqual(sorted(out.rglob("*")), before)
        for name in ("data", "figures", "violet_export", "notebook.ipynb"):
            out = self.folder / f"link-{name}"
            out.mkdir()
            (out / name).symlink_to(self.folder)
            with self.assertRaises(UsageError):
                out_folder.prepare(out, ())
        (self.folder / "open").mkdir()
        (self.folder / "open").chmod(0o777)
        with self.assertRaisesRegex(UsageError, "this user alone"):
            out_folder.prepare(self.folder / "open", ())
        for mode in (0o770, 0o757):
            (self.folder / "shared/data").mkdir(parents=True, exist_ok=True)
            (self.folder / "shared/data").chmod(mode)
            with self.assertRaisesRegex(UsageError, "shared/data: .*others may write to it.*chmod -R go-w"):
                out_folder.prepare(self.folder / "shared", ())

    def test_no_umask_lets_others_write(self) -> None:
        for umask, folder_mode, file_mode in ((0, 0o755, 0o644), (0o077, 0o700, 0o600), (0o022, 0o755, 0o644)):
            before = os.umask(umask)
            try:
                out = self.folder / f"umask-{umask}/below"
                out_folder.prepare(out, ())
                whole_files.write_whole(out / "numbers.tex", b"")
                notebook._copy_package(out)  # pylint: disable=protected-access
                self.assertEqual(whole_files.without_others() & 0o022, 0o022)
                out_folder.prepare(out, ())
            finally:
                os.umask(before)
            for folder in (out, out.parent):
                self.assertEqual(stat.S_IMODE(folder.stat().st_mode), folder_mode)
            for file in (out / "numbers.tex", out / "violet_export/run.py"):
                self.assertEqual(stat.S_IMODE(file.stat().st_mode), file_mode)

    def test_what_a_killed_export_left_goes(self) -> None:
        out = self.folder / "killed"
        out.mkdir(mode=0o755)
        (out / ".notebook.ipynb.ab_9xyz0").write_text("half", encoding="utf-8")
        for name in ("data/.run.csv.ab_9xyz0", "figures/.bars.pdf.ab_9xyz0", "violet_export/.run.py.ab_9xyz0"):
            (out / name).parent.mkdir(mode=0o755)
            (out / name).touch()
        out_folder.prepare(out, ())
        self.assertEqual([one for one in out.rglob("*") if not one.is_dir()], [])
        for name in (".pandas.py.ab_9xyz0", ".notebook.ipynb.py", ".notebook.ipynb.ab_9xyz0.py"):
            (out / name).touch()
            with self.assertRaisesRegex(UsageError, "which no export makes"):
                out_folder.prepare(out, ())
            (out / name).unlink()

    def test_what_an_earlier_export_made_goes(self) -> None:
        out = self.folder / "again"
        (out / "violet_export/__pycache__").mkdir(parents=True)
        (out / "violet_export/run.py").touch()
        for name in ("notebook.html", "paper.pdf"):
            (out / name).touch()
        out_folder.prepare(out, ("notebook.html",))
        self.assertEqual(sorted(one.name for one in out.rglob("*")), ["paper.pdf", "run.py", "violet_export"])

    def test_tables_have_a_row_for_every_number(self) -> None:
        run = read_run(self.folder / "run")
        rows = list(csv.DictReader("".join(tidy.measurements(run)).splitlines()))
        expected = sum(len(one.metrics) + 9 * len(one.latencies) for cell in run.cells for one in cell.repetitions)
        self.assertEqual(len(rows), expected)
        unknown = [row for row in rows if row["value"] == ""]
        self.assertEqual(
            {row["because"] for row in unknown},
            {
                "the kernel shows no frequency of these CPUs",
                "it needs 3000 calls in a repetition",
                "it needs 30000 calls in a repetition",
            },
        )
        zero = next(row for row in rows if row["metric"] == "kicks_per_operation")
        self.assertEqual((zero["value"], zero["because"]), ("0.0", ""))

    def test_conclusions_are_those_of_verdicts(self) -> None:
        run = read_run(self.folder / "run")
        rows, why = tidy.verdicts(run, str(self.program), "")
        self.assertEqual((len(rows), why), (2, ""))
        self.assertEqual(len(tidy.concluded(rows)), 1)
        self.assertTrue(any("inconclusive (few)" in one for one in tidy.not_concluded(run, rows, why)))
        self.assertTrue(any("they are a model here" in one for one in tidy.not_concluded(run, rows, why)))
        self.assertEqual(tidy.verdicts(run, "", "")[0], [])
        self.assertIn("could not be read", tidy.verdicts(run, "/nonexistent", "")[1])


if __name__ == "__main__":
    unittest.main()
