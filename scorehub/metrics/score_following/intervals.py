"""Shares and means over pieces: micro, macro, and 95 % of a bootstrap."""

from collections.abc import Mapping

import numpy as np

ROUNDS = 1000  # of the bootstrap

Ratio = tuple[np.ndarray, np.ndarray]  # (pieces,) sums, and (pieces,) how many things each is a sum of


def summarise(ratios: Mapping[str, Ratio], rounds: int = ROUNDS, seed: int = 0) -> dict[str, float]:
    """For each name: over all things; `_macro`: mean over pieces; `_low` to `_high`: 95 % of the first, see below.

    Pieces are drawn with replacement `rounds` times, the same ones for all names. Pieces that have none of the things
    count in no macro mean; NaN stands where no piece has any.

    Raises:
        ValueError: rounds out of range.
    """
    if not 10 <= rounds <= 100_000:
        raise ValueError(f"rounds must be 10 to 100000, got {rounds}")
    n_pieces = len(next(iter(ratios.values()))[1])
    drawn = np.random.default_rng(seed).multinomial(n_pieces, np.full(n_pieces, 1 / n_pieces), size=rounds)
    result: dict[str, float] = {}
    for name, (sums, counts) in ratios.items():
        own, resampled = _divide(sums, counts), _divide(drawn @ sums, drawn @ counts)
        known, drawn_known = own[~np.isnan(own)], resampled[~np.isnan(resampled)]
        low, high = np.quantile(drawn_known, (0.025, 0.975)) if len(drawn_known) else (np.nan, np.nan)
        result[name] = float(_divide(sums.sum(), counts.sum()))
        result[f"{name}_macro"] = float(known.mean()) if len(known) else np.nan
        result |= {f"{name}_low": float(low), f"{name}_high": float(high)}
    return result


def _divide(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    sums, counts = np.asarray(sums, np.float64), np.asarray(counts, np.float64)
    return np.divide(sums, counts, out=np.full(counts.shape, np.nan), where=counts > 0)
