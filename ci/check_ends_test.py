"""The check of endings on programs that are none: one that refuses everything must not pass, nor one that dies."""
import contextlib
import io
import pathlib
import random
import signal
import sys
import tempfile
import unittest
import unittest.mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import check_ends  # noqa: E402

# What a run leaves, and a dry run takes.
RUNS = 'case "$*" in *dry-run*) exit 0;; esac; echo "not a run" >&2; exit 1'


class EndsTest(unittest.TestCase):
    def check(self, script, *arguments):
        """The check's exit code, and what it printed, of a program that is this shell script."""
        with tempfile.TemporaryDirectory() as folder:
            program = pathlib.Path(folder) / "program"
            program.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
            program.chmod(0o755)
            said = io.StringIO()
            with unittest.mock.patch.object(sys, "argv", ["check_ends.py", str(program), *arguments]), \
                    unittest.mock.patch.object(check_ends, "DRAWS", 2), \
                    unittest.mock.patch.object(check_ends.Case, "KINDS", {"ran": 1}), \
                    unittest.mock.patch.object(check_ends, "deep_failures", lambda program: 0), \
                    contextlib.redirect_stdout(said):
                return check_ends.main(), said.getvalue()

    def test_a_program_that_refuses_everything_does_not_pass(self):
        code, said = self.check("exit 2", "--cases", "3")
        self.assertEqual(code, 1)
        self.assertIn("every case that was ran was refused", said)

    def test_what_is_taken_passes(self):
        self.assertEqual(self.check(RUNS, "--cases", "3")[0], 0)

    def test_another_exit_code_is_a_failure(self):
        code, said = self.check('case "$*" in *dry-run*) exit 0;; esac; exit 134', "--cases", "1")
        self.assertEqual(code, 1)
        self.assertIn("exit code 134", said)

    def test_a_failure_without_a_word_is_one(self):
        self.assertIn("without a word", self.check("exit 1", "--cases", "1")[1])

    def test_what_does_not_end_is_a_failure(self):
        with unittest.mock.patch.object(check_ends, "DEADLINE_S", 0.2):
            code, said = self.check("exec sleep 60", "--cases", "1")
        self.assertEqual(code, 1)
        self.assertIn("did not end", said)

    def test_what_runs_hears_the_signals_that_the_caller_ignores(self):
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            self.check(RUNS, "--cases", "1")
            self.assertEqual(signal.getsignal(signal.SIGHUP), signal.SIG_DFL)
        finally:
            signal.signal(signal.SIGHUP, before)

    def test_what_is_nested_too_deep_is_refused_with_its_place_and_in_no_other_way(self):
        place = 'case "$*" in *--set*) place="--set a";; *) place=deep.toml:3:1;; esac; echo "$place" >&2; '
        for script, failures in ((place + "exit 2", 0), (place + "exit 1", 1), (place + "exit 139", 1), ("exit 2", 1)):
            with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
                program = pathlib.Path(folder) / "program"
                program.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
                program.chmod(0o755)
                self.assertEqual(check_ends.deep_failures(program), failures, script)

    def test_refused_cases_are_drawn_again(self):
        with tempfile.TemporaryDirectory() as folder:
            program = pathlib.Path(folder) / "program"
            program.write_text(f"#!/bin/sh\n[ -e {folder}/seen ] && exit 0\ntouch {folder}/seen\nexit 2\n",
                               encoding="ascii")
            program.chmod(0o755)
            case = check_ends.Case(program, pathlib.Path(folder), random.Random(1))
            draws = iter([["a=1"], ["a=2"], ["a=3"]])
            self.assertEqual(case.accepted(lambda: next(draws)), ["a=2"])


if __name__ == "__main__":
    unittest.main()
