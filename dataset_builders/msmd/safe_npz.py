"""Reads .npy and .npz bytes that come from strangers.

An .npz is a ZIP of .npy members. Only what numpy itself writes is accepted: stored or deflated members, simple
dtypes, and, in object arrays, pickles of plain data (see safe_pickle.py). Names of members are keys, never paths. All
sizes are bounded before memory is taken.
"""

import io
import math
import re
import struct
import zipfile
import zlib

import numpy as np

from scorehub.dataset_builders.msmd import safe_pickle
from scorehub.dataset_builders.msmd.pickled_arrays import from_bytes

MAX_NPZ_BYTES = 128 * 2**20  # of an .npz and of all that it unpacks to
MAX_MEMBERS = 64
MAX_PICKLE_BYTES = 32 * 2**20

_HEADER = re.compile(
    rb"\{'descr': '([<>|=]?(?:b1|[iuf][248]|[iu]1|[SU][1-9]\d{0,4}|O[48]?))', "
    rb"'fortran_order': (True|False), 'shape': \(([0-9L, ]{0,100})\), \} *\n?"
)
_LENGTHS = re.compile(rb"(?:\d{1,18}L?(?:, ?\d{1,18}L?)*,?)?")
_END_BYTES = 22  # of the record at the end of a ZIP without comment
_ENTRY_BYTES = 1024  # of a member's entry in the directory, at most


def read_npz(data: bytes, most: int = MAX_NPZ_BYTES) -> dict[str, np.ndarray]:
    """The arrays of an .npz by name, without `.npy`.

    Args:
        most: bytes, of the file and of all that it unpacks to.

    Raises:
        ValueError: no whole, well-formed .npz, too large, or a pickle that holds more than plain data.
    """
    _check_end(data, most)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            _check_members(members, most)
            return {member.filename.removesuffix(".npy"): _read_member(archive, member) for member in members}
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, NotImplementedError, KeyError) as error:
        raise ValueError(f"npz must be a whole ZIP, got: {error}") from None


def read_npy(data: bytes) -> np.ndarray:
    """An array of numbers or text from the bytes of an .npy file; what follows the array is an error.

    Raises:
        ValueError: no whole, well-formed .npy, or one with objects.
    """
    dtype, shape, is_fortran, rest = _header(data)
    if dtype.hasobject:
        raise ValueError("npy must hold numbers or text, got objects")
    if len(rest) != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"npy of {dtype.str} {shape} must have its bytes, got {len(rest)}")
    return from_bytes(rest, dtype).reshape(shape, order="F" if is_fortran else "C")


def _check_end(data: bytes, most: int) -> None:
    """The directory's size comes first: zipfile makes an object of each entry before anyone can count them."""
    if len(data) > most:
        raise ValueError(f"npz must have at most {most} bytes, got {len(data)}")
    end = data[-_END_BYTES:]
    if len(end) < _END_BYTES or not end.startswith(b"PK\5\6") or not end.endswith(b"\0\0"):
        raise ValueError("npz must be a ZIP without comment, got no such end")
    (size,) = struct.unpack_from("<L", end, 12)
    if size > MAX_MEMBERS * _ENTRY_BYTES or data[-_END_BYTES - 20 :].startswith(b"PK\6\7"):
        raise ValueError(f"npz must have at most {MAX_MEMBERS} members, got a directory of {size} bytes")


def _check_members(members: list[zipfile.ZipInfo], most: int) -> None:
    if not 0 < len(members) <= MAX_MEMBERS or len({member.filename for member in members}) < len(members):
        raise ValueError(f"npz must have 1 to {MAX_MEMBERS} different members, got {len(members)}")
    total = sum(member.file_size for member in members)
    if total > most:
        raise ValueError(f"npz must unpack to at most {most} bytes, got {total}")
    for member in members:
        # Only these two are unpacked piece by piece; bit 0 is encryption.
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or member.flag_bits & 1:
            raise ValueError(f"npz members must be stored or deflated, got {member.filename[:60]!r}")


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as file:
        data = file.read(member.file_size + 1)
    if len(data) != member.file_size:
        raise ValueError(f"npz member must have {member.file_size} bytes, got {len(data)}")
    dtype, shape, _, rest = _header(data)
    if not dtype.hasobject:
        return read_npy(data)
    if len(rest) > MAX_PICKLE_BYTES:
        raise ValueError(f"pickle must have at most {MAX_PICKLE_BYTES} bytes, got {len(rest)}")
    return _object_array(safe_pickle.loads(bytes(rest)), shape)


def _object_array(value: object, shape: tuple[int, ...]) -> np.ndarray:
    if not isinstance(value, np.ndarray) or value.dtype != object or value.shape != shape:
        raise ValueError(f"object array must have shape {shape}, got {type(value).__name__}")
    return value


def _header(data: bytes) -> tuple[np.dtype, tuple[int, ...], bool, memoryview]:
    """Returns dtype, shape, whether columns come first, and what follows the header.

    numpy writes the header as a Python dict in one fixed form, which is matched instead of evaluated.
    """
    if not data.startswith((b"\x93NUMPY\1\0", b"\x93NUMPY\2\0")) or len(data) < 12:
        raise ValueError(f"npy must begin with numpy's mark, got {data[:8]!r}")
    start = 10 if data[6] == 1 else 12
    length = int.from_bytes(data[8:start], "little")
    match = _HEADER.fullmatch(data[start : start + min(length, 4096)])
    lengths = match and _LENGTHS.fullmatch(match[3].strip())
    if not match or not lengths:
        raise ValueError(f"npy header must state a simple dtype and shape, got {data[start : start + 60]!r}")
    shape = tuple(int(number) for number in re.findall(rb"\d+", lengths[0]))
    if len(shape) > 8:
        raise ValueError(f"npy must have at most 8 dimensions, got {len(shape)}")
    return np.dtype(match[1].decode()), shape, match[2] == b"True", memoryview(data)[start + length :]
