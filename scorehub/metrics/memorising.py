"""Does a generator copy its training rolls? Nearest training neighbours, against those of held-out real rolls.

Rolls are bool arrays (N, C, P, T), C channels, P pitches upward, T frames, true where a note sounds. Generated and
held-out rolls must be cut alike; a copy at another time of the training piece is found only if its window is there.

- hamming: differing cells / all cells; small for any two sparse rolls, so compare only with the baseline.
- jaccard: 1 - cells on in both / cells on in either; 0 for two empty rolls.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.stats import mannwhitneyu

DISTANCES = ("jaccard", "hamming")
_CHUNK = 2048  # training rolls at a time


@dataclass(frozen=True)
class Nearest:
    """Nearest training neighbours, columns (N,)."""

    distance: np.ndarray  # 0 to 1
    index: np.ndarray  # of the training roll
    semitones: np.ndarray  # by which the roll was moved up to meet it


def validate(rolls: np.ndarray, training: np.ndarray) -> None:
    """Raises ValueError unless both are bool (N, C, P, T) with one (C, P, T) and N >= 1; warns of silent rolls."""
    for name, array in (("rolls", rolls), ("training rolls", training)):
        if array.dtype != bool or array.ndim != 4 or not array.size:
            raise ValueError(f"{name} must be bool (N, C, P, T), not empty, got {array.dtype} {array.shape}")
    if rolls.shape[1:] != training.shape[1:]:
        raise ValueError(f"training rolls must have the shape {rolls.shape[1:]}, got {training.shape[1:]}")
    silent = int((~rolls.any((1, 2, 3))).sum())
    if silent:
        warnings.warn(f"{silent} of {len(rolls)} rolls are silent", stacklevel=3)


def nearest(rolls: np.ndarray, training: np.ndarray, distance: str = "jaccard", semitones: int = 0) -> Nearest:
    """The nearest training roll of each roll, over all transpositions up to `semitones` both ways.

    Notes that a transposition moves out of range still count, as cells that differ.

    Args:
        rolls: bool (N, C, P, T).
        training: bool (M, C, P, T).
        distance: one of `DISTANCES`.
        semitones: 0 compares rolls as they are, 6 is enough to be blind to the key.
    """
    validate(rolls, training)
    if distance not in DISTANCES:
        raise ValueError(f"distance must be one of {DISTANCES}, got {distance}")
    if not 0 <= semitones < rolls.shape[2]:
        raise ValueError(f"semitones must be 0 to {rolls.shape[2] - 1}, got {semitones}")
    n, cells = len(rolls), rolls[0].size
    on = rolls.sum((1, 2, 3), dtype=np.float32)[:, None]
    best = Nearest(np.full(n, np.inf), np.zeros(n, np.int64), np.zeros(n, np.int64))
    # Unmoved first, and only a smaller distance replaces: ties go to the smallest move
    moves = sorted(range(-semitones, semitones + 1), key=abs)
    moved = {move: _transposed(rolls, move).reshape(n, cells).astype(np.float32) for move in moves}
    for first in range(0, len(training), _CHUNK):
        chunk = training[first : first + _CHUNK].reshape(-1, cells).astype(np.float32)
        chunk_on = chunk.sum(1)[None]
        for move in moves:
            both = moved[move] @ chunk.T  # (N, chunk) cells on in both; whole numbers, exact in float32 to 2^24
            differing = on + chunk_on - 2 * both
            scale = np.maximum(differing + both, 1) if distance == "jaccard" else np.float32(cells)
            _keep_smaller(best, differing / scale, first, move)
    return best


def nearer_than_real(real: np.ndarray, made: np.ndarray) -> float:
    """Probability that a generated item is nearer to training than a held-out one, of both's distances, ties half."""
    return float(mannwhitneyu(real, made).statistic / (len(real) * len(made)))


def _transposed(rolls: np.ndarray, semitones: int) -> np.ndarray:
    moved = np.zeros_like(rolls)
    size = rolls.shape[2] - abs(semitones)
    to, source = max(semitones, 0), max(-semitones, 0)
    moved[:, :, to : to + size] = rolls[:, :, source : source + size]
    return moved


def _keep_smaller(best: Nearest, distances: np.ndarray, first: int, move: int) -> None:
    index = distances.argmin(1)
    smallest = distances[np.arange(len(index)), index]
    better = smallest < best.distance
    best.distance[better] = smallest[better]
    best.index[better] = index[better] + first
    best.semitones[better] = move


def evaluate(
    generated: np.ndarray,
    held_out: np.ndarray,
    training: np.ndarray,
    distance: str = "jaccard",
    semitones: int = 0,
    quantile: float = 0.05,
) -> dict[str, float]:
    """Nearest-neighbour distances of generated rolls, and of held-out real ones as the baseline.

    Args:
        quantile: a roll counts as memorised if it is nearer to its neighbour than this share of the held-out rolls.

    Returns:
        - distance, distance_real: medians.
        - memorised_share, memorised_share_real: nearer than the threshold; the second is at most `quantile`.
        - copied_share, copied_share_real: distance 0.
        - nearer_than_real: probability that a generated roll is nearer to training than a held-out one, ties half;
          0.5 is as real music, 1 pure copying (the statistic of Meehan et al. 2020, without its cells).
    """
    if not 0 < quantile < 1:
        raise ValueError(f"quantile must be between 0 and 1, got {quantile}")
    made, real = (nearest(rolls, training, distance, semitones).distance for rolls in (generated, held_out))
    threshold = np.quantile(real, quantile)
    return {
        "distance": float(np.median(made)),
        "distance_real": float(np.median(real)),
        "memorised_share": float((made < threshold).mean()),
        "memorised_share_real": float((real < threshold).mean()),
        "copied_share": float((made == 0).mean()),
        "copied_share_real": float((real == 0).mean()),
        "nearer_than_real": nearer_than_real(real, made),
    }
