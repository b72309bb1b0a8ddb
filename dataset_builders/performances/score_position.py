"""Where in the score a performance is at a time, and when it is at a place in the score.

Both axes are seconds: score time on the time axis of the score's MIDI, with repeats played out, and performance time.
The map between them goes through anchors and is linear from one to the next, so it is monotone and can be inverted.
Anchors are the beats, which keep their places exactly, and between them the notes that were matched, where they go
forward in both times. Before the first and after the last anchor the tempo of the outermost `EDGE_BEATS` beats goes
on, without end: whoever wants the position to stop with the music cuts it off there.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np

from scorehub.dataset_builders.performances.schema import MATCH
from scorehub.tempo import TempoCurve

EDGE_BEATS = 4
# Notes nearer than this to a beat say more about a chord's spread than about the tempo.
LEAST_STEP = 0.02  # seconds, in either time

Row = Mapping[str, Any]


def score_position(row: Row, times: Sequence[float] | np.ndarray, use_notes: bool = True) -> np.ndarray:
    """Score times at performance `times`.

    Args:
        row: A row of `performances`, or its columns `beats`, `notes` and `aligned`.
        times: Seconds, in any order.
        use_notes: Whether notes refine the beats, where their alignment is robust.

    Returns:
        Seconds in the score, float64, one for each of `times`.

    Raises:
        ValueError: fewer than two beats go forward in both times.
    """
    return _curve(row, use_notes).score(np.asarray(times, np.float64))


def performance_position(row: Row, times: Sequence[float] | np.ndarray, use_notes: bool = True) -> np.ndarray:
    """Performance times at score `times`: the inverse of `score_position`, with its arguments and errors."""
    return _curve(row, use_notes).performed(np.asarray(times, np.float64))


def anchors(row: Row, use_notes: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Score and performance times of the anchors (N,), both strictly increasing.

    Raises:
        ValueError: fewer than two beats go forward in both times.
    """
    beats = _beats(row)
    if not use_notes or not row["aligned"]:
        return beats[:, 0], beats[:, 1]
    notes = _onsets(row["notes"])
    gaps = np.searchsorted(beats[:, 0], notes[:, 0], side="right")
    inner = [
        _increasing(notes[gaps == gap], beats[gap - 1], beats[gap]) for gap in np.unique(gaps) if 0 < gap < len(beats)
    ]
    joined = np.concatenate([beats, *inner])
    joined = joined[np.argsort(joined[:, 0])]
    return joined[:, 0], joined[:, 1]


def _beats(row: Row) -> np.ndarray:
    """Beats (N, 2) that go forward in both times; of those at one time the first."""
    kept: list[tuple[float, float]] = []
    for beat in zip(row["beats"]["score_time"], row["beats"]["performance_time"], strict=True):
        if not kept or (beat[0] > kept[-1][0] and beat[1] > kept[-1][1]):
            kept.append(beat)
    if len(kept) < 2:
        raise ValueError(f"beats must go forward at least once in both times, got {len(kept)} that do")
    return np.array(kept, np.float64)


def _onsets(notes: Row) -> np.ndarray:
    """Score time and median performance time (N, 2) of each onset in the score with matched notes, by score time."""
    onsets: dict[float, list[float]] = defaultdict(list)
    for score_time, onset, matched in zip(notes["score_time"], notes["onset"], notes["matched"], strict=True):
        if matched == MATCH and score_time is not None:
            onsets[score_time].append(onset)
    return np.array([(time, median(onsets[time])) for time in sorted(onsets)], np.float64).reshape(-1, 2)


def _increasing(notes: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The most notes (N, 2) that go forward from one beat to the next in both times."""
    inside = np.all((notes > before + LEAST_STEP) & (notes < after - LEAST_STEP), axis=1)
    notes = notes[inside]
    tails: list[float] = []  # tails[n]: the least performance time at which n + 1 notes can end
    ends: list[int] = []
    previous: list[int] = []
    for number, time in enumerate(notes[:, 1]):
        length = bisect_left(tails, time)
        tails[length : length + 1], ends[length : length + 1] = [time], [number]
        previous.append(ends[length - 1] if length else -1)
    chosen: list[int] = []
    number = ends[-1] if ends else -1
    while number >= 0:
        chosen.append(number)
        number = previous[number]
    return notes[chosen[::-1]]


def _curve(row: Row, use_notes: bool) -> TempoCurve:
    score, performance = anchors(row, use_notes)
    beats = _beats(row)
    # A curve goes on as its outermost piece does: pieces of a second give it the tempo of some beats.
    first, last = beats[: EDGE_BEATS + 1], beats[-EDGE_BEATS - 1 :]
    tempos = [(part[-1, 0] - part[0, 0]) / (part[-1, 1] - part[0, 1]) for part in (first, last)]
    return TempoCurve(
        np.concatenate([[score[0] - tempos[0]], score, [score[-1] + tempos[1]]]),
        np.concatenate([[performance[0] - 1], performance, [performance[-1] + 1]]),
    )
