"""Where the notes of a performance lie on the pages, and where a follower said that it was.

Conventions:
    Pages count from 0, systems from 0 through the whole piece in reading order; x and y are pixels of a page (or of a
    strip), x right, y down. All times are seconds of the performance. Each place has page, system and x.

A place has a time: that of a notehead there (`ScoreMap.times_of`). What is played again has several; then the one
nearest to the true time counts, so no follower is blamed for what pages can't tell.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

HOW = ("nearest", "interpolated", "previous")
CM_PER_INCH = 2.54
_COLUMNS = ("page", "system", "x", "y", "onset")  # of a ScoreMap
_BREAK_CM = 2.3  # on a strip from the last notehead of a system to the first of the next: barline, clef, key; median
_SAME_X = 1e-6  # pixels; noteheads no further apart are printed once


class Places(NamedTuple):
    """Columns (N,)."""

    page: np.ndarray
    system: np.ndarray
    x: np.ndarray

    def take(self, rows: np.ndarray) -> "Places":
        """The places of some rows."""
        return Places(self.page[rows], self.system[rows], self.x[rows])


@dataclass(frozen=True)
class Track:
    """What a follower says: columns (T,), a row a frame; each holds until half-way to the next.

    Raises:
        ValueError: no frames, columns of different lengths, values that are not finite, times that don't rise.
    """

    times: np.ndarray
    page: np.ndarray
    system: np.ndarray
    x: np.ndarray

    def __post_init__(self) -> None:
        _check_columns(self, ("times", "page", "system", "x"))
        if np.any(np.diff(self.times) <= 0):
            raise ValueError("times must rise from frame to frame, got one that doesn't")

    @property
    def places(self) -> Places:
        """(T,) where it is in each frame."""
        return Places(self.page, self.system, self.x)

    def at(self, times: np.ndarray) -> Places:
        """The places (N,) in the frames nearest to these times.

        Raises:
            ValueError: a time is further from the track's ends than its frames are from one another.
        """
        reach = float(np.diff(self.times).max(initial=0.05)) + 1e-9
        low, high = self.times[0] - reach, self.times[-1] + reach
        if len(times) and not (low <= times.min() and times.max() <= high):
            raise ValueError(f"track must reach from {times.min()} to {times.max()} s, got {low} to {high} s")
        frames = np.searchsorted((self.times[1:] + self.times[:-1]) / 2, times, side="right")
        return self.places.take(frames)


@dataclass(frozen=True)
class ScoreMap:
    """Noteheads: columns (N,) in any order, a row each time that one is struck.

    Attributes:
        onset: of the performance. Give the notes of a chord one onset, or each counts as one: by a curve from score
            times, as `scorehub.tempo.TempoCurve`.
        dpi: pixels an inch.

    Raises:
        ValueError: no noteheads, columns of different lengths, values that are not finite, a system on two pages.
    """

    page: np.ndarray
    system: np.ndarray
    x: np.ndarray
    y: np.ndarray
    onset: np.ndarray
    dpi: float

    def __post_init__(self) -> None:
        _check_columns(self, _COLUMNS)
        if not 0 < self.dpi < np.inf:
            raise ValueError(f"dpi must be above 0, got {self.dpi}")
        n_systems = len(np.unique(self.system))
        if len(np.unique(np.stack([self.page, self.system]), axis=1).T) != n_systems:
            raise ValueError(f"each of the {n_systems} systems must lie on one page, got one on several")

    @cached_property
    def onsets(self) -> np.ndarray:
        """(K,) the times at which something is struck, rising."""
        return np.unique(self.onset)

    @cached_property
    def places(self) -> Places:
        """(K,) where each of `onsets` lies: at the notehead nearest to the middle of those in its first system."""
        order = np.lexsort((self.x, self.system, self.onset))
        rows = []
        for chord in np.split(order, np.searchsorted(self.onset[order], self.onsets[1:])):
            chord = chord[self.system[chord] == self.system[chord[0]]]
            rows.append(chord[np.abs(self.x[chord] - self.x[chord].mean()).argmin()])
        return Places(self.page, self.system, self.x).take(np.array(rows))

    @property
    def seconds(self) -> float:
        """From the first onset to the last."""
        return float(self.onsets[-1] - self.onsets[0])

    def between(self, start: float, end: float) -> "ScoreMap":
        """The rows with onsets from `start` to before `end`."""
        chosen = (self.onset >= start) & (self.onset < end)
        page, system, x, y, onset = (getattr(self, name)[chosen] for name in _COLUMNS)
        return ScoreMap(page, system, x, y, onset, self.dpi)

    def nearest_system(self, page: np.ndarray, y: np.ndarray) -> np.ndarray:
        """(N,) the systems nearest in y, for followers that give points; -1 on pages without noteheads."""
        found = np.full(len(y), -1)
        for number in np.unique(self.page):
            systems = np.unique(self.system[self.page == number])
            tall = [self.y[self.system == system] for system in systems]
            middles = np.array([(column.min() + column.max()) / 2 for column in tall])
            asked = np.flatnonzero(page == number)
            found[asked] = systems[np.abs(y[asked, None] - middles).argmin(1)]
        return found

    def times_of(self, places: Places, near: np.ndarray, how: str = "nearest") -> np.ndarray:
        """(N,) the times of places; infinite where the system has no noteheads.

        Args:
            near: (N,) true times; of several times of a place, the nearest to them counts.
            how: "nearest": of the notehead of the system nearest in x. "previous": of the last one up to x, or the
                system's first, as published (github CPJKU/cyolo_score_following, dataset.py). "interpolated": between
                one onset and the next, where they lie left and right of x in the system; else as nearest.
        """
        if how not in HOW:
            raise ValueError(f"how must be one of {HOW}, got {how!r}")
        found = np.full(len(near), np.inf)
        for page, system in np.unique(np.stack([places.page, places.system]), axis=1).T:
            asked = (places.page == page) & (places.system == system)
            heads = (self.page == page) & (self.system == system)
            if heads.any():
                options = self._head_times(heads, places.x[asked], how)
                if how == "interpolated":
                    between = self._between_times(int(system), places.x[asked])
                    options = np.where(np.isfinite(between).any(1, keepdims=True), np.inf, options)
                    options = np.concatenate([options, between], 1)
                choice = np.abs(options - near[asked, None]).argmin(1)
                found[asked] = options[np.arange(len(choice)), choice]
        return found

    def _head_times(self, heads: np.ndarray, x: np.ndarray, how: str) -> np.ndarray:
        """(places, noteheads) onsets of the noteheads in question, infinite for the others."""
        distance = np.abs(x[:, None] - self.x[heads])
        if how == "previous":
            left = self.x[heads] <= x[:, None] + _SAME_X
            distance = np.where(left | ~left.any(1, keepdims=True), distance, np.inf)
        close = distance <= distance.min(1, keepdims=True) + _SAME_X
        return np.where(close, self.onset[heads], np.inf)

    def _between_times(self, system: int, x: np.ndarray) -> np.ndarray:
        """(places, pairs of onsets that follow each other) times in between, infinite where x is not."""
        inside = (self.places.system[1:] == system) & (self.places.system[:-1] == system)
        pairs = np.flatnonzero(inside & (np.diff(self.places.x) > 0))
        left, right = self.places.x[pairs], self.places.x[pairs + 1]
        share = (x[:, None] - left) / (right - left)
        start, end = self.onsets[pairs], self.onsets[pairs + 1]
        return np.where((share >= 0) & (share <= 1), start + share * (end - start), np.inf)

    def strip_cm(self, places: Places) -> np.ndarray:
        """(N,) cm along the strip of all systems, each from its first to its last notehead; NaN off the systems.

        Between two systems lie 2.3 cm, as in the median where strips are cut from pages (`scorehub.strip`).
        """
        along, start = np.full(len(places.x), np.nan), 0.0
        for system in np.unique(self.system):
            heads = self.system == system
            left, right = self.x[heads].min(), self.x[heads].max()
            there = (places.system == system) & (places.page == self.page[heads][0])
            along[there] = start + (places.x[there] - left) / self.dpi * CM_PER_INCH
            start += (right - left) / self.dpi * CM_PER_INCH + _BREAK_CM
        return along


def map_noteheads(noteheads: Mapping[str, Any] | np.ndarray, dpi: float) -> ScoreMap:
    """From the `noteheads` of an MSMD row, or `scorehub.noteheads.Noteheads.notes`; unstruck ones are left out."""
    onset = np.array(noteheads["onset"], np.float64)  # a missing onset becomes NaN
    struck = ~np.isnan(onset) & ~np.array(noteheads["tied"], bool)
    whole = [np.array(noteheads[name], np.float64)[struck] for name in ("page", "system", "x", "y")]
    if not np.isfinite(whole[:2]).all():
        raise ValueError("page and system must be known of all struck noteheads, got some without")
    page, system, x, y = whole
    return ScoreMap(page.astype(np.int64), system.astype(np.int64), x, y, onset[struck], dpi)


def _check_columns(table: Track | ScoreMap, names: tuple[str, ...]) -> None:
    columns = [np.asarray(getattr(table, name)) for name in names]
    shapes = [column.shape for column in columns]
    if len(set(shapes)) != 1 or len(shapes[0]) != 1 or not shapes[0][0]:
        raise ValueError(f"columns {', '.join(names)} must have one length from 1, got shapes {shapes}")
    for name, column in zip(names, columns, strict=True):
        if not np.isfinite(column).all():
            raise ValueError(f"{name} must be finite numbers, got {column[~np.isfinite(column)][0]}")
