"""Hearing a performance in its pages: a recording from its beginning to its end, or a microphone as it comes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soxr

from scorehub.audio import SAMPLE_RATES
from scorehub.following import Run
from scorehub.pipelines.score_following.follower import Follower, Position, Score
from scorehub.pipelines.score_following.modeling_score_follower import ScoreFollowerModel
from scorehub.pipelines.score_following.page_turning import PageTurn, PageTurner
from scorehub.pipelines.score_following.spectrogram import SAMPLE_RATE
from scorehub.spaces.score_following.piece import MAX_MINUTES, Piece, load_recording

_CHUNK = SAMPLE_RATE  # samples heard between two reports
_MAX_CHUNK_SECONDS = 10.0  # of a microphone


class Lead(NamedTuple):
    """How long before the end of a page it is turned, as `PageTurner` has it."""

    amount: float = 1.0
    unit: str = "seconds"

    def turns(self, score: Score, positions: Sequence[Position]) -> list[PageTurn]:
        """The turns that positions bring about."""
        return PageTurner(score, self.amount, self.unit).turns(positions)


@dataclass(frozen=True)
class Heard:
    """A recording that was followed: positions one for each 50 ms."""

    piece: Piece
    recording: Path
    positions: list[Position]
    turns: list[PageTurn]

    def run(self, seconds: float | None = None) -> Run:
        """What draws pictures and videos takes: all of it, or its beginning, with the sound.

        Raises:
            ValueError: the recording can't be read any more.
        """
        audio = load_recording(self.recording)
        if seconds is None:
            return Run(self.piece.pages, audio, self.positions, self.turns)
        positions = [position for position in self.positions if position.time <= seconds]
        return Run(self.piece.pages, audio[: round(seconds * SAMPLE_RATE)], positions, self.turns)


class Hearing:
    """A recording that is being followed, to be iterated over; `positions` are those so far.

    Each position comes from what was heard before it: the follower is fed as a stream would feed it.
    """

    def __init__(self, model: ScoreFollowerModel, piece: Piece, audio: np.ndarray):
        self._audio, self._follower = audio, Follower(model, piece.score)
        self.positions: list[Position] = []
        self.seconds = len(audio) / SAMPLE_RATE

    def __iter__(self) -> Iterator[Position]:
        """The newest position, after each second of sound."""
        for start in range(0, len(self._audio), _CHUNK):
            self.positions += self._follower.track(self._audio[start : start + _CHUNK])
            yield self._follower.position
        self.positions += self._follower.end()


class Microphone:
    """Follows what a microphone sends.

    Raises:
        ValueError: the lead is none.
    """

    def __init__(self, model: ScoreFollowerModel, piece: Piece, lead: Lead):
        self.piece = piece
        self._follower = Follower(model, piece.score)
        self._turner = PageTurner(piece.score, *lead)
        self._rate = SAMPLE_RATE
        self._resampler = _resampler(SAMPLE_RATE)

    @property
    def position(self) -> Position:
        """Where the music is."""
        return self._follower.position

    @property
    def page(self) -> int:
        """The page that should be seen."""
        return self._turner.page

    def turn_at(self, lead: Lead) -> None:
        """From now on with another lead."""
        self._turner.lead, self._turner.unit = lead

    def hear(self, sample_rate: int, samples: np.ndarray) -> None:
        """Hears the next samples, integers (N,) or (N, channels).

        Raises:
            ValueError: samples of another kind or rate, too many at once, or all in all.
        """
        if not SAMPLE_RATES[0] <= sample_rate <= SAMPLE_RATES[1]:
            raise ValueError(f"sample rate must be {SAMPLE_RATES[0]} to {SAMPLE_RATES[1]} Hz, got {sample_rate}")
        if samples.ndim not in (1, 2) or samples.dtype.kind != "i":
            raise ValueError(f"samples must be integers (N,) or (N, channels), got {samples.dtype} {samples.shape}")
        if len(samples) > _MAX_CHUNK_SECONDS * sample_rate:
            raise ValueError(
                f"samples must last at most {_MAX_CHUNK_SECONDS:g} s at once, got {len(samples) / sample_rate:.1f} s"
            )
        if self.position.time > 60 * MAX_MINUTES:
            raise ValueError(f"microphone must be open for at most {MAX_MINUTES} minutes: start it again")
        mono = samples.reshape(len(samples), -1).mean(1) / np.iinfo(samples.dtype).max
        for position in self._follower.track(self._resampled(sample_rate, mono.astype(np.float32))):
            self._turner.update(position)

    def _resampled(self, sample_rate: int, mono: np.ndarray) -> np.ndarray:
        # One resampler for all chunks: each on its own would begin and end with a click.
        if sample_rate != self._rate:
            self._rate = sample_rate
            self._resampler = _resampler(sample_rate)
        return np.asarray(self._resampler.resample_chunk(mono))


def _resampler(sample_rate: int) -> soxr.ResampleStream:
    return soxr.ResampleStream(sample_rate, SAMPLE_RATE, 1, dtype="float32")
