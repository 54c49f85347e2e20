"""The verbs end with the exit code that fits, whatever becomes of their streams, and harm no file that is none of theirs."""
from __future__ import annotations

import os
import pathlib
import shlex
import signal
import subprocess
import sys
import tempfile
import unittest

from violet_export import out_folder, paper, run_testing
from violet_export.command_line import FAILED, INTERRUPTED, OK, USAGE, run_verb
from violet_export.hostile_files import UsageError
from violet_export.whole_files import write_whole

EXPORT = pathlib.Path(__file__).resolve().parents[1] / "export.py"


class Streams(unittest.TestCase):
    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory(prefix="violet-test-")
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)
        run_testing.write_run(self.folder / "run")

    def shell(self, run: str, streams: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-s", "-B", str(EXPORT), run, "--numbers", "--out", str(self.folder / "n.tex")]
        environment = {**os.environ, "VIOLET_RUNS": str(self.folder)}
        return subprocess.run(["sh", "-c", f"{shlex.join(words)} {streams}"], capture_output=True, text=True, check=False,
                              env=environment, timeout=120)  # fmt: skip

    def test_stdout_that_cannot_be_written_is_one_and_said(self) -> None:
        done = self.shell("run", ">/dev/full")
        self.assertEqual(
            (done.returncode, done.stderr), (FAILED, "violet: stdout could not be written: No space left on device\n")
        )

    def test_without_stderr_the_exit_code_stays(self) -> None:
        for streams in ("2>/dev/full", "2>&-", "<&- 2>&-", "<&- >&- 2>&-"):
            done = self.shell("nosuch", streams)
            self.assertEqual((done.returncode, done.stdout), (USAGE, ""), streams)
            expected = FAILED if ">&- 2" in streams else OK
            self.assertEqual(self.shell("run", streams).returncode, expected, streams)
        self.assertEqual(self.shell("run", ">&-").stderr, "violet: stdout could not be written: Bad file descriptor\n")
        self.assertIn("violetvalue", (self.folder / "n.tex").read_text(encoding="utf-8"))

    def test_what_is_no_regular_file_is_not_replaced(self) -> None:
        os.mkfifo(self.folder / "pipe")
        (self.folder / "link").symlink_to("target")
        for name in ("pipe", "link", "run"):
            before = (self.folder / name).lstat()
            with self.assertRaises(UsageError):
                write_whole(self.folder / name, b"x")
            self.assertEqual((self.folder / name).lstat().st_mode, before.st_mode)
        self.assertFalse((self.folder / "target").exists())
        self.assertEqual(sorted(one.name for one in self.folder.iterdir()), ["link", "pipe", "run"])

    def test_an_earlier_aux_that_latex_would_execute_goes(self) -> None:
        out = self.folder / "paper"
        out.mkdir()
        (out / "paper.aux").write_text("\\immediate\\write18{id}", encoding="utf-8")
        out_folder.prepare(out, paper.MADE)
        self.assertEqual(list(out.iterdir()), [])

    def test_signals_leave_nothing_behind(self) -> None:
        code = (
            "import sys, time; sys.path.insert(0, sys.argv[1])\n"
            "import tempfile\n"
            "from violet_export.command_line import run_verb\n"
            "def verb(_):\n"
            "    with tempfile.TemporaryDirectory(prefix='violet-'):\n"
            "        print('made', flush=True); time.sleep(60)\n"
            "sys.exit(run_verb(verb, []))\n"
        )
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            process = subprocess.Popen(
                [sys.executable, "-s", "-B", "-c", code, str(EXPORT.parent)],
                stdout=subprocess.PIPE,
                env={**os.environ, "TMPDIR": str(self.folder)},
                preexec_fn=_default_signals,
            )
            assert process.stdout is not None
            self.assertEqual(process.stdout.readline(), b"made\n")
            process.send_signal(number)
            self.assertEqual(process.wait(timeout=60), INTERRUPTED)
            process.stdout.close()
            self.assertEqual([one.name for one in self.folder.iterdir()], ["run"])

    def test_what_the_system_refuses_is_one_sentence(self) -> None:
        def fails(error: BaseException) -> int:
            def verb(_: list[str]) -> int:
                raise error

            return run_verb(verb, [])

        self.assertEqual(fails(OSError(28, "No space left on device", "/tmp/x")), FAILED)
        self.assertEqual(fails(MemoryError()), FAILED)


def _default_signals() -> None:
    """Whoever runs the tests may ignore them: nohup does."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


if __name__ == "__main__":
    unittest.main()
