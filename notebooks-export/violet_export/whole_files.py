"""Files that are written whole or not at all."""
from __future__ import annotations

import os
import pathlib
import stat
import tempfile

from violet_export.hostile_files import ExportError, UsageError


def write_whole(path: pathlib.Path, data: bytes) -> None:
    """All of a file or nothing of it. What is there and is no regular file, such as /dev/null, stays."""
    if os.path.lexists(path) and not stat.S_ISREG(os.lstat(path).st_mode):
        raise UsageError(f"{path}: cannot be written: it is not a regular file; name another")
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
