"""Files that are written whole or not at all."""
from __future__ import annotations

import os
import pathlib
import stat
import tempfile

from violet_export.hostile_files import ExportError, UsageError


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
                os.fchmod(file.fileno(), 0o644)
                os.replace(file.name, path)
            except BaseException:
                os.unlink(file.name)
                raise
    except OSError as error:
        raise ExportError(f"{path}: {error.strerror or error}") from error
