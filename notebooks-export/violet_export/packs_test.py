"""Packs are checked completely, and what is told of a claim is what the program judged."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import unittest
from collections.abc import Callable
from unittest import mock

from violet_export import artifact_verb, command_line, packs, run_testing
from violet_export.artifact_appendix import appendix, to_latex, to_markdown
from violet_export.artifact_page import markdown_table
from violet_export.artifact_runs import Foreseen
from violet_export.hostile_files import ExportError, UsageError
from violet_export.text_table import text_table

ROOM = pathlib.Path(__file__).resolve().parents[1]
PLANS = ROOM.parent / "experiments/plans"
PLAN = """
[[expect]]
claim = "Strict is slow"
class = "must"
source = "somebody, 2020"
[[expect]]
claim = "Lazy is not"
class = "should"
source = "somebody else, 2021"
"""
PACK = """
[pack]
title = "A work"
source = "Somebody, 2020"
measured = "This."
shown = '''One
paragraph.

Another.'''
not_shown = "That."
[[claim]]
id = "A"
claim = "Strict loses"
published = "to 43 %"
plan = "tried"
expectation = "Strict is slow"
[[claim]]
id = "B"
claim = "Sixteen cores lose more"
not_attempted = "it needs sixteen"
[[figure]]
plan = "tried"
kind = "bars"
shows = "Bars."
[check]
tried = ["repetitions=6"]
"""
# Stands in for the program: prints what `run` and `report` print, and writes down what it was asked for.
PROGRAM = """#!{python}
import json
import pathlib
import sys

with open({log!r}, "a") as log:
    print(*sys.argv[1:], file=log)
asked = {{"claim": "Strict is slow", "class": "must", "expected": "at most 0.5", "high": 0.5}}
verdict = {{"measured": "0.4", "verdict": {verdict!r}, "reason": "<b>|", "evidence": []}}
if "--dry-run" in sys.argv:
    print(json.dumps({{"estimated_s": {seconds}, "trace_mib": 64, "expectations": [asked]}}))
    sys.exit(0)
expects = [{{**asked, **verdict, **{edited!r}}}]
manifest = {{"run_id": {run!r}, "plan": {{"name": {plan!r}}}, "outcome": {outcome!r}, "host": "lab", "cpu_model": "a CPU",
            "cpus_online": 2, "kernel": {{"value": None, "because": "none"}}, "git_revision": "abc"}}
if {code} != 130:
    print(json.dumps({{"schema": "violet.report", "version": 1, "manifest": manifest, "expectations": expects}}))
sys.exit({code})
"""


class Packs(unittest.TestCase):
    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory(prefix="violet-test-")
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)
        for name in ("notebooks-export/packs", "experiments/plans", "runs"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "experiments/plans/tried.toml").write_text(PLAN, encoding="utf-8")
        self.pack = self.write(PACK)

    def write(self, text: str, name: str = "a-work") -> pathlib.Path:
        path = self.folder / f"notebooks-export/packs/{name}.toml"
        path.write_text(text, encoding="utf-8")
        return path

    def program(self, verdict: str = "holds", code: int = 0, **others: object) -> str:
        path = self.folder / "program"
        words = {"run": "r1", "plan": "tried", "seconds": 30, "outcome": "finished", "edited": {}, **others}
        log = str(self.folder / "asked")
        path.write_text(PROGRAM.format(python=sys.executable, log=log, verdict=verdict, code=code, **words), encoding="utf-8")
        path.chmod(0o755)
        return str(path)

    def verb(self, *words: str, program: str = "") -> tuple[int, str, str]:
        self.printed = out = io.StringIO()
        err = io.StringIO()
        with (
            mock.patch.object(artifact_verb, "ROOT", self.folder),
            mock.patch.dict(os.environ, {"VIOLET_RUNS": str(self.folder / "runs"), "COLUMNS": "100"}),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = artifact_verb.artifact_verb(["--program", program, *words] if program else list(words))
        return code, out.getvalue(), err.getvalue()

    def read(self) -> packs.Pack:
        return packs.read_pack(self.pack, self.folder / "experiments/plans")

    def test_a_pack_is_what_its_file_says(self) -> None:
        pack = self.read()
        self.assertEqual((pack.name, pack.shown, pack.plans()), ("a-work", "One paragraph.\n\nAnother.", ["tried"]))
        self.assertEqual(pack.claims[0].expectation, packs.Expected("Strict is slow", "must", "somebody, 2020"))
        self.assertEqual((pack.claims[1].expectation, pack.claims[1].not_attempted), (None, "it needs sixteen"))
        self.assertEqual(pack.check, {"tried": ("repetitions=6",)})

    def test_every_problem_names_file_and_key(self) -> None:
        wrong = [
            ("title = ", "titel = ", "'pack.titel'.*did you mean 'title'"),
            ('title = "A work"', "title = 3", "'pack.title': has to be a text"),
            ('title = "A work"\n', "", "'pack.title': is missing"),
            ('measured = "This."', 'measured = " "', "'pack.measured'"),
            ("[check]", "[chek]", "'chek'.*did you mean 'check'"),
            ("tried = [", "tride = [", "'check.tride'.*did you mean 'tried'"),
            ('["repetitions=6"]', '["repetitions"]', "'check.tried': has to be a list of texts KEY=VALUE"),
            ("[[figure]]", "[figure]", "'figure': has to be a list of tables"),
            ('kind = "bars"', 'kind = "bar"', r"'figure\[1\].kind'.*did you mean 'bars'"),
            ('kind = "bars"', 'kind = "bars"\nabsolute = "no"', r"'figure\[1\].absolute': has to be a bool"),
            ('plan = "tried"\nkind', 'plan = "other"\nkind', r"'figure\[1\].plan'"),
            ('plan = "tried"\nexp', 'plan = "tired"\nexp', r"'claim\[1\].plan'.*did you mean 'tried'"),
            ('plan = "tried"\nexp', 'plan = "../x"\nexp', r"'claim\[1\].plan': no bundled plan"),
            ('"Strict is slow"', '"Strict is slw"', r"'claim\[1\].expectation'.*did you mean 'Strict is slow'"),
            ('expectation = "Strict is slow"\n', "", r"'claim\[1\].expectation': plan and expectation go together"),
            ('not_attempted = "it needs sixteen"', "", r"'claim\[2\]': claim B needs either"),
            ('id = "B"', 'id = "B"\nplan = "tried"', r"'claim\[2\]': claim B needs either"),
            ('id = "B"', 'id = "A"', "'claim.id': 'A' is the name of two claims"),
            ("[pack]", "pack = 3\n[other]", "'other'|'pack'"),
            ("[pack]", "[pack", "no TOML"),
        ]
        for before, after, expected in wrong:
            with self.subTest(after=after):
                self.assertIn(before, PACK)
                self.write(PACK.replace(before, after, 1))
                with self.assertRaisesRegex(ExportError, rf"a-work\.toml: .*(?:{expected})"):
                    self.read()
        self.write("[pack]\n" + PACK.partition("[pack]")[2].partition("[[claim]]")[0])
        with self.assertRaisesRegex(ExportError, r"'claim': a pack has one"):
            self.read()

    def test_any_bytes_are_a_pack_or_an_error_that_names_the_file(self) -> None:
        seed = PACK.encode("utf-8")
        for number in range(400):
            choose = random.Random(number)
            data = bytearray(seed)
            for _ in range(choose.randint(1, 6)):
                at, to = sorted(choose.sample(range(len(data)), 2))
                data[at:to] = choose.choice(
                    [b"", data[at:to][::-1], choose.choice(b'"[]=#\n\x00\xff').to_bytes(), seed[at : at + 9]]
                )
            self.pack.write_bytes(bytes(data))
            try:
                self.read()
            except ExportError as error:
                self.assertIn("a-work.toml: ", str(error), number)

    def test_the_bundled_packs_are_whole(self) -> None:
        bundled = packs.read_packs(ROOM / "packs", PLANS)
        self.assertGreaterEqual(len(bundled), 9)
        for pack in bundled:
            self.assertTrue(any(claim.expectation for claim in pack.claims) or not pack.plans(), pack.name)
        self.assertTrue(artifact_verb.checked_plans(bundled))

    def test_claims_say_no_more_than_is_judged(self) -> None:
        bundled = {pack.name: pack for pack in packs.read_packs(ROOM / "packs", PLANS)}
        limits: list[tuple[str, str, Callable[[dict[str, float]], str]]] = [
            ("page-table-cost", "V26-map", lambda bounds: f"at most {bounds['at_most']:g} times"),
            ("page-table-cost", "V26-unmap", lambda bounds: f"at most {bounds['at_most']:g} times"),
            ("stevens-2021", "V7-map", lambda bounds: f"{100 - 100 * bounds['at_most']:g} % less time or better"),
            ("stevens-2021", "V7-unmap", lambda bounds: f"{100 - 100 * bounds['at_most']:g} % less time or better"),
            ("nvme-iommu-2026", "device-bound", lambda bounds: f"{100 - 100 * bounds['at_least']:g} % at most"),
        ]
        for name, identity, words in limits:
            claim = next(one for one in bundled[name].claims if one.identity == identity)
            plan = tomllib.loads((PLANS / f"{claim.plan}.toml").read_text(encoding="utf-8"))
            assert claim.expectation is not None
            bounds = next(one for one in plan["expect"] if one["claim"] == claim.expectation.claim)
            self.assertIn(words(bounds), claim.claim, identity)
        drive = bundled["nvme-iommu-2026"]
        self.assertIn("567 910 I/Os a second by passthrough, 554 423 under strict, 2.4 % less", drive.measured)
        self.assertEqual((round(100 - 55442300 / 567910, 1), round(56263100 / 554423 - 100, 1)), (2.4, 1.5))
        self.assertIn("no map at the IOMMU", drive.not_shown)
        self.assertNotIn("ring", bundled["eiovar-fast15"].measured)

    def test_list_tells_how_much_is_tried(self) -> None:
        code, out, _ = self.verb("list")
        self.assertEqual(code, 0)
        self.assertRegex(out, r"a-work +A work +Somebody, 2020 +1 of 2 +tried +yes")
        with self.assertRaisesRegex(UsageError, "did you mean 'a-work'"):
            self.verb("list", "a-wrok")
        with self.assertRaisesRegex(ExportError, "is not built"):
            self.verb("run")

    def test_run_prints_what_the_program_judged(self) -> None:
        run_testing.write_run(self.folder / "runs/r1")
        out_folder = self.folder / "out"
        code, out, err = self.verb("run", "--out", str(out_folder), "--progress", "never", program=self.program())
        self.assertEqual(code, 0, err)
        self.assertRegex(out, r"a-work +A: Strict loses +at most 0.5 +0.4 +must: holds")
        self.assertIn("2 claims: 1 holds, 1 not attempted", out)
        asked = (self.folder / "asked").read_text(encoding="utf-8")
        self.assertEqual(asked, "run tried --format json --progress never\n")
        page = (out_folder / "a-work/page.md").read_text(encoding="utf-8")
        self.assertIn(r"| A | Strict loses | to 43 % | at most 0.5 | 0.4 | must: holds (\<b\>\|) |", page)
        self.assertIn("| B | Sixteen cores lose more |  | it needs sixteen |", page)
        self.assertIn("- A: somebody, 2020", page)
        self.assertIn("not available: none", page)
        drawn = not command_line.missing(command_line.FIGURES)
        self.assertEqual((out_folder / "a-work/1-tried-bars.pdf").exists(), drawn)
        self.assertIn("1-tried-bars.png" if drawn else "./violet setup --figures", page)
        told = json.loads((out_folder / "a-work/claims.json").read_text(encoding="utf-8"))
        self.assertEqual([one["verdict"] for one in told["claims"]], ["holds", "not attempted"])

    def test_a_must_that_fails_is_the_exit_code(self) -> None:
        code, out, err = self.verb("run", program=self.program("fails", 3))
        self.assertEqual(code, 3)
        self.assertIn("must: fails", out)
        self.assertIn("a must failed: a-work A: Strict loses", err)
        self.write(PACK.replace("Strict is slow", "Lazy is not"))
        code, out, _ = self.verb("run", program=self.program("holds", 0))
        self.assertEqual(code, 0)
        self.assertIn("r1 was made when the plan did not expect this", " ".join(out.split()))

    def test_stored_runs_are_judged_and_not_measured(self) -> None:
        run_testing.write_run(self.folder / "runs/r1")
        code, out, _ = self.verb("run", "--from", "r1", "--format", "json", program=self.program())
        self.assertEqual((code, json.loads(out)["runs"]["tried"]["run"]), (0, "r1"))
        self.assertTrue((self.folder / "asked").read_text(encoding="utf-8").startswith("report "))
        with self.assertRaisesRegex(UsageError, "a run of 'other'"):
            self.verb("run", "--from", "r1", program=self.program(plan="other"))
        with self.assertRaisesRegex(UsageError, "are both of the plan tried"):
            self.verb("run", "--from", "r1", "--from", "r1", program=self.program())

    def test_what_was_not_measured_whole_is_said_and_no_success(self) -> None:
        code, out, err = self.verb("run", program=self.program(code=1, outcome="failed"))
        self.assertEqual(code, 1)
        self.assertIn("must: holds", out)
        self.assertIn("r1 is not whole: it is failed, and the program ended with 1", err)
        run_testing.write_run(self.folder / "runs/r1")
        for outcome in ("interrupted", "failed", "running"):
            code, _, err = self.verb("run", "--from", "r1", program=self.program(outcome=outcome))
            self.assertEqual((code, f"r1 is not whole: it is {outcome}" in err), (1, True), err)

    def test_a_must_that_no_pack_lists_is_the_exit_code_too(self) -> None:
        other = {"claim": "Nothing is lost"}
        code, _, err = self.verb("run", program=self.program("fails", 3, edited=other))
        self.assertEqual(code, 3)
        self.assertIn("a must failed that no claim here is judged by: plan tried: Nothing is lost", err)
        run_testing.write_run(self.folder / "runs/r1")
        self.assertEqual(self.verb("run", "--from", "r1", program=self.program("fails", 0, edited=other))[0], 3)
        self.assertEqual(self.verb("run", program=self.program("holds", 3))[0], 3)

    def test_a_stored_run_that_expects_otherwise_judges_nothing(self) -> None:
        run_testing.write_run(self.folder / "runs/r1")
        for edited in ({"expected": "at most 0.9", "high": 0.9}, {"where": {"strategy": "off"}}, {"class": "info"}):
            _, out, _ = self.verb("run", "--from", "r1", "--format", "json", program=self.program(edited=edited))
            claim = json.loads(out)["claims"][0]
            self.assertEqual((claim["verdict"], claim["measured"]), ("not judged", ""), edited)
            self.assertIn("r1 expects otherwise than the plan does now", claim["reason"])

    def test_an_interrupted_run_says_how_to_go_on(self) -> None:
        for ending in (4, 130):
            code, out, err = self.verb("run", program=self.program(code=ending))
            self.assertEqual((code, out), (ending, ""))
            self.assertIn("./violet run tried --resume goes on", err)
        with self.assertRaisesRegex(ExportError, "the plan tried was not measured: the program ended with 139"):
            killed = self.folder / "killed"
            killed.write_text(f"#!{sys.executable}\nimport os\nos.kill(os.getpid(), 11)\n", encoding="utf-8")
            killed.chmod(0o755)
            self.verb("run", program=str(killed))

    def test_check_takes_what_packs_set_and_stays_short(self) -> None:
        code, out, err = self.verb("check", program=self.program())
        self.assertEqual(code, 0)
        self.assertIn("1 plan, about 1 minute", err)
        self.assertIn("must: holds", out)
        asked = (self.folder / "asked").read_text(encoding="utf-8").splitlines()
        self.assertEqual(asked[0], "run tried --dry-run --format json --set repetitions=6")
        self.assertEqual(asked[1], "run tried --format json --progress auto --set repetitions=6")
        with self.assertRaisesRegex(ExportError, "more than 600"):
            self.verb("check", program=self.program(seconds=500))
        self.write(PACK.replace("=6", "=9"), "another")
        with self.assertRaisesRegex(ExportError, "another pack sets other things"):
            self.verb("check", program=self.program())

    def test_check_stops_itself_and_counts_what_it_leaves_out(self) -> None:
        now = [0.0]
        budget = artifact_verb.Budget(600, lambda: now[0])
        self.assertTrue(budget.takes(100))
        now[0] = 300.0  # Three times as long as estimated: the next takes 300 s, and ends just in time.
        self.assertTrue(budget.takes(100))
        now[0] = 301.0
        self.assertFalse(budget.takes(240))
        self.assertTrue(artifact_verb.Budget(600).takes(461))
        self.assertFalse(artifact_verb.Budget(600).takes(462))
        with mock.patch.object(artifact_verb.Budget, "takes", return_value=False):
            code, out, err = self.verb("check", program=self.program())
        self.assertEqual(code, 0)
        self.assertIn("must: not run (plan tried, left out: no time)", " ".join(out.split()))
        self.assertIn("2 claims: 1 not run, 1 not attempted", out)
        self.assertIn("the plan tried is left out", err)
        self.two_plans()
        code, out, _ = self.verb("check", "--format", "json", program=self.program())
        rows = {one["id"]: (one["verdict"], one["reason"]) for one in json.loads(out)["claims"]}
        self.assertEqual(rows["C"], ("not run", "plan second, which no check runs"))

    def two_plans(self) -> None:
        (self.folder / "experiments/plans/second.toml").write_text(PLAN, encoding="utf-8")
        more = '[[claim]]\nid = "C"\nclaim = "Again"\nplan = "second"\nexpectation = "Strict is slow"\n[check]'
        self.write(PACK.replace("[check]", more))

    def test_an_hour_of_verdicts_is_not_lost(self) -> None:
        (self.folder / "file").touch()
        with self.assertRaisesRegex(ExportError, "file"):
            self.verb("run", "--out", str(self.folder / "file"), program=self.program())
        self.assertFalse((self.folder / "asked").exists())
        with (
            mock.patch.object(artifact_verb, "write_pack", side_effect=ExportError("no room")),
            self.assertRaisesRegex(ExportError, "no room"),
        ):
            self.verb("run", "--out", str(self.folder / "out"), program=self.program())
        self.assertIn("must: holds", self.printed.getvalue())

    def test_an_interruption_names_the_runs_so_far(self) -> None:
        self.two_plans()
        whole = pathlib.Path(self.program())
        text = whole.read_text(encoding="utf-8")
        for ending, expected in ((4, 4), (130, 130)):
            whole.write_text(
                text.replace("asked = ", f"if 'second' in sys.argv: sys.exit({ending})\nasked = ", 1), encoding="utf-8"
            )
            code, _, err = self.verb("run", "a-work", program=str(whole))
            self.assertEqual(code, expected)
            self.assertIn("measured so far: 1 of 2; for the verdicts: ./violet artifact run a-work --from r1\n", err)

    def test_flags_that_say_nothing_are_refused(self) -> None:
        for words in (("check", "--from", "r1"), ("list", "--from", "r1"), ("appendix", "--from", "r1")):
            with self.assertRaisesRegex(UsageError, "judges no run"):
                self.verb(*words, program=self.program())
        for words in (("check", "--out", "x"), ("list", "--out", "x")):
            with self.assertRaisesRegex(UsageError, "writes no file"):
                self.verb(*words, program=self.program())

    def test_the_appendix_has_every_claim_with_time_and_disk(self) -> None:
        out = self.folder / "appendix.md"
        self.assertEqual(self.verb("appendix", "--out", str(out), program=self.program(seconds=61))[0], 0)
        text = out.read_text(encoding="utf-8")
        self.assertIn("### E1: A work [1 human-minute + 2 compute-minutes + 72 MiB of disk]", text)
        self.assertIn("    ./violet artifact run a-work --out artifact", text)
        self.assertIn("- (A) Strict loses (to 43 %). Of: Somebody, 2020. Put to the test by experiment E1.", text)
        self.assertIn("- A (must): at most 0.5. Published: to 43 %.", text)
        self.assertIn("Not attempted: it needs sixteen.", text)
        with self.assertRaisesRegex(UsageError, "md or tex"):
            self.verb("appendix", "--out", "x.pdf", program=self.program())

    def test_latex_reads_the_appendix(self) -> None:
        bundled = packs.read_packs(ROOM / "packs", PLANS)
        plans = {plan: Foreseen(60, 64, {}) for pack in bundled for plan in pack.plans()}
        blocks = appendix(bundled, plans, 100, "abc_%")
        text = to_latex(blocks)
        self.assertIn(r"abc\_\%", text)
        self.assertNotIn("#", re.sub(r"\\#", "", text))
        self.assertTrue(to_markdown(blocks).startswith("# Artifact appendix\n"))
        if shutil.which("pdflatex") is None:
            self.skipTest("needs pdflatex (texlive-latex-base)")
        (self.folder / "appendix.tex").write_text(text, encoding="utf-8")
        paper = r"\documentclass{article}\begin{document}\input{appendix}\end{document}"
        (self.folder / "a.tex").write_text(paper, encoding="utf-8")
        command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "a.tex"]
        done = subprocess.run(command, cwd=self.folder, check=False, capture_output=True, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 0, done.stdout[-2000:])

    def test_tables_wrap_and_escape(self) -> None:
        text = text_table(["a", "b"], [["one two three", "x" * 30]], 24)
        self.assertTrue(all(len(line) <= 24 for line in text.splitlines()))
        self.assertEqual("".join(re.findall("x", text)), "x" * 30)
        self.assertEqual(markdown_table(["a"], [["|<b>"]])[2], r"| \|\<b\> |")


if __name__ == "__main__":
    unittest.main()
