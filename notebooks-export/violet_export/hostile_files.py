"""Files of a run folder from elsewhere, read within bounds: no links, no devices, nothing longer than it may be."""
from __future__ import annotations

import difflib
import json
import os
import pathlib
import stat
from collections.abc import Iterable
from typing import BinaryIO

JsonObject = dict[str, object]


class ExportError(Exception):
    """What went wrong, in one sentence that names the file and says what to do."""


class UsageError(ExportError):
    """What was asked for does not exist, whatever the files hold."""


def meant(name: str, names: Iterable[str]) -> str:
    """The nearest of the names, as a part of a sentence; empty: none is near."""
    near = difflib.get_close_matches(name, list(names), 1)
    return f", did you mean '{near[0]}'?" if near else ""


def open_regular(path: pathlib.Path) -> BinaryIO:
    """To read; a link, a folder, a pipe or a device is refused, without waiting for anybody."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ExportError(f"{path}: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ExportError(f"{path}: is no regular file")
    return os.fdopen(descriptor, "rb")


def read_bounded(path: pathlib.Path, most: int) -> bytes:
    """All of a regular file that is no link."""
    with open_regular(path) as file:
        # Its length first: of a file with holes most bytes are read for nothing.
        data = b"" if os.fstat(file.fileno()).st_size > most else file.read(most + 1)
        if os.fstat(file.fileno()).st_size > most or len(data) > most:
            raise ExportError(f"{path}: longer than {most >> 20} MiB, which no such file of a run is")
    return data


def is_text(value: object) -> bool:
    """Whether a file can hold it: JSON can escape halves of characters, which no encoding has."""
    if not isinstance(value, str):
        return False
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def read_json(path: pathlib.Path, most: int = 16 << 20) -> JsonObject:
    """The object in a JSON file."""
    try:
        value = json.loads(read_bounded(path, most).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ExportError(f"{path}: damaged: {error}") from error
    if not isinstance(value, dict):
        raise ExportError(f"{path}: damaged: no object")
    return value


def printable(text: object, most: int = 400) -> str:
    """Text from a run without control characters and directions of writing, and not without end."""
    shown = "".join(one if one.isprintable() else "?" for one in str(text)[: most + 1])
    return shown if len(shown) <= most else shown[:most] + "..."
