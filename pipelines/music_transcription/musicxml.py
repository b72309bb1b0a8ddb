"""Writes tokens as MusicXML 4.0: one part, one voice, a measure from bar line to bar line.

A multirest becomes that many measures of rest with a `multiple-rest` over them. A whole rest alone in its measure is a
measure's rest too, as in `sounding`. Accidentals are written where key and measure do not imply them, but not on the
second of two tied notes. A staff that does not end in a bar line ends in an invisible one. Beams are left out.

Source: MusicXML 4.0, w3.org/2021/06/musicxml40.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import lcm

from .semantic import (
    Barline,
    Clef,
    KeySignature,
    Length,
    MultiRest,
    Note,
    Pitch,
    Rest,
    Tie,
    TimeSignature,
    Token,
)
from .sounding import timeline

MAX_MEASURES = 20_000

_TYPES = {
    "quadruple_whole": "long",
    "double_whole": "breve",
    "whole": "whole",
    "half": "half",
    "quarter": "quarter",
    "eighth": "eighth",
    "sixteenth": "16th",
    "thirty_second": "32nd",
    "sixty_fourth": "64th",
    "hundred_twenty_eighth": "128th",
}
ACCIDENTALS = {-2: "flat-flat", -1: "flat", 0: "natural", 1: "sharp", 2: "double-sharp"}
_SIGNS = {"C": "common", "C/": "cut"}
_SHARPS = "FCGDAEB"
_SHORTEST = 1024  # of a whole note: the last dot of a 128th note with three
_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<score-partwise version="4.0">\n'
    '<part-list><score-part id="P1"><part-name/></score-part></part-list>\n<part id="P1">\n'
)


def write_musicxml(tokens: Sequence[Token]) -> str:
    """MusicXML of a staff.

    Raises:
        ValueError: there are no tokens, or multirests of more than `MAX_MEASURES` measures in all.
    """
    n_measures = sum(token.measures for token in tokens if isinstance(token, MultiRest))
    if not tokens or n_measures > MAX_MEASURES:
        raise ValueError(f"tokens must be some, with up to {MAX_MEASURES} measures of rest, got {n_measures} measures")
    measures = enumerate(_Writer(tokens).measures(), start=1)
    body = "".join(f'<measure number="{number}">\n{content}</measure>\n' for number, content in measures)
    return f"{_HEAD}{body}</part>\n</score-partwise>\n"


class _Writer:
    """The measure that is being written, and what governs the next note."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        meters = [token.measure for token in tokens if isinstance(token, TimeSignature)]
        self.whole = lcm(_SHORTEST, *(measure.denominator for measure in meters))  # divisions in a whole note
        self.starts, self.stops = _ties(tokens)
        self.content = ""
        self.signs = {"divisions": f"<divisions>{self.whole // 4}</divisions>"}  # to come before the next note
        self.full = False  # of a multirest: only signs may follow in this measure
        self.key: dict[str, int] = {}
        self.accidentals: dict[tuple[str, int], int] = {}

    def measures(self) -> Iterator[str]:
        """What each measure holds."""
        for index, (token, (_, lasts)) in enumerate(zip(self.tokens, timeline(self.tokens), strict=True)):
            if isinstance(token, Clef | KeySignature | TimeSignature):
                self.sign(token)
            elif isinstance(token, MultiRest):
                if self.content:
                    yield self.close()
                yield from self.multi_rest(token.measures, lasts / token.measures)
            elif isinstance(token, Note | Rest):
                if self.full:
                    yield self.close()
                self.content += self.attributes()
                self.content += self.note(index, token) if isinstance(token, Note) else self.rest(token, lasts)
            elif isinstance(token, Barline):
                self.content += self.attributes()
                yield self.close()
        if self.content or self.signs:
            self.content += self.attributes()
            yield self.close() + '<barline location="right"><bar-style>none</bar-style></barline>\n'

    def close(self) -> str:
        """Ends the measure."""
        content, self.content, self.full = self.content, "", False
        self.accidentals.clear()
        return content

    def sign(self, token: Clef | KeySignature | TimeSignature) -> None:
        """Keeps a sign until a note comes; a second of its kind is a change in the same place."""
        if isinstance(token, Clef):
            name, text = "clef", f"<clef><sign>{token.sign}</sign><line>{token.line}</line></clef>"
        elif isinstance(token, KeySignature):
            name, text = "key", f"<key><fifths>{token.fifths}</fifths></key>"
            steps = (_SHARPS if token.fifths > 0 else _SHARPS[::-1])[: abs(token.fifths)]
            self.key = dict.fromkeys(steps, 1 if token.fifths > 0 else -1)
        else:
            symbol = f' symbol="{_SIGNS[token.text]}"' if token.text in _SIGNS else ""
            beats, unit = token.fraction
            name, text = "time", f"<time{symbol}><beats>{beats}</beats><beat-type>{unit}</beat-type></time>"
        if name in self.signs:
            self.content += self.attributes()
        self.signs[name] = text

    def attributes(self) -> str:
        """The signs that were kept, in the order that MusicXML wants."""
        names = [name for name in ("divisions", "key", "time", "clef") if name in self.signs]
        text = "".join(self.signs.pop(name) for name in names)
        return f"<attributes>{text}</attributes>\n" if text else ""

    def multi_rest(self, measures: int, lasts: Fraction) -> Iterator[str]:
        """All measures but the last, which is left to its bar line."""
        # Apart from the signs, which verovio would draw twice at the beginning of a staff.
        style = f"<measure-style><multiple-rest>{measures}</multiple-rest></measure-style>"
        self.content += f"{self.attributes()}<attributes>{style}</attributes>\n"
        rest = f'<note><rest measure="yes"/>{self.duration(lasts)}<voice>1</voice></note>\n'
        for _ in range(measures - 1):
            self.content += rest
            yield self.close()
        self.content += rest
        self.full = True

    def duration(self, lasts: Fraction) -> str:
        """In divisions, of which every note and measure has a whole number."""
        return f"<duration>{lasts * self.whole}</duration>"

    def rest(self, rest: Rest, lasts: Fraction) -> str:
        """A rest, of the measure if it lasts other than it is written."""
        kind = "<rest/>" if lasts == rest.length.fraction else '<rest measure="yes"/>'
        fermata = "<notations><fermata/></notations>" if rest.fermata else ""
        return f"<note>{kind}{self.duration(lasts)}<voice>1</voice>{_length(rest.length)}{fermata}</note>\n"

    def note(self, index: int, note: Note) -> str:
        """A note with its ties and accidental."""
        pitch = note.pitch
        tied = [name for name, ties in (("stop", self.stops), ("start", self.starts)) if index in ties]
        lasts = "<grace/>", "" if note.grace else self.duration(note.length.fraction)
        accidental = ""
        place = pitch.step, pitch.octave
        if "stop" not in tied and self.accidentals.get(place, self.key.get(pitch.step, 0)) != pitch.alter:
            self.accidentals[place] = pitch.alter
            accidental = f"<accidental>{ACCIDENTALS[pitch.alter]}</accidental>"
        notations = "".join(f'<tied type="{name}"/>' for name in tied) + "<fermata/>" * note.fermata
        return (
            f"<note>{lasts[0] * note.grace}{_pitch(pitch)}{lasts[1]}"
            + "".join(f'<tie type="{name}"/>' for name in tied)
            + f"<voice>1</voice>{_length(note.length)}{accidental}"
            + (f"<notations>{notations}</notations>" if notations else "")
            + "</note>\n"
        )


def _pitch(pitch: Pitch) -> str:
    alter = f"<alter>{pitch.alter}</alter>" if pitch.alter else ""
    return f"<pitch><step>{pitch.step}</step>{alter}<octave>{pitch.octave}</octave></pitch>"


def _length(length: Length) -> str:
    return f"<type>{_TYPES[length.name]}</type>{'<dot/>' * length.dots}"


def _ties(tokens: Sequence[Token]) -> tuple[set[int], set[int]]:
    """Where the notes stand from which a tie goes, and to which one comes, over grace notes if it must."""
    starts: set[int] = set()
    stops: set[int] = set()
    before: tuple[int, Note] | None = None
    latest: tuple[int, Note] | None = None
    for index, token in enumerate(tokens):
        if isinstance(token, Note):
            latest = index, token
            if before and before[1].pitch == token.pitch and token.grace <= before[1].grace:
                starts.add(before[0])
                stops.add(index)
            if before and (index in stops or not token.grace):
                before = None
        elif isinstance(token, Tie):
            before = latest
        elif isinstance(token, Rest | MultiRest):
            before = latest = None
    return starts, stops
