"""DadaGP's tokens to notes: frets to pitches, waits to seconds, repeats played out.

A quarter is 960 ticks. Strings count from the highest; frets are those of a guitar in E standard (of a bass, of a
six-string one), whatever the real tuning was, and negative ones lie below the nut; `downtune` moves all but drums. A
note sounds until its instrument plays or rests again; a tie makes the note that it follows longer. Bends, slides and
other effects of notes are passed over.

Source: Sarmento et al., DadaGP: A Dataset of Tokenized GuitarPro Songs for Sequence Models, 2021, section 4.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from scorehub.notes import DRUMS, Notes, make_notes

TICKS_PER_QUARTER = 960
GUITAR = (64, 59, 55, 50, 45, 40, 35)  # pitches of open strings, from the first
BASS = (48, 43, 38, 33, 28, 23)
PROGRAMS = {"distorted": 30, "clean": 27, "bass": 33, "leads": 0, "pads": 48, "drums": DRUMS}
NEW_MEASURE = "new_measure"
MAX_TOKENS = 500_000  # the longest song has 51,998
MAX_MEASURES = 20_000  # with repeats

_NOTE = re.compile(r"([a-z]+)(\d?):(?:note:(?:s(\d):f(-?\d+)|(\d+))|(rest))")
_TEMPO = re.compile(r"(?:bfx:tempo_change|tempo):(\d+)")
_SEMITONES = re.compile(r"[+-]?\d{1,4}")
_REPEAT = re.compile(r"measure:repeat_(open|close|alternative)(?::(\d+))?")


@dataclass
class _Measure:
    tokens: list[str] = field(default_factory=list)
    opens: bool = False
    passes: int = 0  # how often the part that ends here is played again
    endings: int = 0  # a bit for each time through that it is played in; 0: in all


@dataclass
class _Sounding:
    """Notes as they are found, open ones by instrument and string."""

    seconds: float = 0.0
    tempo: float = 120.0
    downtune: int = 0
    rows: list[list[float]] = field(default_factory=list)  # onset, duration, pitch, program, track
    open: dict[str, dict[str, int]] = field(default_factory=dict)
    tracks: dict[str, int] = field(default_factory=dict)

    def close(self, instrument: str) -> None:
        for row in self.open.pop(instrument, {}).values():
            self.rows[row][1] = self.seconds - self.rows[row][0]


def read_tokens(tokens: Sequence[str]) -> Notes:
    """The notes of a song.

    Raises:
        ValueError: there are too many tokens or repeats, or one is not DadaGP's.
    """
    if len(tokens) > MAX_TOKENS:
        raise ValueError(f"song must have at most {MAX_TOKENS} tokens, got {len(tokens)}")
    head, measures = _split_measures(tokens)
    state = _Sounding()
    for token in head:
        _set_up(state, token)
    for measure in _play_order(measures):
        _play(state, measure.tokens)
    for instrument in list(state.open):
        state.close(instrument)
    columns = np.array(state.rows, np.float64).reshape(-1, 5).T
    onset, duration, pitch, program, track = columns[:, columns[1] > 0]
    if len(pitch) and not 0 <= pitch.min() <= pitch.max() <= 127:
        raise ValueError(f"pitches must be 0 to 127, got {pitch.min():.0f} to {pitch.max():.0f}")
    return make_notes(onset, duration, pitch.astype(int), program=program.astype(int), track=track.astype(int))


def _split_measures(tokens: Iterable[str]) -> tuple[list[str], list[_Measure]]:
    head: list[str] = []
    measures: list[_Measure] = []
    for token in tokens:
        if token == NEW_MEASURE:
            measures.append(_Measure())
        elif not measures:
            head.append(token)
        elif found := _REPEAT.fullmatch(token):
            kind, number = found[1], int(found[2] or 0)
            measures[-1].opens |= kind == "open"
            measures[-1].passes = number if kind == "close" else measures[-1].passes
            measures[-1].endings = number if kind == "alternative" else measures[-1].endings
        else:
            measures[-1].tokens.append(token)
    return head, measures


def _play_order(measures: Sequence[_Measure]) -> list[_Measure]:
    """Measures as they are played: each repeat from the last opening."""
    order: list[_Measure] = []
    first, time_through, number, played = 0, 0, 0, 0
    while number < len(measures):
        measure = measures[number]
        if measure.opens and number != first:
            first, time_through = number, 0
        if not measure.endings or measure.endings >> time_through & 1:
            order.append(measure)
            played += len(measure.tokens)
            if len(order) > MAX_MEASURES or played > MAX_TOKENS:
                most = f"{MAX_MEASURES} measures and {MAX_TOKENS} tokens"
                raise ValueError(f"song must have at most {most} with repeats, got more")
            if measure.passes > time_through:
                number, time_through = first, time_through + 1
                continue
        if measure.passes and not _goes_on(measures, number, time_through):
            first, time_through = number + 1, 0
        number += 1
    return order


def _goes_on(measures: Sequence[_Measure], number: int, time_through: int) -> bool:
    """Whether another ending of the same repeat follows."""
    return number + 1 < len(measures) and bool(measures[number + 1].endings >> time_through & 1)


def _set_up(state: _Sounding, token: str) -> None:
    if found := _TEMPO.fullmatch(token):
        state.tempo = max(1.0, float(found[1]))
    elif token.startswith("downtune:"):
        state.downtune = _semitones(token.partition(":")[2], "downtune")


def _semitones(text: str, what: str) -> int:
    if not _SEMITONES.fullmatch(text):
        raise ValueError(f"{what} must be a whole number of at most 4 digits, got {text[:40]!r}")
    return int(text)


def _play(state: _Sounding, tokens: Sequence[str]) -> None:
    """Plays a measure."""
    touched: set[str] = set()  # instruments that began at this moment: further notes are of the same chord
    for place, token in enumerate(tokens):
        if token.startswith("wait:"):
            state.seconds += _ticks(token) / TICKS_PER_QUARTER * 60 / state.tempo
            touched.clear()
        elif found := _NOTE.fullmatch(token):
            _strike(state, found, touched, is_tied="nfx:tie" in _effects(tokens, place))
        else:
            _set_up(state, token)


def _ticks(token: str) -> int:
    digits = token.partition(":")[2]
    if not digits.isdecimal() or int(digits) > 10**6:
        raise ValueError(f"wait must be 0 to 1000000 ticks, got {token!r}")
    return int(digits)


def _effects(tokens: Sequence[str], place: int) -> list[str]:
    """The effects of the note at `place`: what follows it until another kind of token."""
    end = place + 1
    while end < len(tokens) and tokens[end].startswith(("nfx:", "param:")):
        end += 1
    return list(tokens[place + 1 : end])


def _strike(state: _Sounding, found: re.Match[str], touched: set[str], *, is_tied: bool) -> None:
    kind, number, string, fret, drum, rest = found.groups()
    if kind not in PROGRAMS:
        raise ValueError(f"instrument must be one of {', '.join(PROGRAMS)}, got {kind!r}")
    instrument, voice = kind + number, string or drum
    held = state.open.get(instrument, {})
    if is_tied and voice in held:
        kept = held.pop(voice)
        if instrument not in touched:
            state.close(instrument)
        state.open.setdefault(instrument, {})[voice] = kept
        touched.add(instrument)
        return
    if instrument not in touched:
        state.close(instrument)
    touched.add(instrument)
    if rest:
        return
    pitch = _semitones(drum, "drum") if drum else _pitch(kind, int(string), fret) + state.downtune
    track = state.tracks.setdefault(instrument, len(state.tracks))
    state.open.setdefault(instrument, {})[voice] = len(state.rows)
    state.rows.append([state.seconds, 0.0, pitch, PROGRAMS[kind], track])


def _pitch(kind: str, string: int, fret: str) -> int:
    strings = BASS if kind == "bass" else GUITAR
    if not 1 <= string <= len(strings):
        raise ValueError(f"string of {kind} must be 1 to {len(strings)}, got {string}")
    return strings[string - 1] + _semitones(fret, "fret")
