#!/usr/bin/env python3
"""The texts of `--help` are the program's: check_help.py SOURCE_ROOT VIOLET [--write]

The launcher prints experiments/cli/help/VERB.txt where nothing is built. --write makes them anew.
"""
import difflib
import pathlib
import subprocess
import sys

NAMES = ("demo", "run", "reproduce", "list", "compare", "report", "show", "export", "import", "guest", "guest-run",
         "guest-capture", "guest-bench", "runs", "runs-prune", "runs-remove", "scorecard", "doctor")


def told(program, name):
    """Ends with one line break: CLI11 2.1 adds one more, 2.4 does not."""
    done = subprocess.run([program, *name.split("-"), "--help"], capture_output=True, text=True, check=True)
    return done.stdout.rstrip("\n") + "\n"


def main(arguments):
    write = "--write" in arguments
    root, program = (argument for argument in arguments if argument != "--write")
    folder = pathlib.Path(root) / "experiments/cli/help"
    status = 0
    for name in NAMES:
        file, says = folder / f"{name}.txt", told(program, name)
        kept = file.read_text(encoding="utf-8") if file.exists() else ""
        if kept == says:
            continue
        if write:
            folder.mkdir(exist_ok=True)
            file.write_text(says, encoding="utf-8")
            continue
        status = 1
        print(f"{file} is not what `violet {name.replace('-', ' ')} --help` says; {sys.argv[0]} with --write renews it")
        sys.stdout.writelines(difflib.unified_diff(kept.splitlines(True), says.splitlines(True), "kept", "told"))
    for file in folder.glob("*"):
        if file.stem not in NAMES:
            status = 1
            print(f"{file}: no verb is called so")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
