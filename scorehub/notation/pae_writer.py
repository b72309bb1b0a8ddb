"""Semantic tokens -> Plaine & Easie code, the exact inverse of `pae.read_pae`.

What it can write, the normal form, are tokens in which
- a tie follows a note, and the next note or rest is a note at the same pitch;
- a multirest is followed by a bar line or nothing.

Clef, key and time signature that begin the tokens in this order become fields; others stand where they are.
Lengths and octaves are written where they change, accidentals where they are needed; no beams are.
"""

from collections.abc import Sequence

from scorehub.notation.accidentals import Accidentals, signature_steps
from scorehub.notation.pae import ACCIDENTALS, LENGTHS
from scorehub.pipelines.music_transcription.semantic import (
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

_LENGTH_MARKS = {name: mark for mark, name in LENGTHS.items()}
_ACCIDENTAL_MARKS = {alter: mark for mark, alter in ACCIDENTALS.items()}
_FIELDS = ((Clef, "clef"), (KeySignature, "keysig"), (TimeSignature, "timesig"))


def write_pae(tokens: Sequence[Token]) -> str:
    """The tokens as a Plaine & Easie text, which `read_pae` reads as the same tokens.

    Raises:
        ValueError: the tokens are not in normal form.
    """
    lines = []
    start = 0
    for kind, name in _FIELDS:
        value = ""
        if start < len(tokens) and isinstance(tokens[start], kind):
            value = _signature(tokens[start])[1:]
            start += 1
        lines.append(f"@{name}:{value}\n")
    return "".join(lines) + f"@data:{_data(tokens, start)}\n"


def _data(tokens: Sequence[Token], start: int) -> str:
    writer = _Writer()
    for token in tokens[:start]:
        writer.accidentals.advance(token)
    previous: Token | None = None
    for token in tokens[start:]:
        writer.write(token, previous)
        previous = token
    if writer.tied:
        raise ValueError(f"tie must join two notes, got none behind {writer.tied}")
    return "".join(writer.symbols)


class _Writer:
    def __init__(self) -> None:
        self.symbols: list[str] = []
        self.accidentals = Accidentals()
        self._length = Length("quarter")
        self._octave = 4
        self.tied: Pitch | None = None

    def write(self, token: Token, previous: Token | None) -> None:
        self.accidentals.advance(token)
        if isinstance(previous, MultiRest) and not isinstance(token, Barline):
            raise ValueError(f"multirest must be followed by a bar line, got {token}")
        if self.tied and isinstance(token, Rest | MultiRest):
            raise ValueError(f"tie must join two notes, got {token} behind {self.tied}")
        match token:
            case Note():
                self.symbols.append(self._note(token))
            case Rest():
                self.symbols.append(self._mark_length(token.length) + ("(-)" if token.fermata else "-"))
            case MultiRest():
                self.symbols.append(f"={token.measures}")
            case Barline():
                # Two bar lines side by side would be a double one: an octave mark, without effect, parts them.
                self.symbols.append("/" if not isinstance(previous, Barline) else _octave_mark(self._octave) + "/")
            case Tie():
                if not isinstance(previous, Note):
                    raise ValueError(f"tie must follow a note, got one behind {previous}")
                self.tied = previous.pitch
                self.symbols.append("+")
            case _:
                self.symbols.append(f"{_signature(token)} ")

    def _note(self, note: Note) -> str:
        pitch = note.pitch
        marks = ("q" if note.grace else "") + self._mark_length(note.length)
        if pitch.octave != self._octave:
            self._octave = pitch.octave
            marks += _octave_mark(self._octave)
        if self.tied and self.tied != pitch:
            raise ValueError(f"tie must join notes of one pitch, got {self.tied} and {pitch}")
        if not self.tied and self.accidentals.at(pitch.step, pitch.octave) != pitch.alter:
            marks += _ACCIDENTAL_MARKS[pitch.alter]
            self.accidentals.write(pitch)
        self.tied = None
        return marks + (f"({pitch.step})" if note.fermata else pitch.step)

    def _mark_length(self, length: Length) -> str:
        if length == self._length:
            return ""
        self._length = length
        return _LENGTH_MARKS[length.name] + "." * length.dots


def _octave_mark(octave: int) -> str:
    return "'" * (octave - 3) if octave > 3 else "," * (4 - octave)


def _signature(token: Token) -> str:
    match token:
        case Clef():
            return f"%{token.sign}-{token.line}"
        case KeySignature():
            mark = "x" if token.fifths > 0 else "b" if token.fifths else "n"
            return f"${mark}{signature_steps(token.fifths)}"
        case TimeSignature():
            return f"@{token.text.lower()}"
    raise ValueError(f"token must be one of PrIMuS's, got {token!r}")
