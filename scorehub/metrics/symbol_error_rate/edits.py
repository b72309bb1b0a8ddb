"""Edit distances of sequences of symbols (Levenshtein 1966): an insertion, deletion or substitution counts one."""

import warnings
from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from rapidfuzz.distance import Levenshtein


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
    return np.array(distances, np.int64), np.array([len(reference) for reference in references], np.int64)


def _code(sequence: Iterable[Hashable], numbers: dict[Hashable, int]) -> list[int]:
    # rapidfuzz compares hashes, which differing symbols may share.
    return [numbers.setdefault(symbol, len(numbers)) for symbol in sequence]
