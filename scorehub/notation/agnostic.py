"""PrIMuS's agnostic encoding as typed tokens, read and written exactly: which glyph stands where on the staff.

Text is one token after another, separated by tabs, as PrIMuS's `.agnostic` files have it:

    clef.C-L1  accidental.flat-L4  digit.2-L4  digit.4-L2  rest.quarter-L3  note.eighth-L4  dot-S4  barline-L1

A position is a line, `L`, or the space above that line, `S`, counted from the lowest, 1, and on beyond the staff: the
first ledger line below is L0, the space under it S-1. All 758 symbols of PrIMuS's vocabulary are admitted, and others
of the same form: any of the glyphs at any position.

Source: Calvo-Zaragoza and Rizo, End-to-End Neural Optical Music Recognition of Monophonic Scores, 2018, section 3; the
names of double accidentals and of a fermata below, absent from the vocabulary, are those of the authors' converter.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from scorehub.pipelines.music_transcription.semantic import DURATIONS, METER_SIGNS

ACCIDENTALS = {-2: "double_flat", -1: "flat", 0: "natural", 1: "sharp", 2: "double_sharp"}
BEAMS = ("Right", "Both", "Left")  # where a note's beam goes on: it begins, goes on, ends
MAX_FLAGS = 5
MAX_STEP = 60

_FIGURES = [*DURATIONS, *(f"beamed{beam}{flags}" for beam in BEAMS for flags in range(MAX_FLAGS + 1))]
GLYPHS = frozenset(
    [
        *(f"accidental.{name}" for name in ACCIDENTALS.values()),
        *(f"clef.{sign}" for sign in "CFG"),
        *(f"digit.{number}" for number in range(100)),  # PrIMuS writes the 12 of 12/8 as one digit
        *(f"{kind}.{figure}" for kind in ("note", "gracenote") for figure in _FIGURES),
        *(f"rest.{figure}" for figure in DURATIONS),
        *(f"metersign.{sign}" for sign in METER_SIGNS),
        *("barline", "dot", "fermata.above", "fermata.below", "multirest", "slur.start", "slur.end"),
    ]
)
_TOKEN = re.compile(r"(.+)-([LS])(-?\d{1,2})", re.ASCII)


@dataclass(frozen=True)
class AgnosticToken:
    """A glyph of `GLYPHS`; `step` counts lines and spaces up from the lowest line, which is 0."""

    glyph: str
    step: int

    def __post_init__(self) -> None:
        if self.glyph not in GLYPHS:
            raise ValueError(f"glyph must be one of PrIMuS's, like note.half or digit.3, got {self.glyph!r}")
        if not -MAX_STEP <= self.step <= MAX_STEP:
            raise ValueError(f"step must be -{MAX_STEP} to {MAX_STEP}, got {self.step!r}")

    @property
    def position(self) -> str:
        """PrIMuS's name of the line or space."""
        line, space = divmod(self.step, 2)
        return f"{'S' if space else 'L'}{line + 1}"

    def __str__(self) -> str:
        return f"{self.glyph}-{self.position}"


def parse_agnostic_token(text: str) -> AgnosticToken:
    """One token.

    Raises:
        ValueError: names the token and what it must be.
    """
    match = _TOKEN.fullmatch(text)
    if not match:
        raise ValueError(f"agnostic token must be a glyph and a position, like note.half-L2, got {text[:80]!r}")
    try:
        token = AgnosticToken(match[1], 2 * (int(match[3]) - 1) + (match[2] == "S"))
    except ValueError as error:
        raise ValueError(f"agnostic token must be one of PrIMuS's, got {text[:80]!r}: {error}") from None
    if str(token) != text:
        raise ValueError(f"agnostic token must be {str(token)!r}, got {text[:80]!r}")
    return token


def parse_agnostic(text: str) -> list[AgnosticToken]:
    """The tokens of an `.agnostic` file; they are separated by tabs, or by any white space.

    Raises:
        ValueError: a token is malformed, or there is none.
    """
    tokens = [parse_agnostic_token(word) for word in text.split()]
    if not tokens:
        raise ValueError(f"agnostic text must have a token, got {text[:80]!r}")
    return tokens


def write_agnostic(tokens: Iterable[AgnosticToken]) -> str:
    """Tokens as PrIMuS writes them: a tab after each."""
    return "".join(f"{token}\t" for token in tokens)
