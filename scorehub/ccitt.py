"""CCITT Group 4 scans out of a PDF, not decoded: the same bits behind a TIFF header (TIFF 6.0, section 11)."""

import re
import struct

import pymupdf

# TIFF tags in the order that the standard demands; SHORT and LONG are its field types.
_SHORT, _LONG = 3, 4
_HEADER = struct.Struct("<2sHI")
_ENTRY = struct.Struct("<HHII")
_GROUP_4, _WHITE_IS_ZERO, _BLACK_IS_ZERO = 4, 0, 1


_PARAMETER = re.compile(r"/(\w+)\s+([^\s/<>\[\]]+)")


def is_plain(document: pymupdf.Document, xref: int) -> bool:
    """Whether the image is one Group 4 stream of black and white, as scanners write it."""
    if _key(document, xref, "Filter").strip("[ ]") != "/CCITTFaxDecode":
        return False
    parameters = _parameters(document, xref)
    return (
        parameters.get("K", "0").startswith("-")
        and parameters.get("EncodedByteAlign", "false") == "false"
        and parameters.get("Columns", "1728") == _key(document, xref, "Width")
        and (_key(document, xref, "ColorSpace") == "/DeviceGray" or _key(document, xref, "ImageMask") == "true")
    )


def to_tiff(document: pymupdf.Document, xref: int) -> bytes:
    """A TIFF file around the stream of image `xref`, which must be plain."""
    stream = bytes(document.xref_stream_raw(xref))
    width, height = int(_key(document, xref, "Width")), int(_key(document, xref, "Height"))
    black_is_one = _parameters(document, xref).get("BlackIs1") == "true"
    swapped = _key(document, xref, "Decode").strip("[]").split() == ["1", "0"]
    photometric = _BLACK_IS_ZERO if black_is_one != swapped else _WHITE_IS_ZERO
    entries = [
        (256, _LONG, width),
        (257, _LONG, height),
        (258, _SHORT, 1),  # bits per sample
        (259, _SHORT, _GROUP_4),
        (262, _SHORT, photometric),
        (273, _LONG, 0),  # strip offset, set below
        (277, _SHORT, 1),  # samples per pixel
        (278, _LONG, height),  # rows per strip
        (279, _LONG, len(stream)),
    ]
    offset = _HEADER.size + 2 + len(entries) * _ENTRY.size + 4
    table = b"".join(_ENTRY.pack(tag, kind, 1, offset if tag == 273 else value) for tag, kind, value in entries)
    return _HEADER.pack(b"II", 42, _HEADER.size) + struct.pack("<H", len(entries)) + table + bytes(4) + stream


def _parameters(document: pymupdf.Document, xref: int) -> dict[str, str]:
    """The decoder's parameters, which may stand in the image, in a list of one, or in an object of their own."""
    kind, text = document.xref_get_key(xref, "DecodeParms")
    if kind == "xref":
        text = document.xref_object(int(text.split()[0]))
    return dict(_PARAMETER.findall(text))


def _key(document: pymupdf.Document, xref: int, path: str) -> str:
    return str(document.xref_get_key(xref, path)[1])
