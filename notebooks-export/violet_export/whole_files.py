"""Files that are written whole or not at all."""
from __future__ import annotations

import os
import pathlib
import re
import stat
import tempfile

from violet_export.hostile_files import ExportError, UsageError

# Of files and folders: less where the umask says so, and never more.
_FILE_MODE, _FOLDER_MODE = 0o644, 0o755
_UNFINISHED = re.compile(r"\.(.+)\.[a-z0-9_]{8}")


def left_over_of(name: str) -> str:
    """The file of which this is what write_whole had not finished when it was killed; empty: it is nothing of the kind."""
    found = _UNFINISHED.fullmatch(name)
    return found[1] if found else ""


def _umask() -> int:
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


def without_others() -> int:
    """The umask, for a program that writes: nobody else may write what it makes."""
    return _umask() | (0o777 & ~_FOLDER_MODE)


def make_folder(folder: pathlib.Path) -> None:
    """With those above it; where it lies already it stays as it is."""
    try:
        for one in (*reversed(folder.parents), folder):
            if not one.is_dir():
                one.mkdir(mode=_FOLDER_MODE, exist_ok=True)
    except OSError as error:
        raise ExportError(f"{error.filename or folder}: {error.strerror}") from error


def refuse_irregular(path: pathlib.Path) -> None:
    """What is there and is no regular file, such as /dev/null, is not replaced."""
    if os.path.lexists(path) and not stat.S_ISREG(os.lstat(path).st_mode):
        raise UsageError(f"{path}: cannot be written: it is not a regular file; name another")


def refuse_files_of_run(path: pathlib.Path, run: pathlib.Path) -> None:
    """What is exported lies beside no file of the run: results.sqlite and events are measured once."""
    if path.parent.resolve() == run.resolve():
        raise UsageError(f"{path}: is in the folder of the run itself, whose files stay as they were written; name another")


def write_whole(path: pathlib.Path, data: bytes) -> None:
    """All of a file or nothing of it; what is no regular file stays."""
    refuse_irregular(path)
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            try:
                file.write(data)
                os.fchmod(file.fileno(), _FILE_MODE & ~_umask())
                os.replace(file.name, path)
            except BaseException:
                os.unlink(file.name)
                raise
    except OSError as error:
        raise ExportError(f"{path}: {error.strerror or error}") from error
