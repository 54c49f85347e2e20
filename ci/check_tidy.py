#!/usr/bin/env python3
"""clang-tidy on a bounded set: check_tidy.py SOURCE_ROOT BUILD_DIR [FOLDER...]

Without folders: the rooms that everything else stands on, so that it takes seconds. A developer gives
others by hand, for example  ci/check_tidy.py . build/release engine dataplane
"""
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import checkout

DEFAULT_FOLDERS = ["engine/base", "engine/protocol", "engine/telemetry"]
# A room that is compiled as one: engine_base of "CMakeFiles/violet_engine_base.dir/Unity/unity_0_cxx.cxx".
UNIT = re.compile(r"/violet_(\w+)\.dir/Unity/")
# The command lines are g++'s: clang does not know all of its warnings.
EXTRA = ["--extra-arg=-Wno-unknown-warning-option", "--extra-arg=-Wno-ignored-optimization-argument"]
# A unit is a list of includes of .cpp files: in it, and only there, they are not suspicious.
OF_A_UNIT = ["--checks=-bugprone-suspicious-include"]


def sources(root, build, folders):
    """Library sources only, or the units that hold them: googletest's macros drown tidy's findings in its own,
    libFuzzer fixes a name."""
    for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        name = os.path.relpath(entry["file"], root)
        unit = UNIT.search(entry["file"])
        if unit:
            name = unit.group(1).replace("_", "/", 1) + "/"
        if name.startswith(tuple(folder + "/" for folder in folders)) and not name.endswith(("_test.cpp", "_fuzz.cpp")):
            yield entry["file"]


def tidy(root, build, source):
    extra = EXTRA + OF_A_UNIT if UNIT.search(source) else EXTRA
    done = subprocess.run(["clang-tidy-14", "--quiet", "--warnings-as-errors=*", "-p", str(build), *extra, source],
                          cwd=root, capture_output=True, text=True, check=False)
    unreadable = "rror parsing" in done.stderr or ".clang-tidy:" in done.stderr
    return (1, done.stderr) if unreadable else (done.returncode, done.stdout)


def main(arguments):
    root, build = (pathlib.Path(argument).resolve() for argument in arguments[:2])
    if not shutil.which("clang-tidy-14"):
        checkout.skip("clang-tidy-14 is not installed, and other versions judge otherwise")
    if not (build / "compile_commands.json").is_file():
        checkout.skip(f"{build} is not configured")
    names = sorted(set(sources(root, build, arguments[2:] or DEFAULT_FOLDERS)))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda name: tidy(root, build, name), names))
    for _, text in results:
        print(text, end="")
    print(f"tidy: {len(names)} files")
    return 1 if any(code != 0 for code, _ in results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
