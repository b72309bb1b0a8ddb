"""How far generated pictures are from real ones, by features of both: Fréchet and kernel distance, nearest neighbours.

Features are float arrays (N, D), a picture a row.

- Fréchet distance: between normal distributions with the features' means and covariances (Heusel et al. 2017, FID
  where the features are Inception's). It is biased upwards, the more the fewer pictures: compare only values of equal
  numbers. Covariances are never multiplied out: with centred features A, B over sqrt(n - 1) as rows, the trace of
  sqrt(A'A B'B) is the sum of the singular values of A B', exact also where there are fewer pictures than features.
- Kernel distance: unbiased squared maximum mean discrepancy with the kernel (x'y / D + 1)^3 (Binkowski et al. 2018,
  KID where the features are Inception's). Equal distributions have 0 on average, so that it can be below.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

FID_COUNTS = (8, 16, 32, 64)  # of the MusicScore paper
SUBSETS = 200


@dataclass(frozen=True)
class KernelDistance:
    """Of all pictures; and the range of 95 % of its values over halves of them, which is wider than its own."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Neighbours:
    """The nearest training picture of each, (N,): its distance, and which it is."""

    distance: np.ndarray
    index: np.ndarray


def validate(reference: np.ndarray, estimated: np.ndarray, least: int = 2) -> None:
    """Raises ValueError unless both are finite (N, D) of one D, with at least so many rows."""
    for name, features in (("reference", reference), ("estimated", estimated)):
        if features.ndim != 2 or len(features) < least or not np.isfinite(features).all():
            shape = features.shape
            raise ValueError(
                f"{name} features must be finite, (N, D) with N from {least}, got {features.dtype} {shape}"
            )
    if reference.shape[1] != estimated.shape[1]:
        raise ValueError(f"estimated features must be {reference.shape[1]} a row, got {estimated.shape[1]}")


def frechet_distance(reference: np.ndarray, estimated: np.ndarray) -> float:
    """Squared Fréchet distance of the normal distributions of two sets of features, 0 or more."""
    validate(reference, estimated)
    factors = [_factor(features.astype(np.float64)) for features in (reference, estimated)]
    spread = sum(float((factor**2).sum()) for factor in factors)
    shared = float(np.linalg.svd(factors[0] @ factors[1].T, compute_uv=False).sum())
    apart = float(((reference.mean(0, np.float64) - estimated.mean(0, np.float64)) ** 2).sum())
    return max(0.0, apart + spread - 2 * shared)


def frechet_distances(
    reference: np.ndarray, estimated: np.ndarray, counts: tuple[int, ...] = FID_COUNTS
) -> dict[int, float]:
    """Fréchet distance of the first n of each for n of `counts`, as far as there are so many of both."""
    most = min(len(reference), len(estimated))
    return {n: frechet_distance(reference[:n], estimated[:n]) for n in counts if n <= most}


def kernel_distance(
    reference: np.ndarray, estimated: np.ndarray, subsets: int = SUBSETS, seed: int = 0
) -> KernelDistance:
    """Unbiased kernel distance of all, and its range over random halves of both.

    Raises:
        ValueError: as `validate`, with four of each at least.
    """
    validate(reference, estimated, 4)
    x, y = reference.astype(np.float64), estimated.astype(np.float64)
    xx, yy, xy = (_kernel(*pair) for pair in ((x, x), (y, y), (x, y)))
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(subsets):
        a, b = (rng.permutation(len(each))[: len(each) // 2] for each in (x, y))
        values.append(_mmd(xx[np.ix_(a, a)], yy[np.ix_(b, b)], xy[np.ix_(a, b)]))
    low, high = np.quantile(values, (0.025, 0.975))
    return KernelDistance(_mmd(xx, yy, xy), float(low), float(high))


def nearest(estimated: np.ndarray, training: np.ndarray) -> Neighbours:
    """The nearest training row of each, by 1 - the cosine of the angle between them, 0 to 2.

    `scorehub.metrics.memorising` is the same for piano rolls, which have cells in place of features.
    """
    validate(training, estimated, 1)
    lengths = [np.linalg.norm(features, axis=1) for features in (estimated, training)]
    if min(length.min() for length in lengths) == 0:
        raise ValueError("features must have a row that is not all zero for each picture, got one of zeros")
    distances = np.maximum(cdist(estimated, training, "cosine"), 0)
    return Neighbours(distances.min(1), distances.argmin(1))


def _factor(features: np.ndarray) -> np.ndarray:
    """A matrix R with R'R the covariance, as few rows as it can have."""
    centred = (features - features.mean(0)) / np.sqrt(len(features) - 1)
    return centred if len(centred) <= centred.shape[1] else np.asarray(np.linalg.qr(centred, mode="r"))


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    products: np.ndarray = x @ y.T / x.shape[1] + 1
    return products**3


def _mmd(xx: np.ndarray, yy: np.ndarray, xy: np.ndarray) -> float:
    """Without the diagonals, on which a picture meets itself."""
    own = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in (xx, yy)]
    return float(sum(own) - 2 * xy.mean())
