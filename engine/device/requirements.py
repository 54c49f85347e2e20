#!/usr/bin/env python3
"""Which test covers which requirement of the contract: D1 to D52, the driver's R rules and C1 to C6.

    requirements.py            writes engine/device/REQUIREMENTS.md
    requirements.py --print    prints it
    requirements.py --check    fails when a D or C number has no test, or the file is stale

A test covers a number by carrying it in its name: TEST(Unmap, D33_SplitIsRejected), or several.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = ROOT / "engine/device/REQUIREMENTS.md"
FOLDERS = ("engine", "dataplane", "experiments")

TEST = re.compile(r"\b(?:TYPED_TEST_P|TYPED_TEST|TEST_F|TEST_P|TEST|RC_GTEST_PROP|RC_GTEST_FIXTURE_PROP)"
                  r"\(\s*(\w+),\s*(\w+)")
NUMBER = re.compile(r"(?<![A-Za-z0-9])([CDR][1-9][0-9]?)(?=_)")
REQUIRED = [f"D{i}" for i in range(1, 53)] + [f"C{i}" for i in range(1, 7)]
HEADING = """# Which test covers which requirement

Written by engine/device/requirements.py from the names of the tests; the ctest `requirements` fails
when it is stale or a number is missing. D: device-normative, R: driver-normative (where this project
has a driver's side), C: coherence.

| requirement | tests |
|---|---|
"""


def tests():
    """Yields (suite, test, path) of every test in the repository."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*_test.cpp")):
            for suite, name in TEST.findall(path.read_text(encoding="utf-8")):
                yield suite, name, path.relative_to(ROOT).as_posix()


def coverage():
    covered = {}
    for suite, name, path in tests():
        for number in NUMBER.findall(name):
            covered.setdefault(number, set()).add(f"{suite}.{name} ({path})")
    return covered


def order(number):
    return "DCR".index(number[0]), int(number[1:])


def table(covered):
    rows = [f"| {number} | {'<br>'.join(sorted(covered[number]))} |"
            for number in sorted(covered, key=order)]
    return HEADING + "\n".join(rows) + "\n"


def check(covered):
    missing = [number for number in REQUIRED if number not in covered]
    if missing:
        print("no test carries the number of", ", ".join(missing))
    stale = not TABLE.exists() or TABLE.read_text(encoding="utf-8") != table(covered)
    if stale:
        print(f"{TABLE.relative_to(ROOT)} is stale: run engine/device/requirements.py")
    return 1 if missing or stale else 0


def main(arguments):
    covered = coverage()
    if arguments == ["--check"]:
        return check(covered)
    if arguments == ["--print"]:
        print(table(covered), end="")
        return 0
    if arguments:
        print(__doc__, file=sys.stderr)
        return 2
    TABLE.write_text(table(covered), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
