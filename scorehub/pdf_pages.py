"""What a PDF's pages are made of, and their images: colour depth, thumbnails, lossless extraction.

Runs inside `scorehub.sandbox`: every public function takes JSON arguments and returns `(JSON value, list of bytes)`.
Pages count from 1. Colour depth is read from the PDF objects, never from rendered pixels.

Page kinds (seed section 3.4.1 knows the first two; a page drawn by a program has no image and so no depth):
    `1-bit`         a scan with one bit per component
    `8-bit`         a scan with more
    `born-digital`  text and vectors, with images on less than a quarter of the page
"""

import hashlib
import io
from pathlib import Path
from typing import Any

import pymupdf
from PIL import Image

from scorehub import ccitt

THUMBNAIL_SIDE = 840  # px, long side: that of the classifier's training pages
RENDER_DPI = 200  # the authors' resolution
MAX_SCAN_DPI = 300  # of a page that is put together from several images
MAX_PIXELS = 150_000_000  # A4 at 1200 dpi; Pillow refuses to open more than 179 million
MAX_ASPECT = 20
SCAN_SHARE = 0.25  # of the page that images must cover to make it a scan
COLOUR_SHARE = 0.05  # of the page that deeper images must cover to make it 8-bit: a logo does not
FULL_PAGE_SHARE = 0.9  # of the page that one image must cover to stand for the page

pymupdf.TOOLS.mupdf_display_errors(False)
pymupdf.TOOLS.mupdf_display_warnings(False)
Image.MAX_IMAGE_PIXELS = MAX_PIXELS


def hash_file(path: str) -> tuple[str, list[bytes]]:
    """The file's sha256, of whatever it is.

    Raises:
        ValueError: it can't be read as a file.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), []
    except OSError as error:  # its message would carry this machine's paths into the manifest
        raise ValueError(f"not a readable file: {error.strerror}") from None


def survey_pdf(path: str, max_pages: int) -> tuple[dict[str, Any], list[bytes]]:
    """Colour depth of each page, and what is odd about the file.

    Returns:
        `{"repaired": bool, "pages": [{"kind", "bits", "error"}]}`: `bits` is the authors' measure, the most bits per
        component of any image that the page names (0: none), soft masks and logos counted.

    Raises:
        ValueError: not a PDF, encrypted, without pages, or with more than `max_pages`.
    """
    with _open(path) as document:
        if not 1 <= len(document) <= max_pages:
            raise ValueError(f"number of pages must be 1 to {max_pages}, got {len(document)}")
        pages = [_survey_page(document, index) for index in range(len(document))]
        return {"repaired": document.is_repaired, "pages": pages}, []


def draw_thumbnails(
    path: str, pages: list[int], long_side: int = THUMBNAIL_SIDE
) -> tuple[list[tuple[int, int]], list[bytes]]:
    """Grey thumbnails, their long side in px: their `(height, width)` and their pixels, row by row."""
    with _open(path) as document:
        pixmaps = [_draw(document[page - 1], long_side / _long_side(document[page - 1])) for page in pages]
        return [(pixmap.height, pixmap.width) for pixmap in pixmaps], [pixmap.samples for pixmap in pixmaps]


def extract_page(path: str, page: int) -> tuple[str, list[bytes]]:
    """The page's image file, and its suffix: the embedded scan itself where the page is one, else rendered."""
    with _open(path) as document:
        sheet = document[page - 1]
        scan = _single_scan(document, sheet)
        suffix, data = _extract_scan(document, *scan) if scan else (".png", _render(sheet))
    with Image.open(io.BytesIO(data)) as image:
        image.load()  # an image that nobody can open must not enter a dataset
    return suffix, [data]


def render_page(path: str, page: int, timeout: float) -> tuple[str, list[bytes]]:
    """The page as the authors made it: pdf2image at 200 dpi, JPEG with Pillow's defaults."""
    import pdf2image

    (image,) = pdf2image.convert_from_path(
        path, dpi=RENDER_DPI, first_page=page, last_page=page, timeout=int(timeout) + 1
    )
    buffer = io.BytesIO()
    image.save(buffer, "JPEG")
    return ".jpg", [buffer.getvalue()]


def _open(path: str) -> pymupdf.Document:
    try:
        path.encode()
    except UnicodeEncodeError:
        raise ValueError("file name must be UTF-8 for MuPDF to open it") from None
    try:
        document = pymupdf.open(Path(path), filetype="pdf")
    except pymupdf.EmptyFileError:
        raise ValueError("not a readable PDF: the file is empty") from None
    except pymupdf.FileDataError:
        raise ValueError("not a readable PDF: another format, or damaged beyond repair") from None
    if not document.is_pdf:
        raise ValueError("not a readable PDF: another format under a PDF's name")
    if document.needs_pass:
        raise ValueError("encrypted: opens with a password only")
    return document


def _survey_page(document: pymupdf.Document, index: int) -> dict[str, Any]:
    """A page that can't be read is one bad page, not a bad file."""
    try:
        page = document[index]
        named = page.get_images(full=True)
        bits = max((image[4] for image in named), default=0)
        error = _size_error(page, named)
        # Only a page with images is interpreted here: reading the list of its images costs next to nothing.
        return {"kind": _page_kind(page) if named and not error else "born-digital", "bits": bits, "error": error}
    except (ValueError, RuntimeError, pymupdf.mupdf.FzErrorBase) as error:
        return {"kind": "", "bits": 0, "error": f"unreadable page: {error}"}


def _size_error(page: pymupdf.Page, images: list[tuple[Any, ...]]) -> str:
    sides = sorted((page.rect.width, page.rect.height))
    if not 0 < sides[0] <= sides[1] <= MAX_ASPECT * sides[0]:
        return f"page sides must be in a ratio of 1:{MAX_ASPECT} at most, got {sides[0]:g} x {sides[1]:g} pt"
    if any(width * height > MAX_PIXELS for _, _, width, height, *_ in images):
        return f"images must have at most {MAX_PIXELS} pixels"
    return ""


def _page_kind(page: pymupdf.Page) -> str:
    sheet = page.rect
    shares = {1: 0.0, 8: 0.0}
    for image in page.get_image_info():
        covered = abs((_box(page, image) & sheet).get_area())
        shares[1 if image["bpc"] == 1 else 8] += covered / sheet.get_area()
    if shares[1] + shares[8] < SCAN_SHARE:
        return "born-digital"
    return "8-bit" if shares[8] >= COLOUR_SHARE else "1-bit"


def _box(page: pymupdf.Page, image: dict[str, Any]) -> pymupdf.Rect:
    """Where the image lies on the page as it is seen: PyMuPDF reports it before the page is turned."""
    return pymupdf.Rect(image["bbox"]) * page.rotation_matrix


def _long_side(page: pymupdf.Page) -> float:
    return float(max(page.rect.width, page.rect.height))


def _draw(page: pymupdf.Page, zoom: float) -> pymupdf.Pixmap:
    matrix = pymupdf.Matrix(zoom, zoom)
    return page.get_pixmap(matrix=matrix, colorspace=pymupdf.csGRAY, alpha=False, annots=False)


def _render(page: pymupdf.Page) -> bytes:
    """Grey PNG at 200 dpi, or at the resolution of the scans that the page is put together from, up to 300 dpi."""
    scan_dpi = [72 * image["width"] / max(1, pymupdf.Rect(image["bbox"]).width) for image in page.get_image_info()]
    dpi = min(max([RENDER_DPI, *scan_dpi]), MAX_SCAN_DPI) if scan_dpi else RENDER_DPI
    zoom = min(dpi / 72, (MAX_PIXELS / page.rect.get_area()) ** 0.5)
    return bytes(_draw(page, zoom).tobytes("png"))


def _single_scan(document: pymupdf.Document, page: pymupdf.Page) -> tuple[int, int] | None:
    """`(xref, quarter turns)` of the upright or turned image that is the whole page, or `None`."""
    visible = [name for name, _ in page.get_bboxlog() if name != "ignore-text"]  # OCR text under a scan is invisible
    named, placed = page.get_images(full=True), page.get_image_info()  # its `xrefs=True` would decode every image
    if not len(visible) == len(named) == len(placed) == 1:
        return None
    xref, soft_mask, width, height = named[0][:4]
    box, turns = _box(page, placed[0]), _quarter_turns(pymupdf.Matrix(placed[0]["transform"]) * page.rotation_matrix)
    same = (width, height) == (placed[0]["width"], placed[0]["height"]) and not soft_mask
    covers = abs((box & page.rect).get_area()) >= FULL_PAGE_SHARE * page.rect.get_area()
    inside = box in page.rect + pymupdf.Rect(-2, -2, 2, 2)
    return (xref, turns) if same and covers and inside and turns is not None else None


def _quarter_turns(transform: pymupdf.Matrix) -> int | None:
    """Counter-clockwise quarter turns from the stored image to the page; `None` if mirrored or slanted."""
    a, b, c, d = transform.a, transform.b, transform.c, transform.d
    scale = max(abs(value) for value in (a, b, c, d))
    signs = tuple(0 if abs(value) < 1e-3 * scale else (1 if value > 0 else -1) for value in (a, b, c, d))
    turns = [(1, 0, 0, 1), (0, -1, 1, 0), (-1, 0, 0, -1), (0, 1, -1, 0)]
    return turns.index(signs) if signs in turns else None


def _extract_scan(document: pymupdf.Document, xref: int, turns: int) -> tuple[str, bytes]:
    """The stored bytes where an image file can hold them as they are; else the same pixels in TIFF or PNG."""
    if turns == 0:
        if ccitt.is_plain(document, xref):
            return ".tif", ccitt.to_tiff(document, xref)
        if _is_plain_jpeg(document, xref):
            return ".jpg", bytes(document.xref_stream_raw(xref))
    pixmap = pymupdf.Pixmap(document, xref)
    if pixmap.colorspace is None or pixmap.colorspace.n == 4:
        pixmap = pymupdf.Pixmap(pymupdf.csGRAY if pixmap.colorspace is None else pymupdf.csRGB, pixmap)
    image = Image.frombytes("L" if pixmap.n == 1 else "RGB", (pixmap.width, pixmap.height), pixmap.samples)
    bilevel = document.xref_get_key(xref, "BitsPerComponent")[1] == "1" and pixmap.n == 1
    return _encode(image.rotate(90 * turns, expand=True), bilevel)


def _is_plain_jpeg(document: pymupdf.Document, xref: int) -> bool:
    plain = document.xref_get_key(xref, "Filter")[1] == "/DCTDecode"
    undecoded = document.xref_get_key(xref, "Decode")[0] == "null"
    colour = document.xref_get_key(xref, "ColorSpace")[1]
    return plain and undecoded and colour in ("/DeviceGray", "/DeviceRGB")


def _encode(image: Image.Image, bilevel: bool) -> tuple[str, bytes]:
    buffer = io.BytesIO()
    if bilevel:
        image.point(lambda value: 255 if value >= 128 else 0).convert("1").save(buffer, "TIFF", compression="group4")
        return ".tif", buffer.getvalue()
    image.save(buffer, "PNG")
    return ".png", buffer.getvalue()
