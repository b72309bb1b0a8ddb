"""Whether pages were turned when it was time.

Conventions:
    A turn is a time and the page that is turned to. It is due when the first onset of the new page sounds, whichever
    way the pages go (a repeat may turn back). A turner's event belongs to the due turn of the same page nearest to it,
    one to one, if they are at most `REACH` apart. Its error is its time minus the due one: negative is early.

Metrics, over the due turns of all pieces:
    turns_in_time: share with an event at most `EARLY` before and `LATE` after them. Players read about a second ahead
        of what they play (Furneaux and Land, Proc. R. Soc. B 266, 1999) and can keep as much in mind, so a page may
        go that soon and a bit more; after the first onset of the new page they play from memory.
    turns_missed: share without an event. turns_false: events that belong to no due turn, by the number of due turns.
    turn_error: mean error in seconds of the turns with an event. All these with `_macro`, `_low`, `_high`.
    turn_error_median: median of absolute errors.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .intervals import ROUNDS, summarise
from .score_map import ScoreMap, Track

REACH = 5.0  # seconds
EARLY, LATE = 2.0, 0.5  # seconds


@dataclass(frozen=True)
class Turns:
    """Columns (N,), by time.

    Raises:
        ValueError: columns of different lengths, times that are not finite or not in order.
    """

    times: np.ndarray
    page: np.ndarray

    def __post_init__(self) -> None:
        if self.times.shape != self.page.shape or self.times.ndim != 1:
            raise ValueError(f"turns must have as many times as pages, got {self.times.shape} and {self.page.shape}")
        if not np.isfinite(self.times).all() or np.any(np.diff(self.times) < 0):
            raise ValueError("times of turns must be finite and in order, got others")


def due_turns(score: ScoreMap) -> Turns:
    """The turns that a performance needs."""
    rows = 1 + np.flatnonzero(np.diff(score.places.page))
    return Turns(score.onsets[rows], score.places.page[rows])


def track_turns(track: Track) -> Turns:
    """The turns of a follower that shows the page on which it is."""
    rows = 1 + np.flatnonzero(np.diff(track.page))
    return Turns(track.times[rows], track.page[rows])


def turn_errors(due: Turns, estimated: Turns) -> np.ndarray:
    """(due turns,) seconds, signed, early below 0; NaN where no event belongs to the turn."""
    errors = np.full(len(due.times), np.nan)
    gaps = estimated.times - due.times[:, None]  # (due, estimated)
    distance = np.where(estimated.page == due.page[:, None], np.abs(gaps), np.inf)
    # Nearest pairs first, so that an event between two turns goes to the one that it fits.
    pairs = np.argwhere(distance <= REACH)
    taken = set()
    for row, column in pairs[np.argsort(distance[tuple(pairs.T)], kind="stable")].tolist():
        if np.isnan(errors[row]) and column not in taken:
            errors[row] = gaps[row, column]
            taken.add(column)
    return errors


def evaluate(
    due: Sequence[Turns], estimated: Sequence[Turns], rounds: int = ROUNDS, seed: int = 0
) -> dict[str, float]:
    """All metrics of the module, over pieces; NaN, and a warning, if no turn is due."""
    if not len(due) == len(estimated) > 0:
        raise ValueError(f"due and estimated must be equally many, at least 1, got {len(due)} and {len(estimated)}")
    errors = [turn_errors(*piece) for piece in zip(due, estimated, strict=True)]
    counts = np.array([len(piece) for piece in errors])
    found = [piece[~np.isnan(piece)] for piece in errors]
    n_found, n_events = np.array(list(map(len, found))), np.array([len(turns.times) for turns in estimated])
    if not counts.any():
        warnings.warn("no piece has a page to turn", stacklevel=2)
    in_time = np.array([((piece >= -EARLY) & (piece <= LATE)).sum() for piece in found])
    ratios = {
        "turns_in_time": (in_time, counts),
        "turns_missed": (counts - n_found, counts),
        "turns_false": (n_events - n_found, counts),
        "turn_error": (np.array([piece.sum() for piece in found]), n_found),
    }
    median = float(np.median(np.abs(np.concatenate(found)))) if n_found.any() else np.nan
    return summarise(ratios, rounds, seed) | {"turn_error_median": median}
