"""Training pages for the page classifier, drawn at random: real pages changed and scanned again.

Conventions: a page is a grey uint8 array (H, W), 255 = paper. Every function takes its own `numpy.random.Generator`
and nothing else is random, so that draw number n of a training is the same page in every run, process and worker.
"""

import io

import numpy as np
from PIL import Image
from scipy import ndimage

from scorehub.pipelines.score_following.staves import find_staves


def empty_rows(page: np.ndarray) -> np.ndarray:
    """Returns the rows of `page` without ink, where it can be cut without cutting a staff."""
    return np.flatnonzero((page < 200).sum(axis=1) <= page.shape[1] // 200)


def add_excerpts(rng: np.random.Generator, text: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Pastes one to three bands of music, under a third of the height in all, on a text page: still no score."""
    page = text.copy()
    height, width = page.shape
    for _ in range(rng.integers(1, 4)):
        band = int(rng.uniform(0.05, 0.1) * score.shape[0])
        top = int(rng.integers(0, score.shape[0] - band))
        strip = Image.fromarray(score[top : top + band])
        w = int(width * rng.uniform(0.35, 0.9))
        strip_height = min(int(band * rng.uniform(0.7, 1.0) * height / score.shape[0]), height // 9)
        y, x = int(rng.integers(0, height - strip_height)), int(rng.integers(0, width - w))
        page[y : y + strip_height, x : x + w] = np.asarray(strip.resize((w, strip_height), Image.Resampling.BILINEAR))
    return page


def _some_systems(rng: np.random.Generator, page: np.ndarray, crop: bool) -> np.ndarray:
    """Keeps only some neighbouring staves: at the head of an empty sheet (a last page), or cropped as a small scan."""
    staves, rows = find_staves(page), empty_rows(page)
    if not staves:
        return page
    first = int(rng.integers(len(staves))) if crop else 0
    # A single system is the hardest score page, and the rarest if all numbers of staves were equally likely.
    few = rng.random() < 0.7
    last = int(rng.integers(first, min(len(staves), first + 3) if few else len(staves)))
    above = rows[rows < staves[first].top] if first else rows[:0]
    below = rows[rows > staves[last].bottom]
    top, bottom = int(above[-1]) if len(above) else 0, int(below[0]) if len(below) else len(page)
    if crop:  # a narrower band would be stretched beyond what a scan can be
        return page[top:bottom] if bottom - top > 0.18 * page.shape[1] else page
    page = page.copy()
    page[bottom:] = 255
    return page


def vary_score(rng: np.random.Generator, page: np.ndarray, other: np.ndarray, text: np.ndarray) -> np.ndarray:
    """Makes another score page of `page`: cut short, headed by text, two on one sheet, or dense as an orchestra."""
    kind = rng.random()
    height, width = page.shape
    if kind < 0.36:
        return _some_systems(rng, page, crop=kind < 0.12)
    if kind < 0.42:  # a title block, verses or notes over up to 30 % of the height
        part = int(height * rng.uniform(0.08, 0.3))
        start = int(rng.integers(0, height - part))
        page = page.copy()
        page[:part] = _resized(text, height, width)[start : start + part]
        return np.roll(page, -part, axis=0) if rng.random() < 0.5 else page
    if kind < 0.47:
        return np.hstack([page, _resized(other, height, width)])
    if kind < 0.56:
        return np.vstack([page, _resized(other, height, width), page][: rng.integers(2, 4)])
    return page


def _resized(page: np.ndarray, height: int, width: int) -> np.ndarray:
    return np.asarray(Image.fromarray(page).resize((width, height)))


def _scan_light(rng: np.random.Generator, page: np.ndarray) -> np.ndarray:
    """Shadows along the sides, black borders and stains: what a scanner adds to the paper."""
    height, width = page.shape
    light = np.ones((height, width), np.float32)
    if rng.random() < 0.15:
        side = np.linspace(0, 1, width, dtype=np.float32) ** rng.uniform(2, 20)
        light -= rng.uniform(0.1, 0.7) * (side if rng.random() < 0.5 else side[::-1])
    if rng.random() < 0.08:
        light *= 1 - rng.uniform(0.05, 0.3) * ndimage.zoom(
            rng.random((7, 5), np.float32), (height / 7, width / 5), order=1
        )
    page = np.clip(page * light, 0, 255).astype(np.uint8)
    for _ in range(4 if rng.random() < 0.1 else 0):
        depth, page = int(rng.integers(0, 30)), np.rot90(page).copy()
        page[:depth] = rng.integers(0, 60)
    return page


def rescan(rng: np.random.Generator, page: np.ndarray) -> np.ndarray:
    """Returns `page` as another copy and scan of it would look: line thickness, dirt, skew, light and margins."""
    if rng.random() < 0.3:  # thicker or thinner lines
        grow = ndimage.grey_erosion if rng.random() < 0.6 else ndimage.grey_dilation
        share = rng.uniform(0, 0.8 if grow is ndimage.grey_erosion else 0.5)
        page = (page * (1 - share) + grow(page, (2, 2)) * share).astype(np.uint8)
    if rng.random() < 0.4:
        image = Image.fromarray(page)
        angle = rng.normal(0, 0.7) if rng.random() < 0.85 else rng.uniform(-4, 4)
        page = np.asarray(image.rotate(angle, Image.Resampling.BILINEAR, fillcolor=255, expand=False))
    page = _scan_light(rng, page)
    height, width = page.shape
    if rng.random() < 0.25:
        spots = int(rng.integers(5, 400))
        size = int(rng.integers(1, 3))
        ys, xs = rng.integers(0, height - size, spots), rng.integers(0, width - size, spots)
        for dy, dx in np.ndindex(size, size):
            page = page.copy()
            page[ys + dy, xs + dx] = rng.integers(0, 120)
    if rng.random() < 0.15:
        page = np.where(page < rng.integers(120, 215), 0, 255).astype(np.uint8)
    if rng.random() < 0.7:
        page = _new_margins(rng, page)
    return page


def _new_margins(rng: np.random.Generator, page: np.ndarray) -> np.ndarray:
    """Adds up to 10 % of paper on each side, or crops up to 6 % off it."""
    height, width = page.shape
    top, bottom, left, right = (rng.uniform(-0.06, 0.1, 4) * (height, height, width, width)).astype(int)
    cropped = page[max(0, -top) : height - max(0, -bottom), max(0, -left) : width - max(0, -right)]
    margins = [(max(0, top), max(0, bottom)), (max(0, left), max(0, right))]
    return np.pad(cropped, margins, constant_values=int(np.median(page[::9, ::9])))


def tone(rng: np.random.Generator, page: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes to `size` (height, width) and sets ink, paper colour, blur and compression.

    Returns:
        uint8 RGB (H, W, 3).
    """
    image = Image.fromarray(np.ascontiguousarray(page))
    if rng.random() < 0.15:  # a small or badly compressed original
        share = rng.uniform(0.45, 0.9)
        image = image.resize((int(image.width * share), int(image.height * share)), Image.Resampling.BILINEAR)
    if rng.random() < 0.1:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=int(rng.integers(12, 60)))
        image = Image.open(buffer)
    way = Image.Resampling.BILINEAR if rng.random() < 0.7 else Image.Resampling.BICUBIC
    values: np.ndarray = np.asarray(image.resize(size[::-1], way), np.float32)
    if rng.random() < 0.15:
        values = ndimage.gaussian_filter(values, rng.uniform(0.3, 0.9))
    if rng.random() < 0.35:
        ink, paper = rng.uniform(0, 110), rng.uniform(185, 255)
        values = ink + (values / 255) ** rng.uniform(0.5, 2.0) * (paper - ink)
    if rng.random() < 0.2:
        values = values + rng.normal(0, rng.uniform(1, 14), values.shape)
    tint = rng.uniform((0.95, 0.88, 0.7), 1) if rng.random() < 0.2 else np.ones(3)
    return np.clip(values[..., None] * tint, 0, 255).astype(np.uint8)
