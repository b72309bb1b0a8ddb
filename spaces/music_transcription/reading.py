"""What was read, sign by sign: where each stands, how sure it is, and where picture and recording differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from scorehub.pipelines.music_transcription.semantic import Barline, MultiRest, TimeSignature, Token, parse_token
from scorehub.pipelines.music_transcription.sounding import DEFAULT_METER
from scorehub.spaces.music_transcription.words import token_in_words

SURE, UNSURE = 0.9, 0.6  # probabilities from which a sign is sure, and below which it is not
_PARTS = {Fraction(1, 4): "¼", Fraction(1, 2): "½", Fraction(3, 4): "¾"}
Row = dict[str, Any]


@dataclass(frozen=True)
class Sign:
    """A token that was chosen.

    Attributes:
        measure: from 1, as bar lines are counted.
        where: measure and beat.
        onset: quarters from the start, where it is music.
        x: px in the picture.
        time: s in the recording.
        sides: who says so, of optical and audio.
        difference: number of the stretch in which picture and recording differ; 0 where they don't.
    """

    token: str
    measure: int
    where: str
    probability: float
    onset: float | None
    x: float | None
    time: float | None
    sides: tuple[str, ...]
    difference: int = 0

    @property
    def words(self) -> str:
        """In a musician's words."""
        return token_in_words(self.token)

    @property
    def level(self) -> str:
        """How it is marked: differs, sure, likely or unsure."""
        if self.difference:
            return "differs"
        return "sure" if self.probability >= SURE else "likely" if self.probability >= UNSURE else "unsure"


class Said(NamedTuple):
    """What a side has, or what was chosen, in a stretch: in words, and how probable."""

    words: str
    probability: float


@dataclass(frozen=True)
class Difference:
    """A stretch in which picture and recording differ.

    Attributes:
        number: from 1.
        span: the signs that were chosen, from the first to before the last; maybe none.
        x: px in the picture, about.
        time: s in the recording, about.
        sides: those whose signs were chosen, all of them.
    """

    number: int
    where: str
    span: tuple[int, int]
    seen: list[Said]
    heard: list[Said]
    chosen: list[Said]
    x: float | None
    time: float | None
    sides: tuple[str, ...]


@dataclass(frozen=True)
class Reading:
    """All of it; `sides` are those that were given, of optical and audio."""

    signs: list[Sign]
    differences: list[Difference]
    sides: tuple[str, ...]


def make_reading(result: Row) -> Reading:
    """Of a pipeline's result for one staff."""
    rows = result["tokens"]
    numbers = np.zeros(len(rows), int)
    for number, stretch in enumerate(result["disagreements"], 1):
        numbers[slice(*stretch["tokens"])] = number
    signs = [
        Sign(
            token=row["token"],
            measure=measure,
            where=where,
            probability=row["probability"],
            onset=row["onset"],
            x=row["x"],
            time=row["time"],
            sides=tuple(row["from"]),
            difference=int(number),
        )
        for row, number, (measure, where) in zip(rows, numbers, find_places(rows), strict=True)
    ]
    differences = [_difference(result, signs, number) for number in range(1, len(result["disagreements"]) + 1)]
    return Reading(signs, differences, tuple(name for name in ("optical", "audio") if name in result))


def between(values: Sequence[float | None], begin: int, end: int) -> float | None:
    """The mean of what is known of a range; where nothing is, that of its nearest neighbours."""
    known = [value for value in values[begin:end] if value is not None]
    if not known:
        before = [value for value in values[:begin] if value is not None][-1:]
        known = before + [value for value in values[end:] if value is not None][:1]
    return float(np.mean(known)) if known else None


def _difference(result: Row, signs: list[Sign], number: int) -> Difference:
    stretch = result["disagreements"][number - 1]
    begin, end = stretch["tokens"]
    seen, heard, chosen = (_said(result[name][slice(*stretch[name])]) for name in ("optical", "audio", "tokens"))
    places = [
        between([row[key] for row in result[name]], *stretch[name])
        for name, key in (("optical", "x"), ("audio", "time"))
    ]
    own = [row["token"] for row in result["tokens"][begin:end]]
    sides = tuple(
        name for name in ("optical", "audio") if [row["token"] for row in result[name][slice(*stretch[name])]] == own
    )
    where = signs[begin].where if begin < len(signs) else "at the end"
    return Difference(number, where, (begin, end), seen, heard, chosen, places[0], places[1], sides)


def _said(rows: Sequence[Row]) -> list[Said]:
    return [Said(token_in_words(row["token"]), row["probability"]) for row in rows]


def find_places(rows: Sequence[Row]) -> list[tuple[int, str]]:
    """Measure of each token, and where it stands in words, by the bar lines and time signatures before it."""
    places = []
    measure, begin, beat = 1, 0.0, DEFAULT_METER.fraction[1]
    for row in rows:
        onset = row["onset"]
        token = _parsed(row["token"])
        if isinstance(token, Barline):
            places.append((measure, f"end of measure {measure}"))
            measure, begin = measure + 1, begin if onset is None else onset
            continue
        if isinstance(token, TimeSignature):
            beat = token.fraction[1]
        where = "" if onset is None else f", beat {_beat(Fraction(onset - begin).limit_denominator(960) * beat / 4)}"
        places.append((measure, f"measure {measure}{where}"))
        measure += token.measures - 1 if isinstance(token, MultiRest) else 0
    return places


def _parsed(text: str) -> Token | None:
    try:
        return parse_token(text)
    except ValueError:
        return None


def _beat(passed: Fraction) -> str:
    """`1`, `2½`, `3.33` from the beats that have passed."""
    whole, part = divmod(passed, 1)
    if not part or part in _PARTS:
        return f"{whole + 1}{_PARTS.get(part, '')}"
    return f"{float(passed) + 1:.2f}"
