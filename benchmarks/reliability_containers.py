"""Containers that are taken apart and put together again with right lengths and checksums, and the same each time."""

import gzip
import io
import json
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))

Part = tuple[str, bytes]


@dataclass(frozen=True)
class Container:
    """How a format is taken apart, into names and contents, and put together again."""

    unpack: Callable[[bytes], list[Part]]
    pack: Callable[[Sequence[Part]], bytes]


def _unzip(data: bytes) -> list[Part]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def zip_of(parts: Sequence[Part], method: int = zipfile.ZIP_STORED) -> bytes:
    """A ZIP without times."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in parts:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return file.getvalue()


def tar_of(files: Mapping[str, bytes]) -> bytes:
    """A tar without times."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return file.getvalue()


def tar_gz_of(files: Mapping[str, bytes]) -> bytes:
    """A packed tar without times."""
    return gzip.compress(tar_of(files), mtime=0)


def _tar_gz(parts: Sequence[Part]) -> bytes:
    """Headers of files get their checksums, wherever they lie now."""
    ((_, data),) = parts
    archive = bytearray(data)
    for start in range(0, len(archive) - 511, 512):
        if archive[start + 257 : start + 262] == b"ustar":
            archive[start + 148 : start + 156] = b" " * 8
            archive[start + 148 : start + 156] = b"%06o\0 " % sum(archive[start : start + 512])
    return gzip.compress(bytes(archive), 1, mtime=0)


def _png_chunks(data: bytes) -> list[Part]:
    parts, start = [], 8
    while start < len(data):
        (size,) = struct.unpack_from(">I", data, start)
        parts.append((data[start + 4 : start + 8].decode("latin-1"), data[start + 8 : start + 8 + size]))
        start += 12 + size
    return parts


def png_of(parts: Sequence[Part]) -> bytes:
    """A PNG of chunks."""
    chunks = [(name.encode("latin-1"), data) for name, data in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def _tensors(data: bytes) -> list[Part]:
    size = int.from_bytes(data[:8], "little")
    return [("header", data[8 : 8 + size]), ("tensors", data[8 + size :])]


def tensors_of(parts: Sequence[Part]) -> bytes:
    """A safetensors file of header and values."""
    (_, header), (_, values) = parts
    return len(header).to_bytes(8, "little") + header + values


def tensors_file(header: object, values: bytes = b"") -> bytes:
    """A safetensors file of a header as JSON."""
    return tensors_of((("header", json.dumps(header).encode()), ("tensors", values)))


def _tracks(data: bytes) -> list[Part]:
    parts, start = [], 0
    while start < len(data):
        (size,) = struct.unpack_from(">I", data, start + 4)
        parts.append((data[start : start + 4].decode(), data[start + 8 : start + 8 + size]))
        start += 8 + size
    return parts


def _midi_of(parts: Sequence[Part]) -> bytes:
    return b"".join(name.encode() + struct.pack(">I", len(data)) + data for name, data in parts)


def _ogg_pages(data: bytes) -> list[Part]:
    return [("page", b"OggS" + page) for page in data.split(b"OggS")[1:]]


def _ogg_of(parts: Sequence[Part]) -> bytes:
    """Pages get their checksums: CRC-32, but with the highest bit first and from 0 (RFC 3533, section 6)."""
    pages = []
    for _, page in parts:
        blank = page[:22] + bytes(4) + page[26:]
        checksum = zlib.crc32(blank.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
        pages.append(page[:22] + checksum.to_bytes(4, "big").translate(_REVERSED) + page[26:])
    return b"".join(pages)


ZIP = Container(_unzip, zip_of)
GZIP = Container(lambda data: [("", gzip.decompress(data))], lambda parts: gzip.compress(parts[0][1], 1, mtime=0))
TAR_GZ = Container(lambda data: [("", gzip.decompress(data))], _tar_gz)
PNG = Container(_png_chunks, png_of)
OGG = Container(_ogg_pages, _ogg_of)
MIDI = Container(_tracks, _midi_of)
SAFETENSORS = Container(_tensors, tensors_of)
