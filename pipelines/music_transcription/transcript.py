"""A transcription as a user gets it: each token with its probability, its place, its time, and who says so."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .agreement import find_disagreements, partners
from .decoding import Side
from .music import find_onsets


@dataclass(frozen=True)
class Reading:
    """A side that was read.

    Attributes:
        name: optical or audio.
        side: what was read.
        frame: px of the picture as it was given, or seconds, from frame to frame.
    """

    name: str
    side: Side
    frame: float

    @property
    def tokens(self) -> list[int]:
        """Classes on its best path."""
        return self.side.transcription.tokens.tolist()

    def says(self, number: int | None, token: int) -> bool:
        """Whether its token `number` is of a class."""
        return number is not None and int(self.side.transcription.tokens[number]) == token

    def place(self, number: int | None) -> float | None:
        """Where a token's middle is in a picture, px, or when it begins in a recording, s."""
        if number is None:
            return None
        begin, end = (int(ends[number]) for ends in (self.side.transcription.start, self.side.transcription.end))
        return self.frame * (begin if self.name == "audio" else (begin + end) / 2)

    def probability(self, number: int | None, token: int) -> float:
        """Of a class where its token `number` stands; where that is another, the network's in those frames."""
        own = self.side.transcription
        if number is None:
            return 0.0
        if self.says(number, token):
            return min(1.0, float(own.probability[number]))
        return float(np.exp(self.side.log_posteriors[own.start[number] : own.end[number], token].max()))


def describe(reading: Reading, vocabulary: Sequence[str]) -> list[dict[str, Any]]:
    """The tokens of one side."""
    return _rows(reading.tokens, vocabulary, [(reading, 1.0, [*range(len(reading.tokens))])])


def describe_fused(
    tokens: Sequence[int], optical: Reading, audio: Reading, weight: float, vocabulary: Sequence[str]
) -> list[dict[str, Any]]:
    """The tokens of both sides.

    A token's place and time are those of what a side has in its stead, be it another token. Its probability is the
    mean of both sides', which count `weight` and 1 - `weight`; a side with nothing there holds it impossible.
    """
    sides = ((optical, weight), (audio, 1 - weight))
    return _rows(tokens, vocabulary, [(side, share, partners(tokens, side.tokens)) for side, share in sides])


def describe_disagreements(tokens: Sequence[int], optical: Reading, audio: Reading) -> list[dict[str, Any]]:
    """Ranges of `tokens` and of both sides' own tokens that differ."""
    found = find_disagreements(tokens, optical.tokens, audio.tokens)
    return [dict(zip(("tokens", "optical", "audio"), ranges, strict=True)) for ranges in found]


def _rows(
    tokens: Sequence[int], vocabulary: Sequence[str], sides: list[tuple[Reading, float, list[int | None]]]
) -> list[dict[str, Any]]:
    """Of each side there is its share, and what it has in the stead of each token."""
    words = [vocabulary[token] for token in tokens]
    rows = []
    for number, (token, word, onset) in enumerate(zip(tokens, words, find_onsets(words), strict=True)):
        found = [(side, share, own[number]) for side, share, own in sides]
        where = {side.name: side.place(own) for side, _, own in found}
        row = {
            "token": word,
            "probability": sum(share * side.probability(own, token) for side, share, own in found),
            "onset": onset,
            "x": where.get("optical"),
            "time": where.get("audio"),
            "from": [side.name for side, _, own in found if side.says(own, token)],
        }
        rows.append(row)
    return rows
