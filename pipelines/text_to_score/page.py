"""A page as a printer wants it: black ink on white paper, and PDF."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageFilter

A4_INCHES = 8.27, 11.69
DPI = 300
_THRESHOLDS = (64, 192)  # of grey: paper that was never white, and ink that was never black, must not win
_AROUND = 128  # of the page's width: half a staff space of a page with staves that are a 16th of it
_DARKER = 12  # levels
_FAINT = 0.6  # of the way from the threshold to paper, up to which faint ink is seen


def to_bitmap(page: Image.Image) -> Image.Image:
    """The page in black and white at 300 dpi of A4's width or height, edges smooth; an image of mode 1.

    Ink is what is darker than the page's threshold, and what is less dark, as staff lines thinner than a pixel are,
    but darker than what is around it.
    """
    grey = page.convert("L")
    factor = DPI * min(side / size for side, size in zip(A4_INCHES, grey.size, strict=True))
    large = grey.resize([max(1, round(factor * size)) for size in grey.size], Image.Resampling.BICUBIC)
    around = np.asarray(large.filter(ImageFilter.GaussianBlur(large.width / _AROUND)), np.int16)
    levels = np.asarray(large)
    threshold = find_threshold(np.asarray(grey))
    faint = threshold + _FAINT * (np.percentile(levels, 95) - threshold)
    return Image.fromarray((levels > threshold) & ((levels > around - _DARKER) | (levels > faint)))


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
    first.save(file, "PDF", resolution=DPI, save_all=True, append_images=others)
    return file.getvalue()
