"""Humdrum **kern of one spine -> semantic tokens.

Conventions, shared with `pae` where it can say the same:
- a bar line, of whatever kind, is one `barline`; the last measure has one only where the text does, a first one counts
  only if it repeats, and hidden ones (`=-`) do not count;
- a rest alone in its measure and as long as the meter is `multirest-1`, drawn as a measure's rest whatever its length;
  several, between plain bar lines, are one `multirest-3`; one as long as several measures counts as so many;
- pitches sound as written: kern has its accidentals already applied;
- a tie joins a note to the very next one at the same pitch; one that joins none is dropped;
- the signs of `*met` stand for the numbers of `*M`, mensural C and C| for the modern ones that look like them;
- C major's key signature is a token only where it takes back another;
- clef, key and meter that stand together come in this order, as they are drawn;
- beams, slurs, stems, ornaments, articulation and fermatas of measure rests are dropped.

What PrIMuS has no token for (tuplets, chords, hidden notes, other mensurations, octave clefs, odd key signatures) and
more than one spine are refused.

Source: The **kern representation, humdrum.org/rep/kern; and what verovio draws.
"""

import re
from fractions import Fraction
from functools import lru_cache
from itertools import groupby

from scorehub.notation.accidentals import SHARPS
from scorehub.notation.tidy import duration, tidy_kern
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

_METER_SIGNS = {"c": "C", "C": "C", "c|": "C/", "C|": "C/"}
_SIGNS = {TimeSignature(sign) for sign in _METER_SIGNS.values()}
SIGNATURES = (Clef, KeySignature, TimeSignature)
_DURATION = re.compile(r"([0-9]+)(?:%([0-9]+))?")
_PITCH = re.compile(r"([A-Ga-g])\1*")


def read_kern(text: str) -> list[Token]:
    """Tokens of a one-spine **kern document.

    Raises:
        ValueError: the document is malformed or says what no token can; names the measure, counted by bar lines.
    """
    lines = [line for line in map(str.strip, tidy_kern(text).split("\n")) if line and line[0] != "!"]
    if lines[:1] != ["**kern"]:
        raise ValueError(f"kern must begin with the one spine **kern, got {lines[0][:80] if lines else ''!r}")
    reader = _Reader()
    try:
        for line in lines[1:]:
            reader.read(line)
    except ValueError as error:
        raise ValueError(f"kern measure {reader.bars + 1}: {error}") from None
    if not reader.ended:
        raise ValueError("kern must end with *-, got another end or none")
    reader.close_measure()
    return _in_drawn_order(reader.tokens)


class _Reader:
    def __init__(self) -> None:
        self.tokens: list[Token] = []
        self.bars = 0
        self.ended = False
        self._start = 0  # this measure's first token
        self._plain = True  # the bar line before this measure
        self._meter: Fraction | None = None

    def read(self, line: str) -> None:
        if self.ended or "\t" in line:
            raise ValueError(f"kern must be one spine that ends at *-, got {line[:40]!r}")
        if line.startswith("*"):
            self._interpret(line)
        elif line.startswith("="):
            self._bar(line)
        elif line != ".":
            self._play(line)

    def _interpret(self, line: str) -> None:
        if line == "*-":
            self.ended = True
        elif line[:2] in ("**", "*^", "*v", "*+", "*x"):
            raise ValueError(f"kern must be one spine, got {line[:20]!r}")
        elif line.startswith("*clef"):
            self.tokens.append(_clef(line.removeprefix("*clef")))
        elif line.startswith("*k["):
            key = _key(line)
            if key.fifths or any(isinstance(token, KeySignature) for token in self.tokens):
                self.tokens.append(key)
        elif line.startswith("*met("):
            self._sign(line)
        elif re.match(r"\*M[0-9]", line):
            meter = TimeSignature(line.removeprefix("*M"))
            self._meter = meter.measure
            if not (self.tokens and self.tokens[-1] in _SIGNS):
                self.tokens.append(meter)

    def _sign(self, line: str) -> None:
        sign = line.removeprefix("*met(").removesuffix(")")
        if sign not in _METER_SIGNS:
            raise ValueError(f"mensuration must be one of {list(_METER_SIGNS)}, got {line[:20]!r}")
        # The sign is drawn in place of the numbers, which keep ruling the measure.
        if self.tokens and isinstance(self.tokens[-1], TimeSignature):
            self.tokens.pop()
        self.tokens.append(TimeSignature(_METER_SIGNS[sign]))

    def _bar(self, line: str) -> None:
        self.close_measure()
        self.bars += 1
        first = all(isinstance(token, SIGNATURES) for token in self.tokens)
        if not re.fullmatch(r"=+[0-9]*[a-z]?-", line) and (not first or ":" in line):
            self.tokens.append(Barline())
        self._start = len(self.tokens)
        # Verovio leaves a first measure that no bar line begins out of a multi-measure rest.
        self._plain = re.fullmatch(r"=[0-9]*[a-z]?-?", line) is not None and (first or self.bars > 1)

    def close_measure(self) -> None:
        """Makes a rest that fills its measure a measure's rest."""
        music = [i for i in range(self._start, len(self.tokens)) if not isinstance(self.tokens[i], SIGNATURES)]
        rest = self.tokens[music[0]] if len(music) == 1 else None
        if isinstance(rest, Rest) and rest.length.fraction == self._meter:
            self.tokens[music[0]] = MultiRest(1)
            match self.tokens[:-4:-1]:
                case MultiRest(), Barline(), MultiRest(measures) if self._plain:
                    self.tokens[-3:] = [MultiRest(measures + 1)]

    def _play(self, text: str) -> None:
        if " " in text:
            raise ValueError(f"notes must be single, got the chord {text[:40]!r}")
        if "yy" in text:
            raise ValueError(f"notes must be drawn, got the hidden {text[:40]!r}")
        match = _DURATION.search(text)
        grace = "q" in text
        if not match and not grace:
            raise ValueError(f"note must have a length, got {text[:40]!r}")
        length = _length(*match.groups(""), "." * text.count(".")) if match else Length("eighth")
        if "r" in text:
            self.tokens.append(Rest(length, ";" in text))
            return
        self.tokens.append(Note(_pitch(text), length, ";" in text, grace))
        if "[" in text or "_" in text:
            self.tokens.append(Tie())


def _clef(text: str) -> Clef:
    if not re.fullmatch(r"[CFG][1-5]", text):
        raise ValueError(f"clef must be C, F or G and a line, with no octave, got {text[:20]!r}")
    return Clef(text[0], int(text[1]))


def _key(line: str) -> KeySignature:
    steps = re.findall(r"[a-g]", line[3:])
    for mark, order, sign in (("#", SHARPS, 1), ("-", SHARPS[::-1], -1)):
        usual = sorted(order[: len(steps)].lower())
        if sorted(steps) == usual and line == f"*k[{''.join(step + mark for step in steps)}]":
            return KeySignature(sign * len(steps))
    raise ValueError(f"key signature must be of the usual sharps or flats, got {line[:40]!r}")


@lru_cache(maxsize=1024)
def _length(number: str, part: str, dots: str) -> Length:
    fraction = duration(number, part, dots)
    try:
        return Length.of(fraction)
    except ValueError:
        raise ValueError(f"notes must be in plain rhythm, got the tuplet's {number}%{part}{dots}"[:80]) from None


def _pitch(text: str) -> Pitch:
    match = _PITCH.search(text)
    if not match:
        raise ValueError(f"note must have a pitch, got {text[:40]!r}")
    letters = match[0]
    octave = 3 + len(letters) if letters.islower() else 4 - len(letters)
    return Pitch(letters[0].upper(), text.count("#") - text.count("-"), octave)


def _place(signature: Token) -> int:
    return next(i for i, kind in enumerate(SIGNATURES) if isinstance(signature, kind))


def _in_drawn_order(tokens: list[Token]) -> list[Token]:
    ordered: list[Token] = []
    for signatures, run in groupby(tokens, lambda token: isinstance(token, SIGNATURES)):
        together = list(run)
        ordered += sorted(together, key=_place) if signatures else together
    return ordered
