#!/usr/bin/env python3
"""How long Violet takes to build and test, cold: build_times.py [ROW...]

Prints what it measures as a table: demo, quick, edit, full (default: all, in this order; edit and size follow
quick and full). Each row builds in a folder of its own under a temporary one, with the compiler cache off and
the packages installed, by the launcher and nothing else. Wall clock on this machine as it is: close what else
runs. No test asserts these times.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
EDITED = ROOT / "engine/device/device.cpp"  # In the middle of the house: much links with it.
GOALS = {  # Two processors; what each was before rooms were compiled as units.
    "demo": ("./violet demo until it measures (built)", "188 s", "75 s"),
    "quick": ("./violet test --quick", "805 s", "240 s"),
    "edit": ("one .cpp changed, ./violet test --quick", "33 s", "20 s"),
    "full": ("./violet test, everything included", "2700 s", "900 s"),
    "size": ("all of build/ after ./violet test", "4.9 GB", "2.5 GB"),
}


def launch(build, *words):
    """Seconds that the launcher takes; its own words go to a .log beside the build."""
    environment = {**os.environ, "VIOLET_BUILD_DIR": str(build), "CCACHE_DISABLE": "1", "VIOLET_NO_INSTALL": "1"}
    log = build.with_suffix(".log")
    start = time.monotonic()
    with log.open("a", encoding="utf-8") as out:
        code = subprocess.run([ROOT / "violet", *words], stdout=out, stderr=subprocess.STDOUT, env=environment,
                              stdin=subprocess.DEVNULL, check=False).returncode
    seconds = time.monotonic() - start
    return f"{seconds:.0f} s" + (f", exit code {code}, see {log}" if code else "")


def edit(build):
    """The time after a file got one more variable: other bytes, so that every program with it is another one."""
    before = EDITED.read_bytes()
    try:
        EDITED.write_bytes(before + b"namespace violet {\nextern const int kOneMore;\nconst int kOneMore = 1;\n}\n")
        return launch(build, "test", "--quick", "-E", "format")
    finally:
        EDITED.write_bytes(before)


def size(build):
    done = subprocess.run(["du", "-s", "--block-size=1000000", build], capture_output=True, text=True, check=True)
    return f"{int(done.stdout.split()[0]) / 1000:.1f} GB"


shown = []


def show(row, measured):
    shown.append(measured)
    what, before, goal = GOALS[row]
    print(f"{what:<42} {before:>8} {goal:>8}   {measured}", flush=True)


def main(rows):
    unknown = set(rows) - set(GOALS)
    if unknown:
        print(f"there is no row {sorted(unknown)[0]}: there are {', '.join(GOALS)}", file=sys.stderr)
        return 2
    rows = rows or list(GOALS)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="violet-build-times-"))
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    print(f"{'what':<42} {'before':>8} {'goal':>8}   measured")
    if "demo" in rows:
        show("demo", launch(folder / "demo", "list", "strategies"))
    if "quick" in rows or "edit" in rows:
        cold = launch(folder / "quick", "test", "--quick")
        show("quick", cold)
        if "edit" in rows:
            show("edit", edit(folder / "quick"))
    if "full" in rows or "size" in rows:
        cold = launch(folder / "full", "test")
        show("full", cold)
        show("size", size(folder / "full"))
    failed = any("exit code" in line for line in shown)
    if failed:
        print(f"the logs are in {folder}", file=sys.stderr)
    else:
        shutil.rmtree(folder)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
