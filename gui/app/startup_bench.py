#!/usr/bin/env python3
"""How long the program takes to show something: startup_bench.py VIOLET_GUI [RUN...] [--repetitions N]

Starts an X server of its own and, interleaved, the program without a run and with each of the runs. Prints for each the
times from the start of the process to its first pixel and to the last change of the picture, and the memory that it had
at most. Nothing is judged: an X server in memory and the program share this machine's CPUs.
"""
import argparse
import mmap
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import xvfb_window_test  # noqa: E402

QUIET_S = 1.5  # Without a change for so long, the picture is complete.
WAIT_S = 0.002


def peak_mib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return None


def start_once(screen, program, run, home):
    """First pixel, last change (ms) and memory (MiB) of one start."""
    settings = dict(os.environ, DISPLAY=screen.display, HOME=home, XDG_CONFIG_HOME=home)
    settings.pop("QT_QPA_PLATFORM", None)
    with open(screen.file, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as pixels:
        before = zlib.crc32(pixels)
        began = time.monotonic()
        child = subprocess.Popen([program] + ([run] if run else []), env=settings, stderr=subprocess.PIPE, text=True)
        first = last = None
        while time.monotonic() < began + xvfb_window_test.PATIENCE_S:
            now, seen = time.monotonic(), zlib.crc32(pixels)
            if seen != before:
                first, last, before = first or now, now, seen
            if last and now > last + QUIET_S:
                break
            if child.poll() is not None:
                sys.exit(f"the program ended: {child.communicate()[1].strip()}")
            time.sleep(WAIT_S)
        memory = peak_mib(child.pid)
        child.terminate()
        child.communicate()
        if first is None:
            sys.exit(f"nothing was drawn in {xvfb_window_test.PATIENCE_S} s")
        while zlib.crc32(pixels) == before and time.monotonic() < began + xvfb_window_test.PATIENCE_S:
            time.sleep(WAIT_S)  # Until the server has cleared the window away.
    return (first - began) * 1000, (last - began) * 1000, memory


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("run", nargs="*")
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    arms = [None] + options.run
    seen = {arm: [] for arm in arms}
    with tempfile.TemporaryDirectory() as folder:
        screen = xvfb_window_test.Screen(folder)
        try:
            for _ in range(options.repetitions):
                for arm in arms:
                    seen[arm].append(start_once(screen, options.program, arm, folder))
        finally:
            screen.stop()
    print(f"{'':40}{'first pixel':>14}{'last change':>14}{'at most':>12}   medians of {options.repetitions}")
    for arm in arms:
        first, last, memory = (statistics.median(column) for column in zip(*seen[arm]))
        print(f"{arm or 'no run':40.40}{first:11.0f} ms{last:11.0f} ms{memory:8.0f} MiB")


main()
