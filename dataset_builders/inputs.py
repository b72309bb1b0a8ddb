"""Which version of its input files a run has: a stopped run goes on with the same ones, or it begins anew."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

Stamp = tuple[str, int, int]


def stamp_files(paths: Iterable[str | Path], apart_from: str | Path = "") -> list[Stamp]:
    """Path, size and time of change in ns of each file and of all files below each folder; contents are not read.

    Args:
        apart_from: a folder to pass over, for a run may keep its own work below its input.
    """
    passed_over = os.path.realpath(apart_from) if apart_from else ""
    return [_stamp(file) for path in paths for file in _files(os.fspath(path), passed_over)]


def _files(path: str, passed_over: str) -> Iterator[str]:
    if not os.path.isdir(path):
        yield path
    for parent, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if os.path.realpath(os.path.join(parent, name)) != passed_over)
        yield from (os.path.join(parent, name) for name in sorted(names))


def _stamp(path: str) -> Stamp:
    try:
        status = os.stat(path)
    except OSError:  # nothing, or a link to nothing: whoever reads it says so
        return path, 0, 0
    return path, status.st_size, status.st_mtime_ns
