"""How alike two distributions are: overlapping area and KL divergence, by several definitions that share these names.

- Of histograms: `overlapping_area` (histogram intersection, Swain and Ballard 1991) and `kl_divergence`.
- Yang and Lerch, "On the evaluation of generative models in music", Neural Computing and Applications 2020 (`mgeval`):
  the real set's intra-set distances against its distances to the other set, both smoothed by a Gaussian kernel.
- Of normal distributions: `gaussian_overlap`, which the framewise measures rest on (`framewise`).

Overlaps are 0 to 1, 1 for equal distributions; divergences are nats, 0 for equal distributions.
"""

import numpy as np
from scipy.signal import fftconvolve
from scipy.spatial.distance import cdist
from scipy.special import ndtr

SMOOTHING = 0.5  # pseudo-count a bin (Jeffreys' prior), so that an empty bin costs bits and not infinity
_GRID = 4096  # points on which densities are compared
_UNIFORM = 1e-3  # share of a uniform distribution in each density, so that far tails keep KL finite and steady
_MARGIN = 5.0  # bandwidths beyond the data; a normal kernel has 6e-7 of its mass outside


def overlapping_area(reference: np.ndarray, estimated: np.ndarray) -> np.ndarray:
    """Sum of the smaller of two shares in each bin: counts (..., bins) -> (...); NaN where either is empty."""
    return np.minimum(_shares(reference), _shares(estimated)).sum(-1)


def kl_divergence(reference: np.ndarray, estimated: np.ndarray, smoothing: float = SMOOTHING) -> np.ndarray:
    """KL(reference || estimated) in nats: counts (..., bins) -> (...); NaN where either is empty.

    Args:
        smoothing: added in both to each bin that is not empty in both; the other bins take no share.
    """
    if not smoothing > 0:
        raise ValueError(f"smoothing must be above 0, got {smoothing}")
    either = (reference + estimated) > 0
    p, q = (_shares(counts + smoothing * either) for counts in (reference, estimated))
    ratio = np.log(np.where(either, p, 1.0)) - np.log(np.where(either, q, 1.0))
    empty = (reference.sum(-1) == 0) | (estimated.sum(-1) == 0)
    return np.where(empty, np.nan, (p * ratio).sum(-1))


def _shares(counts: np.ndarray) -> np.ndarray:
    total = counts.sum(-1, keepdims=True)
    return np.divide(counts, total, out=np.full(counts.shape, np.nan), where=total > 0)


def yang_lerch(reference: np.ndarray, estimated: np.ndarray) -> tuple[float, float]:
    """Overlapping area and KL divergence of intra-set and inter-set distances.

    Euclidean distances, Scott's bandwidth. `mgeval` integrates only from the smallest to the largest distance, and
    takes KL at points that differ between the two densities; here both use one grid over all of the mass.

    Args:
        reference: (N, features) one row a piece, N >= 3.
        estimated: (M, features), M >= 1.

    Returns:
        (overlapping area 0 to 1, KL(intra || inter) in nats).
    """
    if len(reference) < 3 or len(estimated) < 1:
        raise ValueError(f"pieces must be at least 3 real and 1 other, got {len(reference)} and {len(estimated)}")
    intra = cdist(reference, reference)[~np.eye(len(reference), dtype=bool)]
    p, q, width = _densities(intra, cdist(reference, estimated).ravel())
    kl = (p * np.log(p / q)).sum() * width
    return float(min(1.0, np.minimum(p, q).sum() * width)), float(max(0.0, kl))


def _densities(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Kernel densities of two samples on one grid, each of integral 1, and its width; binned, then convolved."""
    spread = max(float(np.ptp(np.concatenate([a, b]))), 1e-9)
    # Equal distances have no spread: a bandwidth of two grid points stands for their spike.
    bandwidths = [max(float(x.std()) * len(x) ** -0.2, 2 * spread / _GRID) for x in (a, b)]
    margin = _MARGIN * max(bandwidths)
    low, high = min(a.min(), b.min()) - margin, max(a.max(), b.max()) + margin
    width = float(high - low) / _GRID
    offsets = (np.arange(_GRID) - _GRID // 2) * width
    densities = []
    for x, bandwidth in zip((a, b), bandwidths, strict=True):
        counts = np.histogram(x, _GRID, (low, high))[0]
        density = np.maximum(fftconvolve(counts, np.exp(-0.5 * (offsets / bandwidth) ** 2), mode="same"), 0)
        densities.append((1 - _UNIFORM) * density / (density.sum() * width) + _UNIFORM / (width * _GRID))
    return densities[0], densities[1], width


def gaussian_overlap(mean_a: np.ndarray, std_a: np.ndarray, mean_b: np.ndarray, std_b: np.ndarray) -> np.ndarray:
    """Overlapping area of normal distributions, elementwise (`statistics.NormalDist.overlap`); deviations above 0."""
    # b becomes the wider one, and the unit of a measures all: N(0, 1) against N(d, s), s >= 1
    swap = std_a > std_b
    narrow, wide = np.where(swap, std_b, std_a), np.where(swap, std_a, std_b)
    d, s = np.abs(mean_b - mean_a) / narrow, wide / narrow
    equal = s - 1 < 1e-9
    safe = np.where(equal, 2.0, s)
    # Densities cross where (s^2 - 1) x^2 + 2 d x - d^2 - 2 s^2 ln s = 0
    root = safe * np.sqrt(d**2 + 2 * (safe**2 - 1) * np.log(safe))
    left, right = (-d - root) / (safe**2 - 1), (-d + root) / (safe**2 - 1)
    inside = ndtr((right - d) / safe) - ndtr((left - d) / safe)  # there the wide one is lower
    return np.where(equal, 2 * ndtr(-d / 2), inside + ndtr(left) + ndtr(-right))
