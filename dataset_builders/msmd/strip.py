"""Unrolls pages: all systems of a score side by side in one image.

MSMD cuts windows of fixed height around each system's middle (github CPJKU/msmd, data_pools.py, unwrap_sheet_image).
Here the height is the least that holds every notehead, so that any resolution and staff size fits.
"""

from dataclasses import replace

import numpy as np

from scorehub.dataset_builders.msmd.score import Columns, Score, read_image, write_image

MARGIN = 1.0  # rows around systems and noteheads, as a share of a notehead's height
PAPER = 255


def unroll_score(score: Score) -> Score:
    """The score as one strip; boxes and noteheads move with their systems.

    Raises:
        ValueError: there are no systems, or the strip would be too large.
    """
    systems = score.systems
    if not len(systems["x"]) or np.isnan(systems["w"]).any() or np.isnan(systems["h"]).any():
        raise ValueError("systems must be known for a strip, got none or some without size")
    pages = [read_image(page) for page in score.pages]
    half = _half_height(score)
    windows = [_window(pages[systems["page"][k]], *_corner(systems, k), half) for k in range(len(systems["x"]))]
    starts = np.concatenate([[0], np.cumsum([window.shape[1] for window in windows])])
    left = np.array([_corner(systems, k)[0] for k in range(len(windows))])
    top = np.array([_corner(systems, k)[2] - half for k in range(len(windows))])
    shift_x, shift_y = starts[:-1] - left, -top
    strip = write_image(np.concatenate(windows, axis=1))
    moved = {name: _moved(getattr(score, name), shift_x, shift_y) for name in ("systems", "bars", "noteheads")}
    return replace(score, pages=[strip], **moved)


def _half_height(score: Score) -> int:
    notes, systems = score.noteheads, score.systems
    size = notes["h"][~np.isnan(notes["h"])]
    height = float(np.median(size)) if len(size) else 0.0
    reach = np.abs(notes["y"] - systems["y"][notes["system"]]).max(initial=systems["h"].max() / 2)
    return int(np.ceil(reach + (0.5 + MARGIN) * height))


def _corner(systems: Columns, number: int) -> tuple[int, int, int]:
    """First and last + 1 column, and middle row, of a system."""
    x, y, w = (float(systems[name][number]) for name in ("x", "y", "w"))
    return int(np.floor(x - w / 2)), int(np.ceil(x + w / 2)) + 1, round(y)


def _window(page: np.ndarray, left: int, right: int, middle: int, half: int) -> np.ndarray:
    """Columns left to right and `half` rows on both sides of `middle`; what lies beyond the page is paper."""
    height, width = page.shape
    if not 0 < right - left <= 4 * width or half > 4 * height:
        raise ValueError(f"systems must lie on their page of {width} x {height}, got columns {left} to {right}")
    window = np.full((2 * half, right - left), PAPER, np.uint8)
    top, bottom = max(0, middle - half), min(height, middle + half)
    first, last = max(0, left), min(width, right)
    if top < bottom and first < last:
        rows = slice(top - middle + half, bottom - middle + half)
        window[rows, first - left : last - left] = page[top:bottom, first:last]
    return window


def _moved(table: Columns, shift_x: np.ndarray, shift_y: np.ndarray) -> Columns:
    system = table["system"]
    moved = {"page": np.zeros_like(system), "x": table["x"] + shift_x[system], "y": table["y"] + shift_y[system]}
    return table | moved
