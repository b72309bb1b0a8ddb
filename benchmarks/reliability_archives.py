"""Archives and arrays that nobody makes by accident: bombs, lies about sizes, ways out of the folder, code to be run.

By name, up to a megabyte each. What would get out of its place, or run, makes a file named `escaped`.
"""

import bz2
import gzip
import lzma
import struct
import tarfile
import zipfile
from functools import cache, partial
from pathlib import Path

import numpy as np
import reliability_seeds as seeds
from reliability_containers import zip_of
from reliability_mutations import MAX_BYTES

ESCAPED = "escaped"
BLOCK = bytes(2**26)  # zeros that are packed at a time
WAYS_OUT = ("../../escaped", "/escaped", "a/../../escaped", "..\\..\\escaped", "C:\\escaped", "~/escaped")

Hostile = dict[str, bytes]


def gzips() -> Hostile:
    """A gigabyte of zeros; what is cut off, and what follows."""
    block = gzip.compress(BLOCK, mtime=0)
    return {
        "gzip bomb": block * 15,
        "gzip of gzip": gzip.compress(block * 15, mtime=0),
        "gzip cut off": block[:-9],
        "gzip and more": gzip.compress(b"a", mtime=0) + b"more",
    }


@cache
def tars() -> Hostile:
    """Sizes below zero and beyond all disks, names, links, members in thousands, and zeros in three packings."""
    found = {name: gzip.compress(data, 1, mtime=0) for name, data in (_plain_tars() | _pax_tars()).items()}
    packings = {"gzip": partial(gzip.compress, mtime=0), "bz2": bz2.compress, "lzma": lzma.compress}
    for packing, compress in packings.items():
        zeros = compress(BLOCK)
        for name, kind in (("file", b"0"), ("name", b"L")):
            begin = compress(_member(size=_size(15 * 2**30), kind=kind))
            found[f"{packing} with a {name} of 15 GB"] = begin + zeros * min(240, MAX_BYTES // len(zeros))
    return found | gzips() | {"negative size, not packed": _member(size=_size(-512)) + bytes(1024)}


def _plain_tars() -> Hostile:
    members = {
        "negative size": _member(size=_size(-512)),
        "negative size of a long name": _member(size=_size(-512), kind=b"L"),
        "an exabyte": _member(size=_size(2**60)),
        "size that is no number": _member(size=b"abcdefghijk\0"),
        "long names in long names": _member(size=b"00000000001\0", kind=b"L") * 900,
        "sparse file": _member(kind=b"S"),
        "20,000 files": _member() * 20_000,
        "files of one name": (_member("1/1-1_1.png") + _member("1/1-1_1.semantic")) * 1000,
    }
    members |= {f"named {name}": _member(name) for name in WAYS_OUT}
    # A hard link, a symbolic link, two devices, a folder, a pipe.
    members |= {f"of kind {kind}": _member(kind=b"%d" % kind, link=b"/etc/passwd") for kind in range(1, 7)}
    return {name: data + bytes(1024) for name, data in members.items()}


def _pax_tars() -> Hostile:
    lines = {
        "pax size below zero": b"13 size=-512\n",
        "pax line of no length": b"0 size=1\n",
        "pax line without end": b"99999999999999 size=1\n",
        "pax path out": b"22 path=../../escaped\n",
        "pax path of nothing": b"8 path=\n",
        "pax sparse file": b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n",
        "pax time": b"15 mtime=1e999\n",
    }
    return {
        name: _member("pax", b"%011o\0" % len(line), b"x") + line.ljust(512, b"\0") + _member() + bytes(1024)
        for name, line in lines.items()
    }


def _member(name: str = "a.mid", size: bytes = b"00000000000\0", kind: bytes = b"0", link: bytes = b"") -> bytes:
    """A header with any size field, and a right checksum."""
    header = bytearray(tarfile.TarInfo(name).tobuf(tarfile.GNU_FORMAT))
    header[124:136], header[156:157], header[157 : 157 + len(link)] = size, kind, link
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def _size(value: int) -> bytes:
    """A size in GNU's binary form, which can be negative."""
    return (b"\xff" if value < 0 else b"\x80") + value.to_bytes(11, "big", signed=True)


@cache
def zips() -> Hostile:
    """The same for ZIP, with encryption, unknown methods and directories that lie."""
    plain = zip_of([("a.mid", b"data" * 9), ("1/1-1_1.semantic", b"clef-C1"), ("1/1-1_1.png", b"")])
    place = plain.index(b"PK\1\2")
    deflated = zip_of([("a.mid", BLOCK)], zipfile.ZIP_DEFLATED)
    pages = [(f"{number}/1-1_{number}.png", BLOCK) for number in range(8)]
    return {
        "zip bomb": zip_of(pages, zipfile.ZIP_DEFLATED),
        "zip of bzip2": zip_of([("a.mid", BLOCK), ("score.xml", BLOCK)], zipfile.ZIP_BZIP2),
        "zip of lzma": zip_of([("a.mid", BLOCK), ("score.xml", BLOCK)], zipfile.ZIP_LZMA),
        "zip with a size that lies": deflated.replace(struct.pack("<I", len(BLOCK)), struct.pack("<I", 10)),
        "zip with a size of 4 GB": plain.replace(struct.pack("<I", 36), b"\xfe\xff\xff\xff"),
        "encrypted zip": plain[: place + 8] + b"\1" + plain[place + 9 :],
        "zip of method 99": plain[: place + 10] + b"\x63" + plain[place + 11 :],
        "zip of ways out": zip_of([(name, b"x") for name in WAYS_OUT]),
        "zip of 8,000 files": zip_of([(f"{number}.mid", b"") for number in range(8000)]),
        "zip of no file": zip_of([]),
        "zip of one name": zip_of([("a.mid", b"1"), ("b.mid", b"2")]).replace(b"b.mid", b"a.mid"),
        "zip that begins far away": plain[:-6] + b"\xff\xff\xff\x7f\0\0",
        "zip with a comment": plain[:-2] + struct.pack("<H", 4000) + b"PK\5\6" * 1000,
        "score of 64 MB": zip_of([("score.xml", BLOCK)], zipfile.ZIP_DEFLATED),
    }


_HEADERS = {
    "of 8 TB": "{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776,), }",
    "of 4 GB": "{'descr': '<f8', 'fortran_order': False, 'shape': (536870912,), }",
    "that overflows": "{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296), }",
    "of negative length": "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }",
    "of brackets": "(" * 5000,
    "not closed": "{'descr': '<f8', 'shape': (",
    "of code": "{'descr': __import__('os').system('touch escaped')}",
    "of fields": "{'descr': [('a', '<f8'), ('b', '|O')], 'fortran_order': False, 'shape': (1,), }",
    "of wide text": "{'descr': '<U99999', 'fortran_order': False, 'shape': (9999,), }",
    "of empty text": "{'descr': '<U0', 'fortran_order': False, 'shape': (999999999,), }",
    "of times": "{'descr': '<M8[s]', 'fortran_order': False, 'shape': (1,), }",
}


@cache
def npys() -> Hostile:
    """Headers of arrays that are larger than they are, or other than they seem; pickles."""
    objects = _npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }")
    found = {f"array {name}": _npy(header) + bytes(64) for name, header in _HEADERS.items()}
    found["array that runs"] = objects + seeds.runs(Path(ESCAPED))
    return found | {"array of a deep list": objects + b"\x80\2" + b"]" * 200_000 + b"a" * 199_999 + b"."}


def _npy(header: str) -> bytes:
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header) + 1) + header.encode() + b"\n"


@cache
def npzs() -> Hostile:
    """Those arrays under the names that are looked for, and a gigabyte of zeros."""
    names = ("sheets", "coords", "systems", "sheet", "coord2onset", "codes", "spec")
    made = {name: zip_of([(f"{other}.npy", data) for other in names]) for name, data in npys().items()}
    zeros = np.frombuffer(BLOCK, np.uint8)
    return made | zips() | {"array bomb": seeds.arrays(**{f"codes_{number}": zeros for number in range(15)})}
