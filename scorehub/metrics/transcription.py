"""How far transcriptions are from the truth, symbol by symbol: symbol and sequence error rates.

Conventions:
    `references` and `estimated` hold a sequence of symbols for each item, numbers or words. Rates are in percent and
    may exceed 100. Edit distances count insertions, deletions and substitutions (Levenshtein 1966).

Metrics:
    symbol_error_rate: 100 * sum of edit distances / sum of lengths of references (equation 1 of the thesis; the micro
        mean). `_macro`: mean over items of 100 * distance / length; items without symbols count only in the first.
    sequence_error_rate: percentage of items with any error.
    Each with `_low` and `_high`, 95 % of a bootstrap over items.

Without intervals they are a module of `evaluate`: `symbol_error_rate/`.
"""

from collections.abc import Hashable, Sequence

import numpy as np

from scorehub.metrics.score_following.intervals import summarise
from scorehub.metrics.symbol_error_rate.edits import edit_distances, validate


def symbol_error_rate(references: Sequence[Sequence[Hashable]], estimated: Sequence[Sequence[Hashable]]) -> float:
    """Equation 1, in percent."""
    validate(references, estimated)
    distances, lengths = edit_distances(references, estimated)
    return float(100 * distances.sum() / lengths.sum())


def sequence_error_rate(references: Sequence[Sequence[Hashable]], estimated: Sequence[Sequence[Hashable]]) -> float:
    """Percentage of sequences with any error."""
    validate(references, estimated)
    return float(100 * (edit_distances(references, estimated)[0] > 0).mean())


def evaluate(
    references: Sequence[Sequence[Hashable]],
    estimated: Sequence[Sequence[Hashable]],
    rounds: int = 1000,
    seed: int = 0,
) -> dict[str, float]:
    """All metrics of the module: symbol_error_rate, sequence_error_rate, the former with `_macro`, and intervals."""
    validate(references, estimated)
    distances, lengths = edit_distances(references, estimated)
    ratios = {
        "symbol_error_rate": (100.0 * distances, lengths),
        "sequence_error_rate": (100.0 * (distances > 0), np.ones(len(distances))),
    }
    result = summarise(ratios, rounds, seed)
    del result["sequence_error_rate_macro"]  # is the same
    return result
