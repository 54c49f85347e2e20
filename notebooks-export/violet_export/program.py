"""The program of ./violet, run by Python: in its place, or for the JSON that it prints."""
from __future__ import annotations

import json
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from typing import IO

from violet_export.hostile_files import ExportError, JsonObject, printable

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_FROM_A_PROCESS = 0  # si_code SI_USER: kill(). What a terminal sends reaches all of its processes by itself.
_MOST_SECONDS = 120
_LOOKS_EVERY_S = 0.2


def run_in_our_place(command: Sequence[str], stdout: IO[bytes] | None = None) -> int:
    """Runs a program as if it had been started instead of us: with our terminal, and with the signals that are sent to us."""
    watched = {*SIGNALS, signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, watched)

    def unblock() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    try:
        with subprocess.Popen(command, stdout=stdout, preexec_fn=unblock) as child:
            while child.poll() is None:
                # With a limit: another thread (of numpy) may have taken the word that the child ended.
                told = signal.sigtimedwait(watched, _LOOKS_EVERY_S)
                if told is not None and told.si_signo in SIGNALS and told.si_code == _FROM_A_PROCESS:
                    child.send_signal(told.si_signo)
            code = child.returncode
    finally:
        unblock()
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
