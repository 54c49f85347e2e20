"""What the verbs of this room share: where runs lie, words for the user, and the exit codes of ./violet."""
from __future__ import annotations

import contextlib
import importlib.util
import os
import pathlib
import signal
import sys
from collections.abc import Callable, Iterable
from typing import TextIO

from violet_export.hostile_files import ExportError, UsageError, printable
from violet_export.run import Run, find_run, read_run

OK, FAILED, USAGE, LACKS, INTERRUPTED = 0, 1, 2, 5, 130
ROOT = pathlib.Path(os.environ.get("VIOLET_ROOT") or pathlib.Path(__file__).resolve().parents[2])
# What is imported, and the Debian package that has it.
FIGURES = {"matplotlib": "python3-matplotlib", "xxhash": "python3-xxhash"}
NOTEBOOKS = {
    **FIGURES,
    "pandas": "python3-pandas",
    "nbformat": "python3-nbformat",
    "nbclient": "python3-nbclient",
    "ipykernel": "python3-ipykernel",
    "nbconvert": "python3-nbconvert",
}


def say(text: str) -> None:
    """To the user, beside the result; where nobody can be told, the exit code says it."""
    with contextlib.suppress(OSError):
        print(f"violet: {printable(text, 4000)}", file=sys.stderr, flush=True)


def counted(count: int, thing: str) -> str:
    """1 plan, 2 plans."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


class Progress:
    """Says on stderr how far a long verb is: on a terminal one line that changes, when asked for always a line each."""

    MODES = ("auto", "always", "never")

    def __init__(self, mode: str = "auto") -> None:
        self._rewrites = mode != "never" and sys.stderr.isatty()
        self._tells = self._rewrites or mode == "always"

    def step(self, words: str) -> None:
        """What begins now."""
        if self._rewrites:
            print(f"\r\x1b[Kviolet: {printable(words, 70)}", end="", file=sys.stderr, flush=True)
        elif self._tells:
            say(words)

    def end(self) -> None:
        """Nothing goes on any more: the line is taken away."""
        if self._rewrites:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def runs_folder() -> pathlib.Path:
    """Where runs are kept."""
    return pathlib.Path(os.environ.get("VIOLET_RUNS") or ROOT / "runs")


def runs_called(names: Iterable[str]) -> list[Run]:
    """Each by directory, name, a part of one, or latest."""
    return [read_run(find_run(name, runs_folder())) for name in names]


def missing(modules: dict[str, str]) -> list[str]:
    """The Debian packages that are not there."""
    return sorted({package for module, package in modules.items() if importlib.util.find_spec(module) is None})


def need(modules: dict[str, str], what: str) -> None:
    """Ends with the one command that helps."""
    packages = missing(modules)
    if packages:
        say(f"{what} need {', '.join(packages)}; install them with this command, then run me again:")
        command = f"sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends {' '.join(packages)}'"
        with contextlib.suppress(OSError):
            print(command, file=sys.stderr, flush=True)
        raise SystemExit(LACKS)


def _open_streams() -> None:
    """A file must not get the number of a closed stream, nor a message go to stdout because there is no stderr."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free; the wrong way round, so that what is printed is not thought written.
            os.open(os.devnull, os.O_WRONLY if number == 0 else os.O_RDONLY)
            os.set_inheritable(number, True)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)


def _end_by_signals() -> None:
    """As Ctrl-C does: what was begun is taken away. Exit codes of children are kept, although the caller may ignore theirs."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


def _written(stream: TextIO) -> str:
    """Empty, or why what was printed is not written; nothing is left for Python to fail over when it ends."""
    try:
        stream.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return error.strerror or str(error)
    return ""


def run_verb(verb: Callable[[list[str]], int], arguments: list[str]) -> int:
    """The verb's exit code; what went wrong is one line, and lost where stderr cannot be written."""
    _open_streams()
    _end_by_signals()
    try:
        code = _ended(verb, arguments)
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else FAILED
    if why := _written(sys.stdout):
        say(f"stdout could not be written: {why}")
        code = code or FAILED
    _written(sys.stderr)
    return code


def _ended(verb: Callable[[list[str]], int], arguments: list[str]) -> int:
    try:
        return verb(arguments)
    except UsageError as error:
        say(str(error))
        return USAGE
    except ExportError as error:
        say(str(error))
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except MemoryError:
        say("there is not enough memory for this")
        return FAILED
    except OSError as error:
        # What has no name is a stream, whose buffer is written early.
        say(f"{error.filename or 'stdout could not be written'}: {error.strerror or error}")
        return FAILED
