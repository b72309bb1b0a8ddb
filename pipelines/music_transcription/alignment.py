"""Alignments of two sequences, row by row with numpy: local ones of tokens, global ones of confusion networks.

An alignment is (L, 2): places in the first and in the second sequence, -1 where one has nothing; both columns rise.
"""

import numpy as np


def align_locally(first: np.ndarray, second: np.ndarray, match: float, mismatch: float, gap: float) -> np.ndarray:
    """Best local alignment of two token sequences, (L, 2); of equal ones that which ends first in `first`.

    Smith and Waterman, "Identification of common molecular subsequences", 1981, with linear gaps.

    Args:
        match: score of equal tokens, above 0.
        mismatch: of unequal ones.
        gap: of a token that the other sequence lacks, below 0.

    Raises:
        ValueError: a score has the wrong sign.
    """
    if not (0 < match < np.inf and mismatch < match and -np.inf < gap < 0):
        raise ValueError(f"match must be above 0 and mismatch, gap below 0, got {match}, {mismatch}, {gap}")
    pair = np.where(np.asarray(first)[:, None] == np.asarray(second), float(match), float(mismatch))
    rise = -gap * np.arange(len(second) + 1)
    best = np.zeros((len(first) + 1, len(second) + 1))
    for row in range(len(first)):
        entered = np.maximum(best[row] + gap, 0.0)
        entered[1:] = np.maximum(entered[1:], best[row, :-1] + pair[row])
        # A gap of any length along the row at once: the greatest of all to the left, each less its distance.
        best[row + 1] = np.maximum.accumulate(entered + rise) - rise
    i, j = (int(place) for place in np.unravel_index(best.argmax(), best.shape))
    pairs = []
    while best[i, j] > 1e-9:
        if i and j and np.isclose(best[i, j], best[i - 1, j - 1] + pair[i - 1, j - 1], atol=1e-9):
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif i and np.isclose(best[i, j], best[i - 1, j] + gap, atol=1e-9):
            i -= 1
            pairs.append((i, -1))
        else:
            j -= 1
            pairs.append((-1, j))
    return np.array(pairs[::-1], np.int64).reshape(-1, 2)


def align_networks(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Cheapest global alignment of two confusion networks, (S, V + 1) and (R, V + 1), as pairs (L, 2) of slots.

    Two slots cost the probability that their symbols differ; a slot alone, that it has a token. So the whole cost is
    the expected number of edits along the alignment.
    """
    pair = 1 - first @ second.T
    alone, other = 1 - first[:, 0], 1 - second[:, 0]
    rise = np.concatenate([[0.0], np.cumsum(other)])
    cost = np.empty((len(first) + 1, len(second) + 1))
    cost[0] = rise
    for row in range(len(first)):
        entered = cost[row] + alone[row]
        entered[1:] = np.minimum(entered[1:], cost[row, :-1] + pair[row])
        cost[row + 1] = np.minimum.accumulate(entered - rise) + rise
    i, j, pairs = len(first), len(second), []
    while i or j:
        through = cost[i - 1, j - 1] + pair[i - 1, j - 1] if i and j else np.inf
        down = cost[i - 1, j] + alone[i - 1] if i else np.inf
        right = cost[i, j - 1] + other[j - 1] if j else np.inf
        if through <= min(down, right):
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif down <= right:
            i -= 1
            pairs.append((i, -1))
        else:
            j -= 1
            pairs.append((-1, j))
    return np.array(pairs[::-1], np.int64).reshape(-1, 2)
