"""Pictures, scores, texts, sounds and weights that nobody makes by accident; see `reliability_archives`."""

import io
import json
import struct
import zlib
from functools import cache
from pathlib import Path

import reliability_seeds as seeds
from PIL import Image
from reliability_archives import BLOCK, ESCAPED, Hostile
from reliability_containers import png_of, tensors_file
from reliability_mutations import MAX_BYTES


def everywhere() -> Hostile:
    """What may come under any name."""
    return {
        "nothing": b"",
        "a zero": b"\0",
        "zeros": bytes(100_000),
        "noise": seeds.noise(100_000),
        "spaces": b" " * MAX_BYTES,
        "newlines": b"\n" * MAX_BYTES,
        "a long word": b"a" * MAX_BYTES,
        "digits": b"9" * 100_000,
        "lone surrogates": b"\xed\xa0\x80" * 1000,
        "a picture": seeds.picture("PNG"),
        "a pickle": seeds.runs(Path(ESCAPED)),
        "a script": b"#!/bin/sh\ntouch escaped\n",
    }


@cache
def pictures() -> Hostile:
    """Billions of pixels, bombs in chunks, scans without end, and formats that programs open."""
    zeros = zlib.compress(BLOCK)
    small = seeds.page().resize((64, 64))
    return {
        "PNG of 10 billion pixels": _png(100_000, 100_000),
        "PNG of 178 million pixels": _png(13_300, 13_300),
        "PNG of no width": _png(0, 100),
        "PNG with a bomb of text": _png(64, 64, ("zTXt", b"a\0\0" + zeros)),
        "PNG with a bomb of colour": _png(64, 64, ("iCCP", b"a\0\0" + zeros)),
        "PNG of 20,000 texts": _png(64, 64, *[("tEXt", b"a\0b")] * 20_000),
        "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n%%EndComments\n(escaped) (w) file {} loop",
        "GIF of 4 billion pixels": b"GIF89a\xff\xff\xff\xff\0\0\0," + bytes(4) + b"\xff\xff\xff\xff\0\2\2L\1\0;",
        "JPEG of 65,500 x 65,500": seeds.picture("JPEG").replace(struct.pack(">HH", 640, 480), b"\xff\xdc" * 2, 1),
        "JPEG of scans": _scans(),
        "TIFF that begins anew": _endless_tiff(),
        **{name: _saved(small, name) for name in ("BMP", "GIF", "PPM", "ICO", "TGA", "JPEG2000", "DDS", "PCX", "SGI")},
    }


def _png(width: int, height: int, *more: tuple[str, bytes]) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return png_of([("IHDR", header), *more, ("IDAT", zlib.compress(BLOCK)), ("IEND", b"")])


def _saved(image: Image.Image, file_format: str) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format)
    return file.getvalue()


def _scans() -> bytes:
    """A progressive JPEG of 64 million pixels in which the last scan comes again and again."""
    file = io.BytesIO()
    Image.new("L", (8000, 8000)).save(file, "JPEG", progressive=True)
    data = file.getvalue()
    scan = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + scan * max(1, (MAX_BYTES - len(data)) // len(scan)) + b"\xff\xd9"


def _endless_tiff() -> bytes:
    """Directories that lead back to the first."""
    entries = [(256, 3, 1, 64), (257, 3, 1, 64), (273, 4, 1, 8), (279, 4, 1, 8)]
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + body + struct.pack("<I", 8)


def scores() -> Hostile:
    """Entities, depth and encodings in XML."""
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    mei = b"<mei xmlns='http://www.music-encoding.org/ns/mei'>"
    layer = mei + b"<score><measure><staff><layer>"
    return {
        "billion laughs": f'<!DOCTYPE a [<!ENTITY l0 "ha">{laughs}]><score-partwise>&l9;</score-partwise>'.encode(),
        "external entity": b'<!DOCTYPE a [<!ENTITY x SYSTEM "/etc/passwd">]><score-partwise>&x;</score-partwise>',
        "external definitions": b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd"><score-partwise/>',
        "100,000 definitions": b"<!DOCTYPE" * 100_000,
        "50,000 parts in parts": b"<score-partwise>" + _nested(b"part", 50_000) + b"</score-partwise>",
        "30,000 parts": b"<score-partwise>" + b"<part><measure/></part>" * 30_000 + b"</score-partwise>",
        "20,000 definitions in definitions": b"<mei><score>" + _nested(b"scoreDef", 20_000) + b"</score></mei>",
        "20,000 measures in measures": mei + _nested(b"measure", 20_000) + b"</mei>",
        "10,000 beams in beams": layer + _nested(b"beam", 10_000) + b"</layer></staff></measure></score></mei>",
        "50,000 attributes": b"<score-partwise " + b" ".join(b"a%d='1'" % n for n in range(50_000)) + b"/>",
        "XML in UTF-16": '<?xml version="1.0" encoding="utf-16"?><score-partwise/>'.encode("utf-16"),
        "XML in Klingon": b'<?xml version="1.0" encoding="klingon"?><score-partwise/>',
    }


def _nested(tag: bytes, depth: int) -> bytes:
    return (b"<" + tag + b">") * depth + (b"</" + tag + b">") * depth


def notations() -> Hostile:
    """Repetitions, numbers and nesting in texts of music."""
    head = b"@clef:G-2\n@keysig:xF\n@timesig:3/4\n@data:"
    kern = b"**kern\n*clefG2\n*M4/4\n"
    return {
        "PAE of apostrophes": head + b"n" + b"'" * 60 + b"x",
        "PAE of lengths": head + b"x" + b"4." * 30_000 + b"x",
        "PAE of closing braces": head + b"}" * 99_000,
        "PAE of braces": head + b"{" * 50_000 + b"A" + b"}" * 40_000 + b"+",
        "PAE of brackets": head + b"(" * 90_000,
        "PAE of figures": head + b"!" + b"ABCDEFG" * 900 + b"!" + b"f" * 90_000,
        "PAE of repeats": head + b"!AB!ffff/" + b"i/" * 40_000,
        "PAE of rests": head + b"=" + b"9" * 5000,
        "PAE of accidentals": head + b"xxbbnxb" * 10_000,
        "PAE of a clef of nothing": b"@clef:\n@data:%",
        "kern of long rests": kern + b"*M1/99\n=\n00...r\n=\n" * 4000 + b"*-",
        "kern of ties": kern + b"[4c\n" * 20_000 + b"*-",
        "kern of a long number": kern + b"9" * 4000 + b"%" + b"9" * 4000 + b"c\n*-",
        "kern of spines": b"**kern\t" * 10_000 + b"\n*^\n" * 1000,
        "tokens of a year": b"timeSignature-99/1\t" + b"multirest-9999\t" * 9000,
        "tokens of ties": b"note-C4_quarter\ttie\t" * 9000,
        "tokens of dots": b"note-C4_quarter" + b"." * 100_000,
        "ABC of nothing": b"X:1\nK:C\n",
        "ABC of a meter of zero": b"M:1/0\nL:1/0\nK:C\nABcd|",
        "ABC of voices": b"V:\nV:2\nw:la la\nM:C\nL:1/8\nK:Zdor\n[K:]ABc|",
        "ABC of a key of keys": b"M:4/4\nL:1/8\nK:Gbphr\n" + b"(3" * 5000 + b"abc|",
        "ABC of lengths": b"M:4/4\nL:1/8\nK:C\nA" + b"/" * 50_000 + b"2|",
        "guitar of high frets": b"start new_measure leads:note:s1:f" + b"9" * 400 + b" wait:960 end",
        "guitar of repeats": b"start new_measure measure:repeat_close:19999 " + b"wait:1 " * 100_000 + b"end",
        "guitar of long waits": b"tempo:0 start new_measure drums:note:36 " + b"wait:1000000 " * 9000,
        "bars of long steps": b"TRACK_START BAR_START NOTE_ON=60 " + b"TIME_DELTA=99999 " * 9000 + b"NOTE_OFF=60",
    }


def sounds() -> Hostile:
    """Headers that claim what is not there."""
    wav = seeds.sound("WAV", "PCM_16")
    flac = seeds.sound("FLAC", "PCM_16")
    fields = {"no channels": (22, b"\0\0"), "65,535 channels": (22, b"\xff\xff"), "no rate": (24, bytes(4))}
    fields |= {"4 GHz": (24, b"\xff" * 4), "no bits": (34, b"\0\0"), "65,535 bits": (34, b"\xff\xff")}
    fields |= {
        "a size of 4 GB": (40, b"\xff" * 4),
        "frames of no bytes": (32, b"\0\0"),
        "format 65,535": (20, b"\xff\xff"),
    }
    found = {f"WAV of {name}": wav[:place] + data + wav[place + len(data) :] for name, (place, data) in fields.items()}
    silence = struct.pack("<IHHIIHH", 16, 3, 1, 44_100, 176_400, 4, 32)
    numbers = struct.pack("<4f", float("nan"), float("inf"), -1e38, 1e-45)
    found["WAV of no numbers"] = b"RIFF" + struct.pack("<I", 52) + b"WAVEfmt " + silence + b"data\x10\0\0\0" + numbers
    found["WAV of chunks"] = wav[:12] + b"LIST\0\0\0\0" * 50_000 + wav[12:]
    found["FLAC of 2^36 samples"] = flac[:21] + bytes([flac[21] | 15]) + b"\xff" * 4 + flac[26:]
    found["FLAC of 2^28 samples"] = flac[:21] + bytes([flac[21] & 240]) + b"\x0f\xff\xff\xff" + flac[26:]
    return (
        found
        | {"MP3 of silence": b"\xff\xfb\x90\0" + bytes(413)}
        | {"ID3 of 256 MB": b"ID3\4\0\0\x7f\x7f\x7f\x7f" + wav}
    )


def midis() -> Hostile:
    """Tracks, lengths and tempos out of range, and notes that never end."""
    head, end = b"MThd\0\0\0\6\0\1", b"\0\xff\x2f\0"

    def file(division: bytes, events: bytes, tracks: int = 1, size: int | None = None) -> bytes:
        length = len(events) if size is None else size
        return head + struct.pack(">H", tracks) + division + b"MTrk" + struct.pack(">I", length) + events

    late = b"\xff\xff\xff\x7f"
    return {
        "MIDI of 65,535 tracks": file(b"\1\xe0", end, 65_535),
        "MIDI of a track of 4 GB": file(b"\1\xe0", end, size=2**32 - 1),
        "MIDI of no division": file(b"\0\0", b"\0\x90\x3c\x40\x60\x80\x3c\0" + end),
        "MIDI of frames": file(b"\xe7\x28", b"\0\x90\x3c\x40\x60\x80\x3c\0" + end),
        "MIDI of no frames": file(b"\x80\0", b"\0\x90\x3c\x40\x60\x80\x3c\0" + end),
        "MIDI of centuries": file(b"\0\1", b"\0\x90\x3c\x40" + (late + b"\xb0\1\1") * 3000 + b"\0\x80\x3c\0" + end),
        "MIDI of no tempo": file(b"\1\xe0", b"\0\xff\x51\3\0\0\0\0\x90\x3c\x40\x60\x80\x3c\0" + end),
        "MIDI of 100,000 tempos": file(b"\1\xe0", b"\1\xff\x51\3\xff\xff\xff" * 100_000 + b"\0\x90\x3c\x40" + end),
        "MIDI of 300,000 notes at once": file(b"\1\xe0", b"\0\x90" + b"\x3c\x40\0" * 300_000 + b"\x3c\0" + end),
        "MIDI of a long message": file(b"\1\xe0", b"\0\xf0\xff\xff\xff\x7f" + end),
        "MIDI of a long number": file(b"\1\xe0", b"\xff" * 1000 + end),
        "MIDI of a text of zeros": file(b"\1\xe0", b"\0\xff\1\x8f\xff\xff\x7f" + end),
        "MIDI of unknown messages": file(b"\1\xe0", b"\0\xf4\0\xf5\0\xfd" * 1000 + end),
    }


def tensors() -> Hostile:
    """Headers of safetensors files."""
    entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    model = {name: {**entry, "dtype": "I64", "shape": [1]} for name in ("first", "token", "child", "suffix")}
    model |= {name: {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]} for name in ("share", "backoff")}
    headers = {
        "header of 8 EB": b"\xff" * 7 + b"\x7f{}",
        "header of 100 MB": struct.pack("<Q", 10**8) + b"{}",
        "tensor of 8 EB": tensors_file({"a": {**entry, "shape": [2**31, 2**32]}}, bytes(8)),
        "tensor of half a number": tensors_file({"a": {**entry, "dtype": "F4"}}, bytes(8)),
        "tensors that overlap": tensors_file(model | {"__metadata__": {"n_tokens": "1"}}, bytes(8)),
        "tensor of unknown kind": tensors_file({"a": {**entry, "dtype": "Q9"}}, bytes(8)),
        "model of too many tokens": tensors_file({"__metadata__": {"n_tokens": "9" * 5000}}),
        "metadata of lists": tensors_file({"__metadata__": {"n_tokens": [1]}}),
        "header in depth": tensors_file(json.loads("[" * 400 + "]" * 400)),
    }
    return headers | {"no tensors": tensors_file({})}
