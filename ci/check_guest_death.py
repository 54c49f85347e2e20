#!/usr/bin/env python3
"""Whoever dies takes the others along: check_guest_death.py PROGRAM

Kills QEMU, then the program, then asks the program to end, each in the middle of a guest's work. Nothing
may be left running, and the program says what happened. Exits with 77 as check_guest.py does.
"""
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import checkout

LACKS_SOMETHING = 5
SECONDS = 60
FAILED, INTERRUPTED = 1, 130


def wait_for(what, seconds=SECONDS):
    """The first true value of `what`, or None in the end."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = what()
        if value:
            return value
        time.sleep(0.05)
    return None


def children(pid):
    return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()


def runs(pid):
    """Whether the process is there and more than a zombie."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Guest:
    """A guest that works for long, and its QEMU, once it has said its first word."""

    def __init__(self, program, folder):
        command = [program, "guest", "run", "--format", "json", "--rounds", "1000", "--keep", folder]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        log = pathlib.Path(folder) / "console.log"
        wait_for(lambda: self.process.poll() is not None or
                 (log.exists() and "VIOLET domain" in log.read_text(errors="replace")))
        if self.process.poll() == LACKS_SOMETHING:
            checkout.skip(self.process.communicate()[1].strip().splitlines()[-1])
        self.qemu = int(children(self.process.pid)[0])

    def end(self):
        out, err = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, json.loads(out)["ending"] if out else err


def problems(program, folder):
    guest = Guest(program, folder + "/qemu")
    subprocess.run(["kill", "-KILL", str(guest.qemu)], check=True)
    if (end := guest.end()) != (FAILED, "qemu-failed"):
        yield f"QEMU was killed, and the program ended with {end}"

    guest = Guest(program, folder + "/program")
    guest.process.send_signal(signal.SIGKILL)
    guest.end()
    if not wait_for(lambda: not runs(guest.qemu), 10):
        yield "the program was killed, and QEMU lives on"

    guest = Guest(program, folder + "/term")
    guest.process.send_signal(signal.SIGTERM)
    if (end := guest.end()) != (INTERRUPTED, "interrupted"):
        yield f"the program was told to end, and ended with {end}"
    if runs(guest.qemu):
        yield "the program was told to end, and QEMU lives on"


def main(program):
    with tempfile.TemporaryDirectory(prefix="violet-death-") as folder:
        found = list(problems(program, folder))
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
