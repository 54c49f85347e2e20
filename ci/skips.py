"""Prints why tests were skipped: `skips.py ROOF`, from googletest's XML and from VIOLET_SKIP_FILE.

A check that is no googletest program exits with 77 and leaves one line of reason in the file that
VIOLET_SKIP_FILE names.
"""
import pathlib
import sys
import xml.etree.ElementTree as ElementTree


def gtest_skips(report):
    try:
        root = ElementTree.parse(report).getroot()
    except ElementTree.ParseError:
        return  # A program that died while it wrote; ctest reports the death.
    for case in root.iter("testcase"):
        for skipped in case.iter("skipped"):
            reason = (skipped.text or skipped.get("message") or "").strip().splitlines()
            yield (f"{report.stem}: {case.get('classname')}.{case.get('name')}",
                   reason[-1] if reason else "gives no reason")


def script_skips(file):
    yield file.name, file.read_text(encoding="utf-8").strip() or "gives no reason"


def main(roof):
    skips = [skip for report in sorted(roof.glob("xml/*.xml")) for skip in gtest_skips(report)]
    skips += [skip for file in sorted(roof.glob("skips/*")) for skip in script_skips(file)]
    for name, reason in skips:
        print(f"skipped {name}: {reason}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
