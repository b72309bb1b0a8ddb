"""The default networks' head: what it knows of a symbol's parts it knows of every symbol that has them.

`note-F#4_eighth.` is a note, its place is F4, it has a sharp, it lasts a dotted eighth. A symbol's score is the sum of
its parts' and of one of its own, so that a note that is seldom seen is learnt from those of its pitch and those of its
length.
"""

import math
import re
from collections.abc import Sequence
from itertools import chain

import torch
from torch import Tensor, nn

_PITCH = re.compile(r"([A-G])([#bx]*)(\d+)")


def parts_of(token: str) -> list[str]:
    """The token itself and what it shares with others.

    >>> parts_of("note-F#4_eighth.")
    ['note-F#4_eighth.', 'note', 'note F4', 'note #', 'note eighth.']
    >>> parts_of("barline")
    ['barline']
    """
    kind, _, values = token.partition("-")
    if not values:
        return [token]
    parts = [token, kind]
    for value in values.split("_"):
        pitch = _PITCH.fullmatch(value)
        named = [pitch[1] + pitch[3], pitch[2] or "natural"] if pitch else [value]
        parts += [f"{kind} {each}" for each in named]
    return parts


class SymbolHead(nn.Module):
    """A linear layer whose rows are sums of their symbols' parts, features (B, T, F) -> scores (B, T, V)."""

    symbol_parts: Tensor

    def __init__(self, n_features: int, vocabulary: Sequence[str]):
        super().__init__()
        named = [parts_of(token) for token in vocabulary]
        number_of = {part: number for number, part in enumerate(dict.fromkeys(chain.from_iterable(named)), 1)}
        most = max(map(len, named), default=1)
        rows = [[number_of[part] for part in parts] + [0] * (most - len(parts)) for parts in named]
        self.register_buffer("symbol_parts", torch.tensor(rows))  # (V, parts), 0 where a symbol has fewer
        bound = 1 / math.sqrt(n_features * most)
        self.weight = nn.Parameter(torch.empty(len(number_of) + 1, n_features).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(len(number_of) + 1, 1))

    def forward(self, features: Tensor) -> Tensor:
        """Scores of all symbols."""
        weight, bias = (
            nn.functional.embedding_bag(self.symbol_parts, table, mode="sum", padding_idx=0)
            for table in (self.weight, self.bias)
        )
        return nn.functional.linear(features, weight, bias[:, 0])
