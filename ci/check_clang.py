#!/usr/bin/env python3
"""Whether clang reads what only g++ compiles in a full run: check_clang.py SOURCE_ROOT BUILD_DIR

`./violet test --quick` builds everything with clang; the full run builds with g++ alone what the sanitizers' build
leaves out: the rooms that use Qt or DPDK, the benches and the programs. Each of their units is parsed here with
the project's warnings as errors, as that build has them, and no code is made. What the tests precompile for g++ is
precompiled for clang first, because those headers are most of what a test's unit reads.
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

# Debian 12's by name, elsewhere the system's, as in cmake/clang.cmake.
CLANG = shutil.which("clang++-14") or shutil.which("clang++")
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


def clang_command(words):
    """The unit's command for clang without the headers that g++ has precompiled, and these headers, if there are any."""
    result, headers = [CLANG, "-fsyntax-only", "-Wthread-safety"], None
    at = next(i for i, word in enumerate(words) if word.endswith("c++")) + 1
    while at < len(words):
        word = words[at]
        at += 1
        if word in WITH_VALUE:
            at += 1
        elif PRECOMPILED.search(word):
            headers = word
            result.pop()  # Its "-include".
        elif not WITHOUT_VALUE.match(word):
            result.append(word)
    return result, headers


def precompiled(headers, command, folder):
    """The headers of a g++ build, precompiled by clang with the flags of the first unit that wants them."""
    # A copy, because beside the original lies what g++ made of it; included, because a main file is no system header.
    copy = pathlib.Path(folder) / f"{pathlib.Path(headers).parent.name}.hxx"
    shutil.copyfile(headers, copy)
    main_file, result = copy.with_suffix(".hpp"), copy.with_suffix(".pch")
    main_file.write_text(f'#include "{copy}"\n', encoding="utf-8")
    flags = [word for word in command[:-1] if word != "-fsyntax-only"]
    subprocess.run([*flags, "-x", "c++-header", main_file, "-o", result], check=True)
    return result


def main(arguments):
    root, build = (pathlib.Path(argument).resolve() for argument in arguments[:2])
    if not CLANG:
        checkout.skip("clang++ is not installed")
    if not (build / "compile_commands.json").is_file():
        checkout.skip(f"{build} is not configured")
    chosen = [clang_command(words) for words in units(build)]
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        def run(command):
            return subprocess.run(command, cwd=build, capture_output=True, text=True, check=False)
        first = {headers: command for command, headers in reversed(chosen) if headers}
        made = dict(zip(first, pool.map(lambda headers: precompiled(headers, first[headers], folder), first)))
        results = list(pool.map(run, [command + (["-include-pch", made[headers]] if headers else [])
                                      for command, headers in chosen]))
    for done in results:
        print(done.stderr, end="")
    print(f"clang: {len(results)} units of {root.name}")
    return 1 if any(done.returncode != 0 for done in results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
