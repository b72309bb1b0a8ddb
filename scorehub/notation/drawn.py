"""What is drawn on a staff, symbol by symbol, and its two encodings: PrIMuS's semantic and agnostic tokens.

A `Drawn` symbol is a semantic token with what only the page shows: its accidental, beam, ties and fermata.

The order of agnostic tokens is that of the authors' converter (`MEI2GraphicSymbols` in github.com/davidrizo/im3), and
the published sample confirms it as far as it goes:

    fermata.above-S6  slur.end  accidental  note or rest  fermata.below-S-1  dots  slur.start
    digits of a multirest at S5, multirest-L3      digits of a meter at L4, then L2      whole rest at L4, others at L3

Only ties are slurs. Dots stand in the space of the note or above its line, those of rests at S3. A beamed note's
number is that of its own flags, and the first and last symbol of a beam, rests and grace notes included, are its ends.
The converter decides by itself which accidentals a note needs and where key signatures go; we write what is drawn. As
there, the natural signs that cancel a key signature have no tokens.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from scorehub.notation.agnostic import ACCIDENTALS, AgnosticToken
from scorehub.pipelines.music_transcription.semantic import (
    DURATIONS,
    METER_SIGNS,
    STEPS,
    Barline,
    Clef,
    KeySignature,
    Length,
    MultiRest,
    Note,
    Rest,
    Tie,
    TimeSignature,
    Token,
)

# Steps above the lowest line of the sharps and flats of a key signature, by the note on that line. As Verovio 6.4.1
# draws them, and PrIMuS's converter but for flats with the clef C2, which it puts an octave higher: L5 L3 S4 S2.
KEY_STEPS = {
    "C": ((3, 0, 4, 1, 5, 2, 6), (6, 2, 5, 1, 4, 0, 3)),
    "D": ((2, 6, 3, 7, 4, 8, 5), (5, 8, 4, 7, 3, 6, 2)),
    "E": ((8, 5, 9, 6, 3, 7, 4), (4, 7, 3, 6, 2, 5, 1)),
    "F": ((7, 4, 8, 5, 2, 6, 3), (3, 6, 2, 5, 1, 4, 0)),
    "G": ((6, 3, 7, 4, 1, 5, 2), (2, 5, 1, 4, 0, 3, -1)),
    "A": ((5, 2, 6, 3, 7, 4, 8), (1, 4, 0, 3, 6, 2, 5)),
    "B": ((4, 1, 5, 2, 6, 3, 7), (7, 3, 6, 2, 5, 1, 4)),
}
_CLEF_DIATONIC = {"C": 28, "F": 24, "G": 32}  # C4, F3, G4 in staff steps above C0
_LINE_1, _LINE_2, _LINE_3, _LINE_4 = 0, 2, 4, 6
_SPACE_BELOW, _SPACE_3, _SPACE_5, _SPACE_6 = -3, 5, 9, 11
_WHOLE = Length("whole")
_FLAGS = {name: max(0, number - list(DURATIONS).index("quarter")) for number, name in enumerate(DURATIONS)}

# A staff has few different tokens, and each costs its checks only once.
_agnostic = lru_cache(maxsize=4096)(AgnosticToken)


@dataclass(slots=True)
class Drawn:
    """A symbol on the staff; beside `token`, all is for notes, `fermata` for rests too, `whole` for a `MultiRest`."""

    token: Token
    accidental: int | None = None  # drawn before the note, in semitones; 0 is a natural sign
    beam: str = ""  # one of BEAMS
    fermata: str = ""  # above or below
    tied: bool = False  # to the next note
    held: bool = False  # by a tie from the note before
    whole: bool = False  # one measure's rest, drawn as a whole rest without a number


def semantic_tokens(drawn: Iterable[Drawn]) -> list[Token]:
    """What the symbols mean."""
    tokens: list[Token] = []
    for symbol in drawn:
        tokens.append(symbol.token)
        if symbol.tied:
            tokens.append(Tie())
    return tokens


def agnostic_tokens(drawn: Iterable[Drawn]) -> list[AgnosticToken]:
    """Where the symbols' glyphs stand.

    Raises:
        ValueError: a note or key signature stands before any clef, or a note too far from the staff.
    """
    tokens: list[AgnosticToken] = []
    lowest: int | None = None  # the note on the lowest line, in staff steps above C0
    for symbol in drawn:
        token = symbol.token
        if isinstance(token, Clef):
            lowest = _CLEF_DIATONIC[token.sign] - 2 * (token.line - 1)
            tokens.append(_agnostic(f"clef.{token.sign}", 2 * (token.line - 1)))
        elif isinstance(token, Note | KeySignature):
            if lowest is None:
                raise ValueError(f"staff must begin with a clef, got {token} before any")
            tokens += _note(symbol, token, lowest) if isinstance(token, Note) else _key(token, lowest)
        elif isinstance(token, Rest) or symbol.whole:
            tokens += _rest(symbol, token.length if isinstance(token, Rest) else _WHOLE)
        else:
            tokens += _sign(token)
    return tokens


def _note(symbol: Drawn, note: Note, lowest: int) -> list[AgnosticToken]:
    step = note.pitch.diatonic - lowest
    length = note.length
    figure = f"beamed{symbol.beam}{_FLAGS[length.name]}" if symbol.beam else length.name
    tokens = [_agnostic("fermata.above", _SPACE_6)] if symbol.fermata == "above" else []
    if symbol.held:
        tokens.append(_agnostic("slur.end", step))
    if symbol.accidental is not None:
        tokens.append(_agnostic(f"accidental.{ACCIDENTALS[symbol.accidental]}", step))
    tokens.append(_agnostic(f"{'gracenote' if note.grace else 'note'}.{figure}", step))
    if symbol.fermata == "below":
        tokens.append(_agnostic("fermata.below", _SPACE_BELOW))
    tokens += length.dots * [_agnostic("dot", step | 1)]  # the space of the note, or above its line
    if symbol.tied:
        tokens.append(_agnostic("slur.start", step))
    return tokens


def _rest(symbol: Drawn, length: Length) -> list[AgnosticToken]:
    tokens = [_agnostic("fermata.above", _SPACE_6)] if symbol.fermata == "above" else []
    tokens.append(_agnostic(f"rest.{length.name}", _LINE_4 if length.name == "whole" else _LINE_3))
    if symbol.fermata == "below":
        tokens.append(_agnostic("fermata.below", _SPACE_BELOW))
    return tokens + length.dots * [_agnostic("dot", _SPACE_3)]


def _key(key: KeySignature, lowest: int) -> list[AgnosticToken]:
    sharps, flats = KEY_STEPS[STEPS[lowest % 7]]
    steps, glyph = (sharps, "accidental.sharp") if key.fifths > 0 else (flats, "accidental.flat")
    return [_agnostic(glyph, step) for step in steps[: abs(key.fifths)]]


def _sign(token: TimeSignature | MultiRest | Barline | Tie | Clef | KeySignature | Rest) -> list[AgnosticToken]:
    if isinstance(token, TimeSignature):
        if token.text in METER_SIGNS:
            return [_agnostic(f"metersign.{token.text}", _LINE_3)]
        beats, unit = token.fraction
        return [_agnostic(f"digit.{beats}", _LINE_4), _agnostic(f"digit.{unit}", _LINE_2)]
    if isinstance(token, MultiRest):
        digits = [_agnostic(f"digit.{digit}", _SPACE_5) for digit in str(token.measures)]
        return [*digits, _agnostic("multirest", _LINE_3)]
    assert isinstance(token, Barline), token  # ties are marks of the notes that they join
    return [_agnostic("barline", _LINE_1)]
