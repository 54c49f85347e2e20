"""./violet demo: the program's demo, then an executed notebook with its HTML and its figures in the folder of the run.

The demo's results, its output and its exit code are the program's, whatever becomes of the notebook: what goes wrong with
that is one line on stderr, and it is given up before a minute is over.
"""
from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import Sequence

from violet_export import command_line
from violet_export.command_line import OK, say
from violet_export.hostile_files import ExportError, read_json
from violet_export.program import SIGNALS, run_in_our_place

NOTEBOOK = "notebook"
MOST_SECONDS = 55.0
_CLEAN_UP_SECONDS = 5.0
_EXPORT = pathlib.Path(__file__).resolve().parents[1] / "export.py"


def folders_of(runs: pathlib.Path) -> set[str]:
    """The names of the folders in that of runs; the link `latest`, which the first run makes, is none."""
    return {one.name for one in runs.iterdir() if not one.is_symlink()} if runs.is_dir() else set()


def new_demos(runs: pathlib.Path, before: set[str]) -> list[pathlib.Path]:
    """The finished demos that were not there before: several where others ran beside this one."""
    found = []
    for name in sorted(folders_of(runs) - before):
        try:
            manifest = read_json(runs / name / "manifest.json")
        except ExportError:
            continue
        plan = manifest.get("plan")
        if isinstance(plan, dict) and plan.get("name") == "demo" and manifest.get("outcome") == "finished":
            found.append(runs / name)
    return found


def _stop(number: int, _: object) -> None:
    raise KeyboardInterrupt(number)


def _end(child: subprocess.Popen[bytes]) -> None:
    """An interrupt lets it take away its temporary files; whoever does not hear it is killed."""
    for number in (signal.SIGINT, signal.SIGKILL):
        if child.poll() is None:
            os.killpg(child.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_CLEAN_UP_SECONDS)


def export_within(command: Sequence[str], seconds: float) -> str:
    """Why the export failed; empty: it did not."""
    # What the caller ignores, as nohup does, stays ignored.
    heard = [one for one in SIGNALS if signal.getsignal(one) is not signal.SIG_IGN]
    handlers = {one: signal.signal(one, _stop) for one in heard}
    try:
        # In a session of its own: a ctrl-C stops it by us, and at once; our interrupt it hears whatever the caller ignores.
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        ) as child:
            try:
                code = child.wait(seconds)
                return "" if code == 0 else f"it ended with {code}"
            except subprocess.TimeoutExpired:
                return f"it took longer than {seconds:.0f} s"
            except KeyboardInterrupt:
                return "it was interrupted"
            finally:
                _end(child)
    except OSError as error:
        return str(error)
    finally:
        for one, handler in handlers.items():
            signal.signal(one, handler)


def leave_notebook(run: pathlib.Path, program: str, progress: str, seconds: float = MOST_SECONDS) -> None:
    """Makes the notebook, or says in one line why there is none and how to get one."""
    again = f"./violet export {run.name} --notebook --out DIR"
    packages = command_line.missing(command_line.NOTEBOOKS)
    if packages:
        say(f"no notebook and no figures, which need {', '.join(packages)}: ./violet setup --figures, then {again}")
        return
    out = run / NOTEBOOK
    command = [sys.executable, "-E", "-s", "-B", str(_EXPORT), str(run), "--notebook", "--out", str(out)]
    why = export_within([*command, "--program", program, "--progress", progress], seconds)
    if why:
        say(f"warning: no whole notebook of this run: {why}; the results are not touched by that. Again: {again}")
        return
    print(
        f"Notebook: {out}/notebook.html\n  executed, with its figures as PDF and PNG; --no-notebook leaves it away", flush=True
    )


def _progress_of(arguments: Sequence[str]) -> str:
    for at, word in enumerate(arguments):
        name, equals, value = word.partition("=")
        if name == "--progress":
            asked = value if equals else "".join(arguments[at + 1 : at + 2])
            return asked if asked in ("auto", "always") else "never"
    return "auto"


def demo_verb(arguments: list[str]) -> int:
    """--program PROGRAM and the words of the demo; the program's exit code."""
    program, words = arguments[1], arguments[2:]
    runs = command_line.runs_folder()
    before = folders_of(runs)
    code = run_in_our_place([program, "demo", *words])
    try:
        runs_made = new_demos(runs, before) if code == OK else []
        if len(runs_made) == 1:
            leave_notebook(runs_made[0], program, _progress_of(words))
        elif runs_made:
            names = ", ".join(one.name for one in runs_made)
            several = f"no notebook: {len(runs_made)} demos ended in {runs}: {names}"
            say(f"{several}; ./violet export RUN --notebook --out DIR makes one")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (Exception, KeyboardInterrupt) as error:  # Whatever it is, the demo went well.
        say(f"warning: there is no notebook of this run: {type(error).__name__} {error}; the results are not touched by that")
    return code
