"""Figures: every kind from one run, the same bytes each time, and nothing drawn that is not so."""
from __future__ import annotations

import contextlib
import io
import json
import pathlib
import re
import shutil
import tempfile
import unittest
import unittest.mock
import warnings

from violet_export import kind_list, kinds_latency, pyramid, render, run_testing, style
from violet_export.command_line import run_verb
from violet_export.drawing import ALWAYS, NOT_AVAILABLE, Drawing, drawing_of
from violet_export.figure_files import drawing_for, verify_figure, write_figure
from violet_export.figure_verb import figure_verb
from violet_export.histogram import Bucket
from violet_export.hostile_files import ExportError
from violet_export.kinds import NotCarried, Options
from violet_export.estimates import median_estimate
from violet_export.run import Metric, Run, read_run


class Figures(unittest.TestCase):
    folder: pathlib.Path
    run_of_all: Run

    @classmethod
    def setUpClass(cls) -> None:
        holder = tempfile.TemporaryDirectory(prefix="violet-test-")
        cls.addClassCleanup(holder.cleanup)
        cls.folder = pathlib.Path(holder.name)
        run_testing.write_run(cls.folder / "run")
        cls.run_of_all = read_run(cls.folder / "run")

    def drawn(self, kind: str) -> Drawing:
        return drawing_for(kind, [self.run_of_all], Options())

    def verb(self, *arguments: str) -> tuple[int, str]:
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = figure_verb(list(arguments))
        return code, said.getvalue()

    def test_every_kind_is_drawn_or_refused_with_a_reason(self) -> None:
        carried = set()
        for kind in kind_list.KINDS:
            try:
                drawing = self.drawn(kind.name)
            except NotCarried as reason:
                self.assertGreater(len(str(reason)), 20)
                continue
            carried.add(kind.name)
            self.assertTrue(render.rendered(drawing, "png", style.COLUMN_INCHES).startswith(b"\x89PNG"))
            caption = render.caption_of(drawing)
            self.assertIn("Run run, plan figures, revision 0123456789ab", caption)
            self.assertIn("Modelled, not measured: exit_ns", caption, kind.name)
        self.assertEqual({kind.name for kind in kind_list.KINDS} - carried, {"exposure-time", "device-bound", "links"})

    def test_bars_tell_zero_from_what_is_missing(self) -> None:
        stale = self.drawn("exposure").points
        strict = [one for one in stale if one.cell.startswith("strategy=strict") and one.series == "stale, peak"]
        off = [one for one in stale if one.cell.startswith("strategy=off") and one.series == "stale, peak"]
        self.assertEqual([(one.y, one.state) for one in strict], [(0.0, "measured")] * 2)
        self.assertEqual([(one.y, one.state) for one in off], [(None, ALWAYS)] * 2)
        self.assertIn('"always" is no zero', render.caption_of(self.drawn("exposure")))

    def test_of_mappings_that_stay_no_time_mapped_is_drawn(self) -> None:
        level = pyramid.Level(0.0, 0.1, (1.0, 1.0, 1.0), (2.0, 2.0, 2.0))
        sections = [pyramid.Section(position, 0, 0, 0, 0, pyramid.VERSION) for position in range(3)]
        with (
            unittest.mock.patch.object(pyramid, "sections_of", return_value=sections),
            unittest.mock.patch.object(pyramid, "levels_of", return_value=[level]),
        ):
            points = self.drawn("exposure-time").points
        strict = {one.series: one.y for one in points if one.cell.startswith("strategy=strict")}
        off = {one.series: (one.y, one.because) for one in points if one.cell.startswith("strategy=off")}
        self.assertEqual(strict, {"stale": 1.0, "mapped": 2.0})
        self.assertEqual(off["mapped"][0], None)
        self.assertIn("as a sample", off["mapped"][1])
        self.assertEqual(off["stale"][0], None)

    def test_percentiles_without_enough_calls_are_not_available(self) -> None:
        points = self.drawn("whiskers").points
        self.assertEqual({one.state for one in points if one.group == "p99"}, {"measured"})
        few = [one for one in points if one.group == "p99.9"]
        self.assertEqual({(one.state, one.because) for one in few}, {(NOT_AVAILABLE, "it needs 3000 calls in a repetition")})

    def test_disturbed_and_injected_are_said(self) -> None:
        drawing = self.drawn("bars")
        self.assertIn("in 2 of 48 repetitions (2 of 8 cells)", render.caption_of(drawing))
        self.assertIn("The host was not the same throughout: medians of 2 of 8 cells", render.caption_of(drawing))
        self.assertIn(
            "\u2021 injected costs: 15 % of the time",
            "".join(text.get_text() for text in render.figure_of(drawing, 3.3).findobj(lambda one: hasattr(one, "get_text"))),
        )

    def test_a_cell_without_a_baseline_is_not_dropped(self) -> None:
        run = read_run(self.folder / "run")
        run.cells = [cell for cell in run.cells if cell.label != "strategy=off costs.exit_ns=1500"]
        points = drawing_for("bars", [run], Options()).points
        self.assertEqual(len(points), 7)
        self.assertEqual({one.because for one in points if one.y is None}, {"no baseline has all else in common with it"})

    def test_front_of_the_plane(self) -> None:
        points = self.drawn("plane").points
        self.assertEqual({one.state for one in points if one.series == "off"}, {ALWAYS})
        self.assertTrue(all(one.x is not None for one in points if one.series == "strict"))

    def test_the_plane_shows_throughput_whatever_metric_is_asked_for(self) -> None:
        asked = drawing_for("plane", [self.run_of_all], Options(metric="requests_per_operation"))
        self.assertEqual(asked.points, self.drawn("plane").points)

    def texts(self, drawing: Drawing, width: float = 7.0) -> list[str]:
        found = render.figure_of(drawing, width).findobj(lambda one: hasattr(one, "get_text"))
        return [text.get_text() for text in found if text.get_text()]

    def test_parts_of_the_time_have_intervals_of_their_own(self) -> None:
        rates = [100_000.0 * (1 + 0.01 * ((number * 7) % 5)) / 1.75 for number in range(6)]
        expected = median_estimate([0.15 * 1e9 / rate for rate in rates])
        points = [one for one in self.drawn("breakdown").points if one.cell == "strategy=strict costs.exit_ns=1500"]
        self.assertEqual([one.series for one in points], ["not injected", "injected: exit"])
        for point, share in zip(points, (0.85, 0.15)):
            self.assertAlmostEqual((point.y or 0) / expected.value, share / 0.15)
            self.assertAlmostEqual((point.y_low or 0) / expected.low, share / 0.15)
            self.assertAlmostEqual((point.y_high or 0) / expected.high, share / 0.15)

    def test_a_run_that_tells_phases_is_split_by_them(self) -> None:
        run = read_run(self.folder / "run")
        run.cells = run.cells[:2]
        told = {"guest": 100.0, "workload": 60.0, "spin": 30.0, "guest_rest": 4.0, "guest_breakdown": 1.0, "injected": 5.0}
        for _, one in run.cells[0].slots:
            one.metrics |= {f"time_{name}": Metric("ns", value, "") for name, value in told.items()}
            one.metrics["time_copy"] = Metric("ns", None, "nothing was copied")
        drawing = drawing_for("breakdown", [run], Options())
        first = {one.series: one.y for one in drawing.points if one.cell == run.cells[0].label}
        self.assertEqual(
            first,
            {"workload": 60.0, "spinning": 30.0, "telemetry": 1.0, "injected": 5.0, "not attributed": 4.0},
        )
        second = [one for one in drawing.points if one.cell == run.cells[1].label]
        self.assertEqual([(one.series, one.y) for one in second], [("workload", None)])
        self.assertIn("time_guest", second[0].because)
        self.assertTrue(any("n/a" in text for text in self.texts(drawing)))

    def test_a_cell_without_operations_or_cpus_stays_in_the_breakdown(self) -> None:
        run = read_run(self.folder / "run")
        for _, one in run.cells[0].slots:
            one.metrics["operations_per_s"] = Metric("1/s", 0.0, "")
        for _, one in run.cells[4].slots:
            one.metrics["cpus_used"] = Metric("1", None, "the kernel does not say")
        drawing = drawing_for("breakdown", [run], Options())
        reasons = [one.because for one in drawing.points if one.y is None]
        self.assertEqual(reasons, ["no operation was finished", "cpus_used: the kernel does not say"])
        self.assertEqual(sum("n/a" in text for text in self.texts(drawing)), 2)

    def test_rows_of_the_ablation_differ_and_keep_small_ratios(self) -> None:
        run = read_run(self.folder / "run")
        run.cells = [run.cells[0], run.cells[1], run.cells[5]]
        for cell, entries in zip(run.cells[1:], (64, 256)):
            cell.axes |= {"strategy.lazy-percpu.entries": entries, "costs.exit_ns": 0}
        for _, one in run.cells[1].slots:
            one.metrics["operations_per_s"] = Metric("1/s", 500.0, "")
        drawing = drawing_for("ablation", [run], Options(baseline="strategy=strict"))
        self.assertEqual(drawing.groups()[1:], ["lazy-percpu, entries 64", "lazy-percpu, entries 256"])
        self.assertTrue(any(text.startswith("0.0049") for text in self.texts(drawing)), self.texts(drawing))

    def test_what_has_no_place_is_named_in_the_plane_and_in_steps(self) -> None:
        run = read_run(self.folder / "run")
        for _, one in run.cells[0].slots:
            one.metrics["operations_per_s"] = Metric("1/s", None, "the clock stood still")
            one.latencies.clear()
        drawing = drawing_for("plane", [run], Options())
        self.assertIn("stale pages, mean over time (log)\nn/a: strict, exit 0 ns", self.texts(drawing))
        self.assertIn("the clock stood still", render.caption_of(drawing))
        self.assertIn("map latency (ns, log)\nn/a: strict", self.texts(drawing_for("cdf", [run], Options())))

    def test_repetitions_draw_zero_and_what_is_missing(self) -> None:
        run = read_run(self.folder / "run")
        drawing = drawing_for("repetitions", [run], Options(metric="kicks_per_operation"))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            axes = render.figure_of(drawing, 7.0).axes[0]
        zeros = [one.get_position()[0] for one in axes.texts if one.get_text() == "0"]
        self.assertEqual(len(zeros), 48)
        self.assertTrue(all(axes.get_xlim()[0] < x < axes.get_xlim()[1] for x in zeros))
        run.cells[0].repetitions[0].metrics["operations_per_s"] = Metric("1/s", None, "unknown")
        self.assertEqual(self.texts(drawing_for("repetitions", [run], Options())).count("n/a"), 1)

    def test_heatmap_says_what_it_leaves_out_and_needs_no_other_file(self) -> None:
        run = read_run(self.folder / "run")
        del run.cells[0].axes["costs.exit_ns"]
        drawing = drawing_for("heatmap", [run], Options(axis="costs.exit_ns,strategy"))
        caption = render.caption_of(drawing)
        self.assertIn("1 of 8 cells have no costs.exit_ns or strategy and are left out.", caption)
        self.assertNotIn("caps", caption)
        self.assertIn("in brackets are 95 % intervals", caption)
        if shutil.which("pdflatex"):
            self.assertNotIn(b"includegraphics", render.rendered(drawing, "pgf", style.PAGE_INCHES))

    def run_over(self, setting: str, places: dict[int, int]) -> Run:
        """The run, with its exits as the values of another setting."""
        run = read_run(self.folder / "run")
        for cell in run.cells:
            cell.axes[setting] = places[int(cell.axis("costs.exit_ns"))]
            del cell.axes["costs.exit_ns"]
        return run

    def test_device_bound_has_the_line_of_the_device_alone(self) -> None:
        run = self.run_over("workload.nvme-4k.service_ns", {0: 100, 1500: 20_000})
        drawing = drawing_for("device-bound", [run], Options())
        alone = [(one.x, one.y, one.spread) for one in drawing.points if one.series == "the device alone"]
        self.assertEqual(alone, [(100.0, 1e7, ""), (20_000.0, 50_000.0, "")])
        strict = [one for one in drawing.points if one.series == "strict"]
        self.assertEqual([one.x for one in strict], [100.0, 20_000.0])
        self.assertTrue(all(one.y_low is not None for one in strict))
        self.assertIn("strict: 9.85 us", drawing.caption)
        self.assertTrue(render.rendered(drawing, "png", style.COLUMN_INCHES).startswith(b"\x89PNG"))
        still = self.run_over("workload.nvme-4k.service_ns", {0: 0, 1500: 100})
        with self.assertRaisesRegex(NotCarried, "at one speed only"):
            drawing_for("device-bound", [still], Options())

    def test_links_are_over_the_pages_of_a_request(self) -> None:
        run = self.run_over("workload.nvme-4k.io_bytes", {0: 4096, 1500: 524_288})
        drawing = drawing_for("links", [run], Options())
        self.assertEqual({(one.x, one.y) for one in drawing.points}, {(1.0, 1.0), (128.0, 1.0)})
        self.assertEqual(drawing.y_label, "waits per operation")
        fragments = self.run_over("workload.net-tx.fragments", {0: 1, 1500: 17})
        self.assertEqual({one.x for one in drawing_for("links", [fragments], Options()).points}, {1.0, 17.0})

    def test_signs_that_are_explained_stand_somewhere(self) -> None:
        for kind in kind_list.KINDS:
            try:
                texts = self.texts(self.drawn(kind.name))
            except NotCarried:
                continue
            for sign in "\u2020\u2021":
                explained = [one for one in texts if sign in one and ("injected costs:" in one or " disturbed rep" in one)]
                marked = [one for one in texts if sign in one and one not in explained]
                self.assertFalse(explained and not marked, (kind.name, sign, texts))

    @unittest.skipUnless(shutil.which("pdflatex"), "needs pdflatex (texlive-latex-base)")
    def test_pgf_sets_every_character_of_a_label(self) -> None:
        run = read_run(self.folder / "run")
        run.cells = run.cells[:2]
        run.cells[0].axes["strategy"] = "a#b&c{d^e}$%_~\\f"
        text = render.rendered(drawing_for("bars", [run], Options()), "pgf", style.COLUMN_INCHES).decode("utf-8")
        self.assertIn(r"a\#b\&c\{d\textasciicircum{}e\}\textdollar{}\%\_", text)

    def test_words_that_cannot_be_drawn_are_an_error(self) -> None:
        drawing = self.drawn("plane")
        drawing.x_label = "$\\nothing{$"
        self.assertTrue(render.rendered(drawing, "png", style.COLUMN_INCHES))
        with self.assertRaisesRegex(ExportError, "heatmap: its points or words cannot be drawn"):
            render.rendered(Drawing("heatmap", []), "png", style.COLUMN_INCHES)

    def test_the_same_bytes_twice_and_fonts_that_are_accepted(self) -> None:
        drawing = self.drawn("bars")
        for one in ("pdf", "svg", "png"):
            data = render.rendered(drawing, one, style.COLUMN_INCHES)
            self.assertEqual(data, render.rendered(drawing, one, style.COLUMN_INCHES), one)
            self.assertNotIn(b"CreationDate", data)
        pdf = render.rendered(drawing, "pdf", style.COLUMN_INCHES)
        self.assertNotIn(b"/Type3", pdf)
        self.assertIn(b"/FontFile2", pdf)
        self.assertIn(b"revision 0123456789abcdef", pdf)
        svg = render.rendered(drawing, "svg", style.COLUMN_INCHES).decode("utf-8")
        self.assertNotIn("<script", svg)
        width = re.search(rb"/MediaBox \[ 0 0 ([\d.]+)", pdf)
        self.assertAlmostEqual(float(width.group(1)), 3.3 * 72, delta=0.1)  # type: ignore[union-attr]

    def test_verify_holds_and_sees_every_change(self) -> None:
        place = self.folder / "stored"
        place.mkdir()
        files = write_figure(self.drawn("bars"), place / "bars", ["pdf", "png"], 3.3, Options())
        self.assertEqual(sorted(one.suffix for one in files), [".csv", ".json", ".pdf", ".png", ".txt"])
        found = verify_figure(place / "bars.json", [self.run_of_all])
        self.assertEqual(
            (found.wrong, sorted(found.compared)), ([], ["caption", "pdf", "png", "points", "points from the run"])
        )
        for ending in ("csv", "txt", "png"):
            path = place / f"bars.{ending}"
            before = path.read_bytes()
            path.write_bytes(before.replace(b"5", b"6", 1))
            self.assertTrue(verify_figure(place / "bars.json", []).wrong, ending)
            path.write_bytes(before)
        words = json.loads((place / "bars.json").read_text(encoding="utf-8"))
        words["sha256"]["../../etc/passwd"] = "0"
        (place / "bars.json").write_text(json.dumps(words), encoding="utf-8")
        with self.assertRaisesRegex(ExportError, "no file of this figure"):
            verify_figure(place / "bars.json", [])

    def test_verify_needs_the_run_to_say_that_points_hold(self) -> None:
        place = self.folder / "several"
        place.mkdir()
        other = self.folder / "other run"
        run_testing.write_run(other, repetitions=3)
        runs = [self.run_of_all, read_run(other)]
        write_figure(drawing_for("bars", runs, Options()), place / "bars", ["png"], 7.0, Options())
        code, said = self.verb("--verify", str(place))
        self.assertEqual(code, 0)
        self.assertIn("points were not compared with a run", said)
        for order in (runs, runs[::-1]):
            found = verify_figure(place / "bars.json", order)
            self.assertEqual(found.wrong, [])
            self.assertIn("points from the run", found.compared)
        self.assertIn("it is of other run", verify_figure(place / "bars.json", runs[:1]).left_out[0])

    def test_halves_of_characters_are_damage(self) -> None:
        for name, value in (("caption", "\ud800"), ("notes", ["\ud800"]), ("runs", [{"id": "\udfff"}])):
            with self.assertRaisesRegex(ExportError, "damaged"):
                drawing_of({**self.drawn("bars").words(), name: value}, [])

    def test_a_legend_of_thousands_has_as_many_columns_as_fit(self) -> None:
        self.assertEqual(style.legend_columns(["strict"] * 50_000, 7.0), 8)
        self.assertEqual(style.legend_columns(["a", "bb", "ccc"], 3.3), 3)
        self.assertEqual(style.legend_columns(["a" * 100, "b"], 3.3), 1)

    def test_a_histogram_of_every_bucket_is_drawn(self) -> None:
        buckets = [Bucket(at, at, 1) for at in range(100_000)]
        places, shares = kinds_latency._curve(buckets)
        self.assertEqual((places[-1], shares[0], shares[-1]), (99_999, 1e-5, 1.0))

    def test_verify_of_a_damaged_folder_is_an_error(self) -> None:
        place = self.folder / "damaged"
        place.mkdir()
        write_figure(self.drawn("breakdown"), place / "a", ["png"], 3.3, Options())
        before = json.loads((place / "a.json").read_text(encoding="utf-8"))
        for options in ({"unknown": ""}, {"metric": 3}, []):
            (place / "a.json").write_text(json.dumps({**before, "options": options}), encoding="utf-8")
            with self.assertRaisesRegex(ExportError, "damaged"):
                self.verb("--verify", str(place), str(self.folder / "run"))
        (place / "a.json").write_text(json.dumps(before), encoding="utf-8")
        run = read_run(self.folder / "run")
        run.cells = run.cells[:4]
        self.assertIn("carries no such figure", verify_figure(place / "a.json", [run]).wrong[0])
        for key, value in (("kind", "bogus"), ("runs", [3]), ("runs", [{"revision": 3}]), ("notes", [3])):
            (place / "a.json").write_text(json.dumps({**before, "words": {**before["words"], key: value}}), encoding="utf-8")
            with self.assertRaises(ExportError):
                verify_figure(place / "a.json", [])

    def test_the_verb(self) -> None:
        run = str(self.folder / "run")
        out = self.folder / "by verb"
        code, said = self.verb("bars", run, "--out", str(out / "a.svg"), "--width", "page")
        self.assertEqual(code, 0, said)
        self.assertEqual(sorted(one.name for one in out.iterdir()), ["a.csv", "a.json", "a.svg", "a.txt"])
        self.assertEqual(self.verb("--verify", str(out), run)[0], 0)
        self.assertEqual(self.verb("exposure-time", run, "--out", str(out / "b.svg"))[0], 1)
        code, said = self.verb("list", run)
        self.assertIn("not of run: the run has no readable level of detail", said)
        with self.assertRaisesRegex(ExportError, "no kind of figure is called 'bar'"):
            self.verb("bar", run, "--out", "x.pdf")
        for wrong, words in (
            (("bar", run, "--out", "x.pdf"), "no kind of figure is called 'bar', did you mean 'bars'?"),
            (("bars", run, "--metric", "operations_pers", "--out", "x.pdf"), "did you mean 'operations_per_s'?"),
            (("bars", run, "--where", "strategy=strickt", "--out", "x.pdf"), "no cell of run has 'strategy=strickt'"),
        ):
            heard = io.StringIO()
            with contextlib.redirect_stderr(heard):
                self.assertEqual(run_verb(figure_verb, list(wrong)), 2)
            self.assertIn(words, heard.getvalue())
        with self.assertRaisesRegex(ExportError, "not 'jpg'"):
            self.verb("bars", run, "--out", "x.jpg")
        with self.assertRaises(SystemExit):
            self.verb("bars", run)

    def test_a_sheet_has_every_kind_that_a_run_carries(self) -> None:
        code, said = self.verb("--sheet", str(self.folder / "run"), "--grey", "--out", str(self.folder / "sheet.png"))
        self.assertEqual(code, 0, said)
        self.assertTrue((self.folder / "sheet.png").read_bytes().startswith(b"\x89PNG"))

    def test_two_runs_stand_side_by_side(self) -> None:
        drawing = drawing_for("bars", [self.run_of_all, self.run_of_all], Options())
        self.assertEqual(drawing.panels(), ["run 1", "run 2"])
        self.assertEqual(len(drawing.runs), 2)


if __name__ == "__main__":
    unittest.main()
