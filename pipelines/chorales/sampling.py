"""Writes what is unknown of a grid: token by token, or by blocked Gibbs sampling.

Source: TonicNet and BachBot: Peracha 2019, Liang et al. 2017; blocked Gibbs sampling: Huang et al. 2017, section 5.2,
in which the share of cells that are drawn anew falls as in Yao et al., On the Equivalence between Deep NADE and
Generative Stochastic Networks, 2014.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .grids import CHORDS, LOWEST, REST, UNKNOWN, VALUES, VOICES, chord_classes
from .orders import CHORD, END, HELD, START

LARGEST_BLOCK, SMALLEST_BLOCK = 0.95, 0.05  # shares of cells that are drawn anew, at first and at last
FALLING = 0.7  # of the rounds, in which the share falls


@dataclass(frozen=True)
class Sampling:
    """How cells are drawn.

    Attributes:
        temperature: below 1 likely values are drawn more often.
        rounds: of Gibbs sampling; 0: as many as there are steps.

    Raises:
        ValueError: a number is out of range.
    """

    temperature: float = 1.0
    rounds: int = 0

    def __post_init__(self) -> None:
        if not 0.01 <= self.temperature <= 10 or not 0 <= self.rounds <= 10_000:
            given = f"{self.temperature} and {self.rounds}"
            raise ValueError(f"temperature must be 0.01 to 10 and rounds 0 to 10000, got {given}")


def draw(logits: Tensor, temperature: float, generator: torch.Generator | None) -> Tensor:
    """A value for each row of logits (..., V), drawn on the CPU: a seed means the same on all devices."""
    shares = (logits.float() / temperature).softmax(-1).flatten(0, -2).cpu()
    return torch.multinomial(shares, 1, generator=generator).view(logits.shape[:-1]).to(logits.device)


def write_in_order(network: Any, known: Tensor, sampling: Sampling, generator: torch.Generator | None) -> Tensor:
    """The grid (B, T, 4), written step by step; cells that are known are read where their turn comes."""
    order, grid = network.order, known.clone()
    token, state = torch.full_like(grid[:, 0, 0], START), None
    for step in range(grid.shape[1]):
        for slot in range(order.per_step):
            logits, state = network.step(token, state)
            voice = order.voice_at(slot)
            if voice is None:
                allowed = _chords(known[:, step]) if order.has_chord else _only(END)
                token = draw(logits + allowed.to(logits), sampling.temperature, generator)
                continue
            before = grid[:, step - 1, voice] if step else torch.full_like(token, UNKNOWN)
            given = known[:, step, voice]
            allowed = _values(before, order.has_holds)
            drawn = draw(logits + allowed, sampling.temperature, generator)
            value = torch.where(given == UNKNOWN, drawn % HELD, given)
            grid[:, step, voice] = value
            token = value + HELD * (value == before) if order.has_holds else value
    return grid


def _only(token: int) -> Tensor:
    logits = torch.full((END + 2,), -torch.inf)
    logits[token] = 0
    return logits


def _chords(known: Tensor) -> Tensor:
    """Logits (B, V) that allow the chords which have all notes that are known of a step (B, 4)."""
    logits = torch.full((len(known), END + 2), -torch.inf)
    for row, cells in enumerate(known.cpu().tolist()):
        classes = {(value + LOWEST - 1) % 12 for value in cells if value > REST}
        allowed = [CHORD + chord for chord in range(CHORDS) if classes <= chord_classes(chord)]
        logits[row, allowed] = 0
    return logits


def _values(before: Tensor, has_holds: bool) -> Tensor:
    """Logits (B, V) that allow values; where holds are told, the value before as held and no other so."""
    logits = torch.full((len(before), END + 2), -torch.inf, device=before.device)
    logits[:, :VALUES] = 0
    if has_holds:
        (rows,) = torch.nonzero(before != UNKNOWN, as_tuple=True)
        logits[rows, before[rows]] = -torch.inf
        logits[rows, before[rows] + HELD] = 0
    return logits


def fill_by_gibbs(network: Any, known: Tensor, sampling: Sampling, generator: torch.Generator | None) -> Tensor:
    """The grid (B, T, 4), of which in each round a share of the unknown cells is drawn anew from all others."""
    free = known == UNKNOWN
    grid, seen = known.clamp(min=REST), ~free
    rounds = sampling.rounds or known.shape[1]
    for number in range(rounds):
        fallen = number / (FALLING * rounds) * (LARGEST_BLOCK - SMALLEST_BLOCK)
        share = max(SMALLEST_BLOCK, LARGEST_BLOCK - fallen) if number else 1.0
        hidden = free & (torch.rand(known.shape, generator=generator).to(known.device) < share)
        drawn = draw(network(grid, seen & ~hidden), sampling.temperature, generator)
        grid, seen = torch.where(hidden, drawn, grid), torch.ones_like(seen)
    return grid


def melody_only(melody: Tensor) -> Tensor:
    """A grid (B, T, 4) whose soprano (B, T) is known."""
    grid = melody.new_full((*melody.shape, len(VOICES)), UNKNOWN)
    grid[..., 0] = melody
    return grid
