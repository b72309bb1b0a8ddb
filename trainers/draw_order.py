"""Which item a draw of a training is, and at which time of a diffusion, by the draw's number alone."""

from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import Sampler
from transformers.trainer_pt_utils import get_length_grouped_indices

GOLDEN = (5**0.5 - 1) / 2  # fractions n * GOLDEN fill [0, 1) evenly, however many are taken
TIMES = 16  # of fixed draws
LARGEST = 1 - 2**-24  # below 1 in single precision, too


class EpochOrder:
    """The item of each draw: epoch by epoch all of them, each time in another order; the same in any run."""

    def __init__(self, length: int, seed: int) -> None:
        self.length, self.seed = length, seed
        self._epoch, self._order = -1, np.zeros(0, np.int64)

    def __getitem__(self, number: int) -> int:
        epoch, place = divmod(number, self.length)
        if epoch != self._epoch:
            self._order = np.random.default_rng([self.seed, 2**32, epoch]).permutation(self.length)
            self._epoch = epoch
        return int(self._order[place])


class LengthOrder(Sampler[int]):
    """Staves of like length together, each epoch in an order of its own, the same in any run and on all processes."""

    def __init__(self, lengths: list[int], batch_size: int, seed: int) -> None:
        self.lengths, self.batch_size, self.seed, self.epoch = lengths, batch_size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the Trainer when an epoch begins, or is gone on with."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(int(np.random.default_rng([self.seed, self.epoch]).integers(2**62)))
        return iter(get_length_grouped_indices(self.lengths, self.batch_size, generator=generator))


def time_fraction(number: int, fixed: bool) -> float:
    """In [0, 1), evenly filled by draws one after the other; of fixed ones, for evaluation, on a grid."""
    if fixed:
        return (number % TIMES + 0.5) / TIMES
    return min((number * GOLDEN + 0.5) % 1, LARGEST)
