#!/usr/bin/env python3
"""The pictures of the READMEs, made anew: python3 gui/make_pictures.py [--demo RUN] [--sawtooth RUN]

Measures the plans demo and sawtooth (two to three minutes), unless runs of them are named, and draws each picture
of gui/pictures from them. Say in the commit on which machine they were made; each names its run.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SIZE = "1600x900"
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
    "exposure": ("sawtooth", ["--render", "exposure", "--cell", "samecore", "--time", "300ms..301ms"]),
    "explain": (None, ["--render", "explain", "--step", "4.4"]),
}


def measure(plan, runs):
    """The directory of a run of the plan."""
    environment = dict(os.environ, VIOLET_RUNS=str(runs / plan))
    subprocess.run([ROOT / "violet", "run", plan], env=environment, check=True)
    return (runs / plan / "latest").resolve()


def draw(name, run, arguments):
    file = ROOT / "gui/pictures" / f"{name}.png"
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
