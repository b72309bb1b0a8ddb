"""PrIMuS's semantic encoding as typed tokens, read and written exactly.

A staff is a list of tokens. Text is one token after another, separated by tabs, as PrIMuS's `.semantic` files have it:

    clef-C1  keySignature-EbM  timeSignature-2/4  multirest-23  barline  rest-quarter  note-Bb4_eighth  tie  barline

Durations are fractions of a whole note. A pitch is a letter, its alteration in semitones, and an octave that begins at
C; C4 is MIDI 60. The grammar admits every symbol of PrIMuS's vocabulary (1,781) and others of the same form.

Source: Calvo-Zaragoza and Rizo, End-to-End Neural Optical Music Recognition of Monophonic Scores, 2018, section 3.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

DURATIONS = {
    "quadruple_whole": Fraction(4),
    "double_whole": Fraction(2),
    "whole": Fraction(1),
    "half": Fraction(1, 2),
    "quarter": Fraction(1, 4),
    "eighth": Fraction(1, 8),
    "sixteenth": Fraction(1, 16),
    "thirty_second": Fraction(1, 32),
    "sixty_fourth": Fraction(1, 64),
    "hundred_twenty_eighth": Fraction(1, 128),
}
MAX_DOTS = 3
STEPS = "CDEFGAB"
ALTERATIONS = {"": 0, "#": 1, "b": -1, "##": 2, "bb": -2}
# Major keys by their number of sharps, flats being negative.
KEYS = {
    "Cb": -7, "Gb": -6, "Db": -5, "Ab": -4, "Eb": -3, "Bb": -2, "F": -1,
    "C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5, "F#": 6, "C#": 7,
}  # fmt: skip
METER_SIGNS = {"C": (4, 4), "C/": (2, 2)}

_SEMITONES = dict(zip(STEPS, (0, 2, 4, 5, 7, 9, 11), strict=True))
_PITCH = re.compile(r"([A-G])(##|bb|#|b)?(\d)")
_LENGTH = re.compile(rf"({'|'.join(sorted(DURATIONS, key=len, reverse=True))})(\.{{0,{MAX_DOTS}}})")


@dataclass(frozen=True)
class Clef:
    """`sign` is C, F or G; `line` counts from the lowest, 1."""

    sign: str
    line: int

    def __post_init__(self) -> None:
        if self.sign not in "CFG" or len(self.sign) != 1 or not 1 <= self.line <= 5:
            raise ValueError(f"clef must be C, F or G on a line from 1 to 5, got {self.sign!r} on {self.line!r}")

    def __str__(self) -> str:
        return f"clef-{self.sign}{self.line}"


@dataclass(frozen=True)
class KeySignature:
    """`fifths` counts sharps, flats being negative, from -7 to 7."""

    fifths: int

    def __post_init__(self) -> None:
        if not -7 <= self.fifths <= 7:
            raise ValueError(f"key signature must have -7 to 7 sharps, got {self.fifths!r}")

    def __str__(self) -> str:
        return f"keySignature-{next(name for name, fifths in KEYS.items() if fifths == self.fifths)}M"


@dataclass(frozen=True)
class TimeSignature:
    """`3/4`, or the signs `C` and `C/`, kept as they are written."""

    text: str

    def __post_init__(self) -> None:
        if self.text not in METER_SIGNS and not re.fullmatch(r"[1-9]\d?/[1-9]\d?", self.text):
            raise ValueError(f"time signature must be C, C/ or like 3/4 with numbers from 1 to 99, got {self.text!r}")

    @property
    def fraction(self) -> tuple[int, int]:
        """Beats in a measure, and the beat as the n-th part of a whole note."""
        beats, _, unit = self.text.partition("/")
        return METER_SIGNS[self.text] if self.text in METER_SIGNS else (int(beats), int(unit))

    @property
    def measure(self) -> Fraction:
        """Length of a measure."""
        return Fraction(*self.fraction)

    def __str__(self) -> str:
        return f"timeSignature-{self.text}"


@dataclass(frozen=True)
class Pitch:
    """`alter` is in semitones from -2 to 2, and sounding: the key signature is already in it."""

    step: str
    alter: int
    octave: int

    def __post_init__(self) -> None:
        if self.step not in STEPS or len(self.step) != 1 or not -2 <= self.alter <= 2 or not 0 <= self.octave <= 9:
            raise ValueError(
                f"pitch must be A to G, altered by -2 to 2, in octave 0 to 9, "
                f"got {self.step!r}, {self.alter!r}, {self.octave!r}"
            )

    @property
    def midi(self) -> int:
        """MIDI number."""
        return 12 * (self.octave + 1) + _SEMITONES[self.step] + self.alter

    @property
    def diatonic(self) -> int:
        """Staff steps above C0, whatever the alteration."""
        return 7 * self.octave + STEPS.index(self.step)

    def __str__(self) -> str:
        return f"{self.step}{'#' * self.alter}{'b' * -self.alter}{self.octave}"


@dataclass(frozen=True)
class Length:
    """A written duration: its name in `DURATIONS`, and dots."""

    name: str
    dots: int = 0

    def __post_init__(self) -> None:
        if self.name not in DURATIONS or not 0 <= self.dots <= MAX_DOTS:
            raise ValueError(
                f"length must be one of {', '.join(DURATIONS)} with 0 to {MAX_DOTS} dots, "
                f"got {self.name!r} with {self.dots!r}"
            )

    @property
    def fraction(self) -> Fraction:
        """Part of a whole note; each dot adds half of what stands before it."""
        return DURATIONS[self.name] * (2 - Fraction(1, 2**self.dots))

    @classmethod
    def of(cls, fraction: Fraction) -> "Length":
        """The written form of a duration.

        Raises:
            ValueError: no single symbol lasts that long.
        """
        for name in DURATIONS:
            for dots in range(MAX_DOTS + 1):
                if cls(name, dots).fraction == fraction:
                    return cls(name, dots)
        raise ValueError(f"duration must be that of one symbol with 0 to {MAX_DOTS} dots, got {fraction}")

    def __str__(self) -> str:
        return self.name + "." * self.dots


@dataclass(frozen=True)
class Note:
    """A note; a grace note takes its time from its neighbours."""

    pitch: Pitch
    length: Length
    fermata: bool = False
    grace: bool = False

    def __str__(self) -> str:
        return f"{'gracenote' if self.grace else 'note'}-{self.pitch}_{self.length}{'_fermata' * self.fermata}"


@dataclass(frozen=True)
class Rest:
    """A rest of a written length."""

    length: Length
    fermata: bool = False

    def __str__(self) -> str:
        return f"rest-{self.length}{'_fermata' * self.fermata}"


@dataclass(frozen=True)
class MultiRest:
    """Whole measures of silence."""

    measures: int

    def __post_init__(self) -> None:
        if not 1 <= self.measures <= 9999:
            raise ValueError(f"multirest must have 1 to 9999 measures, got {self.measures!r}")

    def __str__(self) -> str:
        return f"multirest-{self.measures}"


@dataclass(frozen=True)
class Barline:
    """Any kind of bar line."""

    def __str__(self) -> str:
        return "barline"


@dataclass(frozen=True)
class Tie:
    """Ties the note before it to the next one, across a bar line too."""

    def __str__(self) -> str:
        return "tie"


Token: TypeAlias = Clef | KeySignature | TimeSignature | Note | Rest | MultiRest | Barline | Tie


def parse_token(text: str) -> Token:
    """One token.

    Raises:
        ValueError: names the token and what it must be.
    """
    kind, _, value = text.partition("-")
    try:
        token = _parse(kind, value)
    except ValueError as error:
        raise ValueError(f"semantic token must be one of PrIMuS's, got {text[:80]!r}: {error}") from None
    if str(token) != text:
        raise ValueError(f"semantic token must be {str(token)!r}, got {text[:80]!r}")
    return token


def parse_semantic(text: str) -> list[Token]:
    """The tokens of a `.semantic` file; they are separated by tabs, or by any white space.

    Raises:
        ValueError: a token is malformed, or there is none.
    """
    tokens = [parse_token(word) for word in text.split()]
    if not tokens:
        raise ValueError(f"semantic text must have a token, got {text[:80]!r}")
    return tokens


def write_semantic(tokens: Iterable[Token]) -> str:
    """Tokens as PrIMuS writes them: a tab after each."""
    return "".join(f"{token}\t" for token in tokens)


def _parse(kind: str, value: str) -> Token:
    match kind:
        case "note" | "gracenote":
            return _parse_note(value, grace=kind == "gracenote")
        case "rest":
            length, fermata = _parse_length(value)
            return Rest(length, fermata)
        case "multirest" if re.fullmatch(r"[1-9]\d{0,3}", value):
            return MultiRest(int(value))
        case "clef" if re.fullmatch(r"[A-Z][1-5]", value):
            return Clef(value[0], int(value[1]))
        case "keySignature" if value.removesuffix("M") in KEYS and value.endswith("M"):
            return KeySignature(KEYS[value.removesuffix("M")])
        case "timeSignature":
            return TimeSignature(value)
        case "barline" if not value:
            return Barline()
        case "tie" if not value:
            return Tie()
    raise ValueError("no such symbol")


def _parse_note(value: str, grace: bool) -> Note:
    pitch, _, rest = value.partition("_")
    match = _PITCH.fullmatch(pitch)
    if not match:
        raise ValueError(f"pitch must be like Bb4, got {pitch!r}")
    length, fermata = _parse_length(rest)
    return Note(Pitch(match[1], ALTERATIONS[match[2] or ""], int(match[3])), length, fermata, grace)


def _parse_length(value: str) -> tuple[Length, bool]:
    text = value.removesuffix("_fermata")
    match = _LENGTH.fullmatch(text)
    if not match:
        raise ValueError(f"length must be one of {', '.join(DURATIONS)}, with dots, got {text!r}")
    return Length(match[1], len(match[2])), text != value
