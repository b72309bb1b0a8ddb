"""From a page to its systems, and each staff of a system cut out at one size: what the network reads.

A page is a grey uint8 array (H, W), 255 = paper. Strips are uint8 (staves, 128, W') of one system, black 0 on white
255, evenly lit, 6 px a staff space, the middle line of each staff in the middle. A column is 4 px of a strip; columns
of all systems of a score, in reading order, are the places where the follower can be.
"""

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from .staves import Staff, find_leaning_staves

# Of files. Pillow knows many more, of which one starts a program.
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000")
SPACE = 6  # px of a staff space
HEIGHT = 128  # px of a strip: 10 staff spaces above and below the middle line
COLUMN = 4  # px
LONG_SIDE = 1200  # px to which larger pages are reduced; staves are found best there
ENLARGED = 1.2  # times at most that smaller ones are enlarged to find their staves
MIN_SIDE, MAX_PIXELS = 48, 200_000_000
MAX_STAVES = 4  # of a system; those further down are not read
JOINED = 35.0  # grey levels by which a line between two staves of a system is darker than paper, nearly all along
_LIGHT = 32  # px of a block in which paper is the brightest
_STRETCH, _FAINT = 8, 40.0  # px over which the grain of a photograph evens out; grey levels of a line there, at least
_MIN_WIDTH = 8 * SPACE  # px of a strip


class System(NamedTuple):
    """A system of a page: its ends and staves in pixels, as they would be if the page did not lean."""

    left: float
    right: float
    staves: tuple[Staff, ...]
    slope: float  # rows that a line sinks from one column of pixels to the next
    middle: float  # column of pixels at which rows are as given

    @property
    def spacing(self) -> float:
        """Pixels of a staff space."""
        return float(np.mean([staff.spacing for staff in self.staves]))

    @property
    def n_columns(self) -> int:
        """How many columns its strips have."""
        return -(-round((self.right - self.left) / self.spacing * SPACE) // COLUMN)

    def x(self, column: np.ndarray | float) -> np.ndarray | float:
        """Pixels of columns, counted from 0; the middle of a column is at + 0.5."""
        return self.left + column * (COLUMN * self.spacing / SPACE)

    def column(self, x: np.ndarray | float) -> np.ndarray | float:
        """The inverse of `x`."""
        return (x - self.left) / (COLUMN * self.spacing / SPACE)

    def y(self, x: float) -> float:
        """The row of the system's middle at the column x of pixels."""
        return (self.staves[0].top + self.staves[-1].bottom) / 2 + self.slope * (x - self.middle)


class Page(NamedTuple):
    """What is read of a page: its systems from the top, and their strips."""

    systems: list[System]
    strips: list[np.ndarray]


def grey_page(picture: Image.Image) -> np.ndarray:
    """A picture as a page, upright, with white paper where it is transparent.

    Raises:
        ValueError: it has other than 8 or 16 bits a channel.
    """
    if picture.mode in ("I", "F"):
        raise ValueError(f"picture must have 8 or 16 bits a channel, got mode {picture.mode}")
    upright = ImageOps.exif_transpose(picture)  # first: a picture made of an array no longer says how it is turned
    if upright.mode.startswith("I;16"):  # whose values Pillow would cut off at 255
        upright = Image.fromarray((np.asarray(upright).astype(np.uint16) >> 8).astype(np.uint8))
    if not upright.has_transparency_data:  # a large scan would not fit into memory in four channels, twice
        return np.asarray((upright if upright.mode in ("1", "L") else upright.convert("RGB")).convert("L"))
    colour = upright.convert("RGBA")
    return np.asarray(Image.alpha_composite(Image.new("RGBA", colour.size, "white"), colour).convert("L"))


def read_page(page: np.ndarray) -> Page:
    """Finds the systems of a page and cuts out their staves.

    Raises:
        ValueError: `page` is no grey uint8 array, or too small or too large.
    """
    if page.ndim != 2 or page.dtype != np.uint8 or not (min(page.shape) >= MIN_SIDE and page.size <= MAX_PIXELS):
        allowed = f"uint8 (H, W), sides from {MIN_SIDE} px, at most {MAX_PIXELS:,} pixels"
        raise ValueError(f"page must be {allowed}, got {page.dtype} {page.shape}")
    scale = max(1.0, max(page.shape) / LONG_SIDE)
    small = _reduced(page, scale)
    staves, slope = _find_staves(small)
    level = _level(_even_light(small), slope)
    groups = _join_staves(level, _fitted(level, staves), slope)
    systems = [System(*_ends(level, group), tuple(group), slope, small.shape[1] / 2) for group in groups]
    systems = [system for system in systems if system.n_columns * COLUMN >= _MIN_WIDTH]
    strips = [_cut(level, system) for system in systems]
    return Page([_enlarged(system, scale) for system in systems], strips)


def _reduced(page: np.ndarray, scale: float) -> np.ndarray:
    if scale == 1:
        return page
    size = round(page.shape[1] / scale), round(page.shape[0] / scale)
    return np.asarray(Image.fromarray(page).resize((max(1, size[0]), max(1, size[1])), Image.Resampling.BOX))


def _find_staves(page: np.ndarray) -> tuple[list[Staff], float]:
    """The staves of a page and its slope. Of lines that are a pixel wide, some are lost unless it is enlarged."""
    scale = min(ENLARGED, LONG_SIDE / max(page.shape))
    size = round(page.shape[1] * scale), round(page.shape[0] * scale)
    staves, slope = find_leaning_staves(np.asarray(Image.fromarray(page).resize(size, Image.Resampling.BILINEAR)))
    return [Staff(*(value / scale for value in staff)) for staff in staves], slope


def _enlarged(system: System, scale: float) -> System:
    staves = tuple(Staff(*(value * scale for value in staff)) for staff in system.staves)
    return System(system.left * scale, system.right * scale, staves, system.slope, system.middle * scale)


def _even_light(page: np.ndarray) -> np.ndarray:
    """The page with white paper and black ink, however it was lit."""
    height, width = (-(-side // _LIGHT) for side in page.shape)
    padded = np.pad(page, ((0, height * _LIGHT - page.shape[0]), (0, width * _LIGHT - page.shape[1])), mode="edge")
    blocks = padded.reshape(height, _LIGHT, width, _LIGHT).swapaxes(1, 2).reshape(height, width, -1)
    bright = np.percentile(blocks, 90, axis=2).astype(np.float32)
    paper = np.asarray(Image.fromarray(bright).resize(page.shape[::-1], Image.Resampling.BILINEAR))
    share = page / np.maximum(paper, 1)
    black = min(0.6, float(np.percentile(share[::3, ::3], 0.5)))
    return (np.clip((share - black) / (0.97 - black), 0, 1) * 255).astype(np.uint8)


def _level(page: np.ndarray, slope: float) -> np.ndarray:
    """The page with its columns moved so that staves don't lean."""
    columns = np.arange(page.shape[1])
    sinks = np.rint(slope * (columns - page.shape[1] / 2)).astype(int)
    if not sinks.any():
        return page
    rows = np.clip(np.arange(len(page))[:, None] + sinks, 0, len(page) - 1)
    return np.take_along_axis(page, rows, 0)


def _fitted(page: np.ndarray, staves: list[Staff]) -> list[Staff]:
    """The staves where ink fits their lines best: finding them knows spaces to 7 % only, and can be a line off.

    A line is dark from end to end, be it behind notes or beams; what else is dark there is shorter.
    """
    width = page.shape[1] // _STRETCH * _STRETCH
    stretches = page[:, :width].reshape(len(page), -1, _STRETCH).mean(axis=2)
    profile = (stretches < 255 - _FAINT).mean(axis=1)
    rows = np.arange(len(page))
    fitted = []
    for staff in staves:
        tops = staff.top + np.arange(-1.2, 1.21, 0.05) * staff.spacing
        spacings = staff.spacing * np.arange(0.9, 1.11, 0.01)
        lines = tops[:, None, None] + spacings[:, None] * np.arange(5)
        fit = np.interp(lines, rows, profile).sum(axis=2)
        top, spacing = (int(index) for index in np.unravel_index(fit.argmax(), fit.shape))
        first, space = float(tops[top]), float(spacings[spacing])
        fitted.append(Staff(first, first + 4 * space, space))
    return fitted


def _join_staves(page: np.ndarray, staves: list[Staff], slope: float) -> list[list[Staff]]:
    """Staves that a line from top to bottom joins are one system, as those of a piano are at its beginning."""
    groups: list[list[Staff]] = []
    for staff in staves:
        if groups and len(groups[-1]) < MAX_STAVES and _is_joined(page, groups[-1][-1], staff, slope):
            groups[-1].append(staff)
        else:
            groups.append([staff])
    return groups


def _is_joined(page: np.ndarray, above: Staff, below: Staff, slope: float) -> bool:
    left, right = _ends(page, [above, below])  # beyond them a page's edge can be dark
    rows = np.arange(round(above.bottom) + 1, round(below.top))
    if not len(rows):
        return True
    reach = 4 * below.spacing  # a clef can hide where the lines begin
    columns = np.arange(max(0, round(left - reach)), min(page.shape[1], round(right + reach)))
    # Columns are level pages' too: where staves lean, what stands upright on them leans to the other side.
    leaning = columns - np.rint(slope * (rows - rows[0])).astype(int)[:, None]
    ink = 255.0 - page[rows[:, None], np.clip(leaning, 0, page.shape[1] - 1)]
    near = ink.copy()
    near[:, 1:] = np.maximum(near[:, 1:], ink[:, :-1])
    near[:, :-1] = np.maximum(near[:, :-1], ink[:, 1:])
    height = min(5, len(rows))  # over so many rows the grain of a photograph evens out
    even = np.lib.stride_tricks.sliding_window_view(near, height, axis=0).mean(axis=2)
    return bool(np.percentile(even, 5, axis=0).max(initial=0.0) >= JOINED)


def _ends(page: np.ndarray, staves: list[Staff]) -> tuple[float, float]:
    """Where the lines of the staves begin and end."""
    tops, spaces = (np.array([getattr(staff, name) for staff in staves]) for name in ("top", "spacing"))

    def ink(first: float) -> np.ndarray:  # (W,), of five rows a staff, the first so many spaces below its top line
        rows = np.rint(tops[:, None] + (first + np.arange(5)) * spaces[:, None]).astype(int).ravel()
        near = np.clip(rows[:, None] + (-1, 0, 1), 0, len(page) - 1)
        return np.asarray(255.0 - page[near].min(axis=1).mean(axis=0))

    width = max(3, round(3 * spaces[0]))
    lines = np.convolve(ink(0) - ink(0.5), np.ones(width) / width, mode="same")
    inked = np.flatnonzero(lines > 0.5 * np.percentile(lines, 80))
    return (float(inked[0]), float(inked[-1] + 1)) if len(inked) and lines.max() > 0 else (0.0, 0.0)


def _cut(page: np.ndarray, system: System) -> np.ndarray:
    """The strips (staves, 128, columns * 4) of a system of a level page."""
    scale = system.spacing / SPACE
    width = system.n_columns * COLUMN
    reach = int(HEIGHT * scale) + 1
    picture = Image.fromarray(np.pad(page, ((reach, reach), (0, int(width * scale) + 2)), constant_values=255))
    strips = []
    for staff in system.staves:
        top = (staff.top + staff.bottom) / 2 + 0.5 - HEIGHT / 2 * scale + reach
        box = (system.left, top, system.left + width * scale, top + HEIGHT * scale)
        strips.append(np.asarray(picture.resize((width, HEIGHT), Image.Resampling.BILINEAR, box)))
    return np.stack(strips)
