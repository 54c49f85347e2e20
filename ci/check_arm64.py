#!/usr/bin/env python3
"""The engine on arm64: check_arm64.py SOURCE_ROOT BUILD_DIR [ROOM...]

Builds the tests of the engine and of the virtqueues with Debian's cross compiler, optimised lightly and with debug checks,
in BUILD_DIR/arm64, and runs them under qemu-user. With rooms, for example engine/sim, all of their tests and no others.

It finds what compiles or works on x86-64 alone: intrinsics, clocks, sizes, signedness. It does not find a memory order that is
too weak: qemu on x86-64 keeps that machine's. Those are ThreadSanitizer's to find, and engine/sim's.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import time

import checkout

COMPILER = "aarch64-linux-gnu-g++"
EMULATORS = ("qemu-aarch64", "qemu-aarch64-static")
# A file of each library's package for arm64.
LIBRARIES = {
    "libabsl-dev": "cmake/absl/abslConfig.cmake",
    "libfmt-dev": "cmake/fmt/fmt-config.cmake",
    "libgmock-dev": "libgmock.a",
    "libgtest-dev": "libgtest.a",
    "librapidcheck-dev": "librapidcheck.a",
}
LIBRARY_FOLDER = pathlib.Path("/usr/lib/aarch64-linux-gnu")
# Rooms and what is left out of their tests: what takes long under emulation and has nothing of a processor in it.
ROOMS = {
    "engine/base": ["HugePages.MoreThanAHostHasIsRefused"],  # qemu-user 7.2 refuses all hugepages, by another error.
    "engine/protocol": [],
    "engine/telemetry": ["PhaseSum.*"],  # Statistics.
    "engine/store": [],
    "engine/iotlb": [],
    # Readers of the interval store take a lock: nothing there hangs on an order.
    "engine/device": ["*/ContractHistories.*/interval_*", "*/Canary.*/interval_*"],
    "engine/sim": ["*/interval_*"],
    # Indexes of 16 bits that wrap, by doing it.
    "dataplane/virtqueue": ["*.TheIndexesWrapMoreThanOnce/*", "*.ASuppressedKickStaysSuppressedOverTheIndexWrap/*"],
}
PROPERTIES = "max_success=20"  # Of rapidcheck, whose default is 100.
SECONDS = 300  # For one room's tests; the slowest take 20.


def missing():
    """The packages that are not there."""
    if not shutil.which(COMPILER):
        yield "g++-aarch64-linux-gnu"
    if not any(map(shutil.which, EMULATORS)):
        yield "qemu-user"
    for package, file in LIBRARIES.items():
        if not (LIBRARY_FOLDER / file).exists():
            yield f"{package}:arm64"


def skip_where_tools_lack():
    packages = list(missing())
    if packages:
        foreign = "dpkg --add-architecture arm64 && " if any(":" in package for package in packages) else ""
        checkout.skip(f"no cross build for arm64 here; {foreign}apt-get update && "
                      f"apt-get install --no-install-recommends {' '.join(packages)}")


def program(room):
    return room.replace("/", "_") + "_tests"


def build(root, folder, rooms):
    # Release: the build type in which cmake/VioletRoom.cmake optimises tests as little as they bear.
    configure = ["cmake", "-S", root, "-B", folder, "-G", "Ninja", "--toolchain", root / "cmake/arm64.cmake",
                 "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_CXX_FLAGS_RELEASE=-O1 -DVIOLET_DEBUG_CHECKS",
                 "-DVIOLET_DEVICE_ONLY=ON", "-DVIOLET_CCACHE=OFF"]  # It needs settings of the launcher's.
    # One job: ctest knows of one processor.
    compilation = ["cmake", "--build", folder, "-j", "1", "--target", *map(program, rooms)]
    for command in (configure, compilation):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            print(done.stdout)
            return False
    return True


def run(folder, room, left_out):
    environment = {name: value for name, value in os.environ.items() if name not in ("GTEST_OUTPUT", "GTEST_FILTER")}
    environment.setdefault("RC_PARAMS", PROPERTIES)
    emulator = next(filter(None, map(shutil.which, EMULATORS)))
    command = [emulator, folder / "bin" / program(room), "--gtest_brief=1", f"--gtest_filter=*-{':'.join(left_out)}"]
    begin = time.monotonic()
    try:
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", timeout=SECONDS, check=False)
        failed, said = done.returncode != 0, done.stdout
    except subprocess.TimeoutExpired as late:
        failed, said = True, f"{(late.stdout or b'').decode('utf-8', 'replace')}\nnot done after {SECONDS} s"
    if failed:
        print(said)
    print(f"arm64: {room} {'failed' if failed else 'passed'} in {time.monotonic() - begin:.0f} s", flush=True)
    return not failed


def main(arguments):
    root, build_dir = (pathlib.Path(argument).resolve() for argument in arguments[:2])
    skip_where_tools_lack()
    rooms = dict.fromkeys(arguments[2:], ()) or ROOMS
    folder = build_dir / "arm64"
    begin = time.monotonic()
    if not build(root, folder, rooms):
        return 1
    print(f"arm64: built in {time.monotonic() - begin:.0f} s", flush=True)
    return 0 if all([run(folder, room, left_out) for room, left_out in rooms.items()]) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
