"""Plaine & Easie code -> semantic tokens (`pae_writer` is the way back).

The text has a field a line, as verovio takes it: `@clef:G-2`, `@keysig:bBE`, `@timesig:c/`, `@data:'4CD8{EF}2G/`; an
empty field gives no token. Fields of other names are left out of account.

Conventions, shared with `kern` where it can say the same:
- a bar line, of whatever kind, is one `barline`; the last measure has one only where the text does;
- `=3` is `multirest-3`; `=` and `=1`, a measure's rest alone, are `multirest-1`;
- an accidental holds for its step and octave to the end of the measure, and through a tie for the next note;
- a tie joins a note to the very next one at the same pitch; one that joins none is dropped;
- beams, trills and fermatas of measure rests are dropped; `g` is an eighth, whatever is written.

What PrIMuS has no token for (tuplets, chords, mensural notation, octave clefs, other signs of time) is refused.

Source: Plaine & Easie Code, versions 1 (2019) and 2, plaine-and-easie.info, and verovio where they are silent.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from scorehub.notation.accidentals import SHARPS, Accidentals
from scorehub.notation.tidy import tidy_pae
from scorehub.pipelines.music_transcription.semantic import (
    DURATIONS,
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

LENGTHS = dict(zip("0912486357", DURATIONS, strict=True))
ACCIDENTALS = {"xx": 2, "x": 1, "n": 0, "b": -1, "bb": -2}
MAX_TOKENS = 10_000  # repeated measures and figures can make much of little text

_SYMBOL = re.compile(
    r"(?P<octave>'+|,+)|(?P<lengths>(?:[0-9]\.*)+)|(?P<accidental>xx?|bb?|n)|(?P<note>[A-G])|(?P<rest>-)"
    r"|(?P<skip>[{}t]|\s+)|(?P<bar>:?//:?|/)|(?P<fermata>\([^()]*\))|(?P<tie>\+)|(?P<grace>qq|q|g|r)"
    r"|=(?P<measures>[0-9]*)|%(?P<clef>.{,3})|\$(?P<key>n?[xb]?[A-G\[\]]*)|@(?P<meter>[0-9]+/[0-9]+|c/?(?![0-9.])|\S*)"
    r"|(?P<figure>!f*)|(?P<again>i)",
    re.DOTALL,
)
_TIE_FOLLOWS = tuple("ABCDEFGt)")
_NOTE_OR_REST = re.compile(r"[A-G=-]")


class _Written(NamedTuple):
    # A note as it is written: without an accidental its alteration depends on where it stands.
    step: str
    octave: int
    alter: int | None
    length: Length
    fermata: bool
    grace: bool


def read_pae(text: str) -> list[Token]:
    """Tokens of a Plaine & Easie text.

    Raises:
        ValueError: a field or symbol is malformed or says what no token can; names the measure, counted by bar lines.
    """
    fields = _fields(tidy_pae(text))
    reader = _Reader()
    for read, name in ((reader.read_clef, "clef"), (reader.read_key, "keysig"), (reader.read_meter, "timesig")):
        if fields.get(name):
            read(fields[name])
    return _sounding(reader.read(fields["data"]))


def _fields(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.split("\n"))):
        name, colon, value = line.removeprefix("@").partition(":")
        if line[0] != "@" or not colon or name in fields:
            raise ValueError(f"Plaine & Easie line must be a field of its own like @clef:G-2, got {line[:80]!r}")
        fields[name] = value.strip()
    if "data" not in fields:
        raise ValueError(f"Plaine & Easie text must have a field @data, got {text[:80]!r}")
    return fields


class _Reader:
    # One method per group of _SYMBOL; what they find goes to `events`.

    def __init__(self) -> None:
        self.events: list[Token | _Written] = []
        self._bars = 0
        self._start, self._previous = 0, slice(0, 0)  # this measure's first event, and the measure before
        self._lengths: tuple[Length, ...] = (Length("quarter"),)  # a rhythm, used again and again
        self._beat = 0
        self._octave = 4
        self._accidental: int | None = None
        self._grace = ""
        self._fermata = False
        self._figure: int | None = None
        self._full = False  # a measure's rest or repeated measure needs a bar line next

    def read(self, data: str) -> list[Token | _Written]:
        place = 0
        try:
            while place < len(data):
                place = self._read_symbol(data, place)
            if self._accidental is not None or self._figure is not None or self._grace:
                raise ValueError("accidental, figure or grace notes must not be left open")
        except ValueError as error:
            raise ValueError(f"Plaine & Easie measure {self._bars + 1}: {error}") from None
        return self.events

    def _read_symbol(self, data: str, place: int) -> int:
        if data[place] == "^":
            raise ValueError("notes must be single, got a chord")
        match = _SYMBOL.match(data, place)
        if not match or not match.lastgroup:
            raise ValueError(f"symbol must be one of the code's, got {data[place : place + 10]!r}")
        name, text = match.lastgroup, match[match.lastgroup]
        if self._full and name not in ("bar", "skip"):
            raise ValueError(f"whole measure must be followed by a bar line, got {match[0]!r}")
        if self._accidental is not None and name not in ("note", "fermata", "skip"):
            raise ValueError(f"accidental must be followed by its note, got {match[0]!r}")
        # A tie that does not stand by its note is read by nobody.
        if name != "skip" and (name != "tie" or data[place - 1 : place] in _TIE_FOLLOWS):
            getattr(self, f"read_{name}")(text)
        if len(self.events) > MAX_TOKENS:
            raise ValueError(f"text must have at most {MAX_TOKENS} tokens")
        return match.end()

    def read_octave(self, marks: str) -> None:
        self._octave = 3 + len(marks) if marks[0] == "'" else 4 - len(marks)

    def read_lengths(self, marks: str) -> None:
        self._lengths, self._beat = _lengths(marks), 0

    def read_accidental(self, mark: str) -> None:
        self._accidental = ACCIDENTALS[mark]

    def read_note(self, step: str) -> None:
        length = _lengths("8")[0] if self._grace == "g" else self._length()
        note = _Written(step, self._octave, self._accidental, length, self._fermata, bool(self._grace))
        self.events.append(note)
        self._accidental, self._fermata = None, False
        if self._grace != "qq":
            self._grace = ""

    def read_rest(self, _: str) -> None:
        if self._grace:
            raise ValueError("grace note must be a note, got a rest")
        self.events.append(Rest(self._length(), self._fermata))
        self._fermata = False

    def _length(self) -> Length:
        self._beat += 1
        return self._lengths[(self._beat - 1) % len(self._lengths)]

    def read_fermata(self, group: str) -> None:
        if ";" in group or len(_NOTE_OR_REST.findall(group)) != 1:
            raise ValueError(f"notes must be in plain rhythm, got the tuplet {group[:20]!r}")
        self._fermata = "=" not in group
        place = 0
        while place < len(group) - 2:
            place = self._read_symbol(group[1:-1], place)

    def read_tie(self, _: str) -> None:
        self.events.append(Tie())

    def read_grace(self, mark: str) -> None:
        if mark != "r" and self._grace:
            raise ValueError(f"grace notes must end with r before others begin, got {mark!r}")
        self._grace = "" if mark == "r" else mark

    def read_bar(self, _: str) -> None:
        if self._grace or self._figure is not None:
            raise ValueError("grace notes and repeated figures must end in their measure")
        self._previous = slice(self._start, len(self.events))
        self.events.append(Barline())
        self._start = len(self.events)
        self._bars += 1
        self._full = False

    def read_measures(self, count: str) -> None:
        self.events.append(MultiRest(int(count or 1)))
        self._full = True

    def read_clef(self, text: str) -> None:
        if not re.fullmatch(r"[CFG]-[1-5]", text):
            raise ValueError(f"clef must be C, F or G, - (not mensural, no octave), and a line, got {text!r}")
        self.events.append(Clef(text[0], int(text[2])))

    def read_key(self, text: str) -> None:
        letters = re.sub(r"^\$?n?|[\[\]]", "", text)
        steps = letters[1:]
        order = SHARPS if letters.startswith("x") else SHARPS[::-1]
        if letters[:1] not in ("x", "b", "") or letters in ("x", "b") or sorted(steps) != sorted(order[: len(steps)]):
            raise ValueError(f"key signature must be x or b and steps in the order of keys, got {text[:20]!r}")
        self.events.append(KeySignature(len(steps) if letters.startswith("x") else -len(steps)))

    def read_meter(self, text: str) -> None:
        if not re.fullmatch(r"c/?|[0-9]+/[0-9]+", text):
            raise ValueError(f"time signature must be c, c/ or like 3/4, got {text[:20]!r}")
        self.events.append(TimeSignature(text.upper()))

    def read_figure(self, mark: str) -> None:
        if self._figure is None and mark == "!":
            self._figure = len(self.events)
        elif self._figure is None:
            raise ValueError(f"figure must begin before it is repeated, got {mark[:20]!r}")
        else:
            self._repeat(self.events[self._figure :], len(mark) - 1)
            self._figure = None

    def read_again(self, _: str) -> None:
        if len(self.events) != self._start or not self._bars:
            raise ValueError("i must stand alone in a measure and repeat one")
        self._repeat(self.events[self._previous], 1)
        self._full = True

    def _repeat(self, events: list[Token | _Written], times: int) -> None:
        music = [event for event in events if not isinstance(event, Clef | KeySignature | TimeSignature)]
        if len(self.events) + len(music) * times > MAX_TOKENS:
            raise ValueError(f"text must have at most {MAX_TOKENS} tokens")
        self.events += music * times


@lru_cache(maxsize=1024)
def _lengths(marks: str) -> tuple[Length, ...]:
    return tuple(Length(LENGTHS[mark[0]], len(mark) - 1) for mark in re.findall(r"[0-9]\.*", marks))


def _sounding(events: list[Token | _Written]) -> list[Token]:
    # A note's alteration comes from its accidental, tie, measure or key. A tie that joins nothing is taken out again.
    accidentals = Accidentals()
    tokens: list[Token] = []
    tie: int | None = None  # where a tie waits for its second note
    for event in events:
        if isinstance(event, _Written):
            first = tokens[tie - 1] if tie else None
            tied = first.pitch if isinstance(first, Note) else None
            pitch = _pitch(event, tied, accidentals)
            if tie and tied != pitch:
                del tokens[tie]
            tokens.append(Note(pitch, event.length, event.fermata, event.grace))
            tie = None
            continue
        accidentals.advance(event)
        if tie and isinstance(event, Rest | MultiRest):
            del tokens[tie]
            tie = None
        if isinstance(event, Tie):
            tie = len(tokens)
        tokens.append(event)
    if tie:
        del tokens[tie]
    return tokens


def _pitch(note: _Written, tied: Pitch | None, accidentals: Accidentals) -> Pitch:
    if note.alter is not None:
        pitch = Pitch(note.step, note.alter, note.octave)
        accidentals.write(pitch)
        return pitch
    if tied and (tied.step, tied.octave) == (note.step, note.octave):
        return tied
    return Pitch(note.step, accidentals.at(note.step, note.octave), note.octave)
