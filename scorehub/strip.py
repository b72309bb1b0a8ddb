"""Staff images, unrolled strips and pictures of boxes: what becomes of an engraved or scanned page.

Images are grey arrays (H, W) uint8, black 0 on white 255. Boxes are rows of structured arrays with the fields `page`,
`system`, `x`, `y`, `w`, `h` of `scorehub.noteheads`; more fields are kept as they are.

    pages = [np.asarray(rasterise(svg, 835)) for svg in engraving.pages]
    score = find_noteheads(engraving, 835)
    strip = unroll(pages, score.systems, score.notes)
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from scorehub.engraving import Engraving
from scorehub.svg import MAX_PIXELS, rasterise

WHITE = 255
PRIMUS_STAFF_PX = 73.0  # from the first staff line to the last in PrIMuS's images


class Crop(NamedTuple):
    """Part of an image, and where its corner lay: `Noteheads.moved(left, top)` follows it."""

    image: np.ndarray
    left: int
    top: int


def crop_to_ink(image: np.ndarray, margin: int = 2) -> Crop:
    """What is not white, with `margin` pixels of white around.

    Raises:
        ValueError: the image is white.
    """
    ink = image < WHITE
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if not len(rows):
        raise ValueError("image must have ink, got a white one")
    top, left = int(rows[0]), int(columns[0])
    inside = image[top : rows[-1] + 1, left : columns[-1] + 1]
    return Crop(np.pad(inside, margin, constant_values=WHITE), left - margin, top - margin)


def staff_image(engraving: Engraving, staff_px: float = PRIMUS_STAFF_PX, margin: int = 2) -> Crop:
    """The first page as PrIMuS has its images: nothing but the music, staves `staff_px` high.

    The boxes of its notes are `find_noteheads(engraving, engraving.width_for(staff_px)).moved(crop.left, crop.top)`.
    """
    image = rasterise(engraving.pages[0], engraving.width_for(staff_px))
    return crop_to_ink(np.asarray(image), margin)


class Strip(NamedTuple):
    """All systems side by side."""

    image: np.ndarray  # (height, W) uint8
    notes: np.ndarray  # as given, with x and y in the strip
    starts: np.ndarray  # (systems,) x at which the first staff lines of each begin


def unroll(
    pages: Sequence[np.ndarray], systems: np.ndarray, notes: np.ndarray, height: int = 200, margin: int = 10
) -> Strip:
    """Cuts pages into systems and lays these side by side, each with its middle at half the height.

    What lies nearer to the next system of the page is left white. MSMD's strips are 200 high, from pages 835 wide.

    Args:
        systems: boxes of the staves, in the order of reading; no two alike in `system`.
        notes: rows of any number, each in one of the systems; may be measures or anything else with a box.
        margin: pixels kept left and right of the staves, for braces and repeat signs.

    Raises:
        ValueError: a system is not on its page or higher than the strip, or a note is in none.
    """
    if len(missing := np.setdiff1d(notes["system"], systems["system"])):
        raise ValueError(f"system of a note must be one of those given, got {missing[:5].tolist()}")
    if len(np.unique(systems["system"])) != len(systems) or not len(systems):
        raise ValueError(f"systems must be one row each, got {len(systems)} rows")
    placed = notes.copy()
    parts: list[np.ndarray] = []
    starts = []
    start = 0
    for system in systems:
        page = _page(pages, system, height)
        left, right = int(system["x"] - system["w"] / 2) - margin, int(system["x"] + system["w"] / 2) + margin
        top = round(float(system["y"])) - height // 2
        parts.append(_window(_only(page, system, systems), left, top, right - left, height))
        starts.append(start + margin)
        chosen = notes["system"] == system["system"]
        placed["x"][chosen] += start - left
        placed["y"][chosen] -= top
        start += right - left
        if start * height > MAX_PIXELS:
            raise ValueError(f"strip must have at most {MAX_PIXELS} pixels, got more than {start} x {height}")
    return Strip(np.concatenate(parts, axis=1), placed, np.array(starts))


def _page(pages: Sequence[np.ndarray], system: np.void, height: int) -> np.ndarray:
    """The page that a system is on."""
    number, x, y, w, h = (system[name].item() for name in ("page", "x", "y", "w", "h"))
    if not 0 <= number < len(pages):
        raise ValueError(f"page of a system must be 0 to {len(pages) - 1}, got {number}")
    page = pages[number]
    on_page = 0 <= x <= page.shape[1] and 0 <= y <= page.shape[0] and 0.0 < w <= 2 * page.shape[1]
    if not (on_page and 0 <= h <= height):
        raise ValueError(f"system must lie on its page and be at most {height} high, got x {x}, y {y}, w {w}, h {h}")
    return page


def _only(page: np.ndarray, system: np.void, systems: np.ndarray) -> np.ndarray:
    """The page down from half-way to the system above, and up from half-way to that below; white elsewhere."""
    others = systems[systems["page"] == system["page"]]
    upper, lower = system["y"] - system["h"] / 2, system["y"] + system["h"] / 2
    above = (others["y"] + others["h"] / 2)[others["y"] < system["y"]].max(initial=-np.inf)
    below = (others["y"] - others["h"] / 2)[others["y"] > system["y"]].min(initial=np.inf)
    from_row = int(np.clip((above + upper) / 2, 0, len(page)))
    to_row = int(np.clip((lower + below) / 2, 0, len(page)))
    only = np.full_like(page, WHITE)
    only[from_row:to_row] = page[from_row:to_row]
    return only


def _window(image: np.ndarray, left: int, top: int, width: int, height: int) -> np.ndarray:
    """Part of an image, white where it reaches over the edge."""
    window = np.full((height, width), WHITE, np.uint8)
    inside = image[max(0, top) : max(0, top + height), max(0, left) : max(0, left + width)]
    y, x = max(0, -top), max(0, -left)
    window[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
    return window


def draw_boxes(image: np.ndarray, boxes: Mapping[str, Iterable[Any]]) -> Image.Image:
    """The image in colour with boxes over it, by their colour: `{"green": systems, "red": notes}`.

    Boxes are rows of a table, or dictionaries, with `x`, `y` (centre), `w`, `h`.
    """
    picture = Image.fromarray(image).convert("RGB")
    draw = ImageDraw.Draw(picture)
    for colour, rows in boxes.items():
        for row in rows:
            x, y, w, h = (float(row[name]) for name in ("x", "y", "w", "h"))
            draw.rectangle((x - w / 2, y - h / 2, x + w / 2, y + h / 2), outline=colour)
    return picture
