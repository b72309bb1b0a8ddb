"""Makes scans of vector PDFs: what a flat-bed scanner and a library's software leave of a printed page.

Pages are grey images `(height, width)`, black 0 on white 255; all randomness comes from the seed.
"""

import io
import time
from collections.abc import Iterator
from itertools import chain, repeat

import numpy as np
import pymupdf
from PIL import Image, ImageDraw, ImageFilter

_PAPER_COLOUR = np.array([246, 236, 212], dtype=np.float32)  # yellowed
_LARGEST_SKEW = 0.6  # degrees


def render(pdf: bytes, dpi: int) -> list[Image.Image]:
    """The pages of a PDF as grey images."""
    with pymupdf.open(stream=pdf) as document:
        pixmaps = [page.get_pixmap(dpi=dpi, colorspace=pymupdf.csGRAY) for page in document]
    return [Image.frombytes("L", (pixmap.width, pixmap.height), pixmap.samples) for pixmap in pixmaps]


def scan_page(page: Image.Image, paper: str, rng: np.random.Generator) -> Image.Image:
    """One page as scanned: askew, a little soft, dusty, on paper that is not quite even.

    Args:
        paper (`str`): "1-bit" (thresholded), "grey" or "colour".
    """
    skewed = page.rotate(rng.uniform(-_LARGEST_SKEW, _LARGEST_SKEW), Image.Resampling.BILINEAR, fillcolor=255)
    _add_dust(skewed, rng)
    if paper == "1-bit":
        # Ink spreads or fades with the operator's threshold.
        threshold = int(rng.integers(195, 225))
        return skewed.point(lambda light: 255 if light > threshold else 0, "1")
    light = np.asarray(skewed.filter(ImageFilter.GaussianBlur(0.6)), dtype=np.float32)
    light = 20 + light * (225 / 255) * _unevenness(light.shape, rng) + rng.normal(0, 2.5, light.shape)
    if paper == "colour":
        light = light[..., None] / 245 * _PAPER_COLOUR
    return Image.fromarray(np.clip(light, 0, 255).astype(np.uint8))


def _add_dust(page: Image.Image, rng: np.random.Generator) -> None:
    """Specks of a few pixels, most of them near the edges of the sheet, drawn into `page`."""
    draw = ImageDraw.Draw(page)
    for _ in range(rng.integers(25, 70)):
        x, y = rng.beta(0.4, 0.4) * page.width, rng.beta(0.6, 0.6) * page.height
        width, height = rng.integers(1, 4, 2)
        draw.ellipse((x, y, x + width, y + height), fill=int(rng.integers(0, 110)))


def _unevenness(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Brightness that varies slowly over the sheet and falls off towards the spine on the left."""
    coarse = Image.fromarray(rng.uniform(0.96, 1.0, (6, 4)).astype(np.float32))
    smooth = np.asarray(coarse.resize(shape[::-1], Image.Resampling.BICUBIC))
    spine = 1 - 0.25 * np.exp(-np.arange(shape[1]) / (0.03 * shape[1]))
    return smooth * spine


def page_kinds(paper: str) -> Iterator[str]:
    """The kind of each page of a PDF, without end; see `scan`."""
    return chain(["grey"], repeat("1-bit")) if paper == "mixed" else repeat(paper)


def scan(pdf: bytes, paper: str, dpi: int, seed: int) -> bytes:
    """A vector PDF as a PDF of scans, one image a page (CCITT G4 for 1-bit, JPEG for the others).

    Args:
        paper (`str`): "1-bit", "grey", "colour", or "mixed": a grey first page before 1-bit ones.
    """
    rng = np.random.default_rng(seed)
    kinds = page_kinds(paper)
    pages = [scan_page(page, next(kinds), rng) for page in render(pdf, dpi)]
    buffer = io.BytesIO()
    # Fixed dates: Pillow writes the present time otherwise, and the same set must have the same bytes.
    epoch = time.gmtime(0)
    pages[0].save(
        buffer, "PDF", resolution=dpi, save_all=True, append_images=pages[1:], creationDate=epoch, modDate=epoch
    )
    return buffer.getvalue()
