"""A page as a printer wants it: black ink on white paper, and PDF."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

A4_INCHES = 8.27, 11.69
_DPI = 300
_THRESHOLDS = (64, 192)  # of grey: paper that was never white, and ink that was never black, must not win


def to_bitmap(page: Image.Image) -> Image.Image:
    """The page in black and white at 300 dpi of A4's width or height, edges smooth; an image of mode 1."""
    grey = page.convert("L")
    factor = _DPI * min(side / size for side, size in zip(A4_INCHES, grey.size, strict=True))
    large = grey.resize([max(1, round(factor * size)) for size in grey.size], Image.Resampling.BICUBIC)
    return Image.fromarray(np.asarray(large) > find_threshold(np.asarray(grey)))


def find_threshold(grey: np.ndarray) -> int:
    """The grey that best parts ink from paper, uint8 (H, W) -> 64 to 192 (Otsu, IEEE SMC 9:62, 1979)."""
    counts = np.bincount(grey.ravel(), minlength=256).astype(np.float64)
    dark = counts.cumsum()
    light = dark[-1] - dark
    dark_sum = (counts * np.arange(256)).cumsum()
    light_sum = dark_sum[-1] - dark_sum
    with np.errstate(divide="ignore", invalid="ignore"):
        between = dark * light * (dark_sum / dark - light_sum / light) ** 2
    between = np.nan_to_num(between)
    best = np.flatnonzero(between == between.max())  # many, where no grey lies between ink and paper
    return int(np.clip(best.mean(), *_THRESHOLDS))


def to_pdf(pages: Sequence[Image.Image]) -> bytes:
    """One PDF file of all pages, black and white, each at most A4.

    Raises:
        ValueError: there are none.
    """
    if not pages:
        raise ValueError("pages must be one or more, got none")
    first, *others = map(to_bitmap, pages)
    file = io.BytesIO()
    first.save(file, "PDF", resolution=_DPI, save_all=True, append_images=others)
    return file.getvalue()
