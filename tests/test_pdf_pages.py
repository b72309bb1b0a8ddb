"""Colour depth comes from the PDF's objects; a scanned page comes out as the very pixels that went in."""

import io
import struct

import numpy as np
import pymupdf
import pytest
from PIL import Image, ImageChops

from scorehub import ccitt, pdf_pages


def noise(mode="1", size=(240, 340), seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, size=(size[1] // 4, size[0] // 4, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize(size, Image.Resampling.NEAREST).convert(mode)


def pdf_of(image, path, **options):
    image.save(path, "PDF", resolution=100, **options)
    return str(path)


def extracted(path, page=1):
    suffix, (data,) = pdf_pages.extract_page(path, page)
    return suffix, data, Image.open(io.BytesIO(data))


def same(first, second):
    return ImageChops.difference(first.convert("RGB"), second.convert("RGB")).getbbox() is None


def rewrite(path, edit):
    """The PDF after `edit(document, xref of its image)`."""
    with pymupdf.open(path) as document:
        edit(document, document[0].get_images()[0][0])
        return _resaved(document, path)


def _resaved(document, path):
    data = document.tobytes()
    with open(path, "wb") as file:
        file.write(data)
    return path


def test_a_group_4_scan_comes_out_as_its_own_stream(tmp_path):
    image = noise()
    path = pdf_of(image, tmp_path / "scan.pdf")
    suffix, data, taken = extracted(path)
    with pymupdf.open(path) as document:
        stream = document.xref_stream_raw(document[0].get_images()[0][0])
    assert suffix == ".tif"
    assert data.endswith(stream)
    assert same(taken, image)


@pytest.mark.parametrize("black_is_1", ["true", "false"])
@pytest.mark.parametrize("decode", ["[0 1]", "[1 0]"])
def test_polarity_of_a_scan_is_the_one_that_viewers_show(tmp_path, black_is_1, decode):
    def edit(document, xref):
        parameters = f"[<</K -1/Columns 240/Rows 340/BlackIs1 {black_is_1}>>]"
        document.xref_set_key(xref, "DecodeParms", parameters)
        document.xref_set_key(xref, "Decode", decode)

    path = rewrite(pdf_of(noise(), tmp_path / "scan.pdf"), edit)
    with pymupdf.open(path) as document:
        xref = document[0].get_images()[0][0]
        pixmap = pymupdf.Pixmap(document, xref)
        shown = Image.frombytes("L", (pixmap.width, pixmap.height), pixmap.samples)
        assert ccitt.is_plain(document, xref)
    assert same(extracted(path)[2], shown)


@pytest.mark.parametrize(("mode", "quality"), [("L", 85), ("RGB", 85)])
def test_a_jpeg_scan_comes_out_byte_for_byte(tmp_path, mode, quality):
    path = pdf_of(noise(mode), tmp_path / "scan.pdf", quality=quality)
    with pymupdf.open(path) as document:
        stream = document.xref_stream_raw(document[0].get_images()[0][0])
    suffix, data, _ = extracted(path)
    assert (suffix, data) == (".jpg", stream)


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_a_flate_scan_keeps_its_pixels(tmp_path, mode):
    image = noise(mode)
    with pymupdf.open() as document:
        page = document.new_page(width=172.8, height=244.8)
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        page.insert_image(page.rect, stream=buffer.getvalue())
        path = _resaved(document, str(tmp_path / "flate.pdf"))
    suffix, _, taken = extracted(path)
    assert suffix == (".tif" if mode == "1" else ".png")
    assert same(taken, image)


def jbig2(image):
    """The image as an embedded JBIG2 stream: page information, and one region coded as Group 4 (ITU-T T.88, 7.4)."""
    buffer = io.BytesIO()
    inverted = image.point(lambda value: 255 - value)  # to Pillow's TIFF a set bit is white, to JBIG2 it is black
    inverted.save(buffer, "TIFF", compression="group4", strip_size=1 << 20)
    with Image.open(buffer) as tiff:
        offset, length = tiff.tag_v2[273][0], tiff.tag_v2[279][0]
    group_4 = buffer.getvalue()[offset : offset + length]
    page = struct.pack(">IIIIBH", *image.size, 0, 0, 0, 0)
    region = struct.pack(">IIIIBB", *image.size, 0, 0, 0, 1) + group_4
    segments = [(0, 48, page), (1, 38, region)]
    return b"".join(struct.pack(">IBBBI", number, kind, 0, 1, len(data)) + data for number, kind, data in segments)


def test_a_jbig2_scan_keeps_its_pixels(tmp_path):
    image = noise()

    def edit(document, xref):
        document.update_stream(xref, jbig2(image), compress=False)
        document.xref_set_key(xref, "Filter", "/JBIG2Decode")
        document.xref_set_key(xref, "DecodeParms", "null")

    path = rewrite(pdf_of(image, tmp_path / "scan.pdf"), edit)
    assert survey(path)["pages"][0]["kind"] == "1-bit"
    suffix, _, taken = extracted(path)
    assert suffix == ".tif"
    assert same(taken, image)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_page_comes_out_upright_without_loss(tmp_path, degrees):
    image = noise()
    with pymupdf.open(pdf_of(image, tmp_path / "scan.pdf")) as document:
        document[0].set_rotation(degrees)
        path = _resaved(document, str(tmp_path / "turned.pdf"))
    assert same(extracted(path)[2], image.rotate(-degrees, expand=True))


def test_a_page_with_anything_beside_the_scan_is_rendered(tmp_path):
    with pymupdf.open(pdf_of(noise(), tmp_path / "scan.pdf")) as document:
        document[0].insert_text((20, 40), "stamped by a library")
        path = _resaved(document, str(tmp_path / "stamped.pdf"))
    suffix, _, taken = extracted(path)
    assert suffix == ".png"
    assert taken.size == pytest.approx((480, 680), abs=2)  # 200 dpi of a page that was scanned at 100


def test_a_mirrored_scan_is_rendered_as_viewers_show_it(tmp_path):
    with pymupdf.open(pdf_of(noise(), tmp_path / "scan.pdf")) as document:
        page = document[0]
        document.update_stream(page.get_contents()[0], b"q -172.8 0 0 244.8 172.8 0 cm /image Do Q")
        path = _resaved(document, str(tmp_path / "mirrored.pdf"))
    assert extracted(path)[0] == ".png"


def survey(path):
    return pdf_pages.survey_pdf(path, max_pages=50)[0]


@pytest.mark.parametrize(("mode", "kind", "bits"), [("1", "1-bit", 1), ("L", "8-bit", 8), ("RGB", "8-bit", 8)])
def test_colour_depth_of_a_scan_is_read_from_its_object(tmp_path, mode, kind, bits):
    (page,) = survey(pdf_of(noise(mode), tmp_path / "scan.pdf"))["pages"]
    assert (page["kind"], page["bits"]) == (kind, bits)


def test_a_born_digital_page_has_no_depth(tmp_path):
    with pymupdf.open() as document:
        document.new_page().insert_text((72, 72), "Sonata")
        path = _resaved(document, str(tmp_path / "text.pdf"))
    (page,) = survey(path)["pages"]
    assert (page["kind"], page["bits"]) == ("born-digital", 0)


def test_a_colour_logo_counts_for_the_authors_rule_but_not_for_the_page(tmp_path):
    with pymupdf.open(pdf_of(noise(), tmp_path / "scan.pdf")) as document:
        buffer = io.BytesIO()
        noise("RGB", (40, 40)).save(buffer, "PNG")
        document[0].insert_image(pymupdf.Rect(5, 5, 25, 25), stream=buffer.getvalue())
        path = _resaved(document, str(tmp_path / "logo.pdf"))
    (page,) = survey(path)["pages"]
    assert (page["kind"], page["bits"]) == ("1-bit", 8)


def test_thumbnails_are_grey_with_a_long_side_of_840(tmp_path):
    sizes, pixels = pdf_pages.draw_thumbnails(pdf_of(noise(), tmp_path / "scan.pdf"), [1])
    assert sizes[0][0] == 840
    assert len(pixels[0]) == sizes[0][0] * sizes[0][1]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.pdf", b"", "not a readable PDF"),
        ("text.pdf", b"no score here", "not a readable PDF"),
        ("png.pdf", b"\x89PNG\r\n\x1a\n" + bytes(64), "not a readable PDF"),
    ],
)
def test_what_is_no_pdf_is_named_so(tmp_path, name, content, reason):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=reason):
        survey(str(tmp_path / name))


def test_an_encrypted_pdf_is_named_so(tmp_path):
    with pymupdf.open(pdf_of(noise(), tmp_path / "scan.pdf")) as document:
        document.save(tmp_path / "locked.pdf", encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="secret")
    with pytest.raises(ValueError, match="encrypted"):
        survey(str(tmp_path / "locked.pdf"))


def test_too_many_pages_are_refused_with_their_number(tmp_path):
    with pymupdf.open() as document:
        for _ in range(51):
            document.new_page()
        path = _resaved(document, str(tmp_path / "long.pdf"))
    with pytest.raises(ValueError, match="must be 1 to 50, got 51"):
        survey(path)


def test_an_image_too_large_to_open_is_an_error_of_its_page(tmp_path):
    def edit(document, xref):
        document.xref_set_key(xref, "Width", "60000")
        document.xref_set_key(xref, "Height", "60000")

    path = rewrite(pdf_of(noise(), tmp_path / "bomb.pdf"), edit)
    (page,) = survey(path)["pages"]
    assert "pixels" in page["error"]
