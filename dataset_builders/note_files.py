"""Where files of notes come from: a folder, a zip or a tar, which are read without being unpacked; or one such file.

Each has `members`, by their names the two numbers that tell a version of a file from another, of which the second is
its size, in the order in which they are best read; `load`, which gives the contents of those that have at most
`MAX_FILE_BYTES`; and `open`, for tables that are read line by line. Only members are ever opened, whatever an index
names.
"""

import os
import re
import stat
import tarfile
import threading
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO

from scorehub.dataset_builders.archives import (
    ARCHIVE_FAULTS,
    MAX_FILE_BYTES,
    TAR_FAULTS,
    check_directory,
    decompressed,
    index_archive,
)
from scorehub.dataset_builders.file_names import as_text

MAX_MEMBERS = 500_000  # MetaMIDI has 436,631
BATCH_BYTES = 32 * 2**20  # what is read of a tar archive at a time
CACHED_BATCHES = 4
OPEN_ARCHIVES = 4  # that stay open for those who ask for one file after another

Members = dict[str, tuple[int, int]]

_WANTED = re.compile(r".*\.(?:midi?|kar|abc|txt|csv|(?:jsonl?|txt)(?:\.gz)?)", re.IGNORECASE | re.DOTALL)
_ZIP_FAULTS = (*ARCHIVE_FAULTS, ValueError)


@dataclass(frozen=True)
class Folder:
    """The files below `root`; members have their time of change."""

    root: Path
    members: Members
    own_names: Mapping[str, str]  # of members whose names are no UTF-8, by what they are called here

    def load(self, names: Iterable[str]) -> dict[str, bytes]:
        """The files that are still there."""
        files = {}
        for name in _loadable(names, self.members):
            try:
                with self.open(name) as file:
                    files[name] = file.read(MAX_FILE_BYTES)
            except OSError:
                continue
        return files

    def open(self, name: str) -> IO[bytes]:
        """A file from its beginning on."""
        return (self.root / self.own_names.get(name, name)).open("rb")


@dataclass(frozen=True, eq=False)  # hashed by identity, for the caches below
class Zip:
    """A zip archive; members have their checksum."""

    path: Path
    members: Members

    def load(self, names: Iterable[str]) -> dict[str, bytes]:
        """The files that are whole; those that are damaged are left out."""
        try:
            archive = _opened_zip(self, os.getpid())
        except _ZIP_FAULTS as error:
            raise ValueError(f"archive must be a whole zip, got {self.path.name}: {error}") from None
        found = {name: _read_member(archive, name, self.members[name][1]) for name in _loadable(names, self.members)}
        return {name: data for name, data in found.items() if data is not None}

    def open(self, name: str) -> IO[bytes]:
        """A file from its beginning on."""
        return _opened_zip(self, os.getpid()).open(name)


@dataclass(frozen=True, eq=False)
class Tar:
    """A tar archive, compressed or not; members have their place, and are in the order of `batches`.

    A compressed archive is read from its beginning to reach any file. So it is read forward, many files at once, which
    are kept for those who ask next: who asks in the order of `members` reads it once.
    """

    path: Path
    members: Members
    batches: list[list[str]]  # which files are read at once, in the archive's order; names in each are sorted
    batch_of: dict[str, int]

    def load(self, names: Iterable[str]) -> dict[str, bytes]:
        """The files; raises a ValueError if the archive changed or is damaged."""
        return {name: _read_batch(self, self.batch_of[name])[name] for name in names if name in self.batch_of}

    def open(self, name: str) -> IO[bytes]:
        """The archive from where a file begins: other files follow it."""
        stream = decompressed(self.path)
        stream.seek(self.members[name][0])
        return stream


# Each process opens an archive for itself, and of a tar each thread: whoever shares a file moves it under the other.
@lru_cache(maxsize=OPEN_ARCHIVES)
def _opened_zip(archive: Zip, process: int) -> zipfile.ZipFile:
    return zipfile.ZipFile(archive.path)


@lru_cache(maxsize=OPEN_ARCHIVES)
def _opened_tar(archive: Tar, process: int, thread: int) -> tarfile.TarFile:
    return tarfile.open(archive.path)


@lru_cache(maxsize=CACHED_BATCHES)
def _read_batch(archive: Tar, number: int) -> dict[str, bytes]:
    files = {}
    try:
        file = _opened_tar(archive, os.getpid(), threading.get_ident()).fileobj
        assert file
        for name in sorted(archive.batches[number], key=archive.members.__getitem__):  # backward starts over
            offset, size = archive.members[name]
            file.seek(offset)
            files[name] = file.read(size)
    except TAR_FAULTS as error:
        _opened_tar.cache_clear()
        raise ValueError(f"archive must be a whole tar, got {archive.path.name}: {error}") from None
    return files


# To index a compressed archive takes reading all of it. Another of the same name is told by when it `changed`.
@lru_cache(maxsize=1)
def _open_tar(path: Path, changed: int) -> Tar:
    places = index_archive(path, MAX_MEMBERS).members
    in_order = sorted(filter(_WANTED.fullmatch, places), key=places.__getitem__)
    sizes = {name: places[name][1] for name in in_order}
    found = [sorted(batch) for batch in batches(_loadable(in_order, places), sizes, BATCH_BYTES)]
    members = {name: places[name] for batch in found for name in batch}
    members |= {name: places[name] for name in in_order}  # and those that are too large for a batch
    return Tar(path, members, found, {name: number for number, batch in enumerate(found) for name in batch})


def _loadable(names: Iterable[str], members: Members) -> list[str]:
    return [name for name in names if members[name][1] <= MAX_FILE_BYTES]


def _read_member(archive: zipfile.ZipFile, name: str, size: int) -> bytes | None:
    try:
        with archive.open(name) as file:
            return file.read(size)
    except _ZIP_FAULTS:
        return None


def open_files(data_dir: str | Path) -> Folder | Zip | Tar:
    """The MIDI files and tables of a folder or archive.

    Raises:
        ValueError: there is nothing, too much, or a damaged archive.
    """
    path = Path(data_dir)
    if path.is_dir():
        return _as_folder(path, _list_folder(path))
    if not path.is_file():
        raise ValueError(f"data_dir must be a folder or an archive, got {str(path)!r}")
    with path.open("rb") as file:
        is_zip = file.read(4) in (b"PK\3\4", b"PK\5\6")
    if is_zip:
        return Zip(path, _list_zip(path))
    if _WANTED.fullmatch(path.name):
        return _as_folder(path.parent, {path.name: (path.stat().st_mtime_ns, path.stat().st_size)})
    return _open_tar(path, path.stat().st_mtime_ns)


def _as_folder(root: Path, found: Members) -> Folder:
    members = {as_text(name): version for name, version in found.items()}
    return Folder(root, members, {text: name for text, name in zip(members, found, strict=True) if text != name})


def _list_folder(root: Path) -> Members:
    members = {}
    for parent, _, names in os.walk(root):
        folder = Path(parent).relative_to(root)
        prefix = "" if folder == Path() else f"{folder.as_posix()}/"
        for name in filter(_WANTED.fullmatch, names):
            status = _status(os.path.join(parent, name))
            if status and stat.S_ISREG(status.st_mode):
                members[prefix + name] = (status.st_mtime_ns, status.st_size)
        if len(members) > MAX_MEMBERS:
            raise ValueError(f"data_dir must have at most {MAX_MEMBERS} files, got more")
    return dict(sorted(members.items()))


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except OSError:  # a link to nothing
        return None


def _list_zip(path: Path) -> Members:
    try:
        check_directory(path)
        with zipfile.ZipFile(path) as archive:
            entries = sorted(archive.infolist(), key=lambda entry: entry.filename)
    except _ZIP_FAULTS as error:
        raise ValueError(f"archive must be a whole zip, got {path.name}: {error}") from None
    return {entry.filename: (entry.CRC, entry.file_size) for entry in entries if _WANTED.fullmatch(entry.filename)}


def batches(names: Iterable[str], sizes: Mapping[str, int], most: int) -> Iterator[list[str]]:
    """`names` in their order, in lists of files that have `most` bytes together, unless one has more alone."""
    batch: list[str] = []
    n_bytes = 0
    for name in names:
        size = sizes.get(name, 0)
        if batch and n_bytes + size > most:
            yield batch
            batch, n_bytes = [], 0
        batch.append(name)
        n_bytes += size
    if batch:
        yield batch
