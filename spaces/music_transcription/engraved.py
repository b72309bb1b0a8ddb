"""The result engraved, each of its signs known: verovio's SVG with the signs' numbers in it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scorehub.engraving import STAFF, engrave_staff
from scorehub.pipelines.music_transcription.music import read_music
from scorehub.pipelines.music_transcription.semantic import (
    Barline,
    Clef,
    KeySignature,
    MultiRest,
    Note,
    Rest,
    Tie,
    TimeSignature,
)
from scorehub.strip import WHITE
from scorehub.svg import UNITS_PER_MM, find_boxes, find_marks, rasterise, svg_size_mm

MAX_MEASURES = 200
_LAYOUT = replace(STAFF, margin_mm=0.5)
_PROBE_PX, _MARGIN = 800, 15.0  # width of a picture in which ink is looked for; tenths of a millimetre around it
# What verovio calls what is drawn of a token. It draws all of a kind in the order of the tokens.
_KINDS = {
    Clef: ("clef",),
    KeySignature: ("keySig",),
    TimeSignature: ("meterSig",),
    Note: ("note",),
    Rest: ("rest", "mRest"),
    MultiRest: ("multiRest",),
    Barline: ("barLine",),
    Tie: ("tie",),
}
_GROUP = re.compile(r'<g id="([^"]+)" class="(\w+)"')


@dataclass(frozen=True)
class Engraved:
    """One staff, whatever its length.

    Attributes:
        svg: what is drawn of a sign has the sign's number from 0 as `data-place`.
        ratio: width to height.
        xs: where the middle of each sign is, a note's notehead, as a share of the width; None where none is drawn.
    """

    svg: str
    ratio: float
    xs: list[float | None]


def engrave_result(result: dict[str, Any]) -> Engraved:
    """Engraves a pipeline's result for one staff.

    Raises:
        ValueError: it has no note, too many measures, or is such that verovio can't engrave it.
    """
    n_measures = result["musicxml"].count("<measure ")
    if n_measures > MAX_MEASURES:
        raise ValueError(f"result must have at most {MAX_MEASURES} measures to be engraved, got {n_measures}")
    words = [row["token"] for row in result["tokens"]]
    if not any(isinstance(token, Note) for token in read_music(words).values()):
        raise ValueError("result must have a note to be engraved, got none")
    svg = engrave_staff(result["musicxml"], _LAYOUT).pages[0]
    place_of = _places(svg, words)
    width, _ = svg_size_mm(svg)
    xs: list[float | None] = [None] * len(words)
    # A note is where its head is: accidentals come before it, flags and dots after it.
    boxes = find_boxes(svg, _LAYOUT.font) | {head.id: head.box for head in find_marks(svg, _LAYOUT.font)[0]}
    for name in place_of.keys() & boxes.keys():
        left, _, right, _ = boxes[name]
        xs[place_of[name]] = (left + right) / 2 / (UNITS_PER_MM * width)
    cropped, ratio = _without_margins(_GROUP.sub(lambda group: _numbered(group, place_of), svg))
    return Engraved(cropped, ratio, xs)


def _without_margins(svg: str) -> tuple[str, float]:
    """The same without the white above and below, and its width to its height."""
    width, height = (UNITS_PER_MM * side for side in svg_size_mm(svg))
    inked = np.flatnonzero((np.asarray(rasterise(svg, _PROBE_PX)) < WHITE).any(axis=1)) * width / _PROBE_PX
    top, bottom = max(0.0, inked[0] - _MARGIN), min(height, inked[-1] + _MARGIN)
    svg = re.sub(r'viewBox="[^"]*"', f'viewBox="0 {top:.0f} {width:.0f} {bottom - top:.0f}"', svg, count=1)
    # The drawing inside would become as small as the box.
    svg = svg.replace(
        '<svg class="definition-scale"', f'<svg class="definition-scale" width="{width}" height="{height}"'
    )
    return svg, width / (bottom - top)


def _places(svg: str, words: Sequence[str]) -> dict[str, int]:
    """Numbers of signs by the ids of what is drawn of them; nothing of a kind of which more or less is drawn."""
    groups, music = _GROUP.findall(svg), read_music(words)
    found: dict[str, int] = {}
    for token, kinds in _KINDS.items():
        places = [place for place, one in music.items() if isinstance(one, token)]
        names = [name for name, kind in groups if kind in kinds]
        if len(names) == len(places):
            found |= dict(zip(names, places, strict=True))
    return found


def _numbered(group: re.Match[str], place_of: dict[str, int]) -> str:
    name = group[1]
    return f'{group[0]} data-place="{place_of[name]}"' if name in place_of else group[0]
