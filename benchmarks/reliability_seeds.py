"""Valid files of every kind that a loader reads, small, made on the spot: what damage is done to."""

import gzip
import io
import pickle
import random
import struct
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import reliability_texts as texts
from PIL import Image
from reliability_containers import OGG, tar_gz_of, zip_of

from scorehub.notes import DRUMS, Notes, make_notes, write_midi

NOTE_COLUMNS = ("page", "x", "y", "w", "h", "pitch", "onset_quarter", "onset_sec", "in_midi")


def text(content: str) -> Callable[[], bytes]:
    """A text as a file."""
    return content.encode


def melody() -> Notes:
    """Two instruments and drums, some 4 s."""
    onset = np.arange(12) * 0.25
    program = np.tile([0, 40, DRUMS], 4)
    return make_notes(onset, np.full(12, 0.5), 60 + np.arange(12), 40 + np.arange(12), program, np.tile([0, 1, 2], 4))


def midi() -> bytes:
    """A file with a track for each instrument."""
    return write_midi(melody())


def handmade_midi() -> bytes:
    """A tempo change, a meter, a key, lyrics, a system message, running status, a pedal and a bend."""
    meta = bytes.fromhex("00ff510307a120 00ff580404021808 00ff5902fd00 00ff0503 6c6121 00f0057e7f0901f7")
    played = bytes.fromhex("00903c40 603e40 603c00 003e00 00b0407f 00e00050 60ff51030493e0 00c028 0090 4040 60 4000")
    track = meta + played + bytes.fromhex("00ff2f00")
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, 96) + b"MTrk" + struct.pack(">I", len(track)) + track


def pdf(scanned: bool) -> bytes:
    """The page as a scan, or as text and lines."""
    if scanned:
        return picture("PDF", "1", resolution=72, creationDate=None, modDate=None)
    import pymupdf

    with pymupdf.open() as document:
        sheet = document.new_page()
        for line in range(10):
            sheet.draw_line((50, 100 + 8 * line), (550, 100 + 8 * line))
            sheet.insert_text((60, 300 + 30 * line), f"System {line}: andante cantabile")
        return bytes(document.tobytes(no_new_id=True))


def sound(file_format: str, subtype: str, channels: int = 1) -> bytes:
    """A tenth of a second of a tone."""
    import soundfile

    samples = 0.5 * np.sin(np.arange(4410 * channels) / 20).reshape(-1, channels)
    file = io.BytesIO()
    soundfile.write(file, samples, 44_100, format=file_format, subtype=subtype)
    return _without_time(file.getvalue())


def _without_time(sound: bytes) -> bytes:
    """The time of writing, which is in a WAV's peaks and is the number of an Ogg's stream, is 0."""
    if sound[:4] == b"OggS":
        return OGG.pack([(name, page[:14] + bytes(4) + page[18:]) for name, page in OGG.unpack(sound)])
    start, peaks, rest = sound.partition(b"PEAK")
    return start + peaks + (rest[:8] + bytes(4) + rest[12:] if peaks else b"")


@cache
def page() -> Image.Image:
    """Eight staves of five lines, with noteheads."""
    pixels = np.full((640, 480), 255, np.uint8)
    rng = np.random.default_rng(0)
    for top in range(40, 600, 70):
        pixels[top : top + 33 : 8, 30:450] = 0
        for x in range(60, 440, 25):
            y = top + 4 * int(rng.integers(0, 8))
            pixels[y - 4 : y + 4, x : x + 9] = 0
    return Image.fromarray(pixels)


def picture(file_format: str, mode: str = "L", **options: Any) -> bytes:
    """The page as an image file."""
    file = io.BytesIO()
    page().convert(mode).save(file, file_format, **options)
    return file.getvalue()


def arrays(**named: Any) -> bytes:
    """An .npz."""
    file = io.BytesIO()
    np.savez_compressed(file, **named)
    return file.getvalue()


def cyolo() -> bytes:
    """Two pages of CYOLO."""
    places = {"x": 240.0, "w": 420.0, "h": 40.0}
    systems = [{**places, "y": 56.0 + 70 * number, "page_nr": number % 2} for number in range(4)]
    heads = {"note_x": 80.0, "note_y": 60.0, "page_nr": 0, "system_idx": 0, "bar_idx": 0}
    coords = [{**heads, "onset": np.float64(number)} for number in range(6)]
    return arrays(sheets=np.stack([np.asarray(page())] * 2), coords=coords, systems=systems, synthesized=True)


def game() -> bytes:
    """A strip of the game whose noteheads are those of `melody`."""
    coords = np.stack([np.full(12, 90.0), 30.0 * np.arange(12)], 1).astype(np.float32)
    mapping = np.array([{number: number for number in range(12)}])
    return arrays(sheet=np.asarray(page())[:200], coords=coords, coord2onset=mapping)


def npy() -> bytes:
    """An array of floats."""
    file = io.BytesIO()
    np.save(file, np.zeros((4, 4, 2), np.float32))
    return file.getvalue()


def strips() -> bytes:
    """Rolls that a trainer keeps."""
    from scorehub.rolls import RollSpec
    from scorehub.trainers.roll_strips import Piece, make_strips, pack_strips

    made = make_strips([Piece(melody(), name, name, "train") for name in ("one", "two")], RollSpec())
    return saved(lambda path: pack_strips(made, path), "file.npz")


def primus() -> dict[str, bytes]:
    """Two items of Camera-PrIMuS."""
    files = {".png": picture("PNG"), ".semantic": b"clef-G2\tnote-C4_quarter\tbarline\t", ".mid": midi()}
    return {f"Corpus/{item}/{item}{end}": data for item in ("1-1_1", "1-1_2") for end, data in files.items()}


def musicscore() -> bytes:
    """Two pages of the published MusicScore."""
    return tar_gz_of({f"train/IMSLP1_{number}.jpg": picture("JPEG") for number in (1, 2)})


def mxl() -> bytes:
    """A compressed score."""
    return zip_of([("META-INF/container.xml", b"<container/>"), ("score.xml", texts.MUSICXML.encode())])


def rism_gz() -> bytes:
    """A packed table of incipits."""
    return gzip.compress(texts.RISM.encode(), mtime=0)


def kern_table() -> bytes:
    """A table of excerpts."""
    names = {"file": "a.krn", "spine": 1, "first_measure": 1, "kern": texts.KERN, "title": "Suite"}
    return parquet({name: [value] * 3 for name, value in names.items()})


def note_table() -> bytes:
    """Noteheads of a rebuilt MSMD."""
    return parquet({"piece": list("aabb")} | {name: [1.0, 2.0, 3.0, 4.0] for name in NOTE_COLUMNS})


def saved(write: Callable[[Path], object], name: str = "file") -> bytes:
    """What a function writes into a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(path)
        return path.read_bytes()


def parquet(columns: Mapping[str, list[Any]]) -> bytes:
    """A table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    return saved(lambda path: pq.write_table(pa.table(dict(columns)), path))


def soundfont() -> bytes:
    """One preset of one instrument of one sample."""
    tables = {
        "phdr": [
            struct.pack("<20sHHHIII", b"piano", 0, 0, 0, 0, 0, 0),
            struct.pack("<20sHHHIII", b"", 0, 0, 1, 0, 0, 0),
        ],
        "pbag": [struct.pack("<HH", 0, 0), struct.pack("<HH", 1, 0)],
        "pmod": [bytes(10)],
        "pgen": [struct.pack("<HH", 41, 0), bytes(4)],
        "inst": [struct.pack("<20sH", b"piano", 0), struct.pack("<20sH", b"", 1)],
        "ibag": [struct.pack("<HH", 0, 0), struct.pack("<HH", 2, 0)],
        "imod": [bytes(10)],
        "igen": [struct.pack("<HH", 54, 1), struct.pack("<HH", 53, 0), bytes(4)],
        "shdr": [struct.pack("<20sIIIIIBbHH", b"sine", 0, 1000, 100, 900, 22050, 60, 0, 0, 1), bytes(46)],
    }
    wave = (8000 * np.sin(np.arange(1046) / 10)).astype("<i2").tobytes()
    preset = b"".join(_chunk(name, b"".join(rows)) for name, rows in tables.items())
    parts = [_chunk("LIST", b"INFO" + _chunk("ifil", struct.pack("<HH", 2, 1)))]
    parts += [_chunk("LIST", b"sdta" + _chunk("smpl", wave)), _chunk("LIST", b"pdta" + preset)]
    return _chunk("RIFF", b"sfbk" + b"".join(parts))


def _chunk(name: str, data: bytes) -> bytes:
    return name.encode() + struct.pack("<I", len(data)) + data


def noise(size: int) -> bytes:
    """Random bytes, the same each time."""
    return random.Random(0).randbytes(size)


def runs(path: Path) -> bytes:
    """A pickle that makes a file if anything unpickles it."""

    class Opens:
        def __reduce__(self) -> tuple[Any, tuple[str, str]]:
            return open, (str(path), "w")

    return pickle.dumps(Opens(), 2)
