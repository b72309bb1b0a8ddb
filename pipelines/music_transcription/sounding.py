"""How tokens sound: their times, their notes, and how long they last.

Times are parts of a whole note; a tempo, in quarters a minute, makes them seconds. Conventions:

- A multirest lasts as many measures of the running time signature, C being 4/4, C/ 2/2, and 4/4 where there is none.
  A whole rest alone between bar lines lasts one, whatever the meter. Nothing else is fitted to its measure.
- Tied notes of one pitch are one. A tie to another pitch, or to a rest, is as if it were not there.
- Grace notes sound at the beginning of the note or rest that they lead to, and it after them. Each lasts as long as it
  is written, but all together at most half of what they take it from. Before nothing, they are not shortened.
- A fermata changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from .semantic import Barline, Length, MultiRest, Note, Rest, Tie, TimeSignature, Token

DEFAULT_METER = TimeSignature("4/4")
GRACE_SHARE = Fraction(1, 2)  # of a note, for all the grace notes before it

_ZERO = Fraction(0)


@lru_cache(maxsize=64)
def _fraction(length: Length) -> Fraction:
    return length.fraction


def timeline(tokens: Sequence[Token]) -> list[tuple[Fraction, Fraction]]:
    """Onset and duration of each token, in whole notes.

    Grace notes, bar lines and signs last nothing here; so a measure begins at the onset of the bar line before it.
    """
    times: list[tuple[Fraction, Fraction]] = []
    now, measure = _ZERO, DEFAULT_METER.measure
    alone = _lone_whole_rests(tokens)
    for index, token in enumerate(tokens):
        lasts = _ZERO
        if isinstance(token, TimeSignature):
            measure = token.measure
        elif isinstance(token, MultiRest):
            lasts = token.measures * measure
        elif isinstance(token, Rest) or (isinstance(token, Note) and not token.grace):
            lasts = measure if index in alone else _fraction(token.length)
        times.append((now, lasts))
        now += lasts
    return times


def _lone_whole_rests(tokens: Sequence[Token]) -> set[int]:
    """Where the whole rests stand that nothing shares a measure with."""
    alone: set[int] = set()
    measure: list[int] = []
    for index, token in enumerate((*tokens, Barline())):
        if isinstance(token, Barline):
            if len(measure) == 1 and isinstance(rest := tokens[measure[0]], Rest) and rest.length == Length("whole"):
                alone.add(measure[0])
            measure = []
        elif isinstance(token, Note | Rest | MultiRest):
            measure.append(index)
    return alone


def duration(tokens: Sequence[Token], tempo: float = 120.0) -> float:
    """Seconds from the beginning to the end of the last token, final rests included."""
    times = timeline(tokens)
    trailing = sum((_fraction(note.length) for note in _trailing_grace_notes(tokens)), _ZERO)
    return float(times[-1][0] + times[-1][1] + trailing) * whole_seconds(tempo) if times else 0.0


def _trailing_grace_notes(tokens: Sequence[Token]) -> list[Note]:
    notes: list[Note] = []
    for token in reversed(tokens):
        if isinstance(token, Rest | MultiRest) or (isinstance(token, Note) and not token.grace):
            break
        if isinstance(token, Note):
            notes.append(token)
    return notes


def whole_seconds(tempo: float) -> float:
    """How long a whole note lasts.

    Raises:
        ValueError: the tempo is not from 10 to 1000 quarters a minute.
    """
    if not 10 <= tempo <= 1000:
        raise ValueError(f"tempo must be 10 to 1000 quarters a minute, got {tempo}")
    return 240 / tempo


@dataclass(slots=True)
class Sound:
    """A note that sounds: parts of a whole note, and its MIDI number."""

    onset: Fraction
    lasts: Fraction
    pitch: int
    tied: bool = False  # while it is made: to what comes next


def sounds(tokens: Sequence[Token]) -> list[Sound]:
    """The notes that tokens sound as, in order."""
    made: list[Sound] = []
    graces: list[Sound] = []  # those that wait for what they lead to
    main: Sound | None = None  # the last note that is no grace note, unless a rest came after it
    latest: Sound | None = None  # the last note of any kind, to which a tie belongs
    for token, (onset, lasts) in zip(tokens, timeline(tokens), strict=True):
        if isinstance(token, Tie) and latest:
            latest.tied = True
        elif isinstance(token, Note) and token.grace:
            latest = Sound(onset, _fraction(token.length), token.pitch.midi)
            graces.append(latest)
        elif isinstance(token, Note | Rest | MultiRest):
            sound = Sound(onset, lasts, token.pitch.midi if isinstance(token, Note) else -1)
            if main and main.tied and main.pitch == sound.pitch:
                main.lasts, main.tied = onset + lasts - main.onset, False
                made += _ornamented(graces, sound)[:-1]
            else:
                made += _ornamented(graces, sound)
                main = sound
            graces, latest = [], main
    if graces:
        made += _ornamented(graces, Sound(graces[0].onset, _total(graces) / GRACE_SHARE, -1))
    return [sound for sound in made if sound.pitch >= 0]


def _total(graces: Sequence[Sound]) -> Fraction:
    return sum((grace.lasts for grace in graces), _ZERO)


def _ornamented(graces: list[Sound], sound: Sound) -> list[Sound]:
    """Grace notes and then what they lead to, each in its time; a grace note tied to it is part of it."""
    if not graces:
        return [sound]
    share = min(Fraction(1), GRACE_SHARE * sound.lasts / _total(graces))
    for grace in graces:
        grace.onset, grace.lasts = sound.onset, share * grace.lasts
        sound.onset, sound.lasts = sound.onset + grace.lasts, sound.lasts - grace.lasts
    if graces[-1].tied and graces[-1].pitch == sound.pitch:
        tied = graces.pop()
        sound.onset, sound.lasts = tied.onset, sound.lasts + tied.lasts
    return [*graces, sound]
