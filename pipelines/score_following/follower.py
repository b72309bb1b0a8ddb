"""Follows a performance in the images of its score, while it is played.

    model = ScoreFollowerModel.from_pretrained(folder)
    follower = Follower(model, pages)  # grey uint8 arrays
    position = follower.feed(samples)  # mono, 22,050 Hz, as many or few as there are
    position.page, position.x, position.y

Positions depend on the samples so far and not on how they were cut into pieces.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .belief import Belief, Estimate
from .layout import COLUMN, System, read_page
from .modeling_score_follower import CONTEXT, ScoreFollowerModel
from .spectrogram import FRAMES_PER_SECOND, N_BANDS, SAMPLE_RATE, LogSpectrogramStream

FRAME = 1 / FRAMES_PER_SECOND  # seconds


class Position(NamedTuple):
    """Where the music is.

    Attributes:
        time: seconds since the first sample.
        page: from 0.
        system: of the page, from 0.
        x: pixels of the page, of what is heard.
        y: the middle of the system there.
        score_time: quarters since the beginning of the score, as its image is read.
        tempo: quarters a second, as its image is read.
        confidence: 0 to 1.
    """

    time: float
    page: int
    system: int
    x: float
    y: float
    score_time: float
    tempo: float
    confidence: float


class Score:
    """The pages of a score as the follower knows them: systems in reading order, and codes of their columns.

    Raises:
        ValueError: a page is no grey uint8 array or too small, or no page has staves.
    """

    def __init__(self, model: ScoreFollowerModel, pages: Sequence[np.ndarray]):
        read = [read_page(np.asarray(page)) for page in pages]
        self.systems: list[tuple[int, int, System]] = [
            (page, number, system)
            for page, of_page in enumerate(read)
            for number, system in enumerate(of_page.systems)
        ]
        if not self.systems:
            raise ValueError(f"pages must show staves of music, got {len(read)} pages without")
        self.n_pages = len(read)
        strips = [strip for of_page in read for strip in of_page.strips]
        codes = [_read(model, strip) for strip in strips]
        self.embedding = torch.cat([embedding for embedding, _ in codes])  # (columns, D)
        self.quarters = torch.cat([quarters for _, quarters in codes])  # (columns,)
        self._ends = np.cumsum([len(quarters) for _, quarters in codes])

    def page_ends(self) -> np.ndarray:
        """When each page ends, (pages,) quarters; a page without music ends when the one before does."""
        ends = np.zeros(self.n_pages)
        times = self.quarters.double().cumsum(0).cpu().numpy()
        for (page, _, _), end in zip(self.systems, self._ends, strict=True):
            ends[page] = times[end - 1]
        return np.maximum.accumulate(ends)

    def place(self, column: float) -> tuple[int, int, float, float]:
        """Page, system on it, and x and y in pixels of a column of all systems."""
        number = min(int(np.searchsorted(self._ends, column, side="right")), len(self.systems) - 1)
        page, on_page, system = self.systems[number]
        x = float(system.x(column - (self._ends[number - 1] if number else 0)))
        return page, on_page, x, system.y(x)


@torch.no_grad()
def _read(model: ScoreFollowerModel, strip: np.ndarray) -> tuple[Tensor, Tensor]:
    """Embeddings (K, D) and quarters (K,) of a system's columns."""
    ink = 1 - torch.from_numpy(strip).to(model.device, torch.float32) / 255
    n_columns = torch.tensor([strip.shape[2] // COLUMN])
    code = model.sheet(ink[None], n_columns.to(ink.device), torch.tensor([len(strip)], device=ink.device))
    return code.embedding[0], code.quarters[0]


class Follower:
    """Follows one performance; a new one needs a new follower, which can share the `Score`.

    Args:
        score: the pages, (H, W) grey uint8 with white paper each; or what was made of them.

    Raises:
        ValueError: see `Score`.
    """

    def __init__(self, model: ScoreFollowerModel, score: Score | Sequence[np.ndarray]):
        self.model = model.eval()
        self.score = score if isinstance(score, Score) else Score(model, score)
        self._spectrogram = LogSpectrogramStream()
        self._belief = Belief(self.score.quarters, model.config, FRAME)
        self._heard = torch.zeros(N_BANDS, CONTEXT + 2)  # and the one before these, for what has risen
        self._state: Tensor | None = None
        self._n_frames = 0
        self.position = self._locate(self._belief.estimate())

    def feed(self, samples: np.ndarray | Tensor, sample_rate: int = SAMPLE_RATE) -> Position:
        """Hears the next samples, floats (N,), and tells where the music is now.

        Raises:
            ValueError: another sample rate or shape, or samples that are not finite.
        """
        self.track(samples, sample_rate)
        return self.position

    def end(self) -> list[Position]:
        """Hears what is left of the samples, with silence after them; the last positions."""
        return self._follow(self._spectrogram.finish())

    def track(self, samples: np.ndarray | Tensor, sample_rate: int = SAMPLE_RATE) -> list[Position]:
        """As `feed`, with a position for each frame of 50 ms that has become complete."""
        return self._follow(self._spectrogram.feed(torch.as_tensor(samples), sample_rate))

    @torch.no_grad()
    def _follow(self, frames: Tensor) -> list[Position]:
        """A position for each of the frames (78, T)."""
        positions = []
        for frame in frames.T:
            self._heard = torch.cat([self._heard[:, 1:], frame[:, None]], 1)
            code = self.model.audio(self._heard[None].to(self.model.device), self._state)
            self._state = code.state
            self._belief.step(code.embedding[0, -1] @ self.score.embedding.T, code.null[0, -1])
            self._n_frames += 1
            positions.append(self._locate(self._belief.estimate()))
        if positions:
            self.position = positions[-1]
        return positions

    def _locate(self, estimate: Estimate) -> Position:
        place = self.score.place(estimate.column)
        time = self._n_frames * FRAME
        return Position(time, *place, estimate.quarter, estimate.tempo, estimate.confidence)
