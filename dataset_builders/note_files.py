"""Where files of notes come from: a folder, a zip or a tar, which are read without being unpacked; or one such file.

Each has `members`, by their names the two numbers that tell a version of a file from another, of which the second is
its size; and `load`, which gives their contents. Only members are ever opened, whatever an index names.
"""

import os
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from scorehub.dataset_builders.performances.source import MAX_FILE_BYTES, Archive, index_archive

MAX_MEMBERS = 500_000  # MetaMIDI has 436,631
MAX_DIRECTORY_BYTES = 64 * 2**20  # of a zip; MAESTRO's has 0.3 MB
BATCH_BYTES = 32 * 2**20  # what is loaded at a time
CACHED_BATCHES = 4  # of tar archives

_WANTED = re.compile(r".*\.(?:midi?|kar|abc|txt|csv|(?:jsonl?|txt)(?:\.gz)?)", re.IGNORECASE | re.DOTALL)
_ZIP_FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError)
_END_BYTES = 22
_MAX_COMMENT_BYTES = 2**16


@dataclass(frozen=True)
class Folder:
    """The files below `root`; members have their time of change."""

    root: Path
    members: dict[str, tuple[int, int]]

    def load(self, names: Iterable[str]) -> dict[str, bytes]:
        """The files that are still there."""
        files = {}
        for name in names:
            try:
                with (self.root / name).open("rb") as file:
                    files[name] = file.read(MAX_FILE_BYTES)
            except OSError:
                continue
        return files


@dataclass(frozen=True)
class Zip:
    """A zip archive; members have their checksum."""

    path: Path
    members: dict[str, tuple[int, int]]

    def load(self, names: Iterable[str]) -> dict[str, bytes]:
        """The files that are whole; those that are damaged are left out."""
        files = {}
        try:
            with zipfile.ZipFile(self.path) as archive:
                for name in names:
                    data = _read_member(archive, name, self.members[name][1])
                    if data is not None:
                        files[name] = data
        except _ZIP_FAULTS as error:
            raise ValueError(f"archive must be a whole zip, got {self.path.name}: {error}") from None
        return files


@dataclass(frozen=True)
class Tar:
    """A tar archive, compressed or not; members have their place.

    A stream asks for one file after another, and a compressed archive is read from its beginning to reach any: so all
    files of a batch are read at once, and kept for those who ask next.
    """

    path: Path
    members: dict[str, tuple[int, int]]
    batch_of: dict[str, tuple[str, ...]]
    changed: int  # when, in nanoseconds: another archive of the same name is read anew

    def load(self, names: Iterable[str]) -> dict[str, bytes]:
        """The files; raises a ValueError if the archive changed or is damaged."""
        files = {}
        for name in names:
            places = tuple((other, self.members[other]) for other in self.batch_of[name])
            files[name] = _read_tar(self.path, places, self.changed)[name]
        return files


@lru_cache(maxsize=CACHED_BATCHES)
def _read_tar(path: Path, places: tuple[tuple[str, tuple[int, int]], ...], changed: int) -> dict[str, bytes]:
    return Archive(path, dict(places)).load([name for name, _ in places])


def _open_tar(path: Path) -> Tar:
    members = {
        name: place for name, place in index_archive(path, MAX_MEMBERS).members.items() if _WANTED.fullmatch(name)
    }
    in_order = sorted(members, key=lambda name: members[name])
    batch_of = {name: tuple(batch) for batch in batches(in_order, members) for name in batch}
    return Tar(path, members, batch_of, path.stat().st_mtime_ns)


def _read_member(archive: zipfile.ZipFile, name: str, size: int) -> bytes | None:
    try:
        with archive.open(name) as file:
            return file.read(size)
    except _ZIP_FAULTS:
        return None


def open_files(path: Path) -> Folder | Zip | Tar:
    """The MIDI files and tables of a folder or archive, of `MAX_FILE_BYTES` at most each.

    Raises:
        ValueError: there is nothing, too much, or a damaged archive.
    """
    if path.is_dir():
        return Folder(path, _list_folder(path))
    if not path.is_file():
        raise ValueError(f"data_dir must be a folder or an archive, got {str(path)!r}")
    with path.open("rb") as file:
        is_zip = file.read(4) in (b"PK\3\4", b"PK\5\6")
    if is_zip:
        return Zip(path, _list_zip(path))
    return Folder(path.parent, _list_file(path)) if _WANTED.fullmatch(path.name) else _open_tar(path)


def _list_file(path: Path) -> dict[str, tuple[int, int]]:
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise ValueError(f"{path.name} must have at most {MAX_FILE_BYTES} bytes, got {size}")
    return {path.name: (path.stat().st_mtime_ns, size)}


def _list_folder(root: Path) -> dict[str, tuple[int, int]]:
    members = {}
    for parent, _, names in os.walk(root):
        for name in filter(_WANTED.fullmatch, names):
            path = Path(parent) / name
            if path.is_file() and path.stat().st_size <= MAX_FILE_BYTES:
                members[path.relative_to(root).as_posix()] = (path.stat().st_mtime_ns, path.stat().st_size)
        if len(members) > MAX_MEMBERS:
            raise ValueError(f"data_dir must have at most {MAX_MEMBERS} files, got more")
    return members


def _list_zip(path: Path) -> dict[str, tuple[int, int]]:
    try:
        _check_directory(path)
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except _ZIP_FAULTS as error:
        raise ValueError(f"archive must be a whole zip, got {path.name}: {error}") from None
    return {
        entry.filename: (entry.CRC, entry.file_size)
        for entry in entries
        if _WANTED.fullmatch(entry.filename) and entry.file_size <= MAX_FILE_BYTES
    }


def _check_directory(path: Path) -> None:
    """The directory's size comes first: zipfile makes an object of each entry before anyone can count them."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _END_BYTES - _MAX_COMMENT_BYTES))
        end = file.read()
    place = len(end) - _END_BYTES
    if not end[place:].startswith(b"PK\5\6"):  # then a comment follows
        place = end.rfind(b"PK\5\6")
    size = int.from_bytes(end[place + 12 : place + 16], "little")
    if place >= 76 and end[place - 20 :].startswith(b"PK\6\7"):  # of a zip64, which has another end before this
        size = int.from_bytes(end[place - 36 : place - 28], "little")
    if place < 0 or size > MAX_DIRECTORY_BYTES:
        raise ValueError(f"directory must have at most {MAX_DIRECTORY_BYTES} bytes, got {size}")


def batches(names: Iterable[str], members: Mapping[str, tuple[int, int]]) -> Iterator[list[str]]:
    """`names` in their order, in lists of files that have `BATCH_BYTES` at most together."""
    batch: list[str] = []
    n_bytes = 0
    for name in names:
        size = members[name][1] if name in members else 0
        if batch and n_bytes + size > BATCH_BYTES:
            yield batch
            batch, n_bytes = [], 0
        batch.append(name)
        n_bytes += size
    if batch:
        yield batch


def unpack(data: bytes) -> bytes:
    """What gzip packed; other bytes as they are.

    Raises:
        ValueError: it is damaged, or more than `MAX_FILE_BYTES`.
    """
    if data[:2] != b"\x1f\x8b":
        return data
    unpacker = zlib.decompressobj(31)
    try:
        unpacked = unpacker.decompress(data, MAX_FILE_BYTES)
    except zlib.error as error:
        raise ValueError(f"gzip file must be whole, got: {error}") from None
    if not unpacker.eof:
        raise ValueError(f"gzip file must be whole and hold at most {MAX_FILE_BYTES} bytes")
    return unpacked
