"""Turns pages a while before they have been played, and back where the music jumps back.

turner = PageTurner(follower.score, lead=1.5)
for position in follower.track(samples):
    if turn := turner.update(position):
        show(turn.page)
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from .follower import FRAME, Position, Score

UNITS = ("seconds", "quarters")


class PageTurn(NamedTuple):
    """A page to be shown from a time on, seconds since the first sample."""

    time: float
    page: int


class PageTurner:
    """Says when to turn.

    Args:
        lead: how long before the last note of a page has passed its page is turned, in `unit`.
        unit: `seconds` at the present tempo, or `quarters` of the score.
        confidence: below it nothing is turned.
        patience: seconds for which a reason to turn must last; a jump of the belief that is soon undone turns nothing.

    Raises:
        ValueError: an argument is not what it must be.
    """

    def __init__(
        self, score: Score, lead: float = 1.0, unit: str = "seconds", confidence: float = 0.3, patience: float = 0.2
    ):
        if unit not in UNITS:
            raise ValueError(f"unit must be one of {', '.join(UNITS)}, got {unit!r}")
        for name, value in (("lead", lead), ("confidence", confidence), ("patience", patience)):
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} must be a number from 0, got {value}")
        self.lead, self.unit, self.confidence, self.patience = lead, unit, confidence, patience
        self._ends = score.page_ends()
        self.page = 0
        self._wanted, self._frames = 0, 0  # the page that the last frames asked for, and how many they were

    def update(self, position: Position) -> PageTurn | None:
        """Takes the next frame's position; the turn that it brings about, if any."""
        wanted = self._wish(position)
        self._frames = self._frames + 1 if wanted == self._wanted else 1
        self._wanted = wanted
        if wanted == self.page or self._frames * FRAME < self.patience:
            return None
        self.page = wanted
        return PageTurn(position.time, wanted)

    def turns(self, positions: Iterable[Position]) -> list[PageTurn]:
        """The turns that the next positions bring about."""
        return [turn for turn in map(self.update, positions) if turn]

    def _wish(self, position: Position) -> int:
        """The page that should be seen."""
        if position.confidence < self.confidence:
            return self.page
        left = self._ends[position.page] - position.score_time  # quarters
        seconds = left / max(position.tempo, 1e-3)
        is_soon = (seconds if self.unit == "seconds" else left) <= self.lead
        following = int(np.searchsorted(self._ends, self._ends[position.page], side="right"))
        return min(following, len(self._ends) - 1) if is_soon else position.page
