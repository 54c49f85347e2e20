#!/usr/bin/env python3
"""A hostile QEMU costs a message: check_hostile_qemu.py PROGRAM

ci/hostile/qemu-system-x86_64 takes QEMU's place. Whatever it does, `guest run` ends within its timeout, or at once when
it is told to, with a documented exit code and a word about it, and leaves no folder behind.
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import checkout

ROOT = pathlib.Path(__file__).resolve().parent.parent
LACKS_SOMETHING, FAILED, INTERRUPTED = 5, 1, 130
TIMEOUT_S = 40        # Of what ends by itself, on a machine that does much else.
HARM_S = 8            # Of what does harm until it is ended.
DEADLINE_S = 120
MOST_LOG_BYTES = 65 << 20


class Trouble(Exception):
    pass


class Guest:
    def __init__(self, program, scratch, harm, *arguments, timeout=TIMEOUT_S):
        self.temporary = scratch / harm
        self.temporary.mkdir()
        kernel = scratch / "kernel"
        kernel.touch()
        environment = dict(os.environ, PATH=f"{ROOT / 'ci/hostile'}:{os.environ['PATH']}", HOSTILE_QEMU=harm,
                           TMPDIR=str(self.temporary), VIOLET_ROOT=str(ROOT))
        command = [program, "guest", "run", "--kernel", str(kernel), "--timeout", str(timeout), *arguments]
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def signal_when_begun(self, number):
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end and self.process.poll() is None:
            children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
            if children.read_text(encoding="ascii").split():
                self.process.send_signal(number)
                return
            time.sleep(0.02)

    def end(self, code):
        """What it said on stdout and stderr."""
        try:
            out, err = self.process.communicate(timeout=DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise Trouble(f"did not end within {DEADLINE_S} s") from None
        if self.process.returncode == LACKS_SOMETHING:
            checkout.skip(err.decode(errors="replace").strip().splitlines()[-1])
        if self.process.returncode != code:
            raise Trouble(f"exit code {self.process.returncode}, expected {code}: {err.decode(errors='replace')}")
        if not out.strip() and not err.strip():
            raise Trouble("ended without a word")
        if left := sorted(path.name for path in self.temporary.iterdir()):
            raise Trouble(f"left behind: {left}")
        return out, err


def expect(said, word):
    if word not in said:
        raise Trouble(f"'{word.decode()}' is not in {said.decode(errors='replace')}")


def check_line(program, scratch, harm):
    expect(Guest(program, scratch, harm, "--interrupts", "irqfd").end(FAILED)[1], b"needs two eventfds")


def check_noise(program, scratch, harm):
    Guest(program, scratch, harm).end(FAILED)


def check_noanswers(program, scratch, harm):
    Guest(program, scratch, harm, timeout=HARM_S).end(FAILED)


def check_silent(program, scratch, harm):
    expect(Guest(program, scratch, harm, timeout=2).end(FAILED)[0], b"timeout")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        told_to_end = scratch / number.name
        told_to_end.mkdir()
        guest = Guest(program, told_to_end, harm, timeout=600)
        guest.signal_when_begun(number)
        guest.end(INTERRUPTED)


def check_console_utf8(program, scratch, harm):
    out, _ = Guest(program, scratch, harm, "--format", "json").end(FAILED)
    if json.loads(out.decode())["guest"]["kernel"] != "\ufffd\ufffd":
        raise Trouble(f"the report says {out.decode()}")


def check_console_escape(program, scratch, harm):
    out, err = Guest(program, scratch, harm).end(FAILED)
    if any(byte < 32 and byte != 10 or byte == 127 for byte in out + err) or b"\x9b" in out + err:
        raise Trouble(f"control characters reach the terminal: {out + err!r}")


def check_console_flood(program, scratch, harm):
    kept = scratch / "kept"
    Guest(program, scratch, harm, "--keep", str(kept), timeout=HARM_S).end(FAILED)
    size = (kept / "console.log").stat().st_size
    if size > MOST_LOG_BYTES:
        raise Trouble(f"the console's log has {size} bytes")


CHECKS = {"irqpipe_full": check_line, "irqpipe_closed": check_line, "noanswers": check_noanswers, "noise": check_noise,
          "silent": check_silent, "console_utf8": check_console_utf8, "console_escape": check_console_escape,
          "console_flood": check_console_flood}


def main():
    failures = 0
    with tempfile.TemporaryDirectory(prefix="violet-qemu-") as name:
        for harm, check in CHECKS.items():
            try:
                check(sys.argv[1], pathlib.Path(name), harm)
            except Trouble as trouble:
                failures += 1
                print(f"{harm}: {trouble}", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
