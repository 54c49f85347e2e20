"""Result files are read as they were written, whoever wrote them: needs nothing but Python."""
from __future__ import annotations

import json
import math
import os
import pathlib
import re
import sqlite3
import struct
import tempfile
import unittest
import unittest.mock

from violet_export import cells, database, regimes, run_testing
from violet_export.drawing import Point, points_from_csv, points_to_csv
from violet_export.estimates import (
    Absent,
    Estimate,
    Spread,
    median_estimate,
    orderings_by_u,
    ranks_in_tail,
    ratio_estimate,
    subsets_by_sum,
    three_digits,
)
from violet_export.histogram import _buckets, decode, percentile, total
from violet_export.hostile_files import ExportError, printable, read_bounded
from violet_export.pyramid import sections_of
from violet_export.run import FORMER_NAMES, STAYS_REACHABLE, Latency, Metric, Repetition, calls_for, find_run, read_run

ROOT = pathlib.Path(__file__).resolve().parents[2]
OLD_RUN = ROOT / "experiments/results/old_runs/smoke"
# Operations a second of off and strict, and what `violet compare` says of them.
OFF = [
    5737282.359818462,
    5799598.831013683,
    6102469.598594021,
    6028096.033314986,
    6032438.8958838275,
    6029592.726883172,
    5930694.003143779,
    5915624.196146348,
    5643278.066361254,
]
STRICT = [
    283503.74294353276,
    347373.45850582223,
    390063.7830526975,
    322902.61796342174,
    394457.3644378872,
    389061.0064214882,
    386297.10426646826,
    378370.9581356693,
    379160.2748365055,
]


class Estimates(unittest.TestCase):
    def test_agree_with_compare(self) -> None:
        ratio = ratio_estimate(OFF, STRICT, paired=True)
        self.assertEqual(ratio, Estimate(0.06258249999965965, 0.0562192303140875, 0.06553309685035859, Spread.INTERVAL, 9))
        middle = median_estimate(STRICT)
        self.assertEqual((middle.value, middle.low, middle.high), (379160.2748365055, 322902.61796342174, 390063.7830526975))

    def test_the_prefix_fits_what_is_rounded(self) -> None:
        for value, words in ((999.7, "1.00 k"), (999_700.0, "1.00 M"), (999.4, "999"), (1234.0, "1.23 k"), (-999.7, "-1.00 k"),
                             (1000.0, "1 k"), (0.0049, "0.0049"), (0.0009, "")):  # fmt: skip
            self.assertEqual(three_digits(value, " "), words)

    def test_too_few_values_give_a_range_and_say_so(self) -> None:
        self.assertEqual(median_estimate([1, 2, 3, 4, 5]).spread, Spread.RANGE)
        self.assertEqual(median_estimate([1, 2, 3, 4, 5, 6]), Estimate(3.5, 1, 6, Spread.INTERVAL, 6))
        self.assertEqual(median_estimate([7]), Estimate(7, 7, 7, Spread.NONE, 1))
        self.assertEqual(ratio_estimate([1, 2, 4], [2, 4, 8], paired=False).spread, Spread.RANGE)  # type: ignore[union-attr]

    def test_independent_samples_need_four_of_each(self) -> None:
        known = ratio_estimate([1, 2, 3, 4], [10, 20, 30, 40], paired=False)
        self.assertIsInstance(known, Estimate)
        self.assertEqual(known.spread, Spread.INTERVAL)  # type: ignore[union-attr]
        self.assertEqual(sum(orderings_by_u(4, 4)), math.comb(8, 4))

    def test_many_pairs_are_approximated_as_compare_does(self) -> None:
        # Wilcoxon's W of 101 pairs, counted: 5 % of its distribution lies outside of these ranks.
        counted = ranks_in_tail(subsets_by_sum(101), 0.025)
        below, above = [1.0] * 101, [math.exp(one / 1000) for one in range(101)]
        known = ratio_estimate(below, above, paired=True)
        shifts = sorted((i + k) / 2000 for i in range(101) for k in range(i, 101))
        place = min(range(len(shifts)), key=lambda at: abs(shifts[at] - math.log(known.low)))  # type: ignore[union-attr]
        self.assertAlmostEqual(place / counted, 1, delta=0.02)
        many = ratio_estimate([1.0] * 1100, [1.0 + one / 1e6 for one in range(1100)], paired=True)
        self.assertEqual(many.spread, Spread.INTERVAL)  # type: ignore[union-attr]
        middle = median_estimate([float(one) for one in range(10_001)])
        self.assertEqual((middle.value, middle.low, middle.high), (5000.0, 4901.0, 5099.0))

    def test_more_confidence_takes_more_values(self) -> None:
        values = [float(one) for one in range(1, 11)]  # 22 of 1024 lie in the tails of .95, 2 in those of .99.
        self.assertEqual((median_estimate(values).low, median_estimate(values).high), (2.0, 9.0))
        wide = median_estimate(values, 0.99)
        self.assertEqual((wide.low, wide.high, wide.spread), (1.0, 10.0, Spread.INTERVAL))
        self.assertEqual(median_estimate(values[:7], 0.99).spread, Spread.RANGE)
        self.assertEqual(median_estimate(values[:8], 0.99).spread, Spread.INTERVAL)  # 1 - 2 / 256 = .992.

    def test_a_ratio_of_zero_is_none(self) -> None:
        self.assertIsInstance(ratio_estimate([0.0, 1.0], [1.0, 1.0], paired=False), Absent)
        self.assertIsInstance(ratio_estimate([5e-324] * 4, [1e30] * 4, paired=False), Absent)


class Histograms(unittest.TestCase):
    def test_of_an_old_run_are_what_its_columns_say(self) -> None:
        for cell in read_run(OLD_RUN).cells:
            for repetition in cell.repetitions:
                for latency in repetition.latencies.values():
                    buckets = latency.buckets()
                    self.assertEqual(total(buckets), latency.count)
                    for name, percent in (("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p99_9", 99.9), ("p99_99", 99.99)):
                        self.assertEqual(percentile(buckets, percent), latency.numbers[name], name)
                    mean = sum(one.count * (one.low + one.high) / 2 for one in buckets) / latency.count
                    self.assertAlmostEqual(mean / (latency.numbers["mean"] or 1), 1, delta=0.01)

    def test_ones_without_end_or_without_calls_are_refused(self) -> None:
        with self.assertRaisesRegex(ExportError, "more buckets than any"):
            _buckets([1] * 200_000, digits=5, lowest=1)
        empty = Latency("ns", 3, {}, run_testing.encoded_histogram([]))
        with self.assertRaisesRegex(ExportError, "counts 3 calls and holds none"):
            empty.buckets()
        with self.assertRaisesRegex(ExportError, "counts 0 calls and holds some"):
            Latency("ns", 0, {}, run_testing.encoded_histogram([5])).buckets()
        self.assertEqual(Latency("ns", 0, {}, run_testing.encoded_histogram([])).buckets(), [])

    def test_damaged_ones_are_refused(self) -> None:
        good = run_testing.encoded_histogram([1, 5, 5, 900])
        self.assertEqual([(one.low, one.count) for one in decode(good)], [(1, 1), (5, 2), (900, 1)])
        for bad in ("", "A", "AAAAAAAAAAA=", good[:-8], "HISTFAAAAAB", good[::-1]):
            with self.assertRaises(ExportError):
                decode(bad)


class Runs(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="violet-test-")
        self.addCleanup(folder.cleanup)
        self.place = pathlib.Path(folder.name) / "20260131T120000Z-figures-0"
        run_testing.write_run(self.place)

    def cell(self, label: str) -> object:
        return next(one for one in read_run(self.place).cells if one.label == label)

    def test_zero_and_not_available_are_told_apart(self) -> None:
        run = read_run(self.place)
        strict, off = run.cells[0], run.cells[2]
        self.assertEqual(strict.estimate("mean_stale_pages").value, 0)  # type: ignore[union-attr]
        self.assertEqual(off.estimate("mean_stale_pages"), Absent(STAYS_REACHABLE))
        self.assertEqual(strict.estimate("frequency_before"), Absent("the kernel shows no frequency of these CPUs"))
        self.assertEqual(strict.estimate("nonsense"), Absent("it was not measured"))
        self.assertEqual(run.fact("governor"), "not available: there is no cpufreq here")

    def test_former_names_are_those_of_the_catalogue(self) -> None:
        text = (ROOT / "experiments/results/metric_catalogue.cpp").read_text(encoding="utf-8")
        rows = re.findall(r'\{\s*"(\w+)",[^{}]*\{((?:"\w+",?\s*)+)\}(,\s*kDistribution)?', text)
        there = {
            former: name + (".mean" if distribution else "")
            for name, names, distribution in rows
            for former in re.findall(r'"(\w+)"', names)
        }
        self.assertEqual(there, FORMER_NAMES)
        self.assertIsNotNone(
            self.cell("strategy=strict costs.exit_ns=0")
            .repetitions[0]  # type: ignore[attr-defined]
            .value("mean_stale_pages_lower_bound")
        )

    def test_the_first_undisturbed_retry_counts(self) -> None:
        connection = sqlite3.connect(self.place / "results.sqlite")
        connection.execute("DROP TABLE IF EXISTS checks")
        connection.execute("DROP INDEX notes_of_repetition")
        connection.execute("INSERT INTO repetitions VALUES(900, 'cell-1', 6, 1, 1, 99.0, 1.0)")
        connection.execute("INSERT INTO metrics VALUES(900, 'retry_of', '1', 4, NULL, 'neither')")
        connection.execute("INSERT INTO metrics VALUES(900, 'operations_per_s', '1', 5, NULL, 'higher')")
        connection.commit()
        connection.close()
        cell = read_run(self.place).cells[1]
        self.assertEqual([(slot, one.number) for slot, one in cell.slots][3], (3, 6))
        self.assertEqual(cell.disturbed(), 0)
        self.assertEqual(sum(not one.counts for one in cell.repetitions), 1)

    def test_ratios_are_of_the_repetitions_that_both_have(self) -> None:
        run = read_run(self.place)
        one, other = run.cells[0], run.cells[1]
        for cell, count in ((one, 7), (other, 15)):
            rates = [100.0 + number * 7 % 5 if number < 7 else 300.0 + number for number in range(count)]
            metrics = [{cells.RATE: Metric("op/s", rate, "")} for rate in rates]
            cell.slots = [(number, Repetition(number, 0.0, 1.0, of)) for number, of in enumerate(metrics)]
        for pair in ((one, other), (other, one)):
            ratio = cells.ratio_of(run, *pair, cells.RATE)
            self.assertEqual(ratio, Estimate(1.0, 1.0, 1.0, Spread.INTERVAL, 7))
        self.assertEqual(other.estimate(cells.RATE).value, 307.0)  # type: ignore[union-attr]
        other.slots = other.slots[7:]
        self.assertEqual(cells.ratio_of(run, one, other, cells.RATE), Absent("no repetition has both"))

    def test_a_run_that_stopped_by_a_rule_has_wider_intervals(self) -> None:
        path = self.place / "manifest.json"
        manifest = json.loads(path.read_text(encoding="utf-8"))
        estimate = read_run(self.place).cells[0].estimate("operations_per_s")
        self.assertEqual(estimate.spread, Spread.INTERVAL)  # type: ignore[union-attr]
        path.write_text(json.dumps({**manifest, "until_ci": {"percent": 5, "confidence": 0.99}}), encoding="utf-8")
        estimate = read_run(self.place).cells[0].estimate("operations_per_s")
        self.assertEqual(estimate.spread, Spread.RANGE)  # type: ignore[union-attr]
        for rule in (
            7,
            {},
            {"confidence": "much"},
            {"confidence": 0.5},
            {"confidence": 2},
            {"confidence": 1},
            {"confidence": True},
        ):
            path.write_text(json.dumps({**manifest, "until_ci": rule}), encoding="utf-8")
            with self.assertRaisesRegex(ExportError, "until_ci"):
                read_run(self.place)
        path.write_text(json.dumps({**manifest, "until_ci": None}), encoding="utf-8")
        estimate = read_run(self.place).cells[0].estimate("operations_per_s")
        self.assertEqual(estimate.spread, Spread.INTERVAL)  # type: ignore[union-attr]
        almost = median_estimate([float(one) for one in range(1001)], 1 - 2**-53)
        self.assertEqual(almost.value, 500.0)
        self.assertLess(almost.low, 400.0)

    def test_a_changed_number_is_seen(self) -> None:
        if not database.has_checksums():
            self.skipTest("needs python3-xxhash")
        self.assertEqual(read_run(self.place).unchecked, "")
        connection = sqlite3.connect(self.place / "results.sqlite")
        connection.execute("UPDATE metrics SET value = value + 1 WHERE repetition_id = 3 AND name = 'operations_per_s'")
        connection.commit()
        connection.close()
        with self.assertRaisesRegex(ExportError, "checksum does not fit"):
            read_run(self.place)

    def test_what_a_run_never_stores_is_refused(self) -> None:
        for sql, words in (
            ("CREATE VIEW v AS SELECT 1", "a view"),
            ("CREATE TABLE x(a)", "table 'x'"),
            ("CREATE TRIGGER t AFTER INSERT ON notes BEGIN SELECT 1; END", "trigger"),
            ("ALTER TABLE metrics ADD COLUMN z AS (1)", "computed"),
            ("DROP TABLE metrics", "is missing"),
            ("PRAGMA user_version = 9", "schema version 9"),
            ("PRAGMA application_id = 1", "not results of Violet"),
        ):
            with self.subTest(sql), tempfile.TemporaryDirectory() as folder:
                place = pathlib.Path(folder) / "run"
                run_testing.write_run(place)
                connection = sqlite3.connect(place / "results.sqlite")
                connection.execute(sql)
                connection.commit()
                connection.close()
                with self.assertRaisesRegex(ExportError, words):
                    read_run(place)

    def test_nothing_is_written_beside_a_run(self) -> None:
        before = {one.name: one.stat().st_mtime_ns for one in self.place.iterdir()}
        read_run(self.place)
        self.assertEqual({one.name: one.stat().st_mtime_ns for one in self.place.iterdir()}, before)

    def test_links_devices_and_endless_files_are_refused(self) -> None:
        (self.place / "manifest.json").rename(self.place / "elsewhere")
        (self.place / "manifest.json").symlink_to("elsewhere")
        with self.assertRaisesRegex(ExportError, "manifest.json"):
            read_run(self.place)
        (self.place / "manifest.json").unlink()
        os.mkfifo(self.place / "manifest.json")
        with self.assertRaisesRegex(ExportError, "no regular file"):
            read_run(self.place)
        with self.assertRaisesRegex(ExportError, "longer than"):
            read_bounded(self.place / "elsewhere", 10)
        with self.assertRaisesRegex(ExportError, "no run is called"):
            find_run("nosuch", self.place)

    def test_folders_in_place_of_files_are_refused(self) -> None:
        for name in ("manifest.json", "resolved.json", "results.sqlite"):
            with self.subTest(name):
                place = self.place.parent / name
                run_testing.write_run(place)
                (place / name).unlink(missing_ok=True)
                (place / name).mkdir()
                with self.assertRaisesRegex(ExportError, "is no regular file"):
                    read_run(place)
        (self.place / "trace.pyramid").mkdir()
        with self.assertRaisesRegex(ExportError, "is no regular file"):
            sections_of(self.place / "trace.pyramid")

    def test_a_disk_without_room_for_a_copy_is_said(self) -> None:
        with unittest.mock.patch.object(pathlib.Path, "write_bytes", side_effect=OSError(28, "No space left on device")):
            with self.assertRaisesRegex(ExportError, "cannot be copied to .*No space left"):
                read_run(self.place)

    def test_damage_is_one_sentence(self) -> None:
        for name, data in (
            ("manifest.json", b"{"),
            ("manifest.json", b"[" * 100_000),
            ("manifest.json", b'{"schema": 1}'),
            ("results.sqlite", b"SQLite format 3\0" + b"\xff" * 5000),
            ("results.sqlite", b""),
        ):
            with self.subTest(name=name, data=data[:20]), tempfile.TemporaryDirectory() as folder:
                place = pathlib.Path(folder) / "run"
                run_testing.write_run(place)
                (place / name).write_bytes(data)
                with self.assertRaisesRegex(ExportError, re.escape(name)):
                    read_run(place)

    def test_names_are_printable_and_end(self) -> None:
        self.assertEqual(printable("a\x1b[31m\u202eb\n"), "a?[31m?b?")
        self.assertEqual(len(printable("x" * 10_000)), 403)

    def test_a_percentile_needs_three_calls_beyond_it(self) -> None:
        self.assertEqual([calls_for(one) for one in (50, 90, 99, 99.9, 99.99)], [6, 30, 300, 3000, 30000])
        cell = read_run(self.place).cells[0]
        self.assertIsInstance(cell.estimate("map.p99"), Estimate)
        self.assertEqual(cell.estimate("map.p99.9"), Absent("it needs 3000 calls in a repetition"))
        self.assertIsInstance(cell.estimate("map.max"), Estimate)

    def test_a_journal_that_names_a_file_removes_none(self) -> None:
        precious = self.place.parent / "precious"
        precious.write_text("still here", encoding="utf-8")
        self.addCleanup(pathlib.Path(f"{self.place}/results.sqlite-journal").unlink)
        head = (self.place / "results.sqlite").read_bytes()[:100]
        page, pages = int.from_bytes(head[16:18], "big"), (self.place / "results.sqlite").stat().st_size
        magic, name = bytes.fromhex("d9d505f920a163d7"), os.fsencode(precious)
        journal = (magic + struct.pack(">IIIII", 0, 7, pages // page, 512, page)).ljust(512, b"\0")
        journal += struct.pack(">I", 0x40000000 // page + 1) + name + struct.pack(">II", len(name), sum(name)) + magic
        (self.place / "results.sqlite-journal").write_bytes(journal)
        with self.assertRaisesRegex(ExportError, "results.sqlite-journal: names another file"):
            read_run(self.place)
        self.assertTrue(precious.exists())

    def test_cells_over_several_states_of_the_host(self) -> None:
        mixed = regimes.mixed_cells(read_run(self.place))
        self.assertEqual([cell.axis("strategy") for cell in mixed], ["lazy-percpu", "lazy-percpu"])

    def test_a_baseline_has_all_else_in_common(self) -> None:
        run = read_run(self.place)
        self.assertEqual(cells.baseline_words(run, ""), ["strategy=off"])
        base = cells.Baselines(run, ["strategy=off"]).of(run.cells[5])
        self.assertEqual((base.axis("strategy"), base.axis("costs.exit_ns")), ("off", "1500"))  # type: ignore[union-attr]
        run.cells[1].axes["strategy.lazy-percpu.entries"] = 64
        run.cells[5].axes["strategy.lazy-percpu.entries"] = 256
        base = cells.Baselines(run, ["strategy=off"]).of(run.cells[5])
        self.assertEqual(base, run.cells[6])


class Points(unittest.TestCase):
    def test_read_back_as_they_were(self) -> None:
        points = [
            Point(series='a "quoted", one', x=0.1, y=0.0, y_low=-1e-300, y_high=1 / 3, repetitions=3, spread="range"),
            Point(state="not available", because="line\nbreak", y=None),
        ]
        self.assertEqual(points_from_csv(points_to_csv(points), "points.csv"), points)

    def test_damage_is_refused(self) -> None:
        text = points_to_csv([Point(y=1.0)])
        with self.assertRaisesRegex(ExportError, "more than a figure holds"):
            points_from_csv(points_to_csv([Point()] * 50_001), "points.csv")
        for bad in ("", "a,b\n", text.replace("1.0", "nan"), text.replace("1.0", "x"), text + ",\n"):
            with self.assertRaises(ExportError):
                points_from_csv(bad, "points.csv")


if __name__ == "__main__":
    unittest.main()
