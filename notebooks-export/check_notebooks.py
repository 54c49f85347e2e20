#!/usr/bin/env python3
"""The tests of this room: check_notebooks.py demo|reading|packs|exports|figures|notebook|style [PROGRAM]

What needs packages that are not installed is skipped (exit code 77), with its reason where ci/skips.py finds it.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import unittest

ROOM = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(ROOM))

from violet_export.command_line import FIGURES, NOTEBOOKS, missing  # noqa: E402

SUITES = {"demo": {}, "reading": {}, "packs": {}, "exports": {}, "figures": FIGURES, "notebook": NOTEBOOKS}
TOOLS = {
    "black": ["black", "--check", "--quiet", "--line-length", "128", "--target-version", "py311"],
    "flake8": ["flake8", "--max-line-length", "128", "--extend-ignore", "E203,W503"],
    "mypy": ["mypy", "--strict", "--no-incremental", "--ignore-missing-imports", "--cache-dir", os.devnull],
}


def skip(reason):
    """Says why nothing was tested."""
    print(f"skipped: {reason}")
    if os.environ.get("VIOLET_SKIP_FILE"):
        pathlib.Path(os.environ["VIOLET_SKIP_FILE"]).write_text(reason + "\n", encoding="utf-8")
    return 77


def check_style():
    """Format, lint and types, as far as the tools are installed."""
    there = [name for name in TOOLS if shutil.which(name)]
    if not there:
        return skip("needs black, flake8 or mypy")
    sources = sorted(map(str, ROOM.glob("**/*.py")))
    typed = [one for one in sources if "violet_export/" in one]
    status = 0
    for name in there:
        done = subprocess.run([*TOOLS[name], *(typed if name == "mypy" else sources)], cwd=ROOM, check=False)
        status = status or int(done.returncode != 0)
    return status


def main(arguments):
    if len(arguments) == 2:
        os.environ["VIOLET_PROGRAM"] = arguments.pop()
    if len(arguments) != 1 or arguments[0] not in (*SUITES, "style"):
        print(__doc__.splitlines()[0], file=sys.stderr)
        return 2
    if arguments[0] == "style":
        return check_style()
    packages = missing(SUITES[arguments[0]])
    if packages:
        return skip(f"needs {', '.join(packages)} (./violet setup --figures)")
    suite = unittest.defaultTestLoader.discover(str(ROOM), f"{arguments[0].removesuffix('s')}*_test.py", str(ROOM))
    return 0 if unittest.TextTestRunner().run(suite).wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
