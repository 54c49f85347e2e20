#!/usr/bin/env python3
"""The pictures of the READMEs, made anew: python3 gui/make_pictures.py [--demo RUN] [--sawtooth RUN]

Measures the plans demo and sawtooth (two to three minutes), unless runs of them are named, and draws each picture
of gui/pictures from them. Say in the commit on which machine they were made; each names its run.
"""
import argparse
import csv
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SIZE = "1600x900"
CELL = "strategy=lazy-percpu placement=samecore"
READ = "blk-randread-strict strategy="
# Picture: the plan that it is of (none: it needs no run), and what is drawn.
PICTURES = {
    "window": ("demo", ["--render", "window", "--cell", READ + "lazy-percpu"]),
    "churn": ("demo", ["--render", "churn", "--cell", READ + "lazy-percpu"]),
    "latency": ("demo", ["--render", "latency", "--cell", READ + "strict"]),
    "engine": ("demo", ["--render", "engine", "--cell", READ + "strict"]),
    "topology": ("demo", ["--render", "topology", "--cell", READ + "strict"]),
    "compare": ("demo", ["--render", "compare", "--cell", READ + "strict"]),
    "experiment": ("demo", ["--render", "experiment"]),
    "exposure": ("sawtooth", ["--render", "exposure", "--cell", CELL, "--time", "BUSIEST"]),
    "explain": (None, ["--render", "explain", "--step", "4.4"]),
}


def measure(plan, runs):
    """The directory of a run of the plan."""
    environment = dict(os.environ, VIOLET_RUNS=str(runs / plan))
    subprocess.run([ROOT / "violet", "run", plan], env=environment, check=True)
    return (runs / plan / "latest").resolve()


def busiest(run):
    """The millisecond of CELL in which most was mapped and unmapped."""
    done = subprocess.run(
        [ROOT / "violet", "show", run, "timeline", "--cell", CELL, "--columns", "400", "--format", "csv"],
        capture_output=True, text=True, check=True)
    steps = list(csv.DictReader(done.stdout.splitlines()))
    at_us = float(max(steps, key=lambda step: float(step["operations [1/s]"] or 0))["from [s]"]) * 1e6
    return f"{at_us:.0f}us..{at_us + 1000:.0f}us"


def draw(name, run, arguments):
    file = ROOT / "gui/pictures" / f"{name}.png"
    arguments = [busiest(run) if argument == "BUSIEST" else argument for argument in arguments]
    command = [ROOT / "violet", "gui", *arguments, "--size", SIZE, "--theme", "dark", "--out", file]
    subprocess.run(command + ([run] if run else []), check=True)
    print(file.relative_to(ROOT))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for plan in ("demo", "sawtooth"):
        parser.add_argument(f"--{plan}", metavar="RUN", type=pathlib.Path, help=f"a run of {plan} to draw")
    given = vars(parser.parse_args())
    with tempfile.TemporaryDirectory() as folder:
        runs = {plan: run or measure(plan, pathlib.Path(folder)) for plan, run in given.items()}
        for name, (plan, arguments) in PICTURES.items():
            draw(name, runs.get(plan), arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
