"""How well songs are followed: by a recurrent follower, and by guesses that hear nothing.

Positions (T,) are x on the strip divided by its length, a frame each. Scores are means over the frames of a song,
then over songs:

    error      |estimated - true|, of the strip's length
    near       share of frames with an error of at most 0.05
    in_time    share of frames whose estimate the performance passes within 0.5 s of them; beyond the ends of its path
               an estimate counts as at the end
"""

from collections.abc import Iterable, Sequence

import numpy as np
import torch

from scorehub.pipelines.score_following.paper.modeling_recurrent_follower import RecurrentFollowerModel, follower_loss
from scorehub.pipelines.score_following.spectrogram import FRAMES_PER_SECOND
from scorehub.trainers.recurrent_follower_data import Song, make_batch

NEAR = 0.05
SECONDS = 0.5


@torch.no_grad()
def follow(
    model: RecurrentFollowerModel, songs: Sequence[Song], n_frames: int = 50, beside: int = 8
) -> list[np.ndarray]:
    """The positions (T,) that a model gives each song, without dropout; `beside` songs at a time."""
    training = model.training
    model.eval()
    found: dict[int, np.ndarray] = {}
    order = sorted(range(len(songs)), key=lambda number: len(songs[number]))
    for first in range(0, len(order), beside):
        group = order[first : first + beside]
        state, parts = None, []
        for start in range(0, len(songs[group[-1]]), n_frames):
            batch = make_batch([songs[number] for number in group], start, n_frames)
            inputs = {name: batch[name].to(model.device) for name in ("audio", "strip", "widths")}
            output = model(**inputs, state=state)
            state = output.state
            parts.append(output.positions.float().cpu())
        rows = torch.cat(parts, dim=1).numpy()
        found |= {number: row[: len(songs[number])] for number, row in zip(group, rows, strict=True)}
    model.train(training)
    return [found[number] for number in range(len(songs))]


def score_song(song: Song, estimated: np.ndarray) -> dict[str, float]:
    """The scores of one song, see the module."""
    truth = song.positions
    errors = np.abs(estimated - truth)
    reach = round(SECONDS * FRAMES_PER_SECOND)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(truth, reach, mode="edge"), 2 * reach + 1)  # (T, 21)
    clipped = estimated.clip(truth.min(), truth.max())
    in_time = (around.min(axis=1) <= clipped) & (clipped <= around.max(axis=1))
    return {"error": float(errors.mean()), "near": float((errors <= NEAR).mean()), "in_time": float(in_time.mean())}


def mean_scores(songs: Sequence[Song], estimated: Iterable[np.ndarray]) -> dict[str, float]:
    """The scores of several songs, each counting the same."""
    rows = [score_song(song, positions) for song, positions in zip(songs, estimated, strict=True)]
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def mean_loss(songs: Sequence[Song], estimated: Iterable[np.ndarray], jump_weight: float) -> float:
    """Equation 1, the mean over the frames of all songs."""
    total = 0.0
    for song, positions in zip(songs, estimated, strict=True):
        rows = (torch.from_numpy(positions)[None], torch.from_numpy(song.positions)[None])
        total += float(follower_loss(*rows, None, jump_weight)) * len(song)
    return total / sum(map(len, songs))


def guess_middle(song: Song) -> np.ndarray:
    """Always the middle of the strip."""
    return np.full(len(song), 0.5)


def guess_steady(song: Song) -> np.ndarray:
    """A constant speed from one end of the strip to the other: it knows how long the performance will be."""
    return np.linspace(0, 1, len(song))


def mean_speed(songs: Sequence[Song]) -> float:
    """Columns of the strip a frame, the mean over songs."""
    return float(np.mean([song.strip.shape[1] / len(song) for song in songs]))


def guess_at_speed(song: Song, speed: float) -> np.ndarray:
    """A constant speed in columns a frame, such as that of other songs; it knows nothing of this one."""
    return np.minimum(1, np.arange(len(song)) * speed / song.strip.shape[1])
