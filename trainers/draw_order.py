"""Which item a draw of a training is, and at which time of a diffusion, by the draw's number alone."""

import numpy as np

GOLDEN = (5**0.5 - 1) / 2  # fractions n * GOLDEN fill [0, 1) evenly, however many are taken
TIMES = 16  # of fixed draws


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


def time_fraction(number: int, fixed: bool) -> float:
    """In [0, 1), evenly filled by draws one after the other; of fixed ones, for evaluation, on a grid."""
    return (number % TIMES + 0.5) / TIMES if fixed else (number * GOLDEN + 0.5) % 1
