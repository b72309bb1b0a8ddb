"""Music Transformer: attention that learns what to make of how far back a token lies.

Source: Huang et al., Music Transformer, 2018, section 3: relative attention, here with distances up to the context,
which further tokens share; scores by distance are looked up, where the paper skews them in place. Which voice a token
is of, and which sixteenth of a bar, is given as well, as in their chorale experiments (section 4.1).
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .configuration_chorales import ChoralesConfig
from .grids import STEPS_PER_BAR
from .orders import ORDERS, VOCABULARY

State = dict[str, Any]


class RelativeAttention(nn.Module):
    """Causal attention of several heads with relative positions."""

    def __init__(self, config: ChoralesConfig, distances: int) -> None:
        super().__init__()
        self.heads, self.distances = config.heads, distances
        self.queries_keys_values = nn.Linear(config.width, 3 * config.width)
        self.relative = nn.Parameter(torch.randn(config.heads, distances, config.width // config.heads) * 0.02)
        self.output = nn.Linear(config.width, config.width)

    def forward(self, values: Tensor, past: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """New values (B, L, d), and keys and values (2, B, h, P + L, d / h) with those of `past`."""
        split = self.queries_keys_values(values).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        queries, kept = split[0], split[1:]
        if past is not None:
            kept = torch.cat([past, kept], -2)
        keys, contents = kept
        length, total = queries.shape[-2], keys.shape[-2]
        by_distance = torch.einsum("bhld,hrd->bhlr", queries, self.relative)
        back = torch.arange(total - length, total)[:, None] - torch.arange(total)[None]  # (L, P + L)
        back = back.to(values.device)
        where = back.clamp(0, self.distances - 1).expand(*by_distance.shape[:2], -1, -1)
        scores = (queries @ keys.transpose(-1, -2) + by_distance.gather(-1, where)) / math.sqrt(keys.shape[-1])
        weights = scores.masked_fill(back < 0, -torch.inf).softmax(-1)
        return self.output((weights @ contents).transpose(1, 2).flatten(2)), kept


class Block(nn.Module):
    """Attention and a feed-forward network, each on normalised values."""

    def __init__(self, config: ChoralesConfig, distances: int) -> None:
        super().__init__()
        self.attention = RelativeAttention(config, distances)
        self.before, self.between = nn.LayerNorm(config.width), nn.LayerNorm(config.width)
        self.wide, self.narrow = nn.Linear(config.width, 4 * config.width), nn.Linear(4 * config.width, config.width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, values: Tensor, past: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """As `RelativeAttention`."""
        found, kept = self.attention(self.before(values), past)
        values = values + self.dropout(found)
        return values + self.dropout(self.narrow(functional.gelu(self.wide(self.between(values))))), kept


class TransformerChorales(nn.Module):
    """Logits of the next token."""

    def __init__(self, config: ChoralesConfig) -> None:
        super().__init__()
        self.order = ORDERS[config.network]
        distances = config.context * self.order.per_step
        self.tokens = nn.Embedding(VOCABULARY, config.width)
        self.slots = nn.Embedding(self.order.per_step, config.width)
        self.beats = nn.Embedding(STEPS_PER_BAR, config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config, distances) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.output = nn.Linear(config.width, VOCABULARY)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (B, L, V) of what follows each of the tokens (B, L), of which the first is `START`."""
        logits, _ = self._network(tokens, 0, [None] * len(self.blocks))
        return logits

    def step(self, token: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Logits (B, V) of what follows a token (B,), and the new state; None before the first."""
        place, past = (0, [None] * len(self.blocks)) if state is None else (state["place"] + 1, state["past"])
        logits, past = self._network(token[:, None], place, past)
        return logits[:, -1], {"place": place, "past": past}

    def _network(self, tokens: Tensor, place: int, past: list[Any]) -> tuple[Tensor, list[Any]]:
        number = torch.arange(place, place + tokens.shape[1], device=tokens.device)  # of the token that is to follow
        slots, beats = number % self.order.per_step, number // self.order.per_step % STEPS_PER_BAR
        values = self.dropout(self.tokens(tokens) + self.slots(slots) + self.beats(beats))
        after = []
        for block, state in zip(self.blocks, past, strict=True):
            values, kept = block(values, state)
            after.append(kept)
        return self.output(self.norm(values)), after
