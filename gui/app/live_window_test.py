#!/usr/bin/env python3
"""Live runs in a real window: live_window_test.py VIOLET GUI_APP_TESTS

Runs the tests LiveWindow.* (live_window_test.cpp) under an X server of its own: three times alone and three times
beside a process that wants each CPU, and a guest's capture once. Exits with 77 and the reason when this machine has
no Xvfb, or the programs were not built.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from xvfb_window_test import Screen, skip

ROUNDS = 3
PATIENCE_S = 3600
# The programs get a home of their own; the kernels stay where they were built.
GUEST_CACHE = os.environ.get("VIOLET_GUEST_CACHE") or str(
    pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "violet/guest")


class Busy:
    """A process on each CPU that does nothing else."""

    def __enter__(self):
        self.processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"])
                          for _ in os.sched_getaffinity(0)]

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()


def run(tests, environment, only, what):
    done = subprocess.run([tests, f"--gtest_filter={only}"], env=environment, capture_output=True, text=True,
                          timeout=PATIENCE_S, check=False)
    if done.returncode != 0:
        sys.exit(f"{what}:\n{done.stdout}{done.stderr}")
    skipped = "[  SKIPPED ]" in done.stdout
    print(f"{what}: {'skipped' if skipped else 'every cell to its end'}")
    if skipped:
        print("".join(line for line in done.stdout.splitlines(True) if not line.startswith("[")))


def main(arguments):
    if len(arguments) != 2:
        print(__doc__.splitlines()[0], file=sys.stderr)
        return 2
    if shutil.which("Xvfb") is None:
        skip("Xvfb is not installed")
    for program in arguments:
        if not os.access(program, os.X_OK):
            skip(f"{program} was not built")
    program, tests = (str(pathlib.Path(one).resolve()) for one in arguments)
    with tempfile.TemporaryDirectory() as folder:
        screen = Screen(folder)
        environment = dict(os.environ, DISPLAY=screen.display, HOME=folder, XDG_CONFIG_HOME=folder,
                           VIOLET_GUEST_CACHE=GUEST_CACHE, QT_QPA_PLATFORM="xcb", VIOLET_PROGRAM=program, VIOLET_ROOT=os.getcwd())
        try:
            plans = "LiveWindow.*:-*Guest*"
            for number in range(1, ROUNDS + 1):
                run(tests, environment, plans, f"alone, {number} of {ROUNDS}")
            for number in range(1, ROUNDS + 1):
                with Busy():
                    run(tests, environment, plans, f"beside busy processes, {number} of {ROUNDS}")
            run(tests, environment, "LiveWindow.*Guest*", "a guest's capture")
        finally:
            screen.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
