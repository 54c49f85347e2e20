#!/usr/bin/env python3
"""The tables of rooms and files in the READMEs are true: check_rooms.py SOURCE_ROOT

A table whose first column is headed "file" names files of its README's folder, with or without their endings
("life_table, life_tracker", "`table.*`"); every name must be a file there. A table headed "room" names every
room below its README's folder and nothing else. A room is a folder given to violet_room() in CMakeLists.txt.
Seeds of a fuzzer x_fuzz.cpp lie in corpus/x beside it: other folders in corpus/ are seeds that nobody is given.
"""
import pathlib
import re
import sys

import checkout

ROOM = re.compile(r"violet_room\s*\(\s*(\S+)")
NAME = re.compile(r"[\w.*/-]+")


def tables(text):
    """(heading of the first column, line number, first cell) of every row of every table."""
    heading = None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("|"):
            heading = None
            continue
        cell = line.strip("|").split("|")[0].strip()
        if heading is None:
            heading = cell
        elif not re.fullmatch(r":?-+:?", cell):
            yield heading, number, cell


def names(cell):
    return NAME.findall(cell.replace("`", ""))


def is_file(folder, name):
    """Whether `name`, which may lack its ending or end in .*, is a file or a folder in `folder`."""
    stem = name.removesuffix(".*").rstrip("/")
    if "*" in stem:
        return any(folder.glob(stem)) or any(folder.glob(f"{stem}.*"))
    return (folder / stem).exists() or any(folder.glob(f"{stem}.*"))


def check_files(folder, text):
    for heading, number, cell in tables(text):
        if heading == "file":
            for name in names(cell):
                if not is_file(folder, name):
                    yield number, f"there is no file {name} here"


def check_rooms(folder, prefix, rooms, text):
    """`rooms` are those directly below; a README without such a table lists none, which is a finding as well."""
    rows = [(number, name) for heading, number, cell in tables(text) if heading == "room" for name in names(cell)]
    for number, name in rows:
        if name not in rooms:
            yield number, f"{prefix}{name} is no room of CMakeLists.txt"
    for room in sorted(rooms - {name for _, name in rows}):
        yield 1, f"the room {prefix}{room} is not in the table of rooms"


def check_seeds(files):
    """`files`: names of the tree."""
    for name in sorted({pathlib.PurePosixPath(*path.parts[:-1]) for path in map(pathlib.PurePosixPath, files)
                        if len(path.parts) > 2 and path.parts[-3] == "corpus"}):
        fuzzer = name.parent.parent / f"{name.name}_fuzz.cpp"
        if str(fuzzer) not in files:
            yield str(name), 1, f"seeds of no fuzzer: there is no {fuzzer}"


def check_tree(root):
    rooms = ROOM.findall(re.sub(r"#.*", "", (root / "CMakeLists.txt").read_text(encoding="utf-8")))
    files = checkout.tracked_files(root)
    problems = list(check_seeds(set(files)))
    for name in files:
        path = pathlib.PurePosixPath(name)
        if path.name != "README.md" or len(path.parts) == 1:
            continue
        folder, text = root / path.parent, (root / name).read_text(encoding="utf-8")
        problems += [(name, *finding) for finding in check_files(folder, text)]
        below = {room[len(str(path.parent)) + 1:] for room in rooms if room.startswith(f"{path.parent}/")}
        if below:
            problems += [(name, *finding) for finding in check_rooms(folder, f"{path.parent}/", below, text)]
    return problems


def main(arguments):
    if len(arguments) != 1:
        print(__doc__.splitlines()[0], file=sys.stderr)
        return 2
    problems = check_tree(pathlib.Path(arguments[0]).resolve())
    for name, line, what in problems:
        print(f"{name}:{line}: {what}")
    print(f"rooms: {len(problems)} untrue lines")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
