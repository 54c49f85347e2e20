"""Gathers the tests of several build folders into one ctest folder.

    gather.py ROOF [--target TARGET] [--known FOLDER] BUILD_DIR...

Writes ROOF/CTestTestfile.cmake: for each build folder one test build.<preset>, which is ninja's own
verdict on the build (or on TARGET alone), and every test that the folder has, as <preset>.<test>, with
its labels, time limit and the environment that its sanitizer wants.

With --known a unit test that passes leaves a file in FOLDER, which says what passed: a digest of its program, of its
arguments and of all files of the checkout that are no C++ (it may read them). A test whose file says that of today is
left out. One of which a case was skipped leaves none: what it lacked may be there next time.
"""
import argparse
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SANITIZER_TIMEOUT_FACTOR = 3
# What a program is made of is in its bytes already; the rest is what a test can read.
IN_PROGRAMS = {".cpp", ".hpp", ".pyc"}
STARTS = {"gui_app": "violet"}  # Tests that start another program of their build.
# What proves that a build still finds faults; a build without one of them has lost a flag.
PLANTED = {
    "asan": ["planted.address", "planted.undefined", "planted.input"],
    "tsan": ["planted.thread"],
}
ENVIRONMENT = {
    "asan": ["ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1",
             "UBSAN_OPTIONS=print_stacktrace=1"],
    "tsan": ["TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1"],
}


def quote(text):
    """A bracket argument of CMake: nothing in it is expanded."""
    level = "="
    while f"]{level}]" in text:
        level += "="
    return f"[{level}[{text}]{level}]"


def test_lines(name, command, properties):
    words = " ".join(f"{key} {quote(value)}" for key, value in properties.items())
    return (f"add_test({quote(name)} {' '.join(map(quote, command))})\n"
            f"set_tests_properties({quote(name)} PROPERTIES {words})\n")


def wrapper(preset):
    """TSan's shadow memory and a randomised address space can collide on recent kernels."""
    setarch = shutil.which("setarch")
    if preset != "tsan" or not setarch:
        return []
    works = subprocess.run([setarch, "-R", "true"], capture_output=True, check=False)
    if works.returncode != 0:
        print("violet: the address space cannot be fixed here (setarch -R); ThreadSanitizer may not start", file=sys.stderr)
        return []
    return [setarch, "-R"]


def bound_fuzzing(command, properties):
    """VIOLET_FUZZ_SECONDS sets how long each libFuzzer runs, with time for its corpus on top."""
    seconds = os.environ.get("VIOLET_FUZZ_SECONDS")
    if not seconds or not any(word.startswith("-max_total_time=") for word in command):
        return command
    properties["TIMEOUT"] = int(seconds) + 300
    return [f"-max_total_time={int(seconds)}" if word.startswith("-max_total_time=") else word for word in command]


def as_text(value):
    if isinstance(value, bool):
        return "ON" if value else "OFF"
    if isinstance(value, list):
        return ";".join(map(str, value))
    return str(value)


def digest_of_files():
    """Of what tests may read in the checkout: names and bytes."""
    digest = hashlib.sha256()
    for folder in ("cmake", "ci", "engine", "dataplane", "datasets", "experiments", "gui", "notebooks-export"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix not in IN_PROGRAMS:
                digest.update(str(path.relative_to(ROOT)).encode() + b"\0")
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest


class Known:
    """The tests that passed, by what they were."""

    def __init__(self, folder):
        self.folder = folder
        self.files = digest_of_files()
        self.left_out = []
        folder.mkdir(parents=True, exist_ok=True)

    def remembering(self, name, command, report):
        """The command that leaves a file when it passes; None where that is there already."""
        program = pathlib.Path(command[0])
        programs = [program, *(program.with_name(other) for test, other in STARTS.items() if name.endswith(f".{test}"))]
        if not all(one.is_file() for one in programs):
            return command
        digest = self.files.copy()
        for one in programs:
            digest.update(hashlib.sha256(one.read_bytes()).digest())
        digest.update("\0".join(command[1:]).encode())
        file = self.folder / name
        if file.is_file() and file.read_text(encoding="utf-8").strip() == digest.hexdigest():
            self.left_out.append(name)
            return None
        script = ('file=$1 digest=$2 report=$3; shift 3; rm -f -- "$file"; "$@" || exit; '
                  'grep -qs "<skipped" "$report" || echo "$digest" >"$file"')
        return ["/bin/sh", "-c", script, "sh", str(file), digest.hexdigest(), str(report), *command]


def gather_build(build, roof, target, known=None):
    preset = build.name
    yield test_lines(f"build.{preset}", ["cmake", "--build", str(build), "--target", target, "--", "-k", "0"],
                     {"LABELS": "build", "RUN_SERIAL": "ON", "TIMEOUT": "3600"})
    listing = subprocess.run(["ctest", "--test-dir", str(build), "--show-only=json-v1"],
                             capture_output=True, text=True, check=False)
    if listing.returncode != 0:
        return
    prefix = wrapper(preset)
    tests = json.loads(listing.stdout)["tests"]
    for missing in sorted(set(PLANTED.get(preset, [])) - {test["name"] for test in tests}):
        yield test_lines(f"{preset}.{missing}", ["false", "the build has no such test: its sanitizer is off"], {})
    for test in tests:
        name = f"{preset}.{test['name'].removeprefix(preset + '.')}"
        properties = {p["name"]: p["value"] for p in test.get("properties", [])}
        if preset in ("asan", "tsan"):
            properties["TIMEOUT"] = SANITIZER_TIMEOUT_FACTOR * properties.get("TIMEOUT", 600)
        properties["ENVIRONMENT"] = properties.get("ENVIRONMENT", []) + ENVIRONMENT.get(preset, []) + [
            f"GTEST_OUTPUT=xml:{roof}/xml/{name}.xml", f"VIOLET_SKIP_FILE={roof}/skips/{name}"]
        command = test.get("command") or ["false", "was not built"]
        if not test["name"].startswith("planted."):
            command = bound_fuzzing(command, properties)
        command = prefix + command
        if known and "unit" in properties.get("LABELS", []):
            command = known.remembering(name, command, roof / "xml" / f"{name}.xml")
        if command:
            yield test_lines(name, command, {k: as_text(v) for k, v in properties.items()})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("roof", type=pathlib.Path)
    parser.add_argument("builds", type=pathlib.Path, nargs="+")
    parser.add_argument("--target", default="all")
    parser.add_argument("--known", type=pathlib.Path, help="leave out what passed before, and remember it here")
    arguments = parser.parse_args()
    roof = arguments.roof
    for folder in ("xml", "skips"):
        shutil.rmtree(roof / folder, ignore_errors=True)
        (roof / folder).mkdir(parents=True)
    known = Known(arguments.known) if arguments.known else None
    tests = [lines for build in arguments.builds for lines in gather_build(build, roof, arguments.target, known)]
    (roof / "CTestTestfile.cmake").write_text("".join(tests), encoding="utf-8")
    if known and known.left_out:
        print(f"violet: {len(known.left_out)} unit tests passed before and are the same byte for byte: not run again "
              "(--quick --again runs them)", file=sys.stderr)


if __name__ == "__main__":
    main()
