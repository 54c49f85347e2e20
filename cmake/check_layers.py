#!/usr/bin/env python3
"""Fails on an include that the architecture forbids: check_layers.py SOURCE_ROOT.

Three rules, for every .cpp and .hpp of a room:
  1. A file includes its own room and the rooms below it: what the room's DEPS in CMakeLists.txt reach
     (with TEST_DEPS for tests, benches and fuzzers), and never against the order in MAY_SEE.
  2. <rte_*.h> only where EAL and lcores live, Qt only in gui/.
  3. A quoted include names its room: "engine/base/types.hpp", never "types.hpp".
"""
import pathlib
import re
import sys

ENGINE_ORDER = {
    "engine/base": [],
    "engine/protocol": ["engine/base"],
    "engine/telemetry": ["engine/base"],
    "engine/store": ["engine/protocol", "engine/telemetry"],
    "engine/iotlb": ["engine/store"],
    "engine/device": ["engine/iotlb"],
    "engine/sim": ["engine/device"],
}
# What each top-level folder may see at all, whatever CMakeLists.txt says. A room named alone is
# meant alone; gui and notebooks-export are seen by nobody but themselves.
MAY_SEE = {
    "engine": ["engine"],
    "dataplane": ["engine", "dataplane"],
    "datasets": ["engine/base", "datasets"],
    "experiments": ["engine", "dataplane", "datasets", "experiments"],
    "gui": ["engine", "experiments/hdr", "experiments/results", "experiments/trace", "experiments/query", "experiments/lessons", "gui"],
    "notebooks-export": ["engine/base", "notebooks-export"],
}
DPDK_ROOMS = {
    "dataplane/eal": "starts EAL, launches lcores and waits for grace periods of rte_rcu_qsbr",
    "experiments/scorecard": "compares with rte_hash, the baseline of hit_vs_rte_hash",
}
DPDK_HEADERS_BY_ROOM = {"experiments/scorecard": re.compile(r"rte_(hash\w*|jhash|eal|errno|lcore)\.h")}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
ROOM = re.compile(r"violet_room\s*\(\s*(\S+)([^)]*)\)")
TEST_FILE = re.compile(r"_(test|bench|fuzz)\.(cpp|hpp)$")


def read_rooms(root):
    """room -> (DEPS, TEST_DEPS) from CMakeLists.txt, externals included."""
    rooms = {}
    text = re.sub(r"#.*", "", (root / "CMakeLists.txt").read_text(encoding="utf-8"))
    for name, arguments in ROOM.findall(text):
        lists = {"DEPS": [], "TEST_DEPS": []}
        current = None
        for word in arguments.split():
            if word in lists:
                current = lists[word]
            elif current is not None:
                current.append(word)
        rooms[name] = (lists["DEPS"], lists["TEST_DEPS"])
    return rooms


def reach(rooms, start):
    """Every room that the rooms in `start` lead to, themselves included."""
    seen, todo = set(), [room for room in start if room in rooms]
    while todo:
        room = todo.pop()
        if room not in seen:
            seen.add(room)
            todo += [dep for dep in rooms[room][0] if dep in rooms]
    return seen


def engine_reach(room):
    below = {room}
    for dep in ENGINE_ORDER.get(room, []):
        below |= engine_reach(dep)
    return below


def room_of(rooms, path):
    """The room that holds `path` (its longest prefix), or its folder's name where it is none."""
    for parent in pathlib.PurePosixPath(path).parents:
        if str(parent) in rooms:
            return str(parent)
    return str(pathlib.PurePosixPath(path).parent)


def within(name, allowed):
    return any(name == one or name.startswith(one + "/") for one in allowed)


def check_room_include(rooms, source, room, target):
    top = source.split("/")[0]
    other = room_of(rooms, target)
    if other == room:
        return None
    if not within(other, MAY_SEE.get(top, [top])):
        return f"{top} may not see {other}"
    if room in ENGINE_ORDER and other not in engine_reach(room):
        return f"{room} is below {other}"
    deps, test_deps = rooms.get(room, ([], []))
    if room in rooms and other in rooms:
        start = deps + (test_deps if TEST_FILE.search(source) else [])
        if other not in reach(rooms, start):
            return f"{other} is not among the DEPS of {room} in CMakeLists.txt"
    return None


def check_system_include(source, room, target):
    if target.startswith("rte_"):
        if room not in DPDK_ROOMS:
            return "DPDK belongs into " + ", ".join(sorted(DPDK_ROOMS))
        only = DPDK_HEADERS_BY_ROOM.get(room)
        if only and not only.fullmatch(target):
            return f"{room} {DPDK_ROOMS[room]}, and this header is not part of that"
    if re.match(r"Q[A-Z]|Qt", target) and not source.startswith("gui/"):
        return "Qt belongs into gui/"
    return None


def check_file(root, rooms, path):
    source = path.relative_to(root).as_posix()
    text = path.read_text(encoding="utf-8", errors="replace")
    room = room_of(rooms, source)
    for match in INCLUDE.finditer(text):
        kind, target = match.groups()
        if kind == '"' and target.split("/")[0] in MAY_SEE:
            problem = check_room_include(rooms, source, room, target)
        else:
            problem = check_system_include(source, room, target)
            if problem is None and kind == '"':
                problem = "name the room: an include starts at the root of the checkout"
        if problem:
            line = text.count("\n", 0, match.start(2)) + 1
            yield f"{source}:{line}: {target}: {problem}"


def check_order(rooms):
    """The DEPS themselves: in order and without a circle."""
    for room, (deps, _) in rooms.items():
        inner = [dep for dep in deps if dep in rooms]
        for dep in inner:
            if not within(dep, MAY_SEE.get(room.split("/")[0], [])):
                yield f"CMakeLists.txt: {room} may not depend on {dep}"
            elif room in ENGINE_ORDER and dep not in engine_reach(room):
                yield f"CMakeLists.txt: {room} may not depend on {dep}, which is above it"
        if room in reach(rooms, inner):
            yield f"CMakeLists.txt: {room} depends on itself in a circle"


def check_tree(root):
    rooms = read_rooms(root)
    problems = list(check_order(rooms))
    for top in MAY_SEE:
        for path in sorted((root / top).rglob("*.[ch]pp")):
            problems += check_file(root, rooms, path)
    return problems


def main(arguments):
    if len(arguments) != 1:
        print(__doc__.splitlines()[0], file=sys.stderr)
        return 2
    problems = check_tree(pathlib.Path(arguments[0]).resolve())
    for problem in problems:
        print(problem)
    print(f"layers: {len(problems)} forbidden includes")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
