"""Hostile PDF sources that are hard to draw: bombs, loops, images, fonts, contents; each yields (name, bytes)."""

import random
import zlib
from collections.abc import Iterator

from hostile_bytes import image_pdf, page_pdf, stream, zeros

Cases = Iterator[tuple[str, bytes]]

_FLATE = b"/Filter /FlateDecode"


def bombs() -> Cases:
    """Little data that becomes much: streams, images, filters, object streams, nesting."""
    gigabyte = zeros(1024)
    yield "contents_1_GB", page_pdf(stream(gigabyte, _FLATE))
    yield "contents_of_spaces", page_pdf(stream(zlib.compress(b" " * 2**26, 9), _FLATE))
    yield (
        "contents_flate_in_flate",
        page_pdf(
            stream(zlib.compress(zlib.compress(gigabyte, 9), 9), b"/Filter [/FlateDecode /FlateDecode /FlateDecode]")
        ),
    )
    hexes = b"/Filter [" + b"/ASCIIHexDecode " * 12 + b"]"
    yield "filters_12_hex", page_pdf(stream(b"71203e", hexes))
    yield "filters_2000", page_pdf(stream(b"x", b"/Filter [" + b"/FlateDecode " * 2000 + b"]"))
    yield "filter_unknown", page_pdf(stream(b"q Q", b"/Filter /NoSuchDecode"))
    yield "run_length", page_pdf(stream(b"\x81 " * 300_000 + b"\x80", b"/Filter /RunLengthDecode"))
    yield "lzw_garbage", page_pdf(stream(bytes(range(256)) * 40, b"/Filter /LZWDecode"))
    grey = b"/ColorSpace /DeviceGray /BitsPerComponent 1 /Width %d /Height %d "
    fax = b"/Filter /CCITTFaxDecode /DecodeParms << /K -1 /Columns %d /Rows %d >>"
    for side in (30_000, 60_000, 200_000):
        size = (side, side)
        yield f"fax_{side}", image_pdf(b"\xff" * (side // 8), grey % size + fax % size)
    yield "flate_image_60000", image_pdf(zeros(430), grey % (60_000, 60_000) + _FLATE)
    rgb = b"/ColorSpace /DeviceRGB /BitsPerComponent 8 /Width 30000 /Height 30000 "
    yield "flate_image_rgb", image_pdf(gigabyte * 2, rgb + _FLATE)
    yield "flate_image_16_bit", image_pdf(gigabyte, rgb.replace(b"8", b"16") + _FLATE)
    parms = b" /DecodeParms << /Predictor 15 /Colors %d /Columns %d /BitsPerComponent 16 >>"
    yield "predictor_columns", image_pdf(zeros(1), grey % (100, 100) + _FLATE + parms % (1, 2**31 - 1))
    yield "predictor_colors", image_pdf(zeros(1), grey % (100, 100) + _FLATE + parms % (2**31 - 1, 100))
    jpeg = bytes.fromhex("ffd8 ffc0 001108 ffdc ffdc 03 012200 021101 031101 ffda 000c 03 0100")
    yield "jpeg_65500", image_pdf(jpeg + bytes(5000), rgb.replace(b"30000", b"65500") + b"/Filter /DCTDecode")
    for name in ("JBIG2Decode", "CCITTFaxDecode", "DCTDecode", "JPXDecode"):
        garbage = random.Random(name).randbytes(20_000)
        yield f"garbage_{name}", image_pdf(garbage, grey % (2000, 3000) + b"/Filter /" + name.encode())
    segment = bytes.fromhex("00000000300001") + (19).to_bytes(4, "big") + b"\xff" * 8 + bytes(11)
    yield "jbig2_page_of_4_billion", image_pdf(segment, grey % (2000, 3000) + b"/Filter /JBIG2Decode")
    for name, entries in {
        "many": b"/N 1000000000 /First 4",
        "first_beyond": b"/N 1 /First 1000000",
        "negative": b"/N -5 /First -5",
        "extends_itself": b"/N 1 /First 4 /Extends 5 0 R",
        "in_itself": b"/N 2 /First 8",
    }.items():
        objects = stream(b"5 0 6 2 << >> << >>", b"/Type /ObjStm " + entries)
        yield f"object_stream_{name}", page_pdf(b"q Q", objects)
    for depth in (1000, 100_000):
        yield f"arrays_nested_{depth}", page_pdf(b"q Q", b"[" * depth + b"]" * depth, page=b"/Annots 5 0 R")
        yield (
            f"dicts_nested_{depth}",
            page_pdf(b"q Q", b"<</A" * depth + b" 1 " + b">>" * depth, page=b"/Annots 5 0 R"),
        )
    yield "array_of_a_million", page_pdf(b"q Q", b"[" + b"0 " * 1_000_000 + b"]", page=b"/Annots 5 0 R")
    yield "string_of_3_MB", page_pdf(b"q Q", b"(" + b"(" * 1_500_000 + b")" * 1_500_000 + b")", page=b"/Annots 5 0 R")


def loops() -> Cases:
    """Drawings and trees that contain themselves."""
    form = b"/Type /XObject /Subtype /Form /BBox [0 0 595 842] /Resources << /XObject << /X %d 0 R >> >>"
    use = b"/Resources << /XObject << /X 5 0 R >> >>"
    yield "form_itself", page_pdf(b"/X Do", stream(b"/X Do", form % 5), page=use)
    yield "forms_mutual", page_pdf(b"/X Do", stream(b"/X Do", form % 6), stream(b"/X Do", form % 5), page=use)
    doubling = [stream(b"/X Do /X Do", form % (number + 1)) for number in range(5, 45)]
    yield "forms_doubling_40_times", page_pdf(b"/X Do", *doubling, stream(b"0 0 9 9 re f", form % 99), page=use)
    chain = [stream(b"/X Do", form % (number + 1)) for number in range(5, 3000)]
    yield "forms_nested_3000", page_pdf(b"/X Do", *chain, page=use)
    tile = b"/Type /Pattern /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 9 9] /XStep %s /YStep %s"
    paint = b"/Pattern cs /P scn 0 0 595 842 re f"
    own = b" /Resources << /Pattern << /P 5 0 R >> >>"
    for name, step in {"itself": b"9", "tiny_steps": b"0.00001", "zero_steps": b"0", "nan_steps": b"nan"}.items():
        contents = paint if name == "itself" else b"0 0 9 9 re f"
        pattern = stream(contents, tile % (step, step) + own)
        yield f"pattern_{name}", page_pdf(paint, pattern, page=own)
    mask = b"<< /Type /ExtGState /SMask << /S /Luminosity /G 6 0 R >> >>"
    group = b"/Subtype /Form /BBox [0 0 595 842] /Group << /S /Transparency /CS /DeviceGray >>"
    gstate = b" /Resources << /ExtGState << /G 5 0 R >> >>"
    yield (
        "soft_mask_itself",
        page_pdf(b"/G gs 0 0 99 99 re f", mask, stream(b"/G gs 0 0 9 9 re f", group + gstate), page=gstate),
    )
    image = b"/ColorSpace /DeviceGray /BitsPerComponent 8 /Width 10 /Height 10 "
    yield "image_masked_by_itself", image_pdf(bytes(100), image + b"/SMask 5 0 R")
    for name, space in {
        "indexed": b"[/Indexed 6 0 R 1 <000000>]",
        "separation": b"[/Separation /x 6 0 R 7 0 R]",
        "icc": b"[/ICCBased 6 0 R]",
    }.items():
        data = stream(
            bytes(100), b"/Type /XObject /Subtype /Image /ColorSpace 6 0 R /BitsPerComponent 8 /Width 10 /Height 10"
        )
        yield f"colour_space_{name}", page_pdf(b"99 0 0 99 0 0 cm /X Do", data, space, page=use)
    function = b"<< /FunctionType 3 /Domain [0 1] /Functions [6 0 R 6 0 R] /Bounds [0.5] /Encode [0 1 0 1] >>"
    shading = b"<< /ShadingType 2 /ColorSpace /DeviceGray /Coords [0 0 595 842] /Function 6 0 R >>"
    yield "function_itself", page_pdf(b"/S sh", shading, function, page=b"/Resources << /Shading << /S 5 0 R >> >>")
    type3 = (
        b"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 9 9] /FontMatrix [1 0 0 1 0 0] /CharProcs << /a 6 0 R >> %s >>"
    )
    encoding = b"/Encoding << /Differences [97 /a] >> /FirstChar 97 /LastChar 97 /Widths [9] "
    encoding += b"/Resources << /Font << /F 5 0 R >> >>"
    text = b"BT /F 9 Tf 50 500 Td (aaa) Tj ET"
    yield (
        "type3_font_itself",
        page_pdf(text, type3 % encoding, stream(b"9 0 d0 " + text), page=b"/Resources << /Font << /F 5 0 R >> >>"),
    )
    appearance = stream(b"/X Do", form % 6)
    annot = b"<< /Type /Annot /Subtype /Stamp /Rect [0 0 99 99] /AP << /N 6 0 R >> /Parent 5 0 R /Popup 5 0 R >>"
    yield "annotation_itself", page_pdf(b"q Q", annot, appearance, page=b"/Annots [5 0 R 5 0 R]")
    outline = b"<< /Title (a) /Next 5 0 R /Prev 5 0 R /First 5 0 R /Last 5 0 R /Parent 5 0 R >>"
    yield "outline_itself", page_pdf(b"q Q", outline, catalog=b"/Outlines 5 0 R")
    yield "name_tree_itself", page_pdf(b"q Q", b"<< /Kids [5 0 R] >>", catalog=b"/Names << /Dests 5 0 R >>")
    yield (
        "structure_itself",
        page_pdf(b"q Q", b"<< /Type /StructTreeRoot /K 5 0 R >>", catalog=b"/StructTreeRoot 5 0 R"),
    )
    yield (
        "layers_itself",
        page_pdf(b"q Q", b"<< /OCGs [5 0 R] /D 5 0 R /Order 5 0 R >>", catalog=b"/OCProperties 5 0 R"),
    )


def images() -> Cases:
    """Images with impossible sizes, depths, masks and colour tables."""
    base = {"Width": "100", "Height": "100", "BitsPerComponent": "1", "ColorSpace": "/DeviceGray"}
    changes: dict[str, dict[str, str]] = {
        "width_0": {"Width": "0"}, "height_0": {"Height": "0"}, "negative": {"Width": "-100", "Height": "-100"},
        "2_31": {"Width": "2147483648", "Height": "2147483648"}, "2_31_wide": {"Width": "2147483647", "Height": "1"},
        "bits_0": {"BitsPerComponent": "0"}, "bits_3": {"BitsPerComponent": "3"},
        "bits_1000": {"BitsPerComponent": "1000"}, "bits_negative": {"BitsPerComponent": "-1"},
        "width_name": {"Width": "/a"}, "space_unknown": {"ColorSpace": "/Odd"},
        "space_number": {"ColorSpace": "7"}, "space_empty": {"ColorSpace": "[]"}, "mask_itself": {"Mask": "5 0 R"},
        "decode_odd": {"Decode": "[9 -9 nan 4]"}, "decode_short": {"Decode": "[1]"}, "stencil": {"ImageMask": "true"},
        "indexed_short": {"ColorSpace": "[/Indexed /DeviceRGB 255 <00>]", "BitsPerComponent": "8"},
        "indexed_huge": {"ColorSpace": "[/Indexed /DeviceRGB 99999999 <00>]", "BitsPerComponent": "8"},
        "device_n_100": {"ColorSpace": "[/DeviceN [" + "/a " * 100 + "] /DeviceGray 5 0 R]"},
        "fax_columns_0": {"Filter": "/CCITTFaxDecode", "DecodeParms": "<< /K -1 /Columns 0 >>"},
        "fax_columns_negative": {"Filter": "/CCITTFaxDecode", "DecodeParms": "<< /K -1 /Columns -8 /Rows -8 >>"},
        "fax_other_columns": {"Filter": "/CCITTFaxDecode", "DecodeParms": "<< /K -1 /Columns 1728 >>"},
        "jbig2_globals_itself": {"Filter": "/JBIG2Decode", "DecodeParms": "<< /JBIG2Globals 5 0 R >>"},
        "data_missing": {"Width": "5000", "Height": "7000"},
    }  # fmt: skip
    for name, change in changes.items():
        entries = " ".join(f"/{key} {value}" for key, value in (base | change).items())
        yield name, image_pdf(bytes(50), entries.encode())
    yield "no_size", image_pdf(bytes(50), b"/ColorSpace /DeviceGray")
    yield "inline_unfinished", page_pdf(b"q 99 0 0 99 0 0 cm BI /W 100 /H 100 /BPC 8 /CS /G ID " + bytes(300))
    yield "inline_huge", page_pdf(b"BI /W 99999999 /H 99999999 /BPC 8 /CS /RGB ID x EI Q")
    yield (
        "matrix_singular",
        image_pdf(bytes(50), b"/Width 10 /Height 10 /BitsPerComponent 1 /ColorSpace /DeviceGray").replace(
            b"595 0 0 842 0 0 cm", b"0 0 0 0 0.0000 0 cm"
        ),
    )


def fonts() -> Cases:
    """Fonts of garbage, with text that needs them."""
    rng = random.Random(7)
    text = b"BT /F 40 Tf 50 500 Td (andante) Tj 0 -50 Td <00010002FFFF> Tj ET"
    font = b"<< /Type /Font /Subtype /%s /BaseFont /A /FontDescriptor 6 0 R /FirstChar 0 /LastChar 255 %s >>"
    descriptor = b"<< /Type /FontDescriptor /FontName /A /Flags 4 /FontBBox [0 0 9 9] /%s 7 0 R >>"
    page = b"/Resources << /Font << /F 5 0 R >> >>"
    starts = {
        "TrueType": (b"TrueType", b"FontFile2", b"\x00\x01\x00\x00\x00\xff"),
        "Type1": (b"Type1", b"FontFile", b"%!PS-AdobeFont-1.0: A\n/x 1 def eexec "),
        "CFF": (b"Type1", b"FontFile3", b"\x01\x00\x04\x04"),
        "OpenType": (b"TrueType", b"FontFile3", b"OTTO\xff\xff"),
    }
    for name, (subtype, key, start) in starts.items():
        for size in (0, 10, 20_000):
            program = stream(start[:size] + rng.randbytes(size), b"/Length1 99999 /Subtype /OpenType")
            yield f"{name}_{size}", page_pdf(text, font % (subtype, b""), descriptor % key, program, page=page)
    yield (
        "widths_huge",
        page_pdf(text, font % (b"TrueType", b"/Widths [" + b"1e30 " * 256 + b"]"), b"<< >>", page=page),
    )
    cmap = stream(
        b"begincmap 1 begincodespacerange <00> <FFFFFFFF> endcodespacerange " * 500, b"/Type /CMap /UseCMap 7 0 R"
    )
    composite = b"<< /Type /Font /Subtype /Type0 /BaseFont /A /Encoding 7 0 R /DescendantFonts [5 0 R] >>"
    yield "composite_itself", page_pdf(text, composite, b"<< >>", cmap, page=page)
    yield "size_1e9", page_pdf(text.replace(b"40 Tf", b"1000000000 Tf"), font % (b"Type1", b""), b"<< >>", page=page)


def contents() -> Cases:
    """Drawings that take for ever, nest for ever, or mean nothing."""
    rng = random.Random(9)
    curve = b" ".join(b"%d %d l" % (rng.randrange(595), rng.randrange(842)) for _ in range(150_000))
    for name, operators in {
        "save_a_million_times": b"q " * 1_000_000,
        "restore_a_million_times": b"Q " * 1_000_000,
        "clip_100000_times": b"0 0 500 500 re W n " * 100_000,
        "path_filled": b"0 0 m " + curve + b" f*",
        "path_stroked": b"50 w 1 j 0 0 m " + curve + b" S",
        "dashes_tiny": b"[0.0001 0.0001] 0 d 1 w " + b"0 0 m 500 800 l S " * 50,
        "line_width_1e30": b"1e30 w 0 0 m 9 9 l S",
        "numbers_huge": b"1e38 1e38 m -1e38 9e99 l 1e38 0 0 1e38 0 0 cm 0 0 1 1 re f",
        "numbers_malformed": b"--5 +-3 m 1.2.3.4 ... l 5e5e5 1 re f",
        "operators_unknown": b"foo bar (baz) qux " * 20_000,
        "random": rng.randbytes(200_000),
        "string_unclosed": b"(never closed " * 20_000,
        "operands_a_million": b"1 " * 1_000_000 + b"re",
        "nothing_to_draw": b"/None Do /None gs /None sh BT /None 9 Tf (x) Tj ET",
        "blend_nested": b"/a BMC " * 200_000,
    }.items():
        yield name, page_pdf(stream(zlib.compress(operators, 1), _FLATE))
    annots = b" ".join(b"5 0 R" for _ in range(100_000))
    square = b"<< /Type /Annot /Subtype /Square /Rect [10 10 20 20] >>"
    yield "annotations_100000", page_pdf(b"q Q", square, page=b"/Annots [%s]" % annots)
    own = [
        b"<< /Type /Annot /Subtype /Link /Rect [0 0 9 9] /Parent %d 0 R >>" % (number + 5) for number in range(20_000)
    ]
    refs = b" ".join(b"%d 0 R" % (number + 5) for number in range(20_000))
    yield "annotations_20000_objects", page_pdf(b"q Q", *own, page=b"/Annots [%s]" % refs)
    bits = b"/BitsPerCoordinate 8 /BitsPerComponent 8 /BitsPerFlag 8 /Decode [0 595 0 842 0 1 0 1 0 1]"
    mesh = stream(rng.randbytes(300_000), b"/ShadingType 4 /ColorSpace /DeviceRGB " + bits)
    yield "mesh_of_noise", page_pdf(b"/S sh", mesh, page=b"/Resources << /Shading << /S 5 0 R >> >>")
