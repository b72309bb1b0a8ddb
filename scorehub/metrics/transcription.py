"""How far transcriptions are from the truth, symbol by symbol: symbol and sequence error rates.

Conventions:
    `references` and `estimated` hold a sequence of symbols for each item, numbers or words. Rates are in percent and
    may exceed 100. Edit distances count insertions, deletions and substitutions (Levenshtein 1966).

Metrics:
    symbol_error_rate: 100 * sum of edit distances / sum of lengths of references (equation 1 of the thesis; the micro
        mean). `_macro`: mean over items of 100 * distance / length; items without symbols count only in the first.
    sequence_error_rate: percentage of items with any error.
    Each with `_low` and `_high`, 95 % of a bootstrap over items.
"""

import warnings
from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from rapidfuzz.distance import Levenshtein

from scorehub.metrics.score_following.intervals import summarise


def validate(references: Sequence[Sequence[Hashable]], estimated: Sequence[Sequence[Hashable]]) -> None:
    """Raises ValueError unless both hold equally many sequences, some of the references not empty; warns of empty."""
    if not len(references) == len(estimated) > 0:
        raise ValueError(
            f"references and estimated must be equally many, at least 1, got {len(references)} and {len(estimated)}"
        )
    empty = sum(not len(reference) for reference in references)
    if empty == len(references):
        raise ValueError(f"references must have symbols, got {empty} without")
    if empty:
        warnings.warn(f"{empty} of {len(references)} references are empty", stacklevel=3)


def edit_distances(
    references: Sequence[Sequence[Hashable]], estimated: Sequence[Sequence[Hashable]]
) -> tuple[np.ndarray, np.ndarray]:
    """(items,) edit distances, and lengths of the references."""
    numbers: dict[Hashable, int] = {}
    coded = [[_code(sequence, numbers) for sequence in side] for side in (references, estimated)]
    distances = [Levenshtein.distance(*pair) for pair in zip(*coded, strict=True)]
    return np.array(distances), np.array([len(reference) for reference in references])


def symbol_error_rate(references: Sequence[Sequence[Hashable]], estimated: Sequence[Sequence[Hashable]]) -> float:
    """Equation 1, in percent."""
    validate(references, estimated)
    distances, lengths = edit_distances(references, estimated)
    return float(100 * distances.sum() / lengths.sum())


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


def _code(sequence: Iterable[Hashable], numbers: dict[Hashable, int]) -> list[int]:
    # rapidfuzz compares hashes, which differing symbols may share.
    return [numbers.setdefault(symbol, len(numbers)) for symbol in sequence]
