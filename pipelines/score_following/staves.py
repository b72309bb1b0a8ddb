"""Staves on a page, and the share of the page that is music: a classical finder, without a trained model.

A page is a grey uint8 array (H, W), 255 = paper; it works best at a long side of some 840 px, where a page takes a
few milliseconds and one staff space is 3 to 8 px. Scanned pages may lean by up to `MAX_SKEW`. Method: keep dark runs
that are long across and thin down (staff lines, not letters, noteheads or beams), average them in upright strips,
shear the strips so that their rows line up best, and look in each part of the page for combs of five evenly spaced
lines.
"""

from typing import NamedTuple

import numpy as np

STRIPS = 24  # upright strips; within one, a line that leans by 1 degree moves by less than half a pixel
PARTS = 6  # groups of neighbouring strips, in which staves are looked for
MIN_PARTS = 2  # a staff shows in so many parts at least
MAX_SKEW = 0.06  # rows per column, 3.4 degrees
UPSAMPLING = 2  # staff spaces are fractions of a pixel, so profiles are interpolated
SPACINGS = 2.4 * 1.07 ** np.arange(27)  # staff spaces that are tried, pixels: 2.4 to 14
LINE_LENGTH = 60  # the shortest run that can be a piece of a staff line, as a fraction of the width
MIN_CONTRAST = 12.0  # grey levels by which a line must stand out from the paper
LINE_DARKNESS = 0.25  # and this share of the contrast of the page's ink
MIN_COVERAGE = 0.35  # share of the columns in which lines must stand out from the spaces between them
MAX_GAP = 6.0  # neighbouring staves belong to one stretch of music up to this gap, in heights of a staff
FULL_PAGE = 2 / 3  # music_fraction of a "full page" of music in the MusicScore paper


class Staff(NamedTuple):
    """A five-line staff: rows of its top and bottom line in the middle of the page, and its staff space, in pixels."""

    top: float
    bottom: float
    spacing: float


def check_page(page: np.ndarray) -> None:
    """Raises ValueError unless `page` is a non-empty grey uint8 array (H, W)."""
    if page.ndim != 2 or page.dtype != np.uint8 or page.size == 0:
        raise ValueError(f"page must be a non-empty uint8 array (H, W), got {page.dtype} {page.shape}")


def _running(extreme: np.ufunc, values: np.ndarray, length: int, axis: int, forward: bool) -> np.ndarray:
    """Running minimum or maximum over `length` neighbours of each value in one direction, by doubling."""
    reached = 1
    values = values.copy()
    while reached < length:
        shift = min(reached, length - reached)
        low, high = [slice(None)] * 2, [slice(None)] * 2
        low[axis], high[axis] = slice(None, -shift), slice(shift, None)
        source, target = (tuple(high), tuple(low)) if forward else (tuple(low), tuple(high))
        values[target] = extreme(values[target], values[source].copy())
        reached += shift
    return values


def _opening(values: np.ndarray, length: int, axis: int) -> np.ndarray:
    """Keeps what is at least `length` long along `axis` (grey morphological opening)."""
    eroded = _running(np.minimum, values, length, axis, forward=True)
    return _running(np.maximum, eroded, length, axis, forward=False)


def _strip_profiles(page: np.ndarray) -> np.ndarray:
    """Returns the share 0..1 of each row of each strip that is thin horizontal line (STRIPS, H)."""
    height, width = page.shape
    across = _opening(255 - page, max(6, width // LINE_LENGTH), axis=1)
    thick = _opening(across, max(4, height // 210), axis=0)
    lines = (across - thick)[:, : width // STRIPS * STRIPS]
    # Faint lines count in full on a faint page; what is far fainter than the page's ink is texture or blurred text.
    darkest, paper = np.percentile(page[::3, ::5], (1, 50))
    level = np.float32(max(MIN_CONTRAST, LINE_DARKNESS * (paper - darkest)))
    marks = np.minimum(lines, level) / level
    return marks.reshape(height, STRIPS, -1).mean(axis=2, dtype=np.float32).T


def _sheared(profiles: np.ndarray, slope: float, strip_width: int) -> list[np.ndarray]:
    """Moves each strip by what a line of `slope` (rows per column) has sunk there since the middle of the page.

    `profiles` (STRIPS, H + 2 * margin) has a margin for the largest slope; the strips come without it, each (H,).
    """
    margin = _margin(strip_width)
    offsets = np.rint(slope * strip_width * (np.arange(STRIPS) + 0.5 - STRIPS / 2)).astype(int).tolist()
    height = profiles.shape[1] - 2 * margin
    return [strip[margin + shift : margin + shift + height] for strip, shift in zip(profiles, offsets, strict=True)]


def _margin(strip_width: int) -> int:
    return int(2 * MAX_SKEW * strip_width * STRIPS / 2) + 1


def _skew(profiles: np.ndarray, strip_width: int) -> float:
    """Returns the slope, rows per column, at which the rows of all strips line up best (sharpest summed profile)."""
    best, step = 0.0, MAX_SKEW / 6
    for _ in range(3):  # coarse to fine
        slopes = best + step * np.arange(-6, 7)
        summed = np.stack([np.add.reduce(_sheared(profiles, slope, strip_width)) for slope in slopes])
        sharpness = (summed**2).sum(axis=1)
        # Among equals (an empty page) the flattest wins.
        best = float(slopes[np.lexsort((np.abs(slopes), -sharpness))[0]])
        step /= 5
    return best


def _combs(profiles: np.ndarray) -> np.ndarray:
    """Scores each row as a staff's top line, for every spacing: lines against spaces (len(SPACINGS), PARTS, H)."""
    reach = int(6 * SPACINGS[-1] * UPSAMPLING)
    padded = np.pad(profiles, ((0, 0), (reach, reach)))
    around = padded.copy()  # the largest of each row and its neighbours
    around[:, 1:-1] = np.maximum(np.maximum(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
    height = profiles.shape[1]
    scores = np.empty((len(SPACINGS), *profiles.shape), np.float32)
    for score, spacing in zip(scores, SPACINGS * UPSAMPLING, strict=True):
        starts = reach + np.rint(spacing * np.arange(-1, 5.5, 0.5)).astype(int)
        rows = [padded[:, start : start + height] for start in starts]
        lines, spaces = rows[2:11:2], rows[1::2]
        beyond = np.maximum(*(around[:, start : start + height] for start in starts[[0, -1]]))
        weakest = np.minimum.reduce(lines)  # every line must be there
        present = np.minimum(np.add.reduce(lines) / 5, 1.5 * weakest)
        # Exactly five lines: a sixth above or below makes it a table, ruled paper or text.
        score[:] = present - np.maximum(np.add.reduce(spaces) / 6, 0.9 * beyond)
    return scores


def _peaks(scores: np.ndarray, spacings: np.ndarray, threshold: float) -> list[tuple[float, float, float]]:
    """Returns (score, row, spacing) of the best rows of one part, none within a staff's height of a better one."""
    candidates = np.flatnonzero(scores >= threshold)
    found: list[tuple[float, float, float]] = []
    taken = np.zeros(len(scores), bool)
    for row in candidates[np.argsort(-scores[candidates], kind="stable")]:
        if not taken[row]:
            reach = int(4.5 * spacings[row])
            taken[max(0, row - reach) : row + reach + 1] = True
            found.append((float(scores[row]), float(row), float(spacings[row])))
    return found


def find_staves(page: np.ndarray) -> list[Staff]:
    """Finds the five-line staves of `page`, uint8 (H, W) with 255 = paper.

    Returns:
        The staves from top to bottom; of staves beside each other only one. Empty for a page under 48 px.

    Raises:
        ValueError: if `page` is no grey uint8 array.
    """
    return find_leaning_staves(page)[0]


def find_leaning_staves(page: np.ndarray) -> tuple[list[Staff], float]:
    """As `find_staves`, with the slope of the page: by how many rows a line sinks from one column to the next."""
    check_page(page)
    height, width = page.shape
    if min(height, width) < 2 * STRIPS:
        return [], 0.0
    strips = _strip_profiles(page)
    strip_width = width // STRIPS
    strips = np.pad(strips, ((0, 0), (_margin(strip_width), _margin(strip_width))))
    slope = _skew(strips, strip_width)
    upright = np.stack(_sheared(strips, slope, strip_width))
    parts = upright.reshape(PARTS, -1, height).mean(axis=1)
    fine = np.arange(0, height - 1, 1 / UPSAMPLING)
    parts = np.stack([np.interp(fine, np.arange(height), part) for part in parts]).astype(np.float32)
    combs = _combs(parts)
    scores, best = combs.max(axis=0), SPACINGS[combs.argmax(axis=0)] * UPSAMPLING  # (PARTS, H)
    found = [peak for part in range(PARTS) for peak in _peaks(scores[part], best[part], MIN_COVERAGE)]
    return _merge(sorted(found, reverse=True)), slope


def _merge(found: list[tuple[float, float, float]]) -> list[Staff]:
    """Joins what the parts of the page found at one height into staves, and drops what too few parts show."""
    staves = []
    while found:
        _, row, spacing = found[0]
        same = [f for f in found if abs(f[1] - row) < 2 * spacing and 0.8 < f[2] / spacing < 1.25]
        if len(same) >= MIN_PARTS:
            top = float(np.median([f[1] for f in same])) / UPSAMPLING
            space = float(np.median([f[2] for f in same])) / UPSAMPLING
            staves.append(Staff(top, top + 4 * space, space))
        found = [f for f in found[1:] if abs(f[1] - row) >= 4 * spacing]
    return sorted(staves)


def music_fraction(page: np.ndarray) -> float:
    """Returns the share 0..1 of the height of `page` (uint8 (H, W), 255 = paper) that music takes up.

    A staff reaches half its height above and below its lines; the gap to the next one counts when it is less than
    `MAX_GAP` times as high as a staff.

    Raises:
        ValueError: if `page` is no grey uint8 array.
    """
    staves = find_staves(page)
    covered = 0.0
    end = 0.0
    for staff in staves:
        size = staff.bottom - staff.top
        top, bottom = max(0.0, staff.top - size / 2), min(float(len(page)), staff.bottom + size / 2)
        start = end if end > 0 and top - end <= MAX_GAP * size else max(top, end)
        covered += max(0.0, bottom - start)
        end = max(end, bottom)
    return covered / len(page)
