"""Every export is read back by a reader that is not of this project, and says what the run says.

With VIOLET_PROGRAM the exports of the program are read as well.
"""

from __future__ import annotations

import collections
import contextlib
import csv
import io
import importlib.util
import json
import os
import pathlib
import sqlite3
import subprocess
import tempfile
import unittest
from typing import Any

from violet_export import command_line, export_verb, figure_verb, histogram, numbers_tex, run_testing, sqlite_export
from violet_export.command_line import Progress
from violet_export.estimates import Estimate
from violet_export.hostile_files import UsageError
from violet_export.run import Latency, read_run

ROOM = pathlib.Path(__file__).resolve().parents[1]
STORED = ROOM.parent / "experiments/results/old_runs/smoke"
PROGRAM = os.environ.get("VIOLET_PROGRAM", "")


def json_of(path: pathlib.Path) -> Any:
    """The document in a file."""
    return json.loads(path.read_text(encoding="utf-8"))


class Exports(unittest.TestCase):
    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory(prefix="violet-test-")
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)
        run_testing.write_run(self.folder / "run")
        self.run_of_all = read_run(self.folder / "run")

    def verb(self, *words: str) -> tuple[int, str]:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            code = export_verb.export_verb([str(self.folder / "run"), *words])
        return code, out.getvalue()

    def program(self, *words: str) -> str:
        if not PROGRAM:
            self.skipTest("needs the program (VIOLET_PROGRAM)")
        done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, check=False, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def check_schema(self, document: Any) -> None:
        if importlib.util.find_spec("jsonschema") is None:
            self.skipTest("needs python3-jsonschema")
        validators = importlib.import_module("jsonschema")
        schema = json_of(ROOM / "schemas/results.schema.json")
        validators.Draft202012Validator.check_schema(schema)
        problems = [f"{one.json_path}: {one.message}" for one in validators.Draft202012Validator(schema).iter_errors(document)]
        self.assertEqual(problems, [])

    def test_json_is_as_its_schema_says(self) -> None:
        self.check_schema(json_of(STORED / "results.json"))
        with self.assertRaises(AssertionError):
            wrong = json_of(STORED / "results.json")
            del wrong["cells"][0]["summary"]
            self.check_schema(wrong)

    def test_json_of_the_program_is_as_its_schema_says(self) -> None:
        self.check_schema(json.loads(self.program("export", str(STORED), "--json")))

    def check_numbers_of_histograms(self, document: Any) -> None:
        """The exact numbers lie within the buckets that hold them."""
        seen = 0
        for cell in document["cells"]:
            for repetition in cell["repetitions"]:
                for name, one in repetition["histograms"].items():
                    buckets = histogram.decode(one["encoded"])
                    self.assertEqual(histogram.total(buckets), one["count"], name)
                    if not buckets:
                        continue
                    seen += 1
                    self.assertTrue(buckets[0].low <= one["min"] <= buckets[0].high, name)
                    self.assertTrue(buckets[-1].low <= one["max"] <= buckets[-1].high, name)
                    lowest = sum(bucket.low * bucket.count for bucket in buckets) / one["count"]
                    highest = sum(bucket.high * bucket.count for bucket in buckets) / one["count"]
                    self.assertTrue(lowest - 1e-6 <= one["mean"] <= highest + 1e-6, (name, lowest, one["mean"], highest))
                    for percent, value in one["percentiles"].items():
                        if value is not None:
                            self.assertEqual(value, histogram.percentile(buckets, float(percent)), (name, percent))
        self.assertGreater(seen, 0)

    def test_numbers_of_a_histogram_lie_within_its_buckets(self) -> None:
        self.check_numbers_of_histograms(json_of(STORED / "results.json"))

    def test_numbers_of_the_programs_histograms_do_too(self) -> None:
        self.check_numbers_of_histograms(json.loads(self.program("export", str(STORED), "--json")))

    def test_tidy_rows_are_read_by_other_programs(self) -> None:
        code, text = self.verb("--tidy")
        rows = list(csv.DictReader(io.StringIO(text)))
        self.assertEqual((code, set(map(len, rows))), (0, {len(rows[0])}))
        rates = [float(row["value"]) for row in rows if row["metric"] == "operations_per_s" and row["strategy"] == "off"]
        expected = [one.value("operations_per_s") for cell in self.run_of_all.cells for one in cell.repetitions]
        self.assertTrue(set(rates) <= set(expected) and len(rates) == 12)
        self.assertEqual(self.verb("--tidy", "--out", str(self.folder / "t.csv"))[0], 0)
        self.assertEqual((self.folder / "t.csv").read_text(encoding="utf-8"), text)
        if importlib.util.find_spec("pandas") is not None:
            frame = importlib.import_module("pandas").read_csv(
                io.StringIO(text), keep_default_na=False, na_values={"value": [""]}
            )
            self.assertEqual(len(frame), len(rows))
        with self.assertRaisesRegex(UsageError, "--out is missing"):
            self.verb("--sqlite")
        self.assertEqual(self.verb("--tidy", "--out", "-"), (0, text))

    def test_numbers_go_to_stdout_and_files_and_folders_do_not(self) -> None:
        code, text = self.verb("--numbers", "--out", "-")
        self.assertEqual((code, text), (0, numbers_tex.numbers_tex(self.run_of_all, "")))
        for what in ("--sqlite", "--notebook", "--paper"):
            with self.assertRaisesRegex(UsageError, "--out -: only --tidy and --numbers"):
                self.verb(what, "--out", "-")

    def test_sqlite_keeps_a_setting_that_is_longer_than_its_integers(self) -> None:
        self.run_of_all.cells[0].axes.update({"seed": 2**64 - 1, "least": -(2**63), "on": True})
        out = self.folder / "run.sqlite"
        sqlite_export.write_sqlite(self.run_of_all, out, Progress("never"))
        connection = sqlite3.connect(out)
        self.addCleanup(connection.close)
        sql = "SELECT setting, value FROM settings WHERE cell = ? AND setting IN ('seed', 'least', 'on') ORDER BY setting"
        told = connection.execute(sql, (self.run_of_all.cells[0].identity,)).fetchall()
        self.assertEqual(told, [("least", -(2**63)), ("on", "true"), ("seed", "18446744073709551615")])

    def test_sqlite_says_what_the_run_says(self) -> None:
        out = self.folder / "run.sqlite"
        self.assertEqual(self.verb("--sqlite", "--out", str(out), "--progress", "never"), (0, f"{out}\n"))
        connection = sqlite3.connect(out)
        self.addCleanup(connection.close)
        self.assertEqual(connection.execute("PRAGMA integrity_check").fetchone(), ("ok",))
        for cell in self.run_of_all.cells:
            known = cell.estimate("operations_per_s")
            assert isinstance(known, Estimate)
            sql = "SELECT median, low, high FROM medians WHERE cell = ? AND metric = 'operations_per_s'"
            self.assertEqual(connection.execute(sql, (cell.identity,)).fetchone(), (known.value, known.low, known.high))
        self.assertEqual(connection.execute("SELECT count(*) FROM protection WHERE strategy = 'strict'").fetchone(), (2,))
        always = connection.execute("SELECT mean_stale_pages, stale_because FROM protection WHERE strategy = 'off'").fetchall()
        self.assertEqual(always[0], (None, "what was mapped stays reachable for ever"))
        rows = connection.execute("SELECT count(*) FROM measurements").fetchone()[0]
        tidy = list(csv.DictReader(io.StringIO(self.verb("--tidy")[1])))
        self.assertEqual(rows, sum(not row["metric"].endswith(".count") for row in tidy))
        counts = connection.execute("SELECT sum(count), max(high) FROM buckets").fetchone()
        self.assertEqual(
            counts[0], sum(one.latencies["map"].count for cell in self.run_of_all.cells for one in cell.repetitions)
        )
        few = connection.execute("SELECT DISTINCT because FROM measurements WHERE metric = 'map.p99.9'").fetchall()
        self.assertEqual(few, [("too few calls",)])

    def test_sqlite_of_calls_that_a_cell_never_makes_has_no_numbers(self) -> None:
        latency = self.run_of_all.cells[0].repetitions[0].latencies["map"]
        empty = Latency("ns", 0, dict.fromkeys(latency.numbers), run_testing.encoded_histogram([]))
        self.run_of_all.cells[0].repetitions[0].latencies["map"] = empty
        out = self.folder / "run.sqlite"
        sqlite_export.write_sqlite(self.run_of_all, out, Progress("never"))
        connection = sqlite3.connect(out)
        self.addCleanup(connection.close)
        key = (self.run_of_all.cells[0].identity,)
        told = connection.execute("SELECT count, p50 FROM latencies WHERE cell = ? AND repetition = 1", key).fetchall()
        self.assertEqual(told, [(0, None)])
        held = connection.execute("SELECT count(*) FROM buckets WHERE cell = ? AND repetition = 1", key).fetchone()
        self.assertEqual(held, (0,))

    def test_no_export_replaces_what_is_no_file_or_is_the_runs_own(self) -> None:
        (self.folder / "link").symlink_to(self.folder / "run/results.sqlite")
        (self.folder / "folder").symlink_to(self.folder / "run")
        os.mkfifo(self.folder / "pipe")
        before = {path: path.read_bytes() for path in (self.folder / "run").iterdir()}
        for what in ("--sqlite", "--tidy", "--numbers"):
            for name in ("link", "pipe"):
                with self.assertRaisesRegex(UsageError, "not a regular file"):
                    self.verb(what, "--out", str(self.folder / name))
            for name in ("run/results.sqlite", "folder/new", "run/../run/manifest.json"):
                with self.assertRaisesRegex(UsageError, "in the folder of the run itself"):
                    self.verb(what, "--out", str(self.folder / name))
        for words in (["bars"], ["--sheet"], ["--all"]):
            if command_line.missing(command_line.FIGURES):
                break
            out = self.folder / "run" if words == ["--all"] else self.folder / "folder/manifest.png"
            with self.assertRaisesRegex(UsageError, "in the folder of the run itself"):
                figure_verb.figure_verb([*words, str(self.folder / "run"), "--out", str(out)])
        self.assertEqual({path: path.read_bytes() for path in (self.folder / "run").iterdir()}, before)
        self.assertTrue((self.folder / "link").is_symlink())

    def test_every_table_view_and_column_is_documented(self) -> None:
        out = self.folder / "run.sqlite"
        self.verb("--sqlite", "--out", str(out))
        connection = sqlite3.connect(out)
        self.addCleanup(connection.close)
        there = set()
        names = "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name <> 'documentation'"
        for (name,) in connection.execute(names).fetchall():
            there.add((name, ""))
            there |= {(name, row[1]) for row in connection.execute(f"PRAGMA table_info({name})")}
        told = {(name, column) for name, column, _ in connection.execute("SELECT * FROM documentation")}
        self.assertEqual(there, told)
        self.assertTrue(all(meaning for _, _, meaning in sqlite_export.documented()))

    def test_a_trace_for_perfetto_is_whole(self) -> None:
        if not PROGRAM:
            self.skipTest("needs the program (VIOLET_PROGRAM)")
        made = self.folder / "synthetic"
        maker = pathlib.Path(PROGRAM).with_name("synthetic_trace")
        done = subprocess.run([maker, "--out", str(made), "--events", "30000"], capture_output=True, check=False, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        document = json.loads(self.program("export", str(made), "--perfetto"))
        self.assertEqual((document["displayTimeUnit"], document["otherData"]["schema"]), ("ns", "violet.trace_events"))
        self.check_trace_events(document["traceEvents"])
        part = json.loads(self.program("export", str(made), "--perfetto", "--from", "2ms", "--to", "4ms"))
        self.assertEqual([part["otherData"][key] for key in ("from_ns", "to_ns")], [2_000_000, 4_000_000])
        self.check_trace_events(part["traceEvents"])
        times = [one["ts"] for one in part["traceEvents"] if one["ph"] in "iC"]
        self.assertTrue(all(2000 <= at < 4000 for at in times))

    def check_trace_events(self, events: Any) -> None:
        """By the Trace Event Format: what each phase needs, slices that end, flows that are led on within slices."""
        needed = {"X": {"ts", "dur"}, "i": {"ts", "s"}, "C": {"ts", "args"}, "M": {"args"}, "b": {"ts", "id", "cat"}}
        needed |= {"e": needed["b"], "s": {"ts", "id", "cat"}, "t": {"ts", "id", "cat"}, "f": {"ts", "id", "cat", "bp"}}
        counts = collections.Counter(one["ph"] for one in events)
        self.assertEqual(set(counts) - set(needed), set())
        self.assertTrue(all(counts[phase] for phase in "XMbesf"), counts)
        open_slices: dict[int, list[str]] = {}
        flows: dict[int, list[dict[str, Any]]] = {}
        for one in events:
            self.assertLessEqual({"name", "pid", "tid", "ph"} | needed[one["ph"]], set(one))
            if one["ph"] == "b":
                open_slices.setdefault(one["id"], []).append(one["name"])
            elif one["ph"] == "e":
                self.assertEqual(open_slices[one["id"]].pop(), one["name"])
            elif one["ph"] in "stf":
                flows.setdefault(one["id"], []).append(one)
        self.assertFalse(any(open_slices.values()))
        for steps in flows.values():
            self.assertEqual([step["ph"] for step in steps], ["s", "t", "f"])
            self.assertEqual(sorted(step["ts"] for step in steps), [step["ts"] for step in steps])


if __name__ == "__main__":
    unittest.main()
