"""Windows of piano rolls to train on, with their noise and times.

Every draw is seeded by its number: draw n is the same window, noise and time in any run, on any number of processes,
and after any interruption.
"""

import numpy as np
import torch
from torch.utils.data import Dataset

from scorehub.rolls import RollSpec
from scorehub.trainers.draw_order import EpochOrder, time_fraction
from scorehub.trainers.roll_strips import ON, PITCHES, Strips

SEMITONES = 6


class RollWindows:
    """Windows (C, P, T) of strips that begin every `hop` seconds and are not silent; `shift` frames are added."""

    def __init__(self, strips: Strips, spec: RollSpec, hop: float) -> None:
        if hop * spec.fs < 1:
            raise ValueError(f"hop must be a frame of {1 / spec.fs} s at least, got {hop}")
        if not len(strips):
            raise ValueError("strips must hold a piece at least, got none")
        self.spec, self.strips, self.hop = spec, strips, round(hop * spec.fs)
        self.index = [
            (number, start)
            for number, codes in enumerate(strips.codes)
            for start in range(0, codes.shape[-1] - spec.n_frames + 1, self.hop)
            if self._rows(codes, spec.lowest)[..., start : start + spec.n_frames].any()
        ]
        if not self.index:
            raise ValueError(f"strips must have notes in the pitches from {spec.lowest}, got none")

    def __len__(self) -> int:
        return len(self.index)

    def _rows(self, codes: np.ndarray, lowest: int) -> np.ndarray:
        return codes[:, lowest : lowest + self.spec.n_pitches]

    def cut(self, number: int, shift: int = 0, semitones: int = 0) -> np.ndarray:
        """Window `number`, `shift` frames later where the piece goes on, and higher by `semitones`, float32."""
        strip, start = self.index[number]
        codes = self.strips.codes[strip]
        lowest = int(np.clip(self.spec.lowest - semitones, 0, PITCHES - self.spec.n_pitches))
        start = min(start + shift, codes.shape[-1] - self.spec.n_frames)
        window = self._rows(codes, lowest)[..., start : start + self.spec.n_frames]
        return window.astype(np.float32) / np.float32(ON / 2) - 1


class NoisyWindows(Dataset[dict[str, torch.Tensor]]):
    """`length` items, each a window `roll`, the `noise` for it, both (C, P, T), and `u` in [0, 1) that sets its time.

    Draws go through the windows epoch by epoch, each in its own order; `augmented` ones begin up to a hop later and
    are transposed by up to `SEMITONES`. Times fill [0, 1) evenly; of `fixed` items, for evaluation, they are a grid.
    """

    def __init__(
        self, windows: RollWindows, length: int, seed: int, *, augmented: bool = False, fixed: bool = False
    ) -> None:
        self.windows, self.length, self.seed = windows, length, seed
        self.augmented, self.fixed = augmented, fixed
        self._order = EpochOrder(len(windows), seed)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        rng = np.random.default_rng([self.seed, number])
        shift = semitones = 0
        if self.augmented:
            shift = int(rng.integers(self.windows.hop))
            semitones = int(rng.integers(-SEMITONES, SEMITONES + 1))
        roll = self.windows.cut(self._order[number], shift, semitones)
        noise = rng.standard_normal(roll.shape, dtype=np.float32)
        u = time_fraction(number, self.fixed)
        return {"roll": torch.from_numpy(roll), "noise": torch.from_numpy(noise), "u": torch.tensor(u).float()}
