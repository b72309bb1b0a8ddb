"""Clef and key signature at the beginning of a staff, by matching the glyphs of four music fonts: nothing is trained.

A strip is float32 (96, W), ink from 0 to 1 at 6 px a staff space, the middle line in the middle, from some spaces left
of where the staff begins. What stands on the lines is compared with each glyph by normalised cross-correlation, at the
heights where it can stand. Clefs are G2, C3 and F4, as semantic tokens have them. A key signature is the row of
sharps or of flats that correlates best, each at its own height; accidentals of notes stand elsewhere.
"""

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from xml.etree import ElementTree

import numpy as np
import pymupdf
from scipy.ndimage import gaussian_filter, maximum_filter1d

HEIGHT, SPACE = 96, 6  # px of a strip, and of a staff space
FONTS = ("Leipzig", "Bravura", "Gootville", "Leland")  # of verovio those that look engraved

# SMuFL's code, and half spaces above the middle line at which the glyph's origin stands.
CLEFS = {"G2": ("E050", -2), "C3": ("E05C", 0), "F4": ("E062", 2)}
SHARP, FLAT = "E262", "E260"
RIVALS = ("E0A2", "E0A3", "E0A4", "E261")  # noteheads and the natural: what stands there can be one of these
SHARPS, FLATS = (4, 1, 5, 2, -1, 3, 0), (0, 3, -1, 2, -2, 1, -3)  # half spaces above the middle line in the G2 clef
LOWERED = {"G2": 0, "C3": 1, "F4": 2}  # half spaces by which they stand lower in the others
CLEF_WITHIN = 16.0  # spaces from the left edge of a strip
KEY_WITHIN = 14.0  # spaces from the clef
LEAST_CLEF = 0.5  # correlation
LEAST_ACCIDENTAL = 0.5
DOUBT = 0.04  # that there is a key signature at all
GIVEN_UP = -0.3  # so much worse than none, a row that goes on is none either
RIVALRY = 0.1  # by which another sign may match better
_FIRST_AT = (-0.3, 2.5)  # spaces from the right edge of the clef to the left edge of the first accidental
_NEXT_AT = (0.6, 1.7)  # spaces from one accidental to the next
_NEAR = 3  # px
_UNITS = 250  # of a glyph's drawing to a staff space
_BLURS = (0.8, 1.4)  # px, of pages with some 4 px a staff space
_FAINT = 0.05  # ink, of 1: what varies less is paper
_MARGIN = 1  # px


@dataclass(frozen=True)
class Beginning:
    """How a staff begins.

    Attributes:
        clef: G2, C3 or F4; None where none is found.
        fifths: sharps of the key signature, flats being negative; 0 also where there is no clef.
        match: correlation of the clef.
    """

    clef: str | None
    fifths: int
    match: float


def read_beginning(strip: np.ndarray) -> Beginning:
    """How a staff begins, of a strip (96, W)."""
    lines = np.median(strip, axis=1)
    ink = np.clip(strip - lines[:, None], 0, 1)
    found = {name: _best_clef(ink, lines, name) for name in CLEFS}
    clef = max(found, key=lambda name: found[name][0])
    match, right = found[clef]
    if match < LEAST_CLEF:
        return Beginning(None, 0, match)
    after = ink[:, max(0, right - SPACE) : right + round(KEY_WITHIN * SPACE)]
    rows = {sign: _accidentals(after, lines, clef, min(SPACE, right), sign) for sign in (1, -1)}
    sign = max(rows, key=lambda each: rows[each][0])
    return Beginning(clef, sign * rows[sign][1], match)


def _best_clef(ink: np.ndarray, lines: np.ndarray, name: str) -> tuple[float, int]:
    """Correlation of a clef, and the column of its right edge."""
    code, height = CLEFS[name]
    matches = _correlate(ink[:, : round(CLEF_WITHIN * SPACE)], lines, code, height)
    column = int(matches.argmax())
    return float(matches[column]), column + _glyphs(code)[0].shape[2] - 2 * _MARGIN


def _accidentals(ink: np.ndarray, lines: np.ndarray, clef: str, right: int, sign: int) -> tuple[float, int]:
    """The best row of sharps (`sign` 1) or flats (-1): by how much it exceeds `LEAST_ACCIDENTAL`, and how many."""
    code, heights = (SHARP, SHARPS) if sign > 0 else (FLAT, FLATS)
    best = (0.0, 0)
    reached = None
    for count, height in enumerate(heights, 1):
        gains = _gains(ink, lines, code, height - LOWERED[clef])
        before = np.full(len(gains), -np.inf)
        if reached is None:
            first, last = (right + round(at * SPACE) for at in _FIRST_AT)
            before[first : last + 1] = -DOUBT
        else:
            for step in range(round(_NEXT_AT[0] * SPACE), round(_NEXT_AT[1] * SPACE) + 1):
                before[step:] = np.maximum(before[step:], reached[:-step])
        reached = before + gains
        best = max(best, (float(reached.max()), count))
        if reached.max() < GIVEN_UP:
            break
    return best


def _gains(ink: np.ndarray, lines: np.ndarray, code: str, height: int) -> np.ndarray:
    """By how much an accidental at each column of its left edge matches better than it must, (W',)."""
    matches = _correlate(ink, lines, code, height)
    least = np.full(len(matches), LEAST_ACCIDENTAL)
    for rival in RIVALS:
        other = maximum_filter1d(_correlate(ink, lines, rival, height), 2 * _NEAR + 1)[: len(matches)]
        least[: len(other)] = np.maximum(least[: len(other)], other - RIVALRY)
    return matches - least


def _correlate(ink: np.ndarray, lines: np.ndarray, code: str, height: int) -> np.ndarray:
    """Correlation of a glyph at each column of its left edge, (W',); of all drawings the best, a pixel up or down."""
    drawn, origin = _glyphs(code)
    _, rows, columns = drawn.shape
    top = HEIGHT // 2 - round(height * SPACE / 2) - origin
    # The lines hide what of a glyph lies on them.
    shown = np.clip(drawn - lines[top : top + rows, None], 0, 1).reshape(len(drawn), -1)
    shown -= shown.mean(axis=1, keepdims=True)
    shown /= np.linalg.norm(shown, axis=1, keepdims=True) + 1e-6
    windows = np.lib.stride_tricks.sliding_window_view(ink[top - 1 : top + rows + 1], (rows, columns))
    patches = windows.reshape(-1, rows * columns)
    spread = np.sqrt(patches.var(axis=1) * rows * columns) + _FAINT * np.sqrt(rows * columns)
    matches: np.ndarray = ((patches @ shown.T).max(axis=1) / spread).reshape(3, -1).max(axis=0)
    return matches


@lru_cache
def _glyphs(code: str) -> tuple[np.ndarray, int]:
    """A glyph in each font, (fonts, rows, columns) with ink 1 at 6 px a space; and the row of its origin."""
    shapes = [_shape(font, code) for font in FONTS]
    left = min(x for (x, _, _, _), _ in shapes)
    right = max(x + width for (x, _, width, _), _ in shapes)
    bottom = min(y for (_, y, _, _), _ in shapes)
    top = max(y + height for (_, y, _, height), _ in shapes)
    zoom = SPACE / _UNITS
    above = int(np.ceil(top * zoom)) + _MARGIN
    rows = above + int(np.ceil(-bottom * zoom)) + _MARGIN
    columns = int(np.ceil((right - left) * zoom)) + 2 * _MARGIN
    place = f"translate({_MARGIN - left * zoom:.3f},{above}) scale({zoom},{-zoom})"
    drawn = [_draw(path, place, rows, columns) for _, path in shapes]
    blurred = [gaussian_filter(glyph, blur) for glyph in drawn for blur in _BLURS]
    return np.stack(blurred).astype(np.float32), above


def _shape(font: str, code: str) -> tuple[tuple[float, ...], str]:
    """Left, bottom, width and height of a glyph, in its own units, and its outline."""
    folder = files("verovio") / "data"
    boxes = ElementTree.fromstring((folder / f"{font}.xml").read_bytes())  # noqa: S314 - verovio's own
    box = next(glyph for glyph in boxes.iter("g") if glyph.get("c") == code)
    drawing = ElementTree.fromstring((folder / font / f"{code}.xml").read_bytes())  # noqa: S314
    path = next(part.get("d", "") for part in drawing.iter() if part.tag.endswith("path"))
    return tuple(float(box.get(name, "0")) for name in "xywh"), path


def _draw(path: str, place: str, rows: int, columns: int) -> np.ndarray:
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="{columns}" height="{rows}"><g transform="{place}">'
    svg += f'<path d="{path}"/></g></svg>'
    with pymupdf.open(stream=svg.encode(), filetype="svg") as document:
        zoom = columns / document[0].rect.width
        pixmap = document[0].get_pixmap(matrix=pymupdf.Matrix(zoom, zoom), colorspace=pymupdf.csGRAY, alpha=False)
    grey = np.frombuffer(pixmap.samples, np.uint8).reshape(pixmap.height, pixmap.stride)[:rows, :columns]
    return 1 - grey.astype(np.float32) / 255
