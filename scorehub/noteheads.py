"""Where the notes of an engraved score lie and when they sound: from the engraver, not from pixels.

Boxes are pixels of the pages' images: x right, y down, (x, y) the centre, w and h the size; edges lie between pixels,
so a box from 0 to 10 covers the first ten. Pages, systems, staves and measures count from 0; systems and measures over
all pages, staves within their system. Times are seconds and quarters from the start, repeats played.

    engraving = engrave_score(notation, layout)
    images = [rasterise(page, width=835) for page in engraving.pages]
    score = find_noteheads(engraving, width=835)
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple
from xml.etree import ElementTree

import numpy as np

from scorehub.engraving import Engraving
from scorehub.svg import UNITS_PER_MM, Box, Mark, find_marks, hull, svg_size_mm

_BOX = [("x", "f4"), ("y", "f4"), ("w", "f4"), ("h", "f4")]
SYSTEM = np.dtype([("page", "i4"), ("system", "i4"), *_BOX])
STAFF = np.dtype([("page", "i4"), ("system", "i4"), ("staff", "i4"), *_BOX])
_PLAYED = [("onset", "f8"), ("onset_quarter", "f8"), ("duration", "f8")]
MEASURE = np.dtype([("page", "i4"), ("system", "i4"), ("measure", "i4"), *_BOX, *_PLAYED, ("label", "O")])
NOTE = np.dtype(
    [
        ("page", "i4"),
        ("system", "i4"),
        ("staff", "i4"),
        ("measure", "i4"),
        *_BOX,
        ("pitch", "i4"),  # MIDI, as it sounds
        *_PLAYED,
        ("tied", "?"),  # continues a note, is not struck
        ("grace", "?"),
        ("id", "O"),  # in the MEI
    ]
)


@dataclass(frozen=True)
class Noteheads:
    """Tables (structured arrays) of an engraved score.

    Attributes:
        notes: `NOTE` rows by onset, one each time that a notehead is played: after a repeat two rows have one box. The
            duration of a struck note is all that it sounds, with what is tied to it. Drawn but never played: no row.
        measures: `MEASURE` rows in the order in which they are played; `label` is the printed number, if any.
        systems: `SYSTEM` rows; boxes go from the first line of the highest staff to the last of the lowest.
        staves: `STAFF` rows; boxes go from the first line to the last.
    """

    notes: np.ndarray
    measures: np.ndarray
    systems: np.ndarray
    staves: np.ndarray

    def moved(self, left: float, top: float) -> "Noteheads":
        """The same in an image that begins at (`left`, `top`) of this one."""
        tables = [table.copy() for table in (self.notes, self.measures, self.systems, self.staves)]
        for table in tables:
            table["x"] -= left
            table["y"] -= top
        return Noteheads(*tables)


def find_noteheads(engraving: Engraving, width: int) -> Noteheads:
    """Noteheads, measures, systems and staves in the images of an engraving's pages, `width` pixels wide.

    Raises:
        ValueError: no staff has lines, or the notation has brought something malformed into the MEI.
    """
    heads, staves = _spots(engraving, width)
    if not staves:
        raise ValueError(f"notation must have staves with lines, got none from {engraving.notation[:60]!r}")
    encoded, labels = _read_mei(engraving.mei)
    numbers = {measure: number for number, measure in enumerate(labels)}
    plays, bars = _plays(engraving)
    _join_ties(plays, encoded)
    notes = []
    for play in plays:
        spot, note = heads.get(play.id), encoded.get(play.id)
        if spot and note:
            where = (spot.page, spot.system, spot.staff, numbers[spot.measure])
            notes.append((*where, *_centred(spot.box), note.pitch, *play.times(), play.tied, note.grace, play.id))
    return Noteheads(
        np.array(notes, NOTE),
        np.array(_measures(bars, staves, labels), MEASURE),
        np.array([(*key, *_centred(box)) for key, box in _hulls(staves, "page", "system")], SYSTEM),
        np.array([(*key, *_centred(box)) for key, box in _hulls(staves, "page", "system", "staff")], STAFF),
    )


class _Spot(NamedTuple):
    page: int
    system: int
    staff: int
    measure: str
    box: Box  # in pixels


def _spots(engraving: Engraving, width: int) -> tuple[dict[str, _Spot], list[_Spot]]:
    """Noteheads by the id of their note, and the lines of each staff in each measure."""
    heads: dict[str, _Spot] = {}
    staves: list[_Spot] = []
    first_system = 0
    for page, svg in enumerate(engraving.pages):
        zoom = width / svg_size_mm(svg)[0] / UNITS_PER_MM

        def spot(mark: Mark, page: int = page, system: int = first_system, zoom: float = zoom) -> _Spot:
            left, top, right, bottom = mark.box
            box = (zoom * left, zoom * top, zoom * right, zoom * bottom)
            return _Spot(page, system + mark.system, mark.staff, mark.measure, box)

        head_marks, staff_marks = find_marks(svg, engraving.layout.font)
        heads |= {mark.id: spot(mark) for mark in head_marks}
        staves += [spot(mark) for mark in staff_marks]
        first_system += 1 + max((mark.system for mark in head_marks + staff_marks), default=-1)
    return heads, staves


def _centred(box: Box) -> tuple[float, float, float, float]:
    left, top, right, bottom = box
    return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top


def _hulls(spots: list[_Spot], *keys: str) -> list[tuple[tuple[int | str, ...], Box]]:
    """The box around all spots that agree in `keys`, in order."""
    groups: dict[tuple[int | str, ...], list[Box]] = {}
    for spot in spots:
        groups.setdefault(tuple(getattr(spot, key) for key in keys), []).append(spot.box)
    return [(key, hull(boxes)) for key, boxes in sorted(groups.items())]


@dataclass
class _Play:
    """A note or measure each time that it sounds."""

    id: str  # on paper
    onset: float
    quarter: float
    end: float
    tied: bool = False

    def times(self) -> tuple[float, float, float]:
        return self.onset, self.quarter, self.end - self.onset


def _plays(engraving: Engraving) -> tuple[list[_Play], list[_Play]]:
    """Notes and measures, in the order in which they begin."""
    timemap, on_paper = engraving.times()
    notes: list[_Play] = []
    measures: list[_Play] = []
    sounding: dict[str, _Play] = {}
    for event in timemap:
        now, quarter = event["tstamp"] / 1000, event["qstamp"]
        for name in event.get("off", []):
            if name in sounding:
                sounding.pop(name).end = now
        if "measureOn" in event:
            name = event["measureOn"]
            measures.append(_Play(on_paper.get(name, name), now, quarter, now))
        for name in event.get("on", []):
            sounding[name] = _Play(on_paper.get(name, name), now, quarter, now)
            notes.append(sounding[name])
        for last in measures[-1:]:
            last.end = now
    for measure, following in pairwise(measures):
        measure.end = following.onset
    return notes, measures


def _measures(bars: list[_Play], staves: list[_Spot], labels: dict[str, str]) -> list[tuple[Any, ...]]:
    boxes = {key[2]: (key[:2], _centred(box)) for key, box in _hulls(staves, "page", "system", "measure")}
    numbers = {measure: number for number, measure in enumerate(labels)}
    return [
        (*boxes[bar.id][0], numbers[bar.id], *boxes[bar.id][1], *bar.times(), labels[bar.id])
        for bar in bars
        if bar.id in boxes
    ]


class _Encoded(NamedTuple):
    """What the MEI says of a note."""

    pitch: int
    grace: bool
    tied_to: str  # id of the note that it continues, or ""


def _join_ties(plays: list[_Play], encoded: dict[str, _Encoded]) -> None:
    """Marks what is tied, and lets the note that was struck sound to the end of the last one."""
    struck: dict[str, _Play] = {}  # what sounded last, by the id of each note that it goes on in
    for play in plays:
        before = encoded[play.id].tied_to if play.id in encoded else ""
        play.tied = bool(before)
        struck[play.id] = struck.get(before, play)
        struck[play.id].end = max(struck[play.id].end, play.end)


_ID = "{http://www.w3.org/XML/1998/namespace}id"
_MEI = "{http://www.music-encoding.org/ns/mei}"
_STEPS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_ALTERATIONS = {"s": 1, "ss": 2, "x": 2, "sx": 3, "xs": 3, "ts": 3, "f": -1, "ff": -2, "tf": -3, "nf": -1, "ns": 1}


def _read_mei(mei: str) -> tuple[dict[str, _Encoded], dict[str, str]]:
    """Notes by their id, and the printed numbers of measures by theirs, in order."""
    try:
        root = ElementTree.fromstring(mei)  # noqa: S314 - verovio's own, which declares no entities
    except ElementTree.ParseError as error:
        raise ValueError(f"MEI must be well formed, got: {error}") from None
    ties = {tie.get("endid", "").lstrip("#"): tie.get("startid", "").lstrip("#") for tie in root.iter(f"{_MEI}tie")}
    notes: dict[str, _Encoded] = {}
    labels: dict[str, str] = {}
    transposed: dict[str, int] = {}
    shift = 0
    grace_notes: set[ElementTree.Element] = set()
    for element in root.iter():
        name, kind = element.get(_ID, ""), element.tag.removeprefix(_MEI)
        if kind == "measure":
            labels[name] = element.get("n", "")
        elif kind == "staffDef":
            transposed[element.get("n", "")] = int(element.get("trans.semi", "0"))
        elif kind == "staff":
            shift = transposed.get(element.get("n", ""), 0)
        elif element.get("grace") or kind == "graceGrp":
            grace_notes.update(element.iter(f"{_MEI}note"))
        if kind == "note" and element.get("pname") in _STEPS:
            notes[name] = _Encoded(_pitch(element) + shift, element in grace_notes, ties.get(name, ""))
    return notes, labels


def _pitch(note: ElementTree.Element) -> int:
    octave = int(note.get("oct.ges") or note.get("oct") or 4)
    accidentals = [note, *note.iter(f"{_MEI}accid")]
    # What sounds goes before what is written.
    alterations = [accidental.get(key, "") for key in ("accid.ges", "accid") for accidental in accidentals]
    alteration = next((_ALTERATIONS.get(name, 0) for name in alterations if name), 0)
    return 12 * (octave + 1) + _STEPS[note.get("pname", "")] + alteration
