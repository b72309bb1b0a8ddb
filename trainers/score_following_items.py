"""Items of the score follower's training: a few systems of a piece, and some seconds of a performance of them.

    corpus = Corpus("corpus")
    items = FollowingItems(corpus, size=1000, seed=0)
    batch = collate([items[0], items[1]])

Items are drawn by their number and the seed. Frames are 50 ms; columns are those of `layout`, counted through the
systems of an item.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from scorehub.pipelines.score_following.layout import COLUMN, HEIGHT
from scorehub.pipelines.score_following.modeling_score_follower import CONTEXT, LOWEST, N_PITCHES
from scorehub.pipelines.score_following.spectrogram import FRAMES_PER_SECOND, N_BANDS
from scorehub.trainers.score_following_corpus import LEVELS

Arrays = dict[str, np.ndarray]
MOST_TRIES = 1000  # to draw a piece that has something to learn from
NO_TIME = -1.0  # rate of a column of which it isn't known


class Corpus:
    """The pieces of a folder of `score_following_corpus`."""

    def __init__(self, folder: str | Path):
        """Raises ValueError if the folder holds no piece."""
        self.paths = sorted(path for path in Path(folder).glob("*.npz") if not path.name.endswith(".part.npz"))
        if not self.paths:
            raise ValueError(f"corpus must hold pieces (*.npz), got none in {folder}")

    def __len__(self) -> int:
        return len(self.paths)

    def piece(self, number: int) -> Arrays:
        """The arrays of a piece."""
        return _load(self.paths[number])


@lru_cache(maxsize=1024)
def _load(path: Path) -> Arrays:
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


@dataclass(frozen=True)
class Way:
    """The path of a performance through a copy of the pages: a moment for each time at which notes begin.

    Attributes:
        played: (M,) seconds, rising.
        system: (M,).
        column: (M,), within the system.
        quarter: (M,), in the score.
    """

    played: np.ndarray
    system: np.ndarray
    column: np.ndarray
    quarter: np.ndarray


def find_way(piece: Arrays, copy: int, performance: int) -> Way:
    """The way of a performance through a copy of the pages."""
    system, column = piece[f"system_{copy}"], piece[f"column_{copy}"]
    struck = np.flatnonzero(~piece["tied"] & (system >= 0))
    quarters, moment = np.unique(np.round(piece["onset_quarter"][struck], 4), return_inverse=True)
    order = np.argsort(moment, kind="stable")
    groups = np.split(struck[order], np.cumsum(np.bincount(moment))[:-1]) if len(struck) else []
    # A notehead that was taken for one of another system is alone there.
    systems = np.array([np.bincount(system[group]).argmax() for group in groups], np.int64)
    columns = [np.median(column[g][system[g] == s]) for g, s in zip(groups, systems, strict=True)]
    played = [np.median(piece[f"played_{performance}"][group]) for group in groups]
    return Way(np.maximum.accumulate(np.array(played)), systems, np.array(columns, np.float64), quarters)


@dataclass(frozen=True)
class Draw:
    """How items are drawn."""

    systems: int = 3
    frames: int = 160
    foreign: float = 0.12  # share of items whose sound is of another piece, noise or silence
    photographed: float = 0.4  # share of items with photographed pages


@dataclass
class Item:
    """A few systems and some seconds of sound.

    Attributes:
        strips: of each system, ink (S, 128, W).
        pitch: of each system, targets (K, 88).
        quarters: of each system, quarters a column (K,), `NO_TIME` where they aren't known.
        frames: log spectrogram (78, 9 + T).
        column: (T,), the column that is heard; -1 for none, NaN where it isn't known.
        onset: (T, 88), 1 where a note begins, NaN where it isn't known.
    """

    strips: list[np.ndarray]
    pitch: list[np.ndarray]
    quarters: list[np.ndarray]
    frames: np.ndarray
    column: np.ndarray
    onset: np.ndarray


class FollowingItems(Dataset[Item]):
    """Items drawn from a corpus."""

    def __init__(self, corpus: Corpus, size: int, seed: int = 0, draw: Draw = Draw()):
        self.corpus, self.size, self.seed, self.draw = corpus, size, seed, draw

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, number: int) -> Item:
        rng = np.random.default_rng([self.seed, number])
        for _ in range(MOST_TRIES):  # a piece in which no system was found has nothing to learn from
            piece = self.corpus.piece(int(rng.integers(len(self.corpus))))
            copies = sum(name.startswith("strips_") for name in piece)
            copy = int(rng.integers(1, copies)) if copies > 1 and rng.random() < self.draw.photographed else 0
            performance = int(rng.integers(sum(name.startswith("audio_") for name in piece)))
            way = find_way(piece, copy, performance)
            if len(way.played) > 1:
                return self._cut(piece, copy, performance, way, rng)
        raise ValueError(f"corpus must have systems with notes, got none in {MOST_TRIES} pieces drawn")

    def _cut(self, piece: Arrays, copy: int, performance: int, way: Way, rng: np.random.Generator) -> Item:
        first, last = _choose_systems(way, self.draw.systems, rng)
        there = np.flatnonzero((way.system >= first) & (way.system < last))
        begin, end = way.played[there[0]], way.played[there[-1]]
        latest = max(begin, end - self.draw.frames / FRAMES_PER_SECOND / 2)
        start = int(rng.uniform(begin - 1, latest) * FRAMES_PER_SECOND)
        times = (start + np.arange(self.draw.frames)) / FRAMES_PER_SECOND
        widths = piece[f"shapes_{copy}"][:, 2] // COLUMN
        column = columns_at(way, widths, times)
        edges = np.concatenate([[0], np.cumsum(widths)])
        column = np.where((column >= edges[first]) & (column < edges[last]), column - edges[first], np.nan)
        frames = _hear(piece[f"audio_{performance}"], start, self.draw.frames, rng)
        onset = _onsets(piece, performance, times)
        if rng.random() < self.draw.foreign:
            frames, onset = self._foreign(rng), np.full_like(onset, np.nan)
            column = np.full(len(column), -1.0)
        strips, pitch = _read(piece, copy, range(first, last), rng)
        quarters = [quarters_a_column(way, system, int(widths[system])) for system in range(first, last)]
        return Item(strips, pitch, quarters, frames, column, onset)

    def _foreign(self, rng: np.random.Generator) -> np.ndarray:
        """What belongs to no score at hand: another piece, or noise as loud as a quiet room's."""
        n_frames = self.draw.frames
        if rng.random() < 0.5:
            noise = rng.uniform(0, 0.15) * np.abs(rng.normal(size=(N_BANDS, CONTEXT + 1 + n_frames)))
            return (noise * np.linspace(1, rng.uniform(0, 1), N_BANDS)[:, None]).astype(np.float32)
        other = self.corpus.piece(int(rng.integers(len(self.corpus))))
        audio = other["audio_0"]
        return _hear(audio, int(rng.integers(max(1, audio.shape[1] - n_frames))), n_frames, rng)


def _choose_systems(way: Way, count: int, rng: np.random.Generator) -> tuple[int, int]:
    """Neighbouring systems, from and to, of which at least one has notes."""
    with_notes = np.unique(way.system)
    first = int(with_notes[rng.integers(max(1, len(with_notes) - count + 1))])
    return first, min(first + count, int(with_notes[-1]) + 1)


def columns_at(way: Way, widths: np.ndarray, times: np.ndarray) -> np.ndarray:
    """The column, through all systems, that is heard at each time; NaN before the first note and after the last.

    Between two moments the place moves evenly; at the end of a system it moves to the end of its lines.
    """
    edges = np.concatenate([[0], np.cumsum(widths)])
    moment = np.searchsorted(way.played, times, side="right") - 1
    known = (moment >= 0) & (times < way.played[-1] + 0.5)
    moment = np.clip(moment, 0, len(way.played) - 1)
    following = np.minimum(moment + 1, len(way.played) - 1)
    same = way.system[following] == way.system[moment]
    goal = np.where(same, way.column[following], widths[way.system[moment]])
    gone = np.clip((times - way.played[moment]) / np.maximum(1e-3, way.played[following] - way.played[moment]), 0, 1)
    gone = np.where(following == moment, 0, gone)
    column = way.column[moment] + gone * np.maximum(0, goal - way.column[moment])
    return np.where(known, edges[way.system[moment]] + np.minimum(column, widths[way.system[moment]] - 0.01), np.nan)


def quarters_a_column(way: Way, system: int, n_columns: int) -> np.ndarray:
    """How long each column of a system lasts, (K,); before the first notes no time goes by."""
    rates = np.zeros(n_columns)
    here = np.flatnonzero(way.system == system)
    if not len(here):
        return np.full(n_columns, NO_TIME)
    for moment in here:
        begin = int(way.column[moment])
        if moment + 1 == len(way.played):
            rates[begin:] = NO_TIME
            break
        goal = way.column[moment + 1] if way.system[moment + 1] == system else n_columns
        end = max(begin + 1, int(goal))
        rates[begin:end] = (way.quarter[moment + 1] - way.quarter[moment]) / max(1.0, goal - way.column[moment])
    return rates


def _hear(audio: np.ndarray, start: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Frames (78, 9 + count) from `start` less nine on, as loud as may be."""
    wanted = np.arange(start - CONTEXT - 1, start + count)
    inside = (wanted >= 0) & (wanted < audio.shape[1])
    frames = np.where(inside, audio[:, np.clip(wanted, 0, audio.shape[1] - 1)], 0).astype(np.float32) / LEVELS
    gain = 10 ** (rng.uniform(-18, 9) / 20)
    return np.log10(1 + gain * (10**frames - 1)).astype(np.float32)


def _onsets(piece: Arrays, performance: int, times: np.ndarray) -> np.ndarray:
    """Where notes begin, (T, 88), at the frame whose centre is next."""
    struck = ~piece["tied"]
    frame = np.rint((piece[f"played_{performance}"][struck] - times[0]) * FRAMES_PER_SECOND).astype(int)
    row = piece["pitch"][struck] - LOWEST
    inside = (frame >= 0) & (frame < len(times)) & (row >= 0) & (row < N_PITCHES)
    onset = np.zeros((len(times), N_PITCHES), np.float32)
    onset[frame[inside], row[inside]] = 1
    return onset


def _read(
    piece: Arrays, copy: int, systems: range, rng: np.random.Generator
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Ink and pitches of systems; prints differ in how dark and how sharp they are."""
    shapes = piece[f"shapes_{copy}"]
    ends = np.cumsum(shapes.prod(1))
    strips, targets = [], []
    contrast, grain = rng.uniform(0.7, 1.3), rng.uniform(0, 0.06)
    for system in systems:
        pixels = piece[f"strips_{copy}"][ends[system] - shapes[system].prod() : ends[system]]
        ink = (1 - pixels.reshape(shapes[system]).astype(np.float32) / 255) * contrast
        ink += grain * rng.standard_normal(ink.shape, np.float32)
        strips.append(np.clip(np.roll(ink, int(rng.integers(-1, 2)), axis=1), 0, 1).astype(np.float32))
        mine = piece[f"system_{copy}"] == system
        columns, rows = piece[f"column_{copy}"][mine], piece["pitch"][mine] - LOWEST
        targets.append(_blur(columns, rows, int(shapes[system][2]) // COLUMN))
    return strips, targets


def _blur(columns: np.ndarray, rows: np.ndarray, n_columns: int) -> np.ndarray:
    """Targets (K, 88): 1 in the column of a notehead's middle, less beside it, as heads are two columns wide."""
    target = np.zeros((n_columns, N_PITCHES), np.float32)
    for offset in (-1, 0, 1):
        column = np.floor(columns).astype(int) + offset
        weight = np.clip(1.25 - np.abs(columns - column - 0.5), 0, 1)
        inside = (column >= 0) & (column < n_columns) & (rows >= 0) & (rows < N_PITCHES)
        np.maximum.at(target, (column[inside], rows[inside]), weight[inside])
    return target


def collate(items: list[Item]) -> dict[str, torch.Tensor]:
    """A batch: systems of all items one after the other, padded.

    Returns:
        `strips` (B, S, 128, 4 K), `n_columns` (B,), `n_staves` (B,), `pitch` (B, K, 88), `quarters` (B, K), `first`
        (items,) number of an item's first system, `frames` (items, 78, 9 + T), `column` (items, T), `onset`
        (items, T, 88).
    """
    strips = [strip for item in items for strip in item.strips]
    staves, width = max(len(strip) for strip in strips), max(strip.shape[2] for strip in strips)
    picture = torch.zeros(len(strips), staves, HEIGHT, width)
    pitch = torch.zeros(len(strips), width // COLUMN, N_PITCHES)
    quarters = torch.full((len(strips), width // COLUMN), NO_TIME)
    targets = [(a, b) for item in items for a, b in zip(item.pitch, item.quarters, strict=True)]
    for number, (strip, (heads, rates)) in enumerate(zip(strips, targets, strict=True)):
        picture[number, : len(strip), :, : strip.shape[2]] = torch.from_numpy(strip)
        pitch[number, : len(heads)] = torch.from_numpy(heads)
        quarters[number, : len(rates)] = torch.from_numpy(rates.astype(np.float32))
    counts = [len(item.strips) for item in items]
    return {
        "strips": picture,
        "n_columns": torch.tensor([strip.shape[2] // COLUMN for strip in strips]),
        "n_staves": torch.tensor([len(strip) for strip in strips]),
        "pitch": pitch,
        "quarters": quarters,
        "first": torch.tensor(np.concatenate([[0], np.cumsum(counts)[:-1]])),
        "frames": torch.from_numpy(np.stack([item.frames for item in items])),
        "column": torch.from_numpy(np.stack([item.column for item in items]).astype(np.float32)),
        "onset": torch.from_numpy(np.stack([item.onset for item in items]).astype(np.float32)),
    }
