#!/usr/bin/env python3
"""Whether clang reads what only g++ compiles in a full run: check_clang.py SOURCE_ROOT BUILD_DIR

`./violet test --quick` builds everything with clang; the full run builds with g++ alone what the sanitizers' build
leaves out: the rooms that use Qt or DPDK, the benches and the programs. Each of their units is parsed here with
the project's warnings as errors, as that build has them, and no code is made.
"""
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

import checkout

# The target of "... -o CMakeFiles/engine_bench.dir/Unity/unity_0_cxx.cxx.o ...".
TARGET = re.compile(r" -o CMakeFiles/(\w+)\.dir/")
# Libraries and tests: the sanitizers' build compiles those that need neither Qt nor DPDK with clang.
SANITIZED = re.compile(r"violet_\w+$|\w+_tests$")
NEEDS = re.compile(r"QT_CORE_LIB|rte_config\.h")
MADE = re.compile(r"_autogen/|/revision/|cmake_pch\.hxx\.cxx$")  # What Qt's tools and CMake write.
PRECOMPILED = re.compile(r"cmake_pch\.hxx$")
# What g++ knows and clang does not, what makes files, and what a parse does not need.
WITHOUT_VALUE = re.compile(r"-(fpch-preprocess|c|MD|Wno-.*|falign-.*|O.*|g1?)$")
WITH_VALUE = ("-o", "-MT", "-MF")


def units(build):
    """The command of each unit that no full run compiles with clang."""
    for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        command = entry["command"]
        target = TARGET.search(command)
        sanitized = target and SANITIZED.match(target.group(1)) and not NEEDS.search(command)
        if not MADE.search(entry["file"]) and not sanitized:
            yield shlex.split(command)


def clang_command(words, folder):
    """The unit's command for clang, with the headers that g++ has precompiled as plain text."""
    result = ["clang++-14", "-fsyntax-only", "-Wthread-safety"]
    at = next(i for i, word in enumerate(words) if word.endswith("c++")) + 1
    while at < len(words):
        word = words[at]
        at += 1
        if word in WITH_VALUE:
            at += 1
        elif PRECOMPILED.search(word):
            plain = pathlib.Path(folder) / f"{abs(hash(word))}.hxx"
            plain.write_text(pathlib.Path(word).read_text(encoding="utf-8"), encoding="utf-8")
            result.append(str(plain))
        elif not WITHOUT_VALUE.match(word):
            result.append(word)
    return result


def main(arguments):
    root, build = (pathlib.Path(argument).resolve() for argument in arguments[:2])
    if not shutil.which("clang++-14"):
        checkout.skip("clang++-14 is not installed")
    if not (build / "compile_commands.json").is_file():
        checkout.skip(f"{build} is not configured")
    chosen = list(units(build))
    with tempfile.TemporaryDirectory() as folder:
        def read(words):
            return subprocess.run(clang_command(words, folder), cwd=build, capture_output=True, text=True, check=False)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            results = list(pool.map(read, chosen))
    for done in results:
        print(done.stderr, end="")
    print(f"clang: {len(results)} units of {root.name}")
    return 1 if any(done.returncode != 0 for done in results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
