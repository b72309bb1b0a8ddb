"""Where in a score the music is: a belief over places and tempos, moved and weighed once a frame.

Places are cells of a twelfth of a quarter, along the time that the network reads from the columns of all systems, so
that an even tempo is an even movement, however the notes are spaced. In a frame

1. belief moves on by its tempo, and some of it to the next faster and slower tempo;
2. some stops (a rest, a fermata), some of what had stopped goes on, and a little begins anew anywhere (a jump, a
   repeat, a wrong start);
3. each place is weighed by how well what is heard fits it. What fits nothing (silence, noise) weighs all alike, and so
   do passages that all fit well: where music comes again, one copy is always read a little better than the other, and
   what adds up over many frames would otherwise send the belief there.

This is the forward algorithm of a hidden Markov model. Tensors are single precision; K tempos, N cells, C columns.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .configuration_score_follower import ScoreFollowerConfig

CELLS_A_QUARTER = 12
SLOWEST, FASTER, N_TEMPOS = 0.4, 1.13, 26  # quarters a second: 0.4 to 8.5
USUAL, SPREAD = 1.8, 0.6  # quarters a second with which pieces begin, and the standard deviation of its log
MAX_QUARTERS = 20_000.0  # of a score
NEAR = 0.5  # seconds within which belief counts as agreeing
_FIRST = 1 - 1e-6  # of the belief before anything is heard: the beginning
_PASSAGE = CELLS_A_QUARTER  # cells before and behind a place


@dataclass(frozen=True)
class Estimate:
    """What the belief comes to.

    Attributes:
        column: of all systems, fractional.
        quarter: time in the score since its beginning.
        tempo: quarters a second.
        confidence: share of the belief that agrees within half a second, less what fits no place.
    """

    column: float
    quarter: float
    tempo: float
    confidence: float


class Belief:
    """The belief over a score whose columns last so many quarters, (C,).

    Raises:
        ValueError: the score is empty or too long.
    """

    def __init__(self, quarters: Tensor, config: ScoreFollowerConfig, frame: float):
        ends = quarters.double().cumsum(0)
        if not len(quarters) or not 0 < float(ends[-1]) <= MAX_QUARTERS:
            got = float(ends[-1]) if len(quarters) else 0
            raise ValueError(f"score must last up to {MAX_QUARTERS:g} quarters, and not be empty, got {got:g}")
        self.config = config
        device = quarters.device
        n_cells = max(1, math.ceil(float(ends[-1]) * CELLS_A_QUARTER))
        self._middles = ((torch.arange(n_cells, device=device) + 0.5) / CELLS_A_QUARTER).double()
        self._columns = _columns_at(self._middles, ends)
        self.tempos = SLOWEST * FASTER ** torch.arange(N_TEMPOS, device=device, dtype=torch.float32)
        self._delays = _delay_kernels(self.tempos * frame * CELLS_A_QUARTER)
        self._changes = _tempo_changes(config.tempo_change, device)
        log_ratio = (self.tempos / USUAL).log() / SPREAD
        self._usual = (-0.5 * log_ratio**2).softmax(0)
        self.moving = self._usual[:, None] * torch.full((n_cells,), (1 - _FIRST) / n_cells, device=device)
        self.stopped = torch.zeros(n_cells, device=device)
        self.stopped[0] = _FIRST
        self._foreign = 0.0

    def step(self, logits: Tensor, null: Tensor) -> None:
        """Moves the belief by a frame and weighs it with the logits (C,) of the columns and that of none of them."""
        self._move()
        likelihood = logits.softmax(0).nan_to_num()
        share = torch.sigmoid(torch.logsumexp(logits, 0) - null)  # of what was heard that is in the score
        fit = _at(likelihood, self._columns) * share + (1 - share + 1e-3) / len(logits)
        passage = functional.max_pool1d(fit[None], 2 * _PASSAGE + 1, 1, _PASSAGE)[0]  # the best fit near each place
        among_passages = (self.config.tolerance * passage / passage.max()).clamp(max=1)
        weight = (among_passages * fit / passage).pow(self.config.evidence)
        self.moving *= weight
        self.stopped *= weight
        total = self.moving.sum() + self.stopped.sum()
        self.moving /= total
        self.stopped /= total
        self._foreign += 0.05 * (1 - float(share) - self._foreign)

    def _move(self) -> None:
        config = self.config
        reach = self._delays.shape[-1] - 1
        moved = functional.conv1d(functional.pad(self.moving[None], (reach, 0)), self._delays, groups=N_TEMPOS)[0]
        moved = self._changes @ moved
        gone = (1 - moved.sum() - self.stopped.sum()).clamp(min=0)
        stopping, resuming = config.hold * moved.sum(0), config.resume * self.stopped
        tempo = moved.sum(1) + config.resume * self._usual
        moved = (1 - config.hold) * moved + tempo[:, None] / tempo.sum() * resuming
        self.stopped = self.stopped - resuming + stopping
        self.stopped[-1] += gone
        self.moving = (1 - config.jump) * moved + config.jump * self._usual[:, None] / moved.shape[1]
        self.stopped *= 1 - config.jump

    def estimate(self) -> Estimate:
        """The likeliest place, and how sure it is."""
        places = self.moving.sum(0) + self.stopped
        tempo_belief = self.moving.sum(1)
        tempo = float((tempo_belief / tempo_belief.sum().clamp(min=1e-12) * self.tempos.log()).sum().exp())
        smooth = functional.avg_pool1d(places[None, None], 5, 1, 2, count_include_pad=False)[0, 0]
        best = int(smooth.argmax())
        near = max(2, round(NEAR * tempo * CELLS_A_QUARTER))
        window = slice(max(0, best - 3), best + 4)
        share = places[window] / places[window].sum()
        column = float((share * self._columns[window]).sum())
        quarter = float((share * self._middles[window]).sum())
        agreeing = float(places[max(0, best - near) : best + near + 1].sum())
        return Estimate(column, quarter, tempo, agreeing * (1 - self._foreign))


def _columns_at(times: Tensor, ends: Tensor) -> Tensor:
    """The fractional column at each time; `ends` (C,) are the times at which columns end."""
    column = torch.searchsorted(ends, times).clamp(max=len(ends) - 1)
    begins = torch.cat([ends.new_zeros(1), ends[:-1]])
    inside = (times - begins[column]) / (ends - begins)[column].clamp(min=1e-9)
    return (column + inside.clamp(0, 1)).float()


def _at(values: Tensor, columns: Tensor) -> Tensor:
    """Values (C,) of columns, whose middles are at + 0.5, at fractional columns."""
    place = (columns - 0.5).clamp(0, len(values) - 1)
    left = place.long()
    right = (left + 1).clamp(max=len(values) - 1)
    return torch.lerp(values[left], values[right], place - left)


def _delay_kernels(cells: Tensor) -> Tensor:
    """Kernels (K, 1, L) that move by a fractional number of cells, (K,)."""
    whole = cells.floor().long()
    length = int(whole.max()) + 2
    kernels = torch.zeros(len(cells), length, device=cells.device)
    rows = torch.arange(len(cells), device=cells.device)
    # Convolutions of torch are correlations: what is moved by n is n from the right.
    kernels[rows, length - 1 - whole] = 1 - (cells - whole)
    kernels[rows, length - 2 - whole] = cells - whole
    return kernels[:, None]


def _tempo_changes(share: float, device: torch.device) -> Tensor:
    """(K, K): how much of each tempo (column) is of each tempo (row) a frame later."""
    changes = torch.zeros(N_TEMPOS, N_TEMPOS, device=device)
    changes.diagonal().fill_(1 - 2 * share)
    changes.diagonal(1).fill_(share)
    changes.diagonal(-1).fill_(share)
    changes[0, 0] += share
    changes[-1, -1] += share
    return changes
