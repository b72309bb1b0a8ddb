"""How soon a follower finds the place again after the player has jumped.

Conventions:
    Jumps are times of the performance: from then on it goes on elsewhere. Until the next jump only what is played
    from there on counts, so waiting at the old place is no success.
    In each frame the error is how far the time of the estimated place (interpolated) lies beyond the frame's time, or
    before the last onset: to wait on a notehead that still sounds is no error.
    A follower has recovered in the first frame from which the error stays within `TOLERANCE` for `HOLD` seconds.

Metrics:
    recovered_1, recovered_3: share of jumps recovered from within 1 and 3 s, with `_macro`, `_low`, `_high`.
    recovery_median: seconds; infinite if most jumps were never recovered from.
"""

import warnings
from collections.abc import Sequence

import numpy as np

from .following import validate
from .intervals import ROUNDS, summarise
from .score_map import Places, ScoreMap, Track

TOLERANCE = 0.5  # seconds
HOLD = 1.0  # seconds
WITHIN = (1.0, 3.0)  # seconds
LEAST = max(WITHIN) + HOLD  # seconds from each jump to the next one or the last onset
_HAIR = 1e-9


def recovery_times(score: ScoreMap, track: Track, jumps: Sequence[float] | np.ndarray) -> np.ndarray:
    """(jumps,) seconds from each jump until the follower has recovered; infinite if not before the next one.

    Raises:
        ValueError: jumps that don't rise, or lie less than 4 s before the next one or the last onset.
    """
    starts = np.asarray(jumps, np.float64)
    ends = np.append(starts, score.onsets[-1])[1:]
    if len(starts) and not (starts[0] >= 0 and (ends - starts).min() >= LEAST - _HAIR):
        shown = np.append(starts, score.onsets[-1]).tolist()
        raise ValueError(f"jumps and last onset must be at least {LEAST:g} s apart, from 0 s, got {shown}")
    return np.array([_recovery_time(score, track, start, end) for start, end in zip(starts, ends, strict=True)])


def _recovery_time(score: ScoreMap, track: Track, start: float, end: float) -> float:
    part = score.between(start, np.nextafter(end, np.inf) if end == score.onsets[-1] else end)
    frames = np.flatnonzero((track.times >= start - _HAIR) & (track.times <= end + _HAIR))
    times = track.times[frames]
    bad = frame_errors(part, track.places.take(frames), times) > TOLERANCE + _HAIR
    next_bad = np.append(times[bad], np.inf)[np.cumsum(bad) - bad]
    held = ~bad & (next_bad > times + HOLD - _HAIR) & (times + HOLD <= end + _HAIR)
    return float(max(0.0, times[held][0] - start)) if held.any() else np.inf


def frame_errors(score: ScoreMap, places: Places, times: np.ndarray) -> np.ndarray:
    """(T,) seconds from 0, see the module; infinite in systems that are never played."""
    estimated = score.times_of(places, times, "interpolated")
    last = score.onsets[np.maximum(0, np.searchsorted(score.onsets, times + _HAIR, side="right") - 1)]
    return np.maximum(0, np.maximum(estimated - np.maximum(times, last), last - estimated))


def evaluate(
    scores: Sequence[ScoreMap],
    tracks: Sequence[Track],
    jumps: Sequence[Sequence[float]],
    rounds: int = ROUNDS,
    seed: int = 0,
) -> dict[str, float]:
    """All metrics of the module, over pieces; NaN, and a warning, if there are no jumps."""
    validate(scores, tracks)
    if len(jumps) != len(scores):
        raise ValueError(f"jumps must be given for each of the {len(scores)} pieces, got {len(jumps)}")
    times = [recovery_times(*piece) for piece in zip(scores, tracks, jumps, strict=True)]
    counts = np.array([len(piece) for piece in times])
    if not counts.any():
        warnings.warn("no piece has jumps", stacklevel=2)
    soon = {f"recovered_{t:g}": (np.array([(piece <= t + _HAIR).sum() for piece in times]), counts) for t in WITHIN}
    median = float(np.median(np.concatenate(times))) if counts.any() else np.nan
    return summarise(soon, rounds, seed) | {"recovery_median": median}
