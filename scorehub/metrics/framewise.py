"""Framewise self-similarity: how alike neighbouring stretches of a piece are in pitch and duration.

Choi et al. 2020 ("Encoding musical style with transformer autoencoders"), Mittal et al. 2021 ("Symbolic music
generation with diffusion models"), and SCHmUBERT (Plasser et al. 2023), whose code is followed: windows of 4 measures,
2 measures apart; a normal distribution of the pitches of each window, and one of the durations in steps (4 a quarter);
the overlapping areas of neighbouring windows, their mean over the piece. For real Lakh music its authors have
0.796 (pitch) and 0.828 (duration).

A window without notes stands as N(1, 0), and a piece without notes scores 0, as in that code; a piece of fewer than
two windows has no score (NaN). A note belongs to the measure of its onset.
"""

import warnings
from collections.abc import Sequence

import numpy as np

from scorehub.metrics.distributions import gaussian_overlap
from scorehub.metrics.roll_features import Grid, to_steps
from scorehub.notes import Notes

_LEAST_STD = 1e-6


def framewise_overlap(notes: Notes, grid: Grid, width: int = 4, hop: int = 2) -> np.ndarray:
    """(2,) mean overlapping area of neighbouring windows: of pitch, of duration.

    Args:
        width: measures of a window.
        hop: measures from one window to the next.
    """
    if width < 1 or hop < 1:
        raise ValueError(f"width and hop must be at least 1 measure, got {width} and {hop}")
    steps = to_steps(notes, grid).pitched()
    if not len(steps.start):
        return np.zeros(2)
    n_measures = steps.length // grid.steps_per_measure + 1
    n_windows = (n_measures - width) // hop + 1
    if n_windows < 2:
        return np.full(2, np.nan)
    measure = steps.start // grid.steps_per_measure
    first = np.arange(n_windows) * hop
    statistics = [_windows(x, measure, n_measures, first, width) for x in (steps.pitch, steps.end - steps.start)]
    return np.array([gaussian_overlap(m[:-1], s[:-1], m[1:], s[1:]).mean() for m, s in statistics])


def _windows(
    values: np.ndarray, measure: np.ndarray, n_measures: int, first: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of the whole numbers in each window: running sums of n, x and x^2."""
    sums = []
    for power in (0, 1, 2):
        total = np.zeros(n_measures + 1, np.int64)
        np.add.at(total, measure + 1, values**power)
        total = np.cumsum(total)
        sums.append(total[first + width] - total[first])
    n, s1, s2 = sums
    count = np.maximum(n, 1)
    # In whole numbers, since equal values must have a deviation of 0 exactly
    std = np.sqrt(np.maximum(n * s2 - s1**2, 0)) / count
    return np.where(n > 0, s1 / count, 1.0), np.where(n > 0, std, 0.0) + _LEAST_STD


def consistency(
    reference: Sequence[Notes], estimated: Sequence[Notes], grid: Grid, width: int = 4, hop: int = 2
) -> dict[str, float]:
    """SCHmUBERT's consistency and variance of pitch and duration: 1 - |relative difference|, at least 0, 1 is best.

    Also the means themselves: `pitch_overlap` and so on, with `_real` for the reference. Pieces of fewer than two
    windows are left out with a warning; scores are NaN if no others are there.
    """
    if not len(reference) or not len(estimated):
        raise ValueError(f"pieces must be at least 1 on each side, got {len(reference)} and {len(estimated)}")
    real, made = (np.array([framewise_overlap(x, grid, width, hop) for x in side]) for side in (reference, estimated))
    short = int(np.isnan(real[:, 0]).sum() + np.isnan(made[:, 0]).sum())
    if short:
        warnings.warn(f"{short} pieces have fewer than two windows of {width} measures and are left out", stacklevel=2)
    real, made = real[~np.isnan(real[:, 0])], made[~np.isnan(made[:, 0])]
    result = {}
    for column, name in enumerate(("pitch", "duration")):
        a, b = real[:, column], made[:, column]
        result[f"{name}_overlap_real"] = float(a.mean()) if len(a) else np.nan
        result[f"{name}_overlap"] = float(b.mean()) if len(b) else np.nan
        result[f"{name}_consistency"] = _likeness(a.mean(), b.mean()) if len(a) and len(b) else np.nan
        result[f"{name}_variance"] = _likeness(a.var(), b.var()) if len(a) and len(b) else np.nan
    return result


def _likeness(real: float, made: float) -> float:
    if real == 0:
        return float(made == 0)
    return float(np.clip(1 - abs(real - made) / real, 0, 1))
