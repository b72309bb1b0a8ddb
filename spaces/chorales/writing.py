"""Writes chorales with a network, watched voice by voice or round by round."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from scorehub.pipelines.chorales.grids import REST, STEPS_PER_BAR, UNKNOWN, VOICES, make_grid, to_pitches
from scorehub.pipelines.chorales.modeling_chorales import ChoralesModel
from scorehub.pipelines.chorales.orders import HELD
from scorehub.pipelines.chorales.sampling import Sampling, fill_by_gibbs, write_in_order
from scorehub.spaces.chorales.melody import MAX_BARS, Melody
from scorehub.spaces.watching import WatchedJob

ORDERS_HEARD = 16  # of an orderless network's likelihood, which is an estimate


@dataclass(frozen=True)
class Unfinished:
    """A chorale on its way.

    Attributes:
        grid: (T, 4), `UNKNOWN` where nothing is written yet.
        stands: bool (T, 4), false where a note is about to be drawn anew.
        said: how far it is, in words.
        done: and as a fraction.
    """

    grid: np.ndarray
    stands: np.ndarray
    said: str
    done: float


@dataclass(frozen=True)
class Written:
    """MIDI pitches (T, 4), -1 for a rest, and their negative log-likelihood, nats a voice and sixteenth."""

    pitches: np.ndarray
    nll: float


Tell = Callable[[Callable[[], Unfinished]], None]
WritingJob = WatchedJob[Unfinished, Written]


def nothing_known(bars: int) -> Tensor:
    """The grid (1, T, 4) of a chorale that is to be composed.

    Raises:
        ValueError: there are no bars, or too many.
    """
    if not 1 <= bars <= MAX_BARS:
        raise ValueError(f"bars must be 1 to {MAX_BARS}, got {bars}")
    return torch.full((1, STEPS_PER_BAR * bars, len(VOICES)), UNKNOWN)


def melody_known(melody: Melody) -> Tensor:
    """The grid (1, T, 4) below a melody."""
    soprano = np.array(melody.pitches)
    return voices_known(np.repeat(soprano[:, None], len(VOICES), 1), [1, 2, 3])


def voices_known(pitches: np.ndarray, drawn: list[int]) -> Tensor:
    """The grid (1, T, 4) of a chorale of which some voices, soprano 0 to bass 3, are to be drawn again.

    Raises:
        ValueError: they are none.
    """
    if not drawn:
        raise ValueError("voices to be drawn again must be one at least, got none")
    known = make_grid(pitches)
    known[:, drawn] = UNKNOWN
    return torch.from_numpy(known)[None]


def write_watched(model: ChoralesModel, known: Tensor, sampling: Sampling, seed: int) -> WritingJob:
    """A job that writes what is unknown of a grid (1, T, 4), just as `ChoralesPipeline` does, and can be watched."""

    def work(tell: Tell) -> Written:
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            if model.is_orderless:
                rounds = _Rounds(model.network, sampling.rounds or known.shape[1], tell)
                grid = fill_by_gibbs(rounds, known, sampling, generator)
            else:
                grid = write_in_order(_InOrder(model.network, known, tell), known, sampling, generator)
        if not (grid > REST).any():
            raise ValueError("chorale must have a note, got rests alone: try another seed")
        nats = model.estimate_nll(grid[0], ORDERS_HEARD, torch.Generator().manual_seed(0))
        return Written(to_pitches(grid[0].numpy()), nats["cell"])

    # Every network calls this layer once for each token or round, whether it goes by steps or not.
    return WatchedJob(model.network.output, work)


class _InOrder:
    """A network that writes token by token, and tells what they are."""

    def __init__(self, network: Any, known: Tensor, tell: Tell) -> None:
        self.order = network.order
        self._network, self._tell = network, tell
        self._grid = known[0].clone().numpy()
        self._place = -1  # of the last token; the first one is of no step

    def step(self, token: Tensor, state: Any) -> Any:
        """As the network's."""
        if self._place >= 0:
            step, slot = divmod(self._place, self.order.per_step)
            voice = self.order.voice_at(slot)
            if voice is not None:
                self._grid[step, voice] = int(token) % HELD
            self._tell(lambda: self._unfinished(step))
        self._place += 1
        return self._network.step(token, state)

    def _unfinished(self, step: int) -> Unfinished:
        bar, bars = step // STEPS_PER_BAR + 1, -(-len(self._grid) // STEPS_PER_BAR)
        grid = self._grid.copy()
        return Unfinished(grid, np.ones_like(grid, bool), f"Bar {bar} of {bars}", step / len(grid))


class _Rounds:
    """A network that draws cells anew in rounds, and tells which."""

    def __init__(self, network: Any, rounds: int, tell: Tell) -> None:
        self._network, self._rounds, self._tell = network, rounds, tell
        self._number = 0

    def __call__(self, grid: Tensor, seen: Tensor) -> Tensor:
        """As the network."""
        number = self._number
        self._number += 1

        def unfinished() -> Unfinished:
            said = f"Round {number + 1} of {self._rounds}"
            return Unfinished(grid[0].numpy().copy(), seen[0].numpy().copy(), said, number / self._rounds)

        self._tell(unfinished)
        logits: Tensor = self._network(grid, seen)
        return logits
