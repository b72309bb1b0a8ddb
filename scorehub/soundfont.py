"""Checks SoundFonts before TinySoundFont reads them.

A SoundFont is a tree of tables whose rows point into each other; TinySoundFont follows the pointers unchecked, and a
damaged or hostile file ends the process. Here every pointer is followed first.
"""

import reprlib

import numpy as np

MAX_SOUNDFONT_BYTES = 2**31
_MAX_REGIONS = 10**6  # pairs of preset zone and sample; large fonts have some 10,000
_MAX_PRESETS = 129 * 128
_INSTRUMENT, _SAMPLE = 41, 53  # generators that point into another table
_COMPRESSED = 0x30  # sample types of .sf3
# The tables that TinySoundFont follows, in the SoundFont 2.04 specification's section 7, little-endian.
_BAG, _GENERATOR = [("generator", "<u2"), ("modulator", "<u2")], [("kind", "<u2"), ("amount", "<u2")]
_TABLES = {
    b"phdr": np.dtype([("name", "S20"), ("preset", "<u2", 2), ("bag", "<u2"), ("rest", "<u4", 3)]),
    b"pbag": np.dtype(_BAG),
    b"pmod": np.dtype([("modulator", "<u2", 5)]),
    b"pgen": np.dtype(_GENERATOR),
    b"inst": np.dtype([("name", "S20"), ("bag", "<u2")]),
    b"ibag": np.dtype(_BAG),
    b"imod": np.dtype([("modulator", "<u2", 5)]),
    b"igen": np.dtype(_GENERATOR),
    b"shdr": np.dtype([("name", "S20"), ("range", "<u4", 4), ("rate", "<u4"), ("rest", "<u2", 2), ("type", "<u2")]),
}


def check_soundfont(data: bytes) -> bool:
    """Whether the samples of a SoundFont file are compressed.

    Raises:
        ValueError: it is no SoundFont 2 or 3, it is too large or cut off, or a table points outside of another.
    """
    if not 12 <= len(data) <= MAX_SOUNDFONT_BYTES or data[:4] != b"RIFF" or data[8:12] != b"sfbk":
        raise ValueError(f"SoundFont must be a RIFF sfbk file of up to {MAX_SOUNDFONT_BYTES} bytes, got {data[:12]!r}")
    lists = _chunks(data, 12, 8 + int.from_bytes(data[4:8], "little"))
    chunks = {name: span for part in (b"sdta", b"pdta") for name, span in _chunks(data, *_get(lists, part)).items()}
    start, end = _get(chunks, b"smpl")
    tables = {name: _read_table(data, name, *_get(chunks, name)) for name in _TABLES}
    if b"smpo" in chunks or len(tables[b"phdr"]) > _MAX_PRESETS + 1:
        found = f"{sorted(chunks)} and {len(tables[b'phdr']) - 1} presets"
        raise ValueError(f"SoundFont must have .sf2 or .sf3 samples and at most {_MAX_PRESETS} presets, got {found}")
    _check_pointers(tables)
    return _check_samples(tables[b"shdr"], end - start)


def _chunks(data: bytes, start: int, end: int) -> dict[bytes, tuple[int, int]]:
    """Name -> (start, end) of the chunks in a part of the file; a LIST goes by its type, as in TinySoundFont."""
    if end > len(data):
        raise ValueError(f"SoundFont must be whole, got {len(data)} of {end} bytes")
    found: dict[bytes, tuple[int, int]] = {}
    while end - start >= 8:
        name, body = data[start : start + 4], start + 8
        start = body + int.from_bytes(data[start + 4 : body], "little")
        if name == b"LIST":
            name, body = data[body : body + 4], body + 4
        if not body <= start <= end or name in found or not b" " < name[:1] < b"z":
            raise ValueError(f"SoundFont must have each chunk once, within its parent, got {name!r} at byte {body}")
        found[name] = body, start
    return found


def _get(chunks: dict[bytes, tuple[int, int]], name: bytes) -> tuple[int, int]:
    if name not in chunks:
        raise ValueError(f"SoundFont must have a chunk {name.decode()}, got {sorted(chunks)}")
    return chunks[name]


def _read_table(data: bytes, name: bytes, start: int, end: int) -> np.ndarray:
    rows, rest = divmod(end - start, _TABLES[name].itemsize)
    if not rows or rest:  # the last row only ends the one before
        raise ValueError(f"SoundFont table {name.decode()} must have whole rows, got {end - start} bytes")
    return np.frombuffer(data, _TABLES[name], rows, start)


def _check_pointers(tables: dict[bytes, np.ndarray]) -> None:
    heads = [(b"phdr", "bag", b"pbag", 1), (b"inst", "bag", b"ibag", 1)]
    bags = [(b"pbag", "generator", b"pgen", 0), (b"ibag", "generator", b"igen", 0)]
    for source, column, target, after in heads + bags:
        first = tables[source][column].astype(np.int64)
        # A row's zones reach to the next row's first; a zone reads the row after it, so a last bag must follow.
        if np.any(np.diff(first) < 0) or first[-1] > len(tables[target]) - after:
            names, rows = f"{source.decode()} must point upwards into {target.decode()}", len(tables[target])
            raise ValueError(f"SoundFont table {names}, got {reprlib.repr(first.tolist())} for {rows} rows")
    instruments = _amounts(tables[b"pgen"], _INSTRUMENT, len(tables[b"inst"]) - 1, "instrument")
    _amounts(tables[b"igen"], _SAMPLE, len(tables[b"shdr"]) - 1, "sample")
    samples = np.concatenate([[0], np.cumsum(tables[b"igen"]["kind"] == _SAMPLE)])
    edges = samples[tables[b"ibag"]["generator"][tables[b"inst"]["bag"]]]
    regions = int(np.diff(edges)[instruments].sum())
    if regions > _MAX_REGIONS:
        raise ValueError(f"SoundFont must have at most {_MAX_REGIONS} regions, got {regions}")


def _amounts(generators: np.ndarray, kind: int, count: int, name: str) -> np.ndarray:
    amounts: np.ndarray = generators["amount"][generators["kind"] == kind]
    if np.any(amounts >= count):
        raise ValueError(f"SoundFont must point to {name}s 0 to {count - 1}, got {amounts.max()}")
    return amounts


def _check_samples(headers: np.ndarray, n_bytes: int) -> bool:
    compressed = (headers["type"][:-1] & _COMPRESSED) != 0
    if not compressed.any():
        if n_bytes % 2:
            raise ValueError(f"SoundFont samples must be 16-bit, got {n_bytes} bytes")
        return False
    start, end = headers["range"][:-1, 0], headers["range"][:-1, 1]  # bytes
    if not compressed.all() or np.any(start > end) or np.any(end > n_bytes) or headers["range"][-1].any():
        found = f"{int(compressed.sum())} of {len(compressed)} so, as far as byte {end.max()}"
        raise ValueError(f"compressed SoundFont samples must all be so, within {n_bytes} bytes, got {found}")
    return True
