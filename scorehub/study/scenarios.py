"""The nine scenarios of late fusion, as the published code makes them, and the two ways to sum up five folds.

The optical network (OMR) learns from a share of the fold's training part, so that its symbol error rate is about 30,
20 or 10 % (H, M, L); the network that hears (A2S) learns from all of it. In scenarios 1, 4 and 7 all items of the fold
are tested. In 2, 5 and 8 only those in which A2S has a symbol error rate of at most 30 %, in 3, 6 and 9 of at most
10 %. So the model chooses its own test items.

Schemes: k-fold sums up the test items of all folds. The original one tests a single fold, that with the least error
on its validation part.

Sources: github mariaalfaroc/late-fusion-music-transcription (`main.py`, `scenarios/folds_creation.py`); Brouwer,
Gradual Soft Parameter Sharing with Attention for Music Transcription, 2026, section 3 and tables 1, 4 and 5.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

LIMITS: dict[str, float | None] = {"H": None, "M": 30.0, "L": 10.0}  # greatest error rate of A2S, in percent


@dataclass(frozen=True)
class Scenario:
    """What OMR learns from and what is tested.

    Attributes:
        optical, audio: levels of the error rates, H, M or L.
        share: of the training part, above 0 to 1.
    """

    number: int
    optical: str
    audio: str
    share: float

    @property
    def limit(self) -> float | None:
        """Greatest symbol error rate of A2S in a test item, in percent; None for any."""
        return LIMITS[self.audio]

    @property
    def name(self) -> str:
        """As in the thesis's tables, such as `2 H,M`."""
        return f"{self.number} {self.optical},{self.audio}"


SCENARIOS = (
    Scenario(1, "H", "H", 0.025),
    Scenario(2, "H", "M", 0.022),
    Scenario(3, "H", "L", 0.020),
    Scenario(4, "M", "H", 0.040),
    Scenario(5, "M", "M", 0.037),
    Scenario(6, "M", "L", 0.030),
    Scenario(7, "L", "H", 0.105),
    Scenario(8, "L", "M", 0.090),
    Scenario(9, "L", "L", 0.063),
)


def choose_scenarios(numbers: Sequence[int], shares: Sequence[float] = ()) -> list[Scenario]:
    """Scenarios by their numbers, with other shares, nine of them in the scenarios' order, if any are given.

    Raises:
        ValueError: there is no such scenario, or shares are not nine from above 0 to 1.
    """
    if not numbers or not set(numbers) <= {scenario.number for scenario in SCENARIOS}:
        raise ValueError(f"scenarios must be some of 1 to 9, got {list(numbers)}")
    if shares and (len(shares) != len(SCENARIOS) or not all(0 < share <= 1 for share in shares)):
        raise ValueError(f"shares must be {len(SCENARIOS)} numbers above 0 to 1, got {list(shares)}")
    pairs = zip(SCENARIOS, shares or [scenario.share for scenario in SCENARIOS], strict=True)
    return [replace(scenario, share=share) for scenario, share in pairs if scenario.number in numbers]


def training_count(n_items: int, share: float) -> int:
    """How many staves OMR learns from, rounded down as the published code does, but at least 1."""
    return max(1, math.floor(round(n_items * share, 6)))


def chosen_items(rates: np.ndarray, limit: float | None) -> np.ndarray:
    """Places of the items that are tested, by the symbol error rates (N,) that A2S makes of them, in percent."""
    return np.arange(len(rates)) if limit is None else np.flatnonzero(rates <= limit)


def best_fold(validation: Mapping[int, float]) -> int | None:
    """The fold that the original scheme tests, of symbol error rates on validation parts; None of none."""
    return min(validation, key=lambda fold: (validation[fold], fold), default=None)
