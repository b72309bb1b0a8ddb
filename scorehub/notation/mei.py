"""Reads one staff of MEI as PrIMuS's tokens, semantic or agnostic.

For MEI 4 as PrIMuS's own files have it and MEI 5 as Verovio writes it, of one staff with one layer. It serves to check
the readers of other notations against the engraver, so it shares nothing with them but the tokens.

Conventions, those of PrIMuS where it has one:

- A bar line is a token where a measure has one drawn, which is everywhere but after `right="invis"`. PrIMuS's own
  converter goes by the last measure's length instead: it ends in a bar line if it is full.
- A measure's rest (`mRest`) is `multirest-1`, as is PrIMuS's `multiRest` of one measure, but drawn as a whole rest.
- A note sounds as `accid` or `accid.ges` says, else like the note that it is tied to, else like the last accidental at
  its line or space in the measure, else by the key signature.
- A tie of attributes that finds no second note of its pitch is not drawn, and no token.
- C major's key signature is a token only where it takes back another, with natural signs.
- Slurs, trills, dynamics, words and other marks have no tokens. What has none but sounds or stands for time, such as
  tuplets, chords, spaces, octave clefs, and further staves or layers, is an error.
"""

import xml.etree.ElementTree as ET
from functools import lru_cache

from scorehub.notation.agnostic import AgnosticToken
from scorehub.notation.drawn import Drawn, agnostic_tokens, semantic_tokens
from scorehub.notation.mei_signs import SIGNS, Sign, altered, definition, sign, tag
from scorehub.pipelines.music_transcription.semantic import (
    Barline,
    KeySignature,
    Length,
    MultiRest,
    Note,
    Pitch,
    Rest,
    Token,
)

MAX_MEI_CHARS = 4 * 2**20
MAX_NESTING = 4  # beams and groups of grace notes in one another

_ID = "{http://www.w3.org/XML/1998/namespace}id"
_DURATIONS = {
    **{"long": "quadruple_whole", "breve": "double_whole", "1": "whole", "2": "half", "4": "quarter", "8": "eighth"},
    **{"16": "sixteenth", "32": "thirty_second", "64": "sixty_fourth", "128": "hundred_twenty_eighth"},
}
_ACCIDENTALS = {"s": 1, "f": -1, "n": 0, "x": 2, "ss": 2, "ff": -2}
_ALTERNATIVES = {"app", "choice", "ossia", "part"}  # more than one reading of the music

# A staff has few different pitches and lengths, and each costs its checks only once.
_pitch = lru_cache(maxsize=1024)(Pitch)
_length = lru_cache(maxsize=64)(Length)


def read_mei(text: str) -> list[Token]:
    """The semantic tokens of MEI's one staff.

    Raises:
        ValueError: the text is no such MEI, or PrIMuS has no token for what it holds; names the measure.
    """
    return semantic_tokens(read_drawn(text))


def read_mei_agnostic(text: str) -> list[AgnosticToken]:
    """The agnostic tokens of MEI's one staff.

    Raises:
        ValueError: as `read_mei`, or a note stands before any clef.
    """
    return agnostic_tokens(read_drawn(text))


def read_drawn(text: str) -> list[Drawn]:
    """The symbols of MEI's one staff.

    Raises:
        ValueError: as `read_mei`.
    """
    if len(text) > MAX_MEI_CHARS:
        raise ValueError(f"MEI must have at most {MAX_MEI_CHARS} characters, got {len(text)}")
    if "<!DOCTYPE" in text:
        raise ValueError("MEI must have no DOCTYPE, got one")
    try:
        root = ET.fromstring(text)  # noqa: S314 - DOCTYPE, and with it every entity, is refused
    except (ET.ParseError, UnicodeEncodeError) as error:
        raise ValueError(f"MEI must be well-formed XML, got {error}") from None
    parts: dict[str, list[ET.Element]] = {}
    for element in root.iter():
        parts.setdefault(tag(element), []).append(element)
    if len(parts.get("score", ())) != 1 or not _ALTERNATIVES.isdisjoint(parts):
        found = [f"{len(parts[name])} {name}" for name in parts if name == "score" or name in _ALTERNATIVES]
        raise ValueError(f"MEI must have one score and one reading, got {', '.join(found) or 'none'}")
    staff = _Staff(parts.get("tie", []), parts.get("fermata", []))
    try:
        staff.read(parts["score"][0])
    except ValueError as error:
        raise ValueError(f"MEI measure {staff.number}: {error}") from None
    return staff.drawn


class _Staff:
    """What has been read of the staff, and what governs the next note."""

    def __init__(self, ties: list[ET.Element], fermatas: list[ET.Element]) -> None:
        self.drawn: list[Drawn] = []
        self.number = 0  # of the measure, from 1; 0 before the first
        self.key: dict[str, int] = {}  # alteration by step
        self.accidentals: dict[tuple[str, int], int] = {}  # alteration by step and octave in this measure
        self.open: Drawn | None = None  # the note that a tie leads on from
        self.tied, self.held = ({tie.get(end, "")[1:] for tie in ties} for end in ("startid", "endid"))  # ids of notes
        if "" in self.tied | self.held:
            raise ValueError("MEI's ties must each have two notes, got one that hangs")
        self.joined = 0  # ties by id whose two notes were found
        self.fermatas = {mark.get("startid", "")[1:]: mark.get("place", "above") for mark in fermatas}
        if "" in self.fermatas:
            raise ValueError("MEI's fermatas must each have a note or rest, got one without")

    def read(self, score: ET.Element) -> None:
        """All signs and measures in their order."""
        for element in score.iter():
            match tag(element):
                case "scoreDef":
                    for token in definition(element):
                        self.add(token)
                case "measure":
                    self.measure(element)
        if not self.number:
            raise ValueError("score must have a measure, got none")
        if self.joined != len(self.tied):
            raise ValueError(f"ties must join neighbours of one pitch, got {len(self.tied) - self.joined} that do not")
        if self.fermatas:
            raise ValueError(f"fermatas must stand over notes or rests, got {len(self.fermatas)} that do not")

    def add(self, token: Sign | Barline) -> None:
        """Draws a symbol that is no note or rest."""
        if token == KeySignature(0) and not self.key:
            return  # nothing to draw, nothing to cancel
        self.drawn.append(Drawn(token))
        if isinstance(token, KeySignature):
            self.key = dict.fromkeys(altered(token), 1 if token.fifths > 0 else -1)

    def measure(self, measure: ET.Element) -> None:
        """A measure and its bar line."""
        self.number += 1
        self.accidentals.clear()
        staves = [element for element in measure if tag(element) == "staff"]
        layers = [element for staff in staves for element in staff]
        if len(staves) != 1 or [tag(layer) for layer in layers] != ["layer"]:
            raise ValueError(f"measure must have one staff with one layer, got {len(staves)} with {len(layers)}")
        self.layer(layers[0], grace=False, depth=0)
        if measure.get("right") != "invis":
            self.add(Barline())

    def layer(self, layer: ET.Element, grace: bool, depth: int) -> None:
        """Symbols of a layer, or of a beam or a group of grace notes in it."""
        if depth > MAX_NESTING:
            raise ValueError(f"beams must be nested at most {MAX_NESTING} deep, got more")
        for element in layer:
            name = tag(element)
            if name == "note":
                self.note(element, grace or "grace" in element.attrib)
            elif name == "rest":
                fermata = self.fermata(element)
                self.rest(Drawn(Rest(_written(element), bool(fermata)), fermata=fermata))
            elif name in ("mRest", "multiRest"):
                self.measure_rest(element)
            elif name == "beam":
                start = len(self.drawn)
                self.layer(element, grace, depth + 1)
                _beam(self.drawn[start:])
            elif name == "graceGrp":
                self.layer(element, grace=True, depth=depth + 1)
            elif name in SIGNS:
                for token in sign(element):
                    self.add(token)
            else:
                raise ValueError(f"layer must hold only what PrIMuS has symbols for, got {name!r}")

    def note(self, element: ET.Element, grace: bool) -> None:
        """A note, tied to the one before if both say so."""
        step, octave = element.get("pname", "").upper(), element.get("oct", "")
        if not octave.isascii() or not octave.isdecimal():
            raise ValueError(f"note's oct must be a number, got {octave!r}")
        place = step, int(octave[:3])
        name, tie = element.get(_ID, ""), element.get("tie", "")
        before = self.open if self.open and _place(self.open) == place else None
        held = before is not None and (name in self.held or tie in ("m", "t"))
        accidental, alter = self.alteration(element, place, before if held else None)
        fermata = self.fermata(element)
        note = Note(_pitch(step, alter, place[1]), _written(element), bool(fermata), grace)
        drawn = Drawn(note, accidental, fermata=fermata, held=held)
        self.drawn.append(drawn)
        if held and before:
            before.tied = True
            self.joined += name in self.held
        if tie in ("i", "m") or name in self.tied:
            self.open = drawn
        elif held or not grace:  # a tie leads over grace notes
            self.open = None

    def alteration(self, element: ET.Element, place: tuple[str, int], before: Drawn | None) -> tuple[int | None, int]:
        """The accidental drawn, if any, and the note's alteration, both in semitones."""
        written, sounding = element.get("accid"), element.get("accid.ges")
        for child in element:
            if tag(child) == "accid":
                written, sounding = child.get("accid", written), child.get("accid.ges", sounding)
        for accidental in (written, sounding):
            if accidental is not None and accidental not in _ACCIDENTALS:
                raise ValueError(f"accidental must be one of {list(_ACCIDENTALS)}, got {accidental!r}")
        if written is not None:
            self.accidentals[place] = _ACCIDENTALS[written]
            return _ACCIDENTALS[written], _ACCIDENTALS[written]
        if sounding is not None:
            return None, _ACCIDENTALS[sounding]
        if before is not None and isinstance(before.token, Note):
            return None, before.token.pitch.alter
        return None, self.accidentals.get(place, self.key.get(place[0], 0))

    def rest(self, drawn: Drawn) -> None:
        """A rest, over which no tie leads."""
        self.drawn.append(drawn)
        self.open = None

    def measure_rest(self, element: ET.Element) -> None:
        """One or several measures of rest; the tokens have no place for its fermata, but it is drawn."""
        number = element.get("num", "") if tag(element) == "multiRest" else "1"
        if not number.isascii() or not number.isdecimal():
            raise ValueError(f"multiRest must have a num, got {number!r}")
        if element.get("visible") == "false":
            raise ValueError(f"{tag(element)} must be visible, got it hidden")
        self.rest(Drawn(MultiRest(int(number[:9])), fermata=self.fermata(element), whole=tag(element) == "mRest"))

    def fermata(self, element: ET.Element) -> str:
        """Where the element's fermata stands, above or below; empty if it has none."""
        place = self.fermatas.pop(element.get(_ID, ""), element.get("fermata", ""))
        if place not in ("", "above", "below"):
            raise ValueError(f"fermata must be above or below, got {place!r}")
        return place


def _written(element: ET.Element) -> Length:
    duration, dots = element.get("dur", ""), element.get("dots", "0")
    if duration not in _DURATIONS or dots not in ("0", "1", "2", "3"):
        raise ValueError(
            f"{tag(element)} must have dur {', '.join(_DURATIONS)} and 0 to 3 dots, got {duration!r}, {dots!r}"
        )
    if element.get("visible") == "false":
        raise ValueError(f"{tag(element)} must be visible, got it hidden")
    return _length(_DURATIONS[duration], int(dots))


def _place(drawn: Drawn) -> tuple[str, int] | None:
    return (drawn.token.pitch.step, drawn.token.pitch.octave) if isinstance(drawn.token, Note) else None


def _beam(drawn: list[Drawn]) -> None:
    """Gives a beam's notes their part in it; those of a beam inside it have theirs."""
    members = [symbol for symbol in drawn if isinstance(symbol.token, Note | Rest) and not symbol.beam]
    for symbol in members:
        if isinstance(symbol.token, Note):
            symbol.beam = "Right" if symbol is members[0] else "Left" if symbol is members[-1] else "Both"
