"""The program of ./violet, run by Python: in its place, or for the JSON that it prints."""
from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from typing import IO

from violet_export.hostile_files import ExportError, JsonObject, printable

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_MOST_SECONDS = 120
_LOOKS_EVERY_S = 0.2
_PR_SET_PDEATHSIG = 1
# A signal to a process group is sent to one process after the other.
_LOOKS_AT_GROUP, _BETWEEN_LOOKS_S = 6, 0.01
_LIBC = ctypes.CDLL(None)


def _die_with(parent: int, number: signal.Signals) -> None:
    """In a child before its program: kill -9 of us must not leave it measuring."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(number))
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


class _Witness:
    """A process that sleeps in our process group, with its signals held: it tells whether one was sent to all of the group.

    A terminal, `timeout` and a shell's `kill %1` send to the group: the program has that signal already, and takes a second one
    for impatience. One that was sent to us alone is nobody's but ours to hand on.
    """

    def __init__(self) -> None:
        self._sleeper = self._begin()

    @staticmethod
    def _begin() -> subprocess.Popen[bytes]:
        parent = os.getpid()
        return subprocess.Popen(
            ["/bin/sleep", "infinity"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=lambda: _die_with(parent, signal.SIGKILL),
        )

    def _holds(self, number: int) -> bool:
        try:
            with open(f"/proc/{self._sleeper.pid}/status", encoding="ascii", errors="replace") as status:
                held = next((line.split()[1] for line in status if line.startswith("ShdPnd:")), "0")
        except OSError:
            return False
        return bool(int(held, 16) >> (number - 1) & 1)

    def saw(self, number: int) -> bool:
        """Whether the group got the signal that we got."""
        for _ in range(_LOOKS_AT_GROUP):
            if self._holds(number):
                self.end()
                self._sleeper = self._begin()
                return True
            time.sleep(_BETWEEN_LOOKS_S)
        return False

    def end(self) -> None:
        """It is no longer needed."""
        self._sleeper.kill()
        self._sleeper.wait()


def run_in_our_place(command: Sequence[str], stdout: IO[bytes] | None = None) -> int:
    """Runs a program as if it had been started instead of us: with our terminal, and with the signals that are sent to us."""
    watched = {*SIGNALS, signal.SIGCHLD}
    # Where the caller ignores it, the kernel throws exit codes away.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    parent = os.getpid()

    def begin() -> None:
        _die_with(parent, signal.SIGTERM)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    try:
        witness = _Witness()
        try:
            with subprocess.Popen(command, stdout=stdout, preexec_fn=begin) as child:
                while child.poll() is None:
                    # With a limit: another thread (of numpy) may have taken the word that the child ended.
                    told = signal.sigtimedwait(watched, _LOOKS_EVERY_S)
                    if told is not None and told.si_signo in SIGNALS and not witness.saw(told.si_signo):
                        child.send_signal(told.si_signo)
                code = child.returncode
        finally:
            witness.end()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return code if code >= 0 else 128 - code


def _object(text: bytes, command: Sequence[str]) -> JsonObject:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ExportError(f"{' '.join(command[1:])}: what it printed is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise ExportError(f"{' '.join(command[1:])}: what it printed is no object")
    return value


def run_for_json(command: Sequence[str]) -> tuple[int, JsonObject]:
    """Runs a long verb in our place; its exit code, and what it printed as JSON (nothing: an empty object)."""
    with tempfile.TemporaryFile() as told:
        code = run_in_our_place(command, told)
        told.seek(0)
        text = told.read()
    return code, _object(text, command) if text.strip() else {}


def asked_for_json(command: Sequence[str]) -> JsonObject:
    """What a short verb prints as JSON; an error with its own words where it fails."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=_MOST_SECONDS, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ExportError(f"{' '.join(command)}: {error}") from error
    if done.returncode not in (0, 3):
        words = printable(done.stderr.decode("utf-8", "replace").strip(), 2000) or f"it ended with {done.returncode}"
        raise ExportError(f"{' '.join(command[1:])}: {words}")
    return _object(done.stdout, command)
