"""What the models of `pipelines/chorales` are trained on: pieces of note datasets as grids, and crops of them."""

from collections.abc import Sequence

import datasets
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from scorehub.dataset_builders import load_hook
from scorehub.dataset_builders.note_rows import columns_to_notes
from scorehub.notes import Notes
from scorehub.pipelines.chorales.grids import HIGHEST, LOWEST, REST, STEPS_PER_BAR, VOICES, make_grid
from scorehub.trainers.draw_order import EpochOrder

TRANSPOSED = 6  # semitones, up and down, at most

Grids = Sequence[np.ndarray]


def notes_to_grid(notes: Notes, step_seconds: float) -> np.ndarray:
    """The grid of a chorale whose tracks are its voices.

    Raises:
        ValueError: it has other tracks than 0 to 3, or a pitch that no chorale has.
    """
    if not len(notes) or notes.track.min() < 0 or notes.track.max() >= len(VOICES):
        raise ValueError(f"tracks must be 0 to {len(VOICES) - 1}, got {sorted(set(notes.track.tolist()))}")
    begins = np.round(notes.onset / step_seconds).astype(int)
    ends = np.round((notes.onset + notes.duration) / step_seconds).astype(int)
    pitches = np.full((ends.max(), len(VOICES)), -1)
    for begin, end, pitch, track in zip(begins, ends, notes.pitch, notes.track, strict=True):
        pitches[begin:end, track] = pitch
    return make_grid(pitches)


def load_grids(dataset: str, builder: str, data_dir: str, step_seconds: float) -> dict[str, list[np.ndarray]]:
    """The grids of each split; pieces that are no chorales are left out.

    Raises:
        ValueError: there are no data, or no chorale in a split.
    """
    load_hook.install()
    loaded = datasets.load_dataset(dataset, builder or None, data_dir=data_dir or None)
    grids: dict[str, list[np.ndarray]] = {}
    for split, rows in loaded.items():
        grids[split] = []
        for row in rows.select_columns(["notes"]).with_format("numpy"):
            try:
                grids[split].append(notes_to_grid(columns_to_notes(row), step_seconds))
            except ValueError:
                continue
    empty = [split for split in ("train", "validation") if not grids.get(split)]
    if empty:
        raise ValueError(f"data must have chorales in four tracks in {empty[0]}, got none")
    return grids


def transpose(grid: np.ndarray, semitones: int) -> np.ndarray:
    """The grid in another key, rests left alone."""
    return np.where(grid > REST, grid + semitones, grid)


class Crops(Dataset[dict[str, Tensor]]):
    """`length` crops of chorales, each in a random key and with noise for masks; fixed ones begin at the beginning."""

    def __init__(self, grids: Grids, crop: int, length: int, seed: int, *, fixed: bool = False) -> None:
        self.grids, self.crop, self.length, self.seed, self.fixed = grids, crop, length, seed, fixed
        self._order = EpochOrder(len(grids), seed)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([self.seed, number])
        grid = self.grids[number % len(self.grids) if self.fixed else self._order[number]]
        if not self.fixed:
            sounding = grid[grid > REST]
            low, high = 1 - sounding.min(), HIGHEST - LOWEST + 1 - sounding.max()
            grid = transpose(grid, int(rng.integers(max(low, -TRANSPOSED), min(high, TRANSPOSED) + 1)))
        # A crop begins with a bar of four quarters, where there is one, and is filled up with rests.
        bars = 0 if self.fixed else max(0, len(grid) - self.crop) // STEPS_PER_BAR
        first = STEPS_PER_BAR * int(rng.integers(bars + 1))
        part = grid[first : first + self.crop]
        padded = np.full((self.crop, len(VOICES)), REST)
        padded[: len(part)] = part
        noise = rng.random(1 + padded.size, dtype=np.float32)
        return {"grid": torch.from_numpy(padded), "noise": torch.from_numpy(noise)}
