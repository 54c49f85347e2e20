#!/usr/bin/env python3
"""Exit codes hold, whatever stdin, stdout and stderr are: check_streams.py PROGRAM

Verbs that end well and verbs that do not are called with streams that are closed, full, or read by nobody. A message
that cannot be told is lost and changes nothing. What cannot be printed is a failure, and no verb dies of a signal but
of SIGPIPE, where the reader of its stdout went away. What is printed goes into no file that the program opened itself.
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

import checkout

SECONDS = 60
LACKS_SOMETHING, FAILED = 5, 1
SHORT = ["--set", "axes.strategy=strict", "--set", "run.repetitions=1", "--set", "run.warmup_s=0", "--set",
         "run.operations=50"]


class Program:
    def __init__(self, program, runs):
        self.program = program
        self.environment = dict(os.environ, VIOLET_RUNS=str(runs))

    def code(self, arguments, streams=None):
        """The exit code with the standard streams as `streams` makes them in the new process."""
        return subprocess.run([self.program, *arguments], env=self.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=streams,
                              timeout=SECONDS, check=False).returncode


def full(*numbers):
    def streams():
        for number in numbers:
            os.dup2(os.open("/dev/full", os.O_WRONLY), number)
    return streams


def closed(*numbers):
    def streams():
        for number in numbers:
            os.close(number)
    return streams


def unread(*numbers):
    def streams():
        reading, writing = os.pipe()
        os.close(reading)
        for number in numbers:
            os.dup2(writing, number)
    return streams


NO_MESSAGES = {"stderr is full": full(2), "stderr is closed": closed(2), "nobody reads stderr": unread(2),
               "stdin is closed": closed(0)}
NO_OUTPUT = {"stdout is full": full(1), "stdin and stdout are closed": closed(0, 1), "all are closed": closed(0, 1, 2),
             "stdout and stderr are full": full(1, 2)}


def verbs(run, folder):
    """Those that end well, then those that do not."""
    good = [["--help"], ["run", "--help"], ["list", "strategies"], ["run", "smoke", "--dry-run"], ["report", run],
            ["show", run], ["export", "--json", run], ["export", "--csv", run], ["export", "--hdr", run],
            ["compare", run, "--baseline", "strategy=strict"], ["run", "smoke", *SHORT], ["run", "smoke", *SHORT, "--progress", "always"]]
    bad = [[], ["nosuch"], ["run", "nosuch"], ["run", "smoke", "--set", "a=b"], ["run", "smoke", "--set", "a=b", "--dry-run"],
           ["report", "nosuch"], ["compare", "nosuch"], ["export", "--json", "nosuch"],
           ["import", "/nosuch", "--out", folder]]
    return good, bad


def problems(program, run, folder):
    good, bad = verbs(run, folder)
    for arguments in good + bad:
        what = " ".join(["violet", *arguments])
        usual = program.code(arguments)
        if (usual == 0) != (arguments in good):
            yield f"{what}: exit code {usual}"
        for how, streams in NO_MESSAGES.items():
            if (code := program.code(arguments, streams)) != usual:
                yield f"{what}, {how}: exit code {code}, and otherwise {usual}"
        for how, streams in NO_OUTPUT.items():
            allowed = {FAILED} if usual == 0 else {FAILED, usual}
            if (code := program.code(arguments, streams)) not in allowed:
                yield f"{what}, {how}: exit code {code}"
        code = program.code(arguments, unread(1))
        if code not in ({-signal.SIGPIPE} if usual == 0 else {-signal.SIGPIPE, usual}):
            yield f"{what}, nobody reads stdout: exit code {code}"


def empty_variable(program, folder):
    """An empty VIOLET_RUNS is none, as in a shell's ${VIOLET_RUNS:-...}."""
    said = subprocess.run([program, "report", "nosuch"], capture_output=True, timeout=SECONDS, check=False,
                          env=dict(os.environ, VIOLET_RUNS="", VIOLET_ROOT=folder)).stderr.decode()
    if f"{folder}/runs" not in said:
        yield f"violet report, with an empty VIOLET_RUNS: {said}"


def finished(run):
    """A run whose report went nowhere has its results all the same."""
    return json.loads((run / "manifest.json").read_text(encoding="utf-8"))["outcome"] == "finished"


def main():
    with tempfile.TemporaryDirectory(prefix="violet-streams-") as name:
        folder = pathlib.Path(name)
        program = Program(sys.argv[1], folder / "runs")
        # The later --set counts: two cells, so that one can be held against the other.
        two = ["--set", 'axes.strategy=["strict", "lazy-percpu"]']
        if (code := program.code(["run", "smoke", *SHORT, *two])) != 0:
            if code == LACKS_SOMETHING:
                checkout.skip("a run lacks something here: ./violet doctor says what")
            sys.exit(f"the plan does not run: exit code {code}")
        run = (folder / "runs/latest").resolve()
        found = list(problems(program, str(run), name)) + list(empty_variable(sys.argv[1], name))
        found += [f"{path}: not finished" for path in sorted((folder / "runs").iterdir())
                  if not path.is_symlink() and not finished(path)]
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
