"""A folder for a notebook or a paper, in which code runs and LaTeX reads: nothing but what an export makes may lie in it.

Python and LaTeX look for modules and styles where they work. Of a folder that came from elsewhere, or that others write to,
they would take pandas.py or article.cls.
"""
from __future__ import annotations

import os
import pathlib
import shutil
import stat

from violet_export.hostile_files import ExportError, UsageError, printable
from violet_export.whole_files import left_over_of, make_folder

_FOLDERS = ("data", "figures", "violet_export", ".ipynb_checkpoints")
_FILES = ("notebook.ipynb", "notebook.html", "numbers.tex", "paper.tex", "paper.pdf", "paper.aux", "paper.log")
_CACHE = "__pycache__"


def prepare(folder: pathlib.Path, made: tuple[str, ...]) -> None:
    """Makes it, or holds what is there against what an export makes; `made`, of an earlier export, goes away."""
    try:
        make_folder(folder)
        _refuse_shared(folder)
        left_over = [entry.path for entry in os.scandir(folder) if _is_left_over(entry, _FILES)]
        for entry in os.scandir(folder):
            if entry.path not in left_over:
                _check(entry, folder)
        for name in _FOLDERS:
            if (folder / name).exists():
                _refuse_shared(folder / name)
        for entry in os.scandir(folder / "violet_export") if (folder / "violet_export").exists() else ():
            if _is_left_over(entry, (left_over_of(entry.name),)) and _ours(left_over_of(entry.name)).is_file():
                left_over.append(entry.path)
            else:
                _check_package(entry, folder)
        for name in ("data", "figures"):
            for entry in os.scandir(folder / name) if (folder / name).exists() else ():
                if _is_left_over(entry, (left_over_of(entry.name),)):
                    left_over.append(entry.path)
        shutil.rmtree(folder / "violet_export" / _CACHE, ignore_errors=True)
        for path in (*map(pathlib.Path, left_over), *(folder / name for name in made)):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise ExportError(f"{error.filename or folder}: {error.strerror}") from error


def _refuse_shared(folder: pathlib.Path) -> None:
    about = folder.stat()
    if about.st_uid != os.geteuid():
        raise UsageError(f"{folder}: is not a folder of this user alone, and code runs in it; name another")
    if about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise UsageError(
            f"{folder}: is not a folder of this user alone: others may write to it, and code runs in it; "
            f"chmod -R go-w {folder}, or name another"
        )


def _is_left_over(entry: os.DirEntry[str], names: tuple[str, ...]) -> bool:
    """Whether an export that was killed had not finished it, of one of these files."""
    return entry.is_file(follow_symlinks=False) and left_over_of(entry.name) in names and left_over_of(entry.name) != ""


def _ours(name: str) -> pathlib.Path:
    return pathlib.Path(__file__).with_name(name)


def _check(entry: os.DirEntry[str], folder: pathlib.Path) -> None:
    plain = entry.is_dir(follow_symlinks=False) if entry.name in _FOLDERS else entry.is_file(follow_symlinks=False)
    if entry.name not in (*_FOLDERS, *_FILES) or not plain:
        raise _stranger(entry.name, folder)


def _check_package(entry: os.DirEntry[str], folder: pathlib.Path) -> None:
    ours = _ours(entry.name)
    plain = entry.is_dir(follow_symlinks=False) if entry.name == _CACHE else entry.is_file(follow_symlinks=False)
    if not plain or not (entry.name == _CACHE or ours.is_file()):
        raise _stranger(f"violet_export/{entry.name}", folder)


def _stranger(name: str, folder: pathlib.Path) -> UsageError:
    return UsageError(
        f"{folder}: holds '{printable(name, 60)}', which no export makes and which would be run or read; name a new folder"
    )
