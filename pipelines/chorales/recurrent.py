"""BachBot's LSTM and TonicNet's GRU: next-token networks that keep a state.

Source: Liang et al. 2017, section 4; Peracha 2019, section 3: TonicNet also sees for how many steps each token of its
kind has been the same, at its input and once more at its output; dropout keeps its mask along the sequence.
"""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from .configuration_chorales import ChoralesConfig
from .orders import ORDERS, VOCABULARY

RUNS = 80  # counted to this length
RUN_WIDTH = 32

State = dict[str, Any]


class LockedDropout(nn.Module):
    """Drops the same features of (B, L, d) at every place."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, values: Tensor) -> Tensor:
        """See the class."""
        if not self.training or not self.share:
            return values
        kept = torch.rand(len(values), 1, values.shape[2], device=values.device) >= self.share
        return values * kept / (1 - self.share)


class RecurrentChorales(nn.Module):
    """Logits of the next token."""

    def __init__(self, config: ChoralesConfig) -> None:
        super().__init__()
        self.order = ORDERS[config.network]
        counts = config.network == "tonicnet"
        extra = RUN_WIDTH if counts else 0
        kind = nn.GRU if counts else nn.LSTM
        self.tokens = nn.Embedding(VOCABULARY, config.embedding)
        self.runs = nn.Embedding(RUNS, RUN_WIDTH) if counts else None
        sizes = [config.embedding + extra, *[config.width] * config.layers]
        self.layers = nn.ModuleList(kind(a, b, batch_first=True) for a, b in pairwise(sizes))
        for layer in self.layers:
            if isinstance(layer, nn.LSTM):
                _remember(layer)
        self.dropout = LockedDropout(config.dropout)
        self.output = nn.Linear(config.width + extra, VOCABULARY)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (B, L, V) of what follows each of the tokens (B, L), of which the first is `START`."""
        runs = None if self.runs is None else self.runs(run_lengths(tokens, self.order.per_step))
        logits, _ = self._network(self.tokens(tokens), runs, [None] * len(self.layers))
        return logits

    def step(self, token: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Logits (B, V) of what follows a token (B,), and the new state; None before the first."""
        place = 0 if state is None else state["place"] + 1
        last = token.new_full((len(token), self.order.per_step), -1) if state is None else state["last"].clone()
        lengths = torch.zeros_like(last) if state is None else state["lengths"].clone()
        runs = None
        if self.runs is not None:
            slot = (place - 1) % self.order.per_step  # the first token belongs to no step
            same = (last[:, slot] == token) & (place > 0)
            lengths[:, slot] = torch.where(same, (lengths[:, slot] + 1).clamp(max=RUNS - 1), 0)
            runs = self.runs(lengths[:, slot] if place else torch.zeros_like(token))[:, None]
            last[:, slot] = token if place else -1
        hidden = [None] * len(self.layers) if state is None else state["hidden"]
        logits, hidden = self._network(self.tokens(token)[:, None], runs, hidden)
        return logits[:, 0], {"place": place, "last": last, "lengths": lengths, "hidden": hidden}

    def _network(self, values: Tensor, runs: Tensor | None, hidden: list[Any]) -> tuple[Tensor, list[Any]]:
        values = values if runs is None else torch.cat([values, runs], -1)
        after = []
        for layer, state in zip(self.layers, hidden, strict=True):
            values, new = layer(self.dropout(values), state)
            after.append(new)
        values = self.dropout(values)
        return self.output(values if runs is None else torch.cat([values, runs], -1)), after


def _remember(lstm: Any) -> None:
    """Opens the forget gates at first (Jozefowicz et al. 2015): what a voice goes on from is five tokens back."""
    width = lstm.hidden_size
    nn.init.ones_(lstm.bias_hh_l0.data[width : 2 * width])


def run_lengths(tokens: Tensor, per_step: int) -> Tensor:
    """For how many steps before each token (B, L) its kind has been the same; the first one belongs to no step."""
    steps = -(-(tokens.shape[1] - 1) // per_step)
    padded = torch.full((len(tokens), steps * per_step), -1, device=tokens.device)
    padded[:, : tokens.shape[1] - 1] = tokens[:, 1:]
    of_kind = padded.unflatten(1, (steps, per_step))
    lengths = torch.zeros_like(of_kind)
    for step in range(1, steps):
        same = of_kind[:, step] == of_kind[:, step - 1]
        lengths[:, step] = torch.where(same, (lengths[:, step - 1] + 1).clamp(max=RUNS - 1), 0)
    flat = lengths.flatten(1)[:, : tokens.shape[1] - 1]
    return torch.cat([torch.zeros_like(flat[:, :1]), flat], 1) if flat.shape[1] else torch.zeros_like(tokens)
