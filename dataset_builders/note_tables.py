"""Tables beside the pieces of a dataset of notes: found by name in whatever folder, read whole or line by line.

Where there is no such table, nothing is read. One that is there and can't be had is an error, for titles or published
splits would be lost without a word.
"""

import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath

from scorehub.dataset_builders.archives import ARCHIVE_FAULTS, MAX_FILE_BYTES
from scorehub.dataset_builders.note_pieces import Files

MAX_TABLE_BYTES = 512 * 2**20  # of what is read line by line; MetaMIDI's titles have some 30 MB
MAX_LINE_BYTES = 2**20


def find_table(files: Files, *wanted: str) -> str | None:
    """The first file with one of these names, in whatever folder."""
    return next((name for name in files.members if PurePosixPath(name).name in wanted), None)


def load_table(files: Files, *wanted: str) -> bytes:
    """The contents of the first file with one of these names; empty where there is none.

    Raises:
        ValueError: it is damaged or too large, packed or not.
    """
    name = find_table(files, *wanted)
    return b"" if name is None else unpack(load_whole(files, name))


def load_whole(files: Files, name: str) -> bytes:
    """The contents of a file.

    Raises:
        ValueError: it is damaged or too large.
    """
    size = files.members[name][1]
    if size > MAX_FILE_BYTES:
        raise ValueError(f"{name} must have at most {MAX_FILE_BYTES} bytes, got {size}")
    data = files.load([name]).get(name)
    if data is None:
        raise ValueError(f"{name} must be a whole file, got a damaged one")
    return data


def table_lines(files: Files, *wanted: str) -> Iterator[str]:
    """The lines of the first file with one of these names, with their ends; of a large table, one is held at a time.

    Raises:
        ValueError: it is damaged or too large, or a line is.
    """
    name = find_table(files, *wanted)
    if name is None:
        return
    rest = files.members[name][1]
    if rest > MAX_TABLE_BYTES:
        raise ValueError(f"{name} must have at most {MAX_TABLE_BYTES} bytes, got {rest}")
    try:
        with files.open(name) as file:
            while line := file.readline(min(rest, MAX_LINE_BYTES)):
                if len(line) == MAX_LINE_BYTES:
                    raise ValueError(f"{name} must have lines of less than {MAX_LINE_BYTES} bytes, got more")
                rest -= len(line)
                yield line.decode("utf-8", "replace")
    except ARCHIVE_FAULTS as error:
        raise ValueError(f"{name} must be a whole file, got: {error}") from None


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
