#!/usr/bin/env python3
"""The style rules that a machine can see: check_taste.py SOURCE_ROOT.

Sizes of functions and files, no throw in engine/ and dataplane/, no thread started in engine/, no
unfinished work, no sleeping outside tests, no vague names, headers that open with their contract, a
README of at most 60 lines in every room, one name for one class, commit subjects like "area: imperative" of at most 50 characters. A place that has to break a rule says so on its line or the
one above:  // taste: allow RULE because ...
"""
import pathlib
import re
import subprocess
import sys

import checkout
import cpp_text

FUNCTION_LINES = 70
FILE_LINES = 400
CLASS_FILE_LINES = 800  # A .cpp may hold one class whole: it is never cut to fit.
TEST_FILE_LINES = 800
README_LINES = 60
SUBJECT_CHARACTERS = 50
SUBJECT = re.compile(r"Revert \".*|[a-z][\w/, -]*: [A-Za-z`].*[^.]")
RULE_OF_SUBJECTS = "d2e6057"
TOPS = ("engine", "dataplane", "datasets", "experiments", "gui", "notebooks-export", "cmake", "ci", "scripts")
SOURCES = (".cpp", ".hpp", ".py", ".sh", ".cmake")
VAGUE_NAMES = {"util", "utils", "common", "manager", "helper", "helpers", "misc"}
# Written in two halves so that this file passes its own check.
UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b|not (?:yet )?imple" r"mented|\bDIS" r"ABLED_")
TEST_FILE = re.compile(r"_(test|bench|fuzz)\.\w+$|_testing\.\w+$")

NAMESPACE = re.compile(r"namespace ([\w:]+)(?: \{|$)")
CLASS = re.compile(r"(?:template <.*> )?(?:class|struct|union|enum class) (?:alignas\([^)]*\) |\[\[\w+\]\] )*(\w+)[^;]*$")

# rule -> (pattern on the code without comments and literals, where it holds, what to do instead)
CODE_RULES = {
    "throw": (re.compile(r"\bthrow\b"), ("engine/", "dataplane/"), "return a Result or a status"),
    "thread": (re.compile(r"\bstd::j?thread\b(?!\s*::)|\bpthread_create\b"), ("engine/",),
               "the caller owns the thread"),
    "sleep": (re.compile(r"\b(?:sleep_for|sleep_until|usleep|nanosleep)\b"), ("",),
              "wait for the event itself"),
}


def allowed(lines, number, rule):
    """Whether line `number` (from 1) or the one above carries the excuse, with its reason."""
    excuse = re.compile(rf"taste: allow {rule} because \w+")
    return any(excuse.search(line) for line in lines[max(0, number - 2):number])


def check_code(name, text):
    if TEST_FILE.search(name):
        return
    lines = text.splitlines()
    code = cpp_text.code_only(text)
    for rule, (pattern, places, instead) in CODE_RULES.items():
        if not name.startswith(places):
            continue
        for match in pattern.finditer(code):
            number = code.count("\n", 0, match.start()) + 1
            if not allowed(lines, number, rule):
                yield number, f"{match.group()}: {instead} (rule {rule})"


def check_functions(text):
    lines = text.splitlines()
    for function in cpp_text.functions(text):
        if function.lines > FUNCTION_LINES and not allowed(lines, function.line, "length"):
            yield function.line, f"{function.name} has {function.lines} lines, the ceiling is {FUNCTION_LINES}"


def check_header(name, text):
    if "#pragma once" not in text:
        yield 1, "no #pragma once"
    opening = text.split("#pragma once")[0]
    if name.startswith(("engine/", "dataplane/")) and not TEST_FILE.search(name):
        if "Threading" not in opening:
            yield 1, "opens without its contract: purpose, 'Threading:', invariants, limits"


def check_source(name, text):
    lines = text.splitlines()
    limit = CLASS_FILE_LINES if name.endswith(".cpp") else FILE_LINES
    if TEST_FILE.search(name):
        limit = TEST_FILE_LINES
    if len(lines) > limit:
        yield limit, f"{len(lines)} lines, the ceiling is {limit}"
    if pathlib.PurePosixPath(name).stem in VAGUE_NAMES:
        yield 1, "a name that says nothing; name the noun"
    for number, line in enumerate(lines, 1):
        match = UNFINISHED.search(line)
        if match:
            yield number, f"unfinished: {match.group()}"
    if name.endswith((".cpp", ".hpp")):
        yield from check_code(name, text)
        yield from check_functions(text)
    if name.endswith(".hpp"):
        yield from check_header(name, text)


def definitions(text):
    """The classes that a header defines at a namespace's own level, as (name with its namespace, line)."""
    namespace = ""
    for number, line in enumerate(text.splitlines(), 1):
        if opened := NAMESPACE.match(line):
            namespace = opened.group(1)
        if found := CLASS.match(line):
            yield f"{namespace}::{found.group(1)}", number


def check_definitions(texts):
    """Two headers that give one name to two classes: a program with both uses whichever it linked first."""
    places = {}
    for name, text in sorted(texts.items()):
        for what, line in definitions(text):
            first = places.setdefault(what, name)
            if first != name:
                yield name, line, f"{what} is another class in {first}"


def check_readmes(root, names):
    rooms = {str(pathlib.PurePosixPath(name).parent) for name in names
             if name.startswith(TOPS[:6]) and name.endswith((".cpp", ".hpp"))}
    for room in sorted(rooms | {room.split("/")[0] for room in rooms}):
        readme = root / room / "README.md"
        if not readme.is_file():
            yield f"{room}/README.md", 1, "missing: what it is, a picture, its invariants, how to test it"
        elif (count := len(readme.read_text(encoding="utf-8").splitlines())) > README_LINES:
            yield f"{room}/README.md", README_LINES, f"{count} lines, the ceiling is {README_LINES}"


def check_subject(subject):
    if len(subject) > SUBJECT_CHARACTERS:
        return f"{len(subject)} characters, the ceiling is {SUBJECT_CHARACTERS}"
    if not SUBJECT.fullmatch(subject):
        return 'not of the form "area: imperative"'
    return None


def check_commits(root):
    """The subjects since the rule came, merges left out; nothing where git or that commit is missing."""
    log = subprocess.run(["git", "-c", "safe.directory=*", "-C", str(root), "log", "--no-merges", "--format=%h %s",
                          f"{RULE_OF_SUBJECTS}..HEAD"], capture_output=True, text=True, check=False)
    if log.returncode != 0:
        print(f"commit subjects not checked: git knows no {RULE_OF_SUBJECTS} here")
        return
    for line in log.stdout.splitlines():
        commit, subject = line.split(" ", 1)
        problem = check_subject(subject)
        if problem:
            yield f"commit {commit}", 1, f"{subject}: {problem}"


def check_tree(root):
    names = [name for name in checkout.tracked_files(root) if name.split("/")[0] in TOPS]
    problems = []
    headers = {}
    for name in names:
        if name.endswith(SOURCES):
            text = (root / name).read_text(encoding="utf-8", errors="replace")
            problems += [(name, line, what) for line, what in check_source(name, text)]
            if name.endswith(".hpp"):
                headers[name] = text
    return problems + list(check_definitions(headers)) + list(check_readmes(root, names)) + list(check_commits(root))


def main(arguments):
    if len(arguments) != 1:
        print(__doc__.splitlines()[0], file=sys.stderr)
        return 2
    problems = check_tree(pathlib.Path(arguments[0]).resolve())
    for name, line, what in problems:
        print(f"{name}:{line}: {what}")
    print(f"taste: {len(problems)} findings")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
