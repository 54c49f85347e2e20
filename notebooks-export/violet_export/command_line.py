"""What the verbs of this room share: where runs lie, words for the user, and the exit codes of ./violet."""
from __future__ import annotations

import importlib.util
import os
import pathlib
import sys
from collections.abc import Callable, Iterable

from violet_export.hostile_files import ExportError, UsageError, printable
from violet_export.run import Run, find_run, read_run

OK, FAILED, USAGE, LACKS = 0, 1, 2, 5
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
    """To the user, beside the result."""
    print(f"violet: {printable(text, 4000)}", file=sys.stderr)


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
        print(
            f"sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends {' '.join(packages)}'", file=sys.stderr
        )
        raise SystemExit(LACKS)


def run_verb(verb: Callable[[list[str]], int], arguments: list[str]) -> int:
    """The verb's exit code; what went wrong is one line."""
    try:
        return verb(arguments)
    except UsageError as error:
        say(str(error))
        return USAGE
    except ExportError as error:
        say(str(error))
        return FAILED
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
