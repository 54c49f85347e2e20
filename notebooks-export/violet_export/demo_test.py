"""The demo's exit code and output are the program's, whatever becomes of the notebook."""

from __future__ import annotations

import contextlib
import io
import os
import pathlib
import pty
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from unittest import mock

from violet_export import command_line, demo_verb, program

# Stands in for the program: leaves the manifest of a demo and ends as it is told.
PROGRAM = """#!{python}
import json
import pathlib
import sys

for name, plan, outcome in {runs!r}:
    run = pathlib.Path({folder!r}, name)
    run.mkdir(parents=True)
    (run / "manifest.json").write_text(json.dumps({{"plan": {{"name": plan}}, "outcome": outcome}}))
    latest = run.with_name("latest")  # As every run leaves it.
    latest.unlink(missing_ok=True)
    latest.symlink_to(run.name)
print(sys.argv[1:])
sys.exit({code})
"""
# Ends with the number of the first signal that it gets, and with 99 when it got more than one.
LISTENER = """#!{python}
import os
import pathlib
import signal
import sys
import time

got = []
for one in (signal.SIGINT, signal.SIGTERM):
    signal.signal(one, lambda number, _: got.append(number))
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
while not got:
    signal.pause()
time.sleep(0.5)
sys.exit(got[0] if len(got) == 1 else 99)
"""
STARTER = "import sys; from violet_export.program import run_in_our_place; sys.exit(run_in_our_place(sys.argv[1:]))"
ROOM = pathlib.Path(__file__).resolve().parents[1]


class Demo(unittest.TestCase):
    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory(prefix="violet-test-")
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)
        self.runs = self.folder / "runs"

    def script(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
        return str(path)

    def made_program(self, runs: list[tuple[str, str, str]], code: int = 0) -> str:
        return self.script("program", PROGRAM.format(python=sys.executable, runs=runs, folder=str(self.runs), code=code))

    def demo(
        self, starts: str, export: str, lacking: tuple[str, ...] = (), words: tuple[str, ...] = ()
    ) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        door = pathlib.Path(self.script("export.py", export))
        with (
            mock.patch.dict(os.environ, {"VIOLET_RUNS": str(self.runs)}),
            mock.patch.object(demo_verb, "_EXPORT", door),
            mock.patch.object(command_line, "missing", lambda _: list(lacking)),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = demo_verb.demo_verb(["--program", starts, *words])
        return code, out.getvalue(), err.getvalue()

    def test_leaves_a_notebook_of_the_run_that_it_made(self) -> None:
        (self.runs / "before").mkdir(parents=True)
        starts = self.made_program([("new", "demo", "finished"), ("other", "smoke", "finished")])
        told = "import pathlib, sys; pathlib.Path(__file__).with_name('told').write_text(' '.join(sys.argv[1:]))"
        code, out, err = self.demo(starts, told, words=("--progress", "never"))
        self.assertEqual((code, err), (0, ""))
        run = self.runs / "new"
        self.assertIn(f"{run}/notebook/notebook.html", out)
        expected = f"{run} --notebook --out {run}/notebook --program {starts} --progress never"
        self.assertEqual((self.folder / "told").read_text(encoding="utf-8"), expected)

    def test_a_failure_of_the_notebook_is_a_warning(self) -> None:
        code, out, err = self.demo(self.made_program([("new", "demo", "finished")]), "raise SystemExit(1)")
        self.assertEqual((code, out), (0, ""))
        self.assertRegex(err, r"^violet: warning: .*it ended with 1.*\./violet export new --notebook --out DIR\n$")
        code, _, err = self.demo(self.made_program([("again", "demo", "finished")]), "import os; os.kill(os.getpid(), 9)")
        self.assertEqual(code, 0)
        self.assertIn("it ended with -9", err)

    def test_a_notebook_that_does_not_end_is_given_up(self) -> None:
        slow = self.script("slow", f"#!{sys.executable}\nimport time\ntime.sleep(600)\n")
        self.assertIn("longer than", demo_verb.export_within([slow], 0.2))
        self.assertIn("No such file", demo_verb.export_within([str(self.folder / "none")], 1))

    def test_lacking_packages_are_one_line_that_says_how_to_get_them(self) -> None:
        code, out, err = self.demo(self.made_program([("new", "demo", "finished")]), "", lacking=("python3-pandas",))
        self.assertEqual((code, out, err.count("\n")), (0, "", 1))
        self.assertIn("./violet setup --figures, then ./violet export new --notebook --out DIR", err)

    def test_what_went_wrong_or_is_not_told_apart_has_no_notebook(self) -> None:
        cases: list[tuple[list[tuple[str, str, str]], int]] = [
            ([("a", "demo", "interrupted")], 4),
            ([("b", "demo", "interrupted")], 0),
            ([], 2),
        ]
        for made, ending in cases:
            with self.subTest(ending=ending, made=made):
                code, out, err = self.demo(self.made_program(made, ending), "raise SystemExit(9)")
                self.assertEqual((code, out, err), (ending, "", ""))

    def test_of_two_demos_side_by_side_it_is_said_which_there_are(self) -> None:
        made = [("c", "demo", "finished"), ("d", "demo", "finished")]
        code, out, err = self.demo(self.made_program(made), "raise SystemExit(9)")
        self.assertEqual((code, out, err.count("\n")), (0, "", 1))
        self.assertIn("2 demos ended in", err)
        self.assertIn("c, d; ./violet export RUN --notebook --out DIR", err)

    def test_an_ignored_signal_stays_ignored(self) -> None:
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.addCleanup(signal.signal, signal.SIGHUP, before)
        starter = self.script("starter", f"#!{sys.executable}\nimport os, signal\nos.kill(os.getppid(), signal.SIGHUP)\n")
        self.assertEqual(demo_verb.export_within([starter], 60), "")
        self.assertIs(signal.getsignal(signal.SIGHUP), signal.SIG_IGN)

    def test_signals_reach_the_program_once(self) -> None:
        listener = self.script("listener", LISTENER.format(python=sys.executable))
        for number in (signal.SIGTERM, signal.SIGINT):
            for send in (os.kill, os.killpg):
                with self.subTest(send=send.__name__, number=number):
                    ready = self.folder / f"ready-{number}-{send.__name__}"
                    command = [sys.executable, "-c", STARTER, listener, str(ready)]
                    with subprocess.Popen(command, cwd=ROOM, start_new_session=True) as ours:
                        self.wait_for(ready)
                        send(ours.pid, number)
                        self.assertEqual(ours.wait(60), number)

    def wait_for(self, ready: pathlib.Path) -> int:
        while not ready.exists() or not ready.read_text(encoding="ascii"):
            time.sleep(0.01)
        return int(ready.read_text(encoding="ascii"))

    def test_two_signals_one_after_the_other_reach_it_twice(self) -> None:
        patient = LISTENER.replace("time.sleep(0.5)", "time.sleep(0.5)\nwhile len(got) < 2: signal.pause()")
        listener, ready = self.script("patient", patient.format(python=sys.executable)), self.folder / "ready"
        command = [sys.executable, "-c", STARTER, listener, str(ready)]
        with subprocess.Popen(command, cwd=ROOM, start_new_session=True) as ours:
            self.wait_for(ready)
            os.killpg(ours.pid, signal.SIGINT)
            time.sleep(0.3)
            os.kill(ours.pid, signal.SIGINT)
            self.assertEqual(ours.wait(60), 99)

    def test_the_program_does_not_outlive_who_started_it(self) -> None:
        listener, ready = self.script("listener", LISTENER.format(python=sys.executable)), self.folder / "ready"
        with subprocess.Popen([sys.executable, "-c", STARTER, listener, str(ready)], cwd=ROOM) as ours:
            program_pid = self.wait_for(ready)
            ends = os.pidfd_open(program_pid)
            ours.kill()
            ours.wait()
            self.assertTrue(select.select([ends], [], [], 60)[0])
            os.close(ends)

    def test_a_caller_that_ignores_its_children_keeps_the_exit_code(self) -> None:
        script = self.script("seven", f"#!{sys.executable}\nraise SystemExit(7)\n")
        ignoring = f"import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN); {STARTER}"
        self.assertEqual(subprocess.run([sys.executable, "-c", ignoring, script], cwd=ROOM, check=False).returncode, 7)

    def test_what_a_terminal_sends_reaches_the_program_once(self) -> None:
        listener, ready = self.script("listener", LISTENER.format(python=sys.executable)), self.folder / "ready"
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(ROOM)
            os.execv(sys.executable, [sys.executable, "-c", STARTER, listener, str(ready)])
        self.wait_for(ready)
        os.write(terminal, b"\x03")
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), signal.SIGINT)
        os.close(terminal)

    def test_threads_that_take_signals_do_not_hold_it_up(self) -> None:
        done = threading.Event()
        self.addCleanup(done.set)
        threading.Thread(target=done.wait).start()
        quick = self.script("quick", f"#!{sys.executable}\n")
        for _ in range(20):
            self.assertEqual(program.run_in_our_place([quick]), 0)

    def test_the_exit_code_tells_of_a_signal_that_ended_it(self) -> None:
        script = self.script("killed", f"#!{sys.executable}\nimport os\nos.kill(os.getpid(), 11)\n")
        self.assertEqual(program.run_in_our_place([script]), 139)


if __name__ == "__main__":
    unittest.main()
