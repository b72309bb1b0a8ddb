"""The works over the years, as SVG: a lane for each family of architecture, a mark and a name for each work.

The axis is that of the works that are shown. Long stretches without one are cut out of it, and years of one work are
narrower than those of several; within a year, months are to scale. Works of which the month is unknown stand in the
middle of their year. A lane has as many rows as its names need to stand clear of each other. What a mark says, it says
by its shape and filling, not by its colour.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path

import matplotlib
from PIL import ImageFont

from scorehub.dataset_builders.music_models.works import FAMILIES, MODALITIES
from scorehub.spaces.markup import count, sentence
from scorehub.spaces.music_models.search import Row

WIDTH = 860  # all lengths are in px of a drawing of this width
FONT = 12  # of names, as in `browser.CSS`
SHAPES = {  # around (0, 0)
    "symbolic": "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z",
    "audio": "M-4.5-4.5h9v9h-9z",
    "text": "M0-5.5l5.5 10h-11z",
}
_LANE_NAMES, _AXIS, _ROW, _LANE_PADDING = 142, 26, 21, 5
_RADIUS, _GAP = 6, 9  # of a mark with its outline; between it and its name
_CLEAR = 6  # between what stands beside each other
_LONGEST_STRETCH = 2  # years without a work, above which the axis is broken
_BREAK, _QUIET_YEAR = 0.35, 0.6  # widths, as shares of that of a year of several works


@dataclass(frozen=True)
class Year:
    """A stretch of the axis; `number` is None for one that is cut out."""

    number: int | None
    left: float
    right: float


@dataclass(frozen=True)
class Mark:
    """A work at `x` in a row of its lane, with its name from `left` to `right`."""

    work: Row
    x: float
    left: float
    right: float
    row: int

    @property
    def extent(self) -> tuple[float, float]:
        """From where to where it needs the row."""
        return min(self.left, self.x - _RADIUS), max(self.right, self.x + _RADIUS)


def lay_out_years(years: Iterable[int]) -> list[Year]:
    """The axis, from the first year to the last."""
    works = Counter(years)
    shares: list[tuple[int | None, float]] = []
    last = min(works)
    for year in sorted(works):
        between = range(last + 1, year)
        shares += [(None, _BREAK)] if len(between) > _LONGEST_STRETCH else [(each, _QUIET_YEAR) for each in between]
        shares.append((year, 1.0 if works[year] > 1 else _QUIET_YEAR))
        last = year
    scale = (WIDTH - _LANE_NAMES) / sum(share for _, share in shares)
    axis, left = [], float(_LANE_NAMES)
    for number, share in shares:
        axis.append(Year(number, left, left + share * scale))
        left += share * scale
    return axis


def lay_out_lane(works: Iterable[Row], axis: Sequence[Year]) -> list[Mark]:
    """Marks of one lane, each in the first row in which it stands clear of those before it."""
    marks: list[Mark] = []
    for x, work in sorted(((_place(work, axis), work) for work in works), key=lambda each: each[0]):
        left, right = _name_place(x, text_width(work["name"]))
        row = 0
        while any(_collide(Mark(work, x, left, right, row), other) for other in marks):
            row += 1
        marks.append(Mark(work, x, left, right, row))
    return marks


@cache
def text_width(text: str) -> float:
    """Width of a name in DejaVu Sans; few fonts of screens are wider."""
    return float(_font().getlength(text))


def draw(works: Sequence[Row], chosen: str = "") -> str:
    """The timeline of works, of which there is at least one.

    Args:
        chosen: id of the work that stands out.
    """
    axis = lay_out_years(work["year"] for work in works)
    lanes, top = [], float(_AXIS)
    for number, family in enumerate(name for name in FAMILIES if any(work["family"] == name for work in works)):
        marks = lay_out_lane((work for work in works if work["family"] == family), axis)
        height = _ROW * (1 + max(mark.row for mark in marks)) + 2 * _LANE_PADDING
        drawn = "".join(_mark(mark, mark.work["id"] == chosen) for mark in marks)
        place = f'class="lane{number % 2}" transform="translate(0 {top:g})"'
        name = f'<text class="lane" x="8" y="{_LANE_PADDING + _ROW / 2}">{_title(family)}</text>'
        lanes.append((f'<rect {place} width="{WIDTH}" height="{height}"/>', f"<g {place}>{name}{drawn}</g>"))
        top += height
    # The lines of the years lie between stripes and names.
    stripes, rows = ("".join(parts) for parts in zip(*lanes, strict=True))
    first, last = axis[0].number, axis[-1].number
    return (
        f'<svg class="timeline" viewBox="0 0 {WIDTH} {top:g}" role="img" aria-label="Timeline of '
        f'{count(len(works), "work")}, {first} to {last}; the table has them all">'
        f"{stripes}{''.join(_year(year, top) for year in axis)}{rows}</svg>"
    )


def legend(works: Iterable[Row]) -> str:
    """What the marks mean, of those that are shown."""
    used = {work["modality"] for work in works}
    keys = [_key(name, SHAPES[name]) for name in MODALITIES if name in used]
    return f'<p class="legend">{"".join(keys)}{_key("filled: works here", SHAPES["symbolic"], "works")}</p>'


def _place(work: Row, axis: Sequence[Year]) -> float:
    year = next(year for year in axis if year.number == work["year"])
    share = 0.5 if work["month"] is None else (work["month"] - 0.5) / 12
    return year.left + share * (year.right - year.left)


def _name_place(x: float, width: float) -> tuple[float, float]:
    """To the right of the mark; to its left where the drawing ends."""
    is_right = x + _GAP + width <= WIDTH - _CLEAR
    return (x + _GAP, x + _GAP + width) if is_right else (x - _GAP - width, x - _GAP)


def _collide(one: Mark, other: Mark) -> bool:
    (left, right), (other_left, other_right) = one.extent, other.extent
    return one.row == other.row and left < other_right + _CLEAR and other_left < right + _CLEAR


@cache
def _font() -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), FONT)


def _mark(mark: Mark, is_chosen: bool) -> str:
    work, y = mark.work, _LANE_PADDING + _ROW * (mark.row + 0.5)
    is_left = mark.right < mark.x
    classes = " ".join(filter(None, ["mark", work["status"], "chosen" * is_chosen]))
    tip = f"{work['name']}, {work['year']}: {work['architecture']}"
    return (
        f'<g class="{classes}" data-id="{escape(work["id"])}" transform="translate({mark.x:.1f} {y:g})">'
        f'<title>{escape(tip)}</title><path d="{SHAPES[work["modality"]]}"/>'
        f'<text x="{-_GAP if is_left else _GAP}" text-anchor="{"end" if is_left else "start"}">'
        f"{escape(work['name'])}</text></g>"
    )


def _key(name: str, shape: str, kind: str = "") -> str:
    return f'<span><svg viewBox="-7 -7 14 14"><path class="{kind}" d="{shape}"/></svg>{name}</span>'


def _year(year: Year, bottom: float) -> str:
    middle = (year.left + year.right) / 2
    line = f'<path class="year" d="M{year.left:.1f} {_AXIS - 8}V{bottom:g}"/>'
    return f'{line}<text class="year" x="{middle:.1f}" y="{_AXIS / 2}">{year.number or "⋯"}</text>'


def _title(text: str) -> str:
    return escape(sentence(text))
