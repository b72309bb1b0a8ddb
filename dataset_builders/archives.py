"""Archives that are read without being unpacked, and not beyond what their size makes likely."""

import bz2
import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from scorehub.dataset_builders.file_names import as_text

MAX_FILE_BYTES = 16 * 2**20  # of what is loaded whole: a piece, a picture
MAX_ARCHIVE_BYTES = 16 * 2**30  # unpacked; ASAP has 0.2 GB
MAX_RATIO = 200  # of an archive unpacked to one packed; those of a megabyte and less count as one
MAX_MEMBERS = 50_000  # ASAP has 6,000
MAX_DIRECTORY_BYTES = 64 * 2**20  # of a zip; MAESTRO's has 0.3 MB

TAR_FAULTS = (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError, RecursionError)  # names in names
# RuntimeError: a zip file that is encrypted, or packed in a way that Python does not know.
ARCHIVE_FAULTS = (*TAR_FAULTS, zipfile.BadZipFile, RuntimeError)

_END_BYTES = 22  # of the record at the end of a zip, without its comment
_MAX_COMMENT_BYTES = 2**16


@dataclass(frozen=True)
class Archive:
    """A tar archive, compressed or not, by the places of its files: name -> offset and size once decompressed."""

    path: Path
    members: dict[str, tuple[int, int]]

    def load(self, names: Iterable[str]) -> dict[str, bytes]:
        """The files of at most `MAX_FILE_BYTES` that are there; `members` has the larger ones too.

        Raises:
            ValueError: the archive changed or is damaged.
        """
        known = {name: self.members[name] for name in names if name in self.members}
        places = {name: place for name, place in known.items() if place[1] <= MAX_FILE_BYTES}
        files = {}
        try:
            with decompressed(self.path) as file:
                for name in sorted(places, key=lambda name: places[name]):  # forward only: backward starts over
                    file.seek(places[name][0])
                    files[name] = file.read(places[name][1])
        except TAR_FAULTS as error:
            raise ValueError(f"archive must be a whole tar, got {self.path.name}: {error}") from None
        return files


@dataclass(frozen=True)
class Folder:
    """Files below `root`, as if they were packed."""

    root: Path

    def load(self, names: Iterable[str]) -> dict[str, bytes]:
        """The files of at most `MAX_FILE_BYTES` that are there; none outside of the folder, whatever a name says."""
        root, files = self.root.resolve(), {}
        for name in set(names):
            try:
                path = (root / name).resolve()
                if path.is_relative_to(root) and path.is_file() and path.stat().st_size <= MAX_FILE_BYTES:
                    files[name] = path.read_bytes()
            except (OSError, ValueError):  # too long a name, a null character: no file
                continue
        return files


class Bounded:
    """An archive's decompressed stream that is not read beyond what the archive's size makes likely.

    Zeros are packed by the gigabyte into little, and tarfile reads a name as long as its header says.
    """

    def __init__(self, stream: IO[bytes], path: Path):
        self._stream = stream
        self._most = min(MAX_ARCHIVE_BYTES, MAX_RATIO * max(path.stat().st_size, 2**20))

    def tell(self) -> int:
        """The place in the stream."""
        return self._stream.tell()

    def seek(self, place: int) -> int:
        """Goes to a place; raises tarfile.ReadError if it is too far."""
        return self._stream.seek(self._checked(place))

    def read(self, size: int) -> bytes:
        """Reads as much; raises tarfile.ReadError if that is too much."""
        self._checked(self.tell() + size)
        return self._stream.read(size)

    def _checked(self, place: int) -> int:
        if place > self._most:
            raise tarfile.ReadError(f"it must unpack to at most {self._most} bytes")
        return place


def index_archive(path: Path, most: int = MAX_MEMBERS) -> Archive:
    """Finds the files in an archive of at most so many.

    Raises:
        ValueError: it is no tar archive, damaged or too large.
    """
    members: dict[str, tuple[int, int]] = {}
    try:
        with decompressed(path) as file, tarfile.open(fileobj=Bounded(file, path), mode="r:") as tar:  # type: ignore[call-overload]
            for count, member in enumerate(tar):
                # A negative size would lead back to where its header is, again and again.
                if count >= most or not 0 <= member.size <= MAX_ARCHIVE_BYTES - member.offset_data:
                    raise ValueError(f"archive must have {most} files, {MAX_ARCHIVE_BYTES} bytes at most")
                if member.isreg() and not member.issparse():
                    members[as_text(member.name).removeprefix("./")] = (member.offset_data, member.size)
    except TAR_FAULTS as error:
        raise ValueError(f"archive must be a whole tar, got {path.name}: {error}") from None
    return Archive(path, members)


def decompressed(path: Path) -> IO[bytes]:
    """Opens what an archive packs with gzip, xz, bzip2 or nothing, as its first bytes tell."""
    with path.open("rb") as file:
        magic = file.read(6)
    if magic.startswith(b"\x1f\x8b"):
        return gzip.open(path)  # type: ignore[return-value]
    if magic == b"\xfd7zXZ\x00":
        return lzma.open(path)
    return bz2.open(path) if magic.startswith(b"BZh") else path.open("rb")


def check_directory(path: Path) -> None:
    """Raises a ValueError if a zip's directory is too large: zipfile makes an object of each entry that is in it.

    So its size comes first, before anyone can count them.
    """
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
