"""How well a performance is followed: errors in seconds and centimetres at each onset, and whether it got lost.

Conventions:
    A piece is a `ScoreMap` (the truth) and a `Track` (the estimate). Each onset is judged in the frame nearest to it,
    or to `delay` seconds later. Its error is the time of the estimated place (`ScoreMap.times_of`) minus the onset:
    positive is ahead. Places in systems that are never played have no time; their error is the piece's length.

Metrics, over the onsets of all pieces (micro); each with `_macro`, and `_low` to `_high` by `intervals.summarise`:
    within_T: share of onsets with an error of at most T seconds, for each of `TOLERANCES` (Henkel et al. 2020).
    error: mean absolute error in seconds.
    right_system: share of onsets at which the estimate is in the true system.
    cm: mean distance in x from the true place, of these onsets alone; cm_std without interval.
    tracked: share of onsets with an error along the strip (`ScoreMap.strip_cm`) of at most `LOST_CM`.
    tracked_until_lost, tracked_to_end: share of onsets before the first that is not tracked; share of pieces that have
        none such. These are the "global tracking ratio" and "tracked until end ratio" of github
        CPJKU/score_following_game (`evaluation.py`, `score_following_env.py`): there an episode ends as soon as the
        error is over a third (170 px) of the excerpt of 512 px. The game looks at every frame and stops the follower;
        here onsets are looked at, and the follower goes on.
    error_median: of absolute errors, seconds, over all onsets; no interval.
"""

from collections.abc import Sequence

import numpy as np

from .intervals import ROUNDS, Ratio, summarise
from .score_map import CM_PER_INCH, ScoreMap, Track

TOLERANCES = (0.05, 0.1, 0.5, 1.0, 5.0)  # seconds
LOST_CM = 170 * 21.0 / 835  # 4.3; the game's strips are cut from A4 pages, 21 cm, that are 835 px wide
_HAIR = 1e-9  # sums of floats may fall beside a tolerance


def validate(scores: Sequence[ScoreMap], tracks: Sequence[Track]) -> None:
    """Raises ValueError unless there is one track a score, and at least one."""
    if not len(scores) == len(tracks) > 0:
        raise ValueError(f"scores and tracks must be equally many, at least 1, got {len(scores)} and {len(tracks)}")


def onset_errors(score: ScoreMap, track: Track, how: str = "nearest", delay: float = 0.0) -> np.ndarray:
    """(K,) seconds, signed, at each of `score.onsets`; the piece's length in systems that are never played."""
    if not 0 <= delay < np.inf:
        raise ValueError(f"delay must be from 0 s, got {delay}")
    times = score.times_of(track.at(score.onsets + delay), score.onsets, how)
    return np.where(np.isfinite(times), times - score.onsets, score.seconds)


def system_distances(score: ScoreMap, track: Track, delay: float = 0.0) -> np.ndarray:
    """(K,) cm in x between the estimated and the true place; infinite where the system is not the true one."""
    places = track.at(score.onsets + delay)
    same = (places.page == score.places.page) & (places.system == score.places.system)
    return np.where(same, np.abs(places.x - score.places.x) / score.dpi * CM_PER_INCH, np.inf)


def is_tracked(score: ScoreMap, track: Track, delay: float = 0.0) -> np.ndarray:
    """(K,) whether the estimate is within `LOST_CM` of the true place, along the strip of all systems."""
    along = score.strip_cm(track.at(score.onsets + delay)) - score.strip_cm(score.places)
    return np.abs(along) <= LOST_CM + _HAIR  # false for NaN


def evaluate(
    scores: Sequence[ScoreMap],
    tracks: Sequence[Track],
    how: str = "nearest",
    delay: float = 0.0,
    rounds: int = ROUNDS,
    seed: int = 0,
) -> dict[str, float]:
    """All metrics of the module, over pieces.

    Args:
        how: of `ScoreMap.times_of`.
        delay: seconds that the follower may take to answer.
    """
    validate(scores, tracks)
    pairs = list(zip(scores, tracks, strict=True))
    errors = [np.abs(onset_errors(score, track, how, delay)) for score, track in pairs]
    distances = [system_distances(score, track, delay) for score, track in pairs]
    tracked = [is_tracked(score, track, delay) for score, track in pairs]
    near = [distance[np.isfinite(distance)] for distance in distances]
    ratios = {f"within_{tolerance:g}": _means([e <= tolerance + _HAIR for e in errors]) for tolerance in TOLERANCES}
    ratios |= {
        "error": _means(errors),
        "right_system": _means([np.isfinite(distance) for distance in distances]),
        "cm": _means(near),
        "tracked": _means(tracked),
        "tracked_until_lost": _means([np.logical_and.accumulate(onsets) for onsets in tracked]),
        "tracked_to_end": _means([np.array([onsets.all()]) for onsets in tracked]),
    }
    result = summarise(ratios, rounds, seed)
    result["cm_std"] = float(np.concatenate(near).std()) if any(map(len, near)) else np.nan
    return result | {"error_median": float(np.median(np.concatenate(errors)))}


def _means(values: Sequence[np.ndarray]) -> Ratio:
    return np.array([column.sum() for column in values]), np.array([len(column) for column in values])
