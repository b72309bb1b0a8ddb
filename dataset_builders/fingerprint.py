"""Which version of its input files and of our own source a dataset is made of.

By them the library's cache has its name, which knows the folder of the files only, and a stopped run goes on or begins
anew.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

import scorehub

SOURCES = (".py", ".abc", ".yaml")  # code, and the tunes and tables that lie beside it

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


def files_fingerprint(*paths: str | Path | None) -> str:
    """A hash of the stamps of the files at these paths or below them; a path may be None."""
    return hashlib.sha256(repr(stamp_files(path for path in paths if path)).encode()).hexdigest()


@lru_cache(maxsize=1)
def source_fingerprint() -> str:
    """A hash of the version and of what builders are made of: their own modules, and those of scorehub they call."""
    folders = (Path(scorehub.__file__).parent, Path(__file__).parent)
    files = {path for folder in folders for path in folder.rglob("*") if path.suffix in SOURCES}
    digest = hashlib.sha256(scorehub.__version__.encode())
    for path in sorted(files):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
