#!/usr/bin/env python3
"""A run that dies, or whose disk fails, at any call: check_hostile.py PROGRAM SHIM [--all [--part K/N]] [--seed N]

SHIM is ci/hostile/hostile_calls.cpp as a library. The calls of one run that change files below its folder are counted;
then, at a sample of them or at all, the process is killed, killed in the middle of what it writes, or gets ENOSPC or
EIO. Afterwards no finished repetition may be lost or changed, --resume ends complete, nothing died by a signal that
nobody sent, and success was said only where the results are whole. A failure prints the call and the seed.
"""
import argparse
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile

import checkout

SECONDS = 60
LACKS_SOMETHING = 5
SAMPLE = {"kill": 5, "tear": 4, "ENOSPC": 4, "EIO": 3, "FULL": 3}
SETTINGS = ["axes.strategy=strict", "axes.workload=mapbench", "axes.placement=samecore", "run.repetitions=2",
            "run.warmup_s=0", "run.duration_s=0.02"]
REPETITIONS = 2


class Trouble(Exception):
    pass


class Program:
    def __init__(self, program, shim, scratch):
        self.program, self.shim, self.scratch = program, shim, scratch

    def run(self, folder, *arguments, fault=None, call=0):
        environment = dict(os.environ, VIOLET_RUNS=str(folder))
        if fault or call == 0:
            environment.update(LD_PRELOAD=str(self.shim), HOSTILE_FOLDER=str(folder), HOSTILE_CALL=str(call),
                               HOSTILE_FAULT=fault or "", HOSTILE_COUNT=str(self.scratch / "count"))
        return subprocess.run([self.program, *arguments], env=environment, capture_output=True, timeout=SECONDS,
                              check=False)

    def measure(self, folder, **hostile):
        settings = [part for setting in SETTINGS for part in ("--set", setting)]
        return self.run(folder, "run", "smoke", *settings, **hostile)

    def calls(self):
        return int((self.scratch / "count").read_text(encoding="ascii"))


def finished(run):
    """The numbers of the finished repetitions, by cell and repetition; None where there are no results yet."""
    if not (run / "results.sqlite").exists():
        return None
    with tempfile.TemporaryDirectory() as name:  # Looking at it could repair it.
        for path in run.glob("results.sqlite*"):
            shutil.copy(path, name)
        try:
            with sqlite3.connect(pathlib.Path(name) / "results.sqlite") as database:
                rows = database.execute(
                    "SELECT r.cell, r.repetition, m.name, m.value FROM repetitions r JOIN metrics m "
                    "ON m.repetition_id = r.id WHERE r.finished = 1").fetchall()
        except sqlite3.Error:
            return None
    numbers = {}
    for cell, repetition, name, value in rows:
        numbers.setdefault((cell, repetition), {})[name] = value
    return numbers


def run_folder(folder):
    runs = sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())
    return runs[0] if runs else None


def check_ending(done, what):
    if done.returncode < 0:
        raise Trouble(f"{what}: ended by signal {-done.returncode}: {done.stderr.decode(errors='replace')[-500:]}")
    if done.returncode not in (0, 1, 2, 4, 5):
        raise Trouble(f"{what}: exit code {done.returncode}")


def check_resumes(program, folder, run, before):
    """What was finished stays as it was, and the rest is measured."""
    settings = [part for setting in SETTINGS for part in ("--set", setting)]
    report = program.run(folder, "report", str(run), fault="", call=-1)
    check_ending(report, "report")
    resumed = program.run(folder, "run", "smoke", *settings, "--resume", str(run), fault="", call=-1)
    check_ending(resumed, "--resume")
    after = finished(run)
    if before:
        if resumed.returncode != 0:
            raise Trouble(f"--resume: exit code {resumed.returncode}: {resumed.stderr.decode(errors='replace')[-500:]}")
        for key, numbers in before.items():
            if after.get(key) != numbers:
                raise Trouble(f"repetition {key} was finished and is lost or changed")
    if resumed.returncode == 0:
        if len(after) != REPETITIONS:
            raise Trouble(f"--resume said success with {len(after)} of {REPETITIONS} repetitions")
        report = program.run(folder, "report", str(run), fault="", call=-1)
        if report.returncode != 0:
            raise Trouble(f"report after --resume: {report.stderr.decode(errors='replace')[-500:]}")


def attack(program, folder, fault, call):
    done = program.measure(folder, fault=fault, call=call)
    run = run_folder(folder)
    before = finished(run) if run else None
    if fault in ("kill", "tear"):
        if done.returncode not in (-signal.SIGKILL, 0):
            check_ending(done, "the run")
    else:
        check_ending(done, "the run")
        if done.returncode == 0 and (before is None or len(before) != REPETITIONS):
            raise Trouble("success was said, and the results are not whole")
    if run is not None:
        check_resumes(program, folder, run, before)


def part(text):
    """"2/4": the second of four."""
    number, of = (int(word) for word in text.split("/"))
    if not 1 <= number <= of:
        raise ValueError
    return number - 1, of


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("shim")
    parser.add_argument("--all", action="store_true", help="every call, not a sample")
    parser.add_argument("--part", type=part, default=(0, 1), metavar="K/N",
                        help="with --all, every Nth call from the Kth on: what one machine of several does")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    arguments = parser.parse_args()
    chooser = random.Random(arguments.seed)
    failures = []
    with tempfile.TemporaryDirectory(prefix="violet-hostile-") as name:
        scratch = pathlib.Path(name)
        program = Program(arguments.program, pathlib.Path(arguments.shim).resolve(), scratch)
        clean = scratch / "clean"
        clean.mkdir()
        done = program.measure(clean)
        if done.returncode == LACKS_SOMETHING:
            checkout.skip(done.stderr.decode().strip().splitlines()[-1])
        if done.returncode != 0:
            sys.exit(f"the plan does not run: {done.stderr.decode()}")
        calls = program.calls()
        print(f"{calls} calls change files; seed {arguments.seed}")
        if calls < 40:
            sys.exit("the calls are not seen: the shim is not what it should be")
        for fault, sample in SAMPLE.items():
            every = range(1, calls + 1)
            first, step = arguments.part
            for call in every[first::step] if arguments.all else sorted(chooser.sample(every, sample)):
                folder = scratch / f"{fault}-{call}"
                folder.mkdir()
                try:
                    attack(program, folder, fault, call)
                except (Trouble, subprocess.TimeoutExpired) as trouble:
                    failures.append(f"{fault} at call {call} of {calls}: {trouble}")
                    print(failures[-1], flush=True)
                    continue
                shutil.rmtree(folder)
            print(f"{fault}: done", flush=True)
    if failures:
        sys.exit(f"{len(failures)} failures; again: check_hostile.py ... --seed {arguments.seed}")


if __name__ == "__main__":
    main()
