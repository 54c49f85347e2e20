#!/usr/bin/env python3
"""The README tells the truth: check_readme.py SOURCE_ROOT

Every `./violet VERB` in it is a verb that the launcher names, every path in its tree exists, every local
link leads somewhere, and its snippets fenced as ```sh run are run, in order, from the root of the checkout.
"""
import os
import pathlib
import re
import subprocess
import sys

import checkout

FENCE = re.compile(r"^```(.*?)\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
SECONDS = 120


def verbs(root):
    done = subprocess.run([root / "violet", "--help"], capture_output=True, text=True, check=True)
    named = re.findall(r"^  ([a-z]+(?:, [a-z]+)*)", done.stdout, re.MULTILINE)
    return {verb for names in named for verb in names.split(", ")}


def unknown_verbs(root, text):
    known = verbs(root)
    for verb in sorted(set(re.findall(r"\./violet ([a-z]+)", text)) - known):
        yield f"./violet {verb}: the launcher's help does not name this verb"


def dead_links(root, text):
    for target in LINK.findall(text):
        if not (root / target).exists():
            yield f"the link to {target} leads nowhere"


def missing_rooms(root, text):
    """The paths that open a line of the block fenced as ```tree."""
    for info, body in FENCE.findall(text):
        for path in re.findall(r"^(\S+/)\s", body, re.MULTILINE) if info == "tree" else []:
            if not (root / path).is_dir():
                yield f"{path}: no such folder"


def failing_snippets(root, text):
    for info, body in FENCE.findall(text):
        if info != "sh run":
            continue
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", body], cwd=root, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=SECONDS, check=False)
        if done.returncode != 0:
            yield f"this snippet ends with {done.returncode}:\n{body}{done.stdout[-2000:]}{done.stderr[-2000:]}"


def main(root):
    text = (root / "README.md").read_text(encoding="utf-8")
    problems = [*unknown_verbs(root, text), *dead_links(root, text), *missing_rooms(root, text)]
    for problem in problems:
        print(problem)
    if problems:
        return 1
    if "VIOLET_ROOT" not in os.environ:
        checkout.skip("the snippets run under ./violet test only")
    if not list(root.glob("experiments/*/violet_main.cpp")):
        checkout.skip("this checkout has no program that the snippets could run")
    problems = list(failing_snippets(root, text))
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve()))
