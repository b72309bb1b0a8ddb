"""Performed time: tempo curves, and scores played as if by a person.

Score time is seconds at the written tempo, performed time seconds as played. A `TempoCurve` maps one to the other and
back, so labels follow the performance.
"""

import reprlib
from dataclasses import dataclass

import numpy as np

from scorehub.notes import Notes, make_notes

_STEP = 0.1  # seconds of score time between the points of a drawn curve
_MAX_SCORE_SECONDS = 24 * 3600.0
_MIN_DURATION = 0.02  # seconds


@dataclass(frozen=True)
class TempoCurve:
    """A strictly rising, piecewise linear map between score time and performed time.

    Outside of its points it goes on with the slope of its first or last piece.

    Args:
        score_times: (K,) seconds, K >= 2, strictly rising.
        performed_times: (K,) seconds, strictly rising.
    """

    score_times: np.ndarray
    performed_times: np.ndarray

    def __post_init__(self) -> None:
        shapes = self.score_times.shape, self.performed_times.shape
        if shapes[0] != shapes[1] or len(shapes[0]) != 1 or shapes[0][0] < 2:
            raise ValueError(f"curve must have two columns of one length from 2, got {shapes}")
        for name, times in (("score times", self.score_times), ("performed times", self.performed_times)):
            if not (np.isfinite(times).all() and np.all(np.diff(times) > 0)):
                raise ValueError(f"{name} must be finite and strictly rising, got {reprlib.repr(times.tolist())}")

    def performed(self, times: np.ndarray) -> np.ndarray:
        """Performed times of score times, of any shape."""
        return _interpolate(times, self.score_times, self.performed_times)

    def score(self, times: np.ndarray) -> np.ndarray:
        """Score times of performed times, of any shape: the inverse of `performed`."""
        return _interpolate(times, self.performed_times, self.score_times)


def _interpolate(times: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    times = np.asarray(times, np.float64)
    before, after = (y[1] - y[0]) / (x[1] - x[0]), (y[-1] - y[-2]) / (x[-1] - x[-2])
    inside = np.interp(times, x, y)
    return inside + np.minimum(0, times - x[0]) * before + np.maximum(0, times - x[-1]) * after


@dataclass(frozen=True)
class Manner:
    """How freely a piece is played; all zeros play the score as written."""

    tempo: float = 0.15  # standard deviation of log tempo, once a piece
    drift: float = 0.06  # standard deviation of log tempo within the piece
    memory: float = 3.0  # seconds over which the drift forgets itself
    phrase: float = 10.0  # mean seconds of a phrase
    ritardando: float = 0.25  # share of tempo lost by the end of a phrase, less than 1
    jitter: float = 0.008  # standard deviation of a chord's onset, seconds
    asynchrony: float = 0.012  # standard deviation of a note's onset within its chord, seconds
    velocity: float = 8.0  # standard deviation of velocity, half from phrase to phrase, half from note to note

    def __post_init__(self) -> None:
        values = vars(self)
        if not all(np.isfinite(value) and value >= 0 for value in values.values()):
            raise ValueError(f"manner must have finite values from 0, got {values}")
        if not (self.memory > 0 and self.phrase >= 1 and self.ritardando < 1 and self.tempo <= 1 and self.drift <= 1):
            raise ValueError(
                f"manner must have memory > 0, phrase >= 1, ritardando < 1, and tempo, drift <= 1, got {values}"
            )


def random_tempo(seconds: float, rng: np.random.Generator, manner: Manner = Manner()) -> TempoCurve:
    """A tempo curve over `seconds` of score: a tempo for the piece, a drift, and a ritardando at each phrase's end.

    The drift is a first-order autoregression of log tempo, smoothed; a ritardando is that of Friberg & Sundberg,
    J. Acoust. Soc. Am. 105 (1999): tempo falls as (1 + (w^3 - 1) x)^(1/3) over the last quarter of the phrase.
    """
    if not 0 <= seconds <= _MAX_SCORE_SECONDS:
        raise ValueError(f"seconds must be 0 to {_MAX_SCORE_SECONDS:g}, got {seconds}")
    time = np.arange(max(2, int(np.ceil(seconds / _STEP)) + 1)) * _STEP
    log_tempo = manner.tempo * np.clip(rng.standard_normal(), -2, 2) + manner.drift * _drift(len(time), rng, manner)
    speed = np.exp(log_tempo) * _ritardandi(time, rng, manner)
    # Each piece of the curve is played at the speed of its middle.
    pieces = _STEP * 2 / (speed[1:] + speed[:-1])
    return TempoCurve(time, np.concatenate([[0.0], np.cumsum(pieces)]))


def _drift(n: int, rng: np.random.Generator, manner: Manner) -> np.ndarray:
    """A smooth stationary walk (n,) of unit variance, within three standard deviations."""
    from scipy.signal import lfilter

    keep = np.exp(-_STEP / manner.memory)
    white = np.sqrt(1 - keep**2) * rng.standard_normal(n)
    white[0] /= np.sqrt(1 - keep**2)  # starts in its stationary distribution
    walk = lfilter([1.0], [1.0, -keep], white)
    # A player changes tempo over a beat, not within it.
    window = np.hanning(7)[1:-1] / np.hanning(7)[1:-1].sum()
    return np.clip(np.convolve(np.pad(walk, 2, mode="edge"), window, mode="valid"), -3, 3)


def _ritardandi(time: np.ndarray, rng: np.random.Generator, manner: Manner) -> np.ndarray:
    lengths = manner.phrase * rng.uniform(0.6, 1.4, int(time[-1] / (0.6 * manner.phrase)) + 2)
    ends = np.cumsum(lengths)
    ends = np.append(ends[ends < time[-1] - 0.3 * manner.phrase], time[-1])  # the piece ends with a phrase
    phrase = np.searchsorted(ends, time)
    starts = np.concatenate([[0.0], ends[:-1]])
    within = (time - starts[phrase]) / (ends - starts)[phrase]
    final = 1 - manner.ritardando * rng.uniform(0.4, 1.0, len(ends))
    x = np.maximum(0, (within - 0.75) / 0.25)
    return np.asarray(np.cbrt(1 + (final[phrase] ** 3 - 1) * x))


def humanise(notes: Notes, rng: np.random.Generator, manner: Manner = Manner()) -> tuple[Notes, TempoCurve]:
    """`notes` as a person might play them, and the curve that maps their score times to performed times.

    Played onsets lie around the curve's by jitter and asynchrony, each at most a fifth of the gap to the neighbouring
    onset (or to time 0), so that notes keep the order of their score onsets.
    """
    curve = random_tempo(notes.end, rng, manner)
    if not len(notes):
        return notes, curve
    times, chord = np.unique(notes.onset, return_inverse=True)
    played = curve.performed(times)
    gaps = np.diff(played, prepend=0.0, append=np.inf)
    leeway = np.minimum(gaps[:-1], gaps[1:]) / 5
    chord_jitter = np.clip(manner.jitter * rng.standard_normal(len(times)), -leeway, leeway)
    alone = np.bincount(chord) == 1
    spread = np.clip(manner.asynchrony * rng.standard_normal(len(notes)), -leeway[chord], leeway[chord])
    onset = played[chord] + chord_jitter[chord] + np.where(alone[chord], 0.0, spread)
    end = curve.performed(notes.onset + notes.duration)
    velocity = notes.velocity + manner.velocity * np.sqrt(0.5) * (
        _drift(len(times), rng, manner)[chord] + rng.standard_normal(len(notes))
    )
    columns = (notes.pitch, np.clip(np.round(velocity), 1, 127), notes.program, notes.track)
    return make_notes(np.maximum(0, onset), np.maximum(_MIN_DURATION, end - onset), *columns), curve
