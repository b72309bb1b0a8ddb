"""Generated pieces against held-out real ones: do their notes look alike, feature by feature?

Conventions:
    Pieces are `Notes`, all cut to windows of one length. The real ones go through the same roll as the generated ones
    (`notes -> roll -> notes`), or the grid of the roll shows as a difference. `pieces` says which real windows are of
    one piece, so that no piece stands on both sides of the real-vs-real baseline.

Metrics, for each of `roll_features.HISTOGRAMS`:
    overlap: histogram intersection, notes of all pieces pooled; kl: KL(real || generated) in nats.
    intra_overlap, intra_kl: Yang and Lerch's, from distances between the pieces' normalised histograms.
    Each `_real` is the same between real pieces and other real pieces. The gap is overlap_real - overlap.
    Pooled histograms are blind to what a single piece is like: if the real pieces are in all keys, notes at random
    score well on pitch class. intra_overlap and scale_consistency see that; never report overlap without them.
For each of `roll_features.MEASURES` the mean over the pieces that have one, and `_real`.

How the baseline is fair: overlaps grow with the number of pieces, and windows of one piece are alike. So each round
draws one window of each real piece, halves them into A and B, and compares A once with B, once with as many generated
windows. The noise of few pieces hides differences: have a hundred or more.
"""

import warnings
from collections.abc import Sequence

import numpy as np

from scorehub.metrics.distributions import kl_divergence, overlapping_area, yang_lerch
from scorehub.metrics.roll_features import HISTOGRAMS, MEASURES, Grid, histogram_counts, measures
from scorehub.notes import Notes

_BOOTSTRAP_ROUNDS = 40  # rounds in each bootstrap resample
_RESAMPLES = 200
_INTRA_ROUNDS = 10  # rounds of Yang and Lerch's measures, whose time grows with the square of the pieces

_Sides = tuple[np.ndarray, np.ndarray, np.ndarray]  # of A, of B, of the generated windows


def validate(reference: Sequence[Notes], estimated: Sequence[Notes], pieces: Sequence[str] | None = None) -> None:
    """Raises ValueError for too few pieces or labels that don't fit; warns of pieces without notes."""
    if pieces is not None and len(pieces) != len(reference):
        raise ValueError(f"pieces must name each of the {len(reference)} real windows, got {len(pieces)} names")
    n_real = len(reference) if pieces is None else len(set(pieces))
    if n_real < 6 or len(estimated) < 3:
        raise ValueError(f"pieces must be at least 6 real and 3 generated, got {n_real} and {len(estimated)}")
    for name, notes in (("real", reference), ("generated", estimated)):
        silent = sum(not len(piece) for piece in notes)
        if silent == len(notes):
            raise ValueError(f"{name} pieces must have notes, got {silent} without any")
        if silent:
            warnings.warn(f"{silent} of {len(notes)} {name} pieces have no notes", stacklevel=3)


def stack_counts(pieces: Sequence[Notes], grid: Grid) -> dict[str, np.ndarray]:
    """The pieces' histograms under one another: (N, bins) for each of `HISTOGRAMS`."""
    counts = [histogram_counts(piece, grid) for piece in pieces]
    return {name: np.stack([count[name] for count in counts]) for name in HISTOGRAMS}


def mean_measures(pieces: Sequence[Notes], grid: Grid) -> dict[str, float]:
    """Mean of each of `MEASURES` over the pieces that have a value; NaN if none has."""
    values = [measures(piece, grid) for piece in pieces]
    return {name: _mean(np.array([value[name] for value in values])) for name in MEASURES}


def _mean(values: np.ndarray) -> float:
    """Of the values that are not NaN; NaN if all are."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else np.nan


def draw_rounds(labels: np.ndarray, n_estimated: int, rounds: int, rng: np.random.Generator) -> _Sides:
    """Windows of A, of B and the generated ones: bool (rounds, N), (rounds, N), (rounds, M), equally many each.

    Args:
        labels: (N,) number of the piece of each real window; each round has at most one window of a piece.
        n_estimated: M.
    """
    size = min((int(labels.max()) + 1) // 2, n_estimated)
    a, b, made = (np.zeros((rounds, n), bool) for n in (len(labels), len(labels), n_estimated))
    for row in range(rounds):
        order = rng.permutation(len(labels))
        _, first = np.unique(labels[order], return_index=True)
        windows = rng.permutation(order[first])
        a[row, windows[:size]] = True
        b[row, windows[size : 2 * size]] = True
        made[row, rng.choice(n_estimated, size, replace=False)] = True
    return a, b, made


def evaluate(
    reference: Sequence[Notes],
    estimated: Sequence[Notes],
    grid: Grid | None = None,
    pieces: Sequence[str] | None = None,
    rounds: int = 200,
    seed: int = 0,
) -> dict[str, float]:
    """All metrics of the module, as `<feature>_<metric>`.

    The interval `gap_low` to `gap_high` has 95 % of a bootstrap over real pieces and generated windows. If it holds 0,
    the generated windows can't be told from other real ones by this feature and this many pieces.

    Args:
        reference: held-out real windows.
        estimated: generated windows; at least half as many as real pieces make the best of them.
        grid: of the rolls; sixteenths at 120 quarters a minute by default.
        pieces: the piece of each real window; without it every window counts as a piece of its own.

    Raises:
        ValueError: fewer than 6 real pieces or 3 generated ones, or a side without any note.
    """
    grid = grid or Grid()
    validate(reference, estimated, pieces)
    if not 10 <= rounds <= 10_000:
        raise ValueError(f"rounds must be 10 to 10000, got {rounds}")
    rng = np.random.default_rng(seed)
    labels = np.arange(len(reference)) if pieces is None else np.unique(np.array(pieces), return_inverse=True)[1]
    a, b, made = draw_rounds(labels, len(estimated), rounds, rng)
    real_counts, made_counts = stack_counts(reference, grid), stack_counts(estimated, grid)
    result: dict[str, float] = {}
    for name in HISTOGRAMS:
        real, other = real_counts[name], made_counts[name]
        scores = _histogram_scores((a @ real, b @ real, made @ other))
        scores |= _gap_interval(real, other, (a, b, made), labels, rng)
        scores |= _intra_scores(real, other, (a, b, made))
        result |= {f"{name}_{metric}": score for metric, score in scores.items()}
    real_means, made_means = mean_measures(reference, grid), mean_measures(estimated, grid)
    for name in MEASURES:
        result |= {name: made_means[name], f"{name}_real": real_means[name]}
    return result


def _histogram_scores(pooled: _Sides) -> dict[str, float]:
    """Means over the rounds; pooled counts (rounds, bins) of A, of B, of the generated windows."""
    a, b, made = pooled
    overlap, overlap_real = _mean(overlapping_area(a, made)), _mean(overlapping_area(a, b))
    return {
        "overlap": overlap,
        "overlap_real": overlap_real,
        "gap": overlap_real - overlap,
        "kl": _mean(kl_divergence(a, made)),
        "kl_real": _mean(kl_divergence(a, b)),
    }


def _gap_interval(
    real: np.ndarray, made: np.ndarray, chosen: _Sides, labels: np.ndarray, rng: np.random.Generator
) -> dict[str, float]:
    """Bootstrap of the mean gap: pieces drawn with replacement count twice or more on the side where they stand.

    So the copies of a piece never face each other, as they would if halves were drawn from the copies.
    """
    a, b, generated = (side[:_BOOTSTRAP_ROUNDS].astype(float) for side in chosen)
    gaps = []
    for _ in range(_RESAMPLES):
        weighted = _resampled(len(np.unique(labels)), rng)[labels][:, None] * real
        pooled, other = a @ weighted, generated @ (_resampled(len(made), rng)[:, None] * made)
        gaps.append(_mean(overlapping_area(pooled, b @ weighted) - overlapping_area(pooled, other)))
    gaps = [gap for gap in gaps if not np.isnan(gap)]
    low, high = np.quantile(gaps, (0.025, 0.975)) if gaps else (np.nan, np.nan)
    return {"gap_low": float(low), "gap_high": float(high)}


def _resampled(n: int, rng: np.random.Generator) -> np.ndarray:
    """(n,) how often each of n is drawn in n draws with replacement."""
    return np.bincount(rng.integers(0, n, n), minlength=n)


def _intra_scores(real: np.ndarray, made: np.ndarray, chosen: _Sides) -> dict[str, float]:
    """Yang and Lerch's measures of A with B and of A with the generated windows, means over the first rounds."""
    real, made = (counts / np.maximum(counts.sum(1, keepdims=True), 1) for counts in (real, made))
    rounds = list(zip(*(side[:_INTRA_ROUNDS] for side in chosen), strict=True))
    other = np.mean([yang_lerch(real[a], made[g]) for a, _, g in rounds], axis=0)
    baseline = np.mean([yang_lerch(real[a], real[b]) for a, b, _ in rounds], axis=0)
    scores = {"intra_overlap": other[0], "intra_overlap_real": baseline[0], "intra_kl": other[1]}
    return {name: float(score) for name, score in (scores | {"intra_kl_real": baseline[1]}).items()}
