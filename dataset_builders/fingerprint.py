"""What names a dataset in the cache: its files, of which the library knows the folder only, and our own source."""

import hashlib
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import scorehub

SOURCES = (".py", ".abc", ".yaml")  # code, and the tunes and tables that lie beside it

Stamp = tuple[str, int, int]


def files_fingerprint(*paths: str | Path | None) -> str:
    """A hash of the names, sizes and times of change of the files at these paths or below them; none is opened."""
    stamps = [sorted(_stamps(str(path))) for path in paths if path]
    return hashlib.sha256(repr(stamps).encode()).hexdigest()


def _stamps(path: str) -> Iterator[Stamp]:
    if not os.path.isdir(path):
        yield from _stamp(path)
    for parent, _, names in os.walk(path):
        for name in names:
            yield from _stamp(os.path.join(parent, name))


def _stamp(path: str) -> Iterator[Stamp]:
    try:
        status = os.stat(path)
    except OSError:  # nothing there, or a link to nothing
        return
    yield path, status.st_size, status.st_mtime_ns


@lru_cache(maxsize=1)
def source_fingerprint() -> str:
    """A hash of the version and of what builders are made of: their own modules, and those of scorehub they call."""
    folders = (Path(scorehub.__file__).parent, Path(__file__).parent)
    files = {path for folder in folders for path in folder.rglob("*") if path.suffix in SOURCES}
    digest = hashlib.sha256(scorehub.__version__.encode())
    for path in sorted(files):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
