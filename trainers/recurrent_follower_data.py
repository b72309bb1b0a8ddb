"""Songs for the recurrent follower: rows of MSMD's strips as what it hears, sees and should say.

Conventions: times are seconds, frames 20 a second; a strip is grey (80, W) uint8, its staves as large as those that
the paper's network was made for (pages 835 px wide, then halved); positions are x on the strip divided by W. A song
ends with its last onset, as there is no truth behind it. Where a repeat goes back, its last position holds.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from datasets import load_dataset
from PIL import Image
from torch.utils.data import Dataset
from tqdm import tqdm

import scorehub.dataset_builders  # noqa: F401 - makes load_dataset know msmd
from scorehub.pipelines.score_following.paper.modeling_recurrent_follower import (
    AUDIO_SHAPE,
    SHEET_SHAPE,
    audio_windows,
)
from scorehub.pipelines.score_following.spectrogram import FRAMES_PER_SECOND, LogSpectrogram
from scorehub.synthesis import synthesise

DPI = 100  # of pages 835 px wide
SEEN_HEIGHT = 2 * SHEET_SHAPE[0]  # of the strip at that resolution; what lies beyond is cut off
MARGIN = 16  # columns that a cut song keeps behind its last position: two or three noteheads


@dataclass(frozen=True)
class Song:
    """A performance of T frames on its strip."""

    piece: str
    strip: np.ndarray  # (80, W) uint8, 255 white
    spectrogram: np.ndarray  # (78, T) float32
    positions: np.ndarray  # (T,) float32

    def __len__(self) -> int:
        return len(self.positions)


def make_song(row: Mapping[str, Any]) -> Song:
    """The song of an MSMD row with `layout="strip"`; its MIDI is played by a SoundFont.

    Raises:
        ValueError: it is no strip, has no MIDI or no onsets, or can't be played.
    """
    if row["layout"] != "strip" or row["midi"] is None:
        raise ValueError(f"row must be a strip with MIDI, got {row['layout']} with MIDI: {row['midi'] is not None}")
    samples = torch.from_numpy(synthesise(row["midi"]))
    spectrogram = LogSpectrogram()(samples[None])[0].numpy()
    image = np.asarray(row["pages"][0].convert("L"))
    times, places = read_path(row["noteheads"])
    n_frames = min(spectrogram.shape[1], int(times[-1] * FRAMES_PER_SECOND) + 1)
    positions = sample_path(times, places, n_frames) / image.shape[1]
    strip = scale_strip(image, row["dpi"] or DPI)
    return Song(row["piece"], strip, spectrogram[:, :n_frames], positions.astype(np.float32))


def read_path(noteheads: Mapping[str, Sequence[Any]]) -> tuple[np.ndarray, np.ndarray]:
    """Onset times (N,) of what is struck, ascending, and the median x (N,) of the noteheads of each.

    Raises:
        ValueError: no notehead has an onset.
    """
    columns = [noteheads[name] for name in ("onset", "x", "tied")]
    struck = [(onset, x) for onset, x, tied in zip(*columns, strict=True) if onset is not None and not tied]
    if not struck:
        raise ValueError("noteheads must have onsets, got none")
    onsets, x = np.array(struck, np.float64).T
    times, group = np.unique(onsets, return_inverse=True)
    return times, np.array([np.median(x[group == number]) for number in range(len(times))])


def sample_path(times: np.ndarray, places: np.ndarray, n_frames: int) -> np.ndarray:
    """The place (T,) at each frame: linear between onsets, but where the path goes back the earlier place holds."""
    frames = np.arange(n_frames) / FRAMES_PER_SECOND
    left = (np.searchsorted(times, frames, side="right") - 1).clip(0)
    goes_back = np.append(np.diff(places) < 0, False)
    return np.where(goes_back[left], places[left], np.interp(frames, times, places))


def scale_strip(image: np.ndarray, dpi: float) -> np.ndarray:
    """The middle 1.6 inches of a strip (H, W), made (80, W * 50 / dpi)."""
    height = round(SEEN_HEIGHT * dpi / DPI)
    missing = max(0, height - len(image))
    image = np.pad(image, ((missing // 2, missing - missing // 2), (0, 0)), constant_values=255)
    top = (len(image) - height) // 2
    width = max(1, round(image.shape[1] * SHEET_SHAPE[0] / height))
    seen = Image.fromarray(image[top : top + height])
    return np.asarray(seen.resize((width, SHEET_SHAPE[0]), Image.Resampling.BOX))


def shorten(song: Song, max_frames: int) -> Song:
    """The first `max_frames` frames as a song of their own, whose strip ends behind them; 0 keeps all.

    With the strip of the whole song all positions would lie near its start, and to say so would be enough.
    """
    if not max_frames or len(song) <= max_frames:
        return song
    positions, whole = song.positions[:max_frames], song.strip.shape[1]
    width = min(whole, int(positions.max() * whole) + MARGIN)
    return replace(
        song,
        strip=song.strip[:, :width],
        spectrogram=song.spectrogram[:, :max_frames],
        positions=positions * np.float32(whole / width),
    )


def read_songs(data_dir: str, split: str, count: int, seed: int) -> list[Song]:
    """A seeded choice of `count` songs (0: all) of a split of MSMD rebuilt, or of the sample without a folder."""
    name, folder = ("rebuilt", data_dir) if data_dir else ("sample", None)
    rows = load_dataset("msmd", name, data_dir=folder, layout="strip", audio=False, split=split)
    chosen = np.random.default_rng(seed).permutation(len(rows))[: count or len(rows)]
    songs = []
    for row in tqdm(rows.select(chosen), desc=f"{split} songs", disable=None):
        try:
            songs.append(make_song(row))
        except ValueError as error:
            warnings.warn(f"{row['piece']} is left out: {error}", stacklevel=2)
    return songs


def make_batch(songs: Sequence[Song], start: int, n_frames: int) -> dict[str, Any]:
    """Frames `start` to `start + n_frames` of songs, for `RecurrentFollowerModel`; frames behind an end are silence.

    Besides its arguments the batch has `fresh`: whether songs start here, and no state is to be carried.
    """
    stop = min(start + n_frames, max(map(len, songs)))
    before = AUDIO_SHAPE[1] - 1
    heard = torch.zeros(len(songs), AUDIO_SHAPE[0], before + stop - start)
    positions = torch.full((len(songs), stop - start), torch.nan)
    widths = torch.tensor([song.strip.shape[1] for song in songs])
    strip = torch.zeros(len(songs), SHEET_SHAPE[0], int(widths.max()))
    for number, song in enumerate(songs):
        first = max(0, start - before)
        part = torch.from_numpy(song.spectrogram[:, first:stop])
        offset = first - (start - before)
        heard[number, :, offset : offset + part.shape[1]] = part
        truth = song.positions[start:stop]
        positions[number, : len(truth)] = torch.from_numpy(truth)
        strip[number, :, : widths[number]] = 1 - torch.from_numpy(song.strip.copy()) / 255
    audio = audio_windows(heard)[:, before:]
    return {"audio": audio, "strip": strip, "widths": widths, "positions": positions, "fresh": start == 0}


class SongChunks(Dataset[dict[str, Any]]):
    """All batches of a training, in their order: item n is the same in any run of the same seed.

    Every epoch draws songs, some of like length go side by side, and these are cut into chunks that follow each other.

    Args:
        per_epoch: songs drawn for an epoch, all if there are fewer.
        beside: songs side by side in a batch.
        n_frames: of a chunk.
    """

    def __init__(
        self, songs: Sequence[Song], epochs: int, per_epoch: int, beside: int, n_frames: int, seed: int = 0
    ) -> None:
        if not songs or min(epochs, per_epoch, beside, n_frames) < 1:
            raise ValueError(
                "songs, epochs, songs of an epoch, songs of a batch and frames of a chunk must be 1 or more, "
                f"got {len(songs)}, {epochs}, {per_epoch}, {beside}, {n_frames}"
            )
        self.songs, self.n_frames = songs, n_frames
        self.items: list[tuple[list[int], int]] = []  # songs, first frame
        self.epoch_ends: list[int] = []  # in items
        for epoch in range(epochs):
            rng = np.random.default_rng((seed, epoch))
            chosen = rng.permutation(len(songs))[:per_epoch].tolist()
            chosen.sort(key=lambda number: len(songs[number]))  # so that little is padding
            groups = [chosen[first : first + beside] for first in range(0, len(chosen), beside)]
            for number in rng.permutation(len(groups)):
                longest = len(songs[groups[number][-1]])
                self.items += [(groups[number], start) for start in range(0, longest, n_frames)]
            self.epoch_ends.append(len(self.items))

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> dict[str, Any]:
        group, start = self.items[index]
        return make_batch([self.songs[number] for number in group], start, self.n_frames)
