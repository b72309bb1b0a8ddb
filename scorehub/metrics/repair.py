"""How well a damaged passage is repaired: note precision, recall and F1 inside of it, and two baselines to beat.

Conventions:
    `reference` is the piece as it was, `estimated` the repaired piece. A note belongs to a passage if its onset and
    pitch lie in it; tracks are not told apart. Notes match one to one, of equal pitch and with onsets at most
    `onset_tolerance` apart: `mir_eval.transcription` (Raffel et al. 2014).

Metrics:
    precision, recall, f1: 0 to 1; of several pieces from the sums of their notes, with a bootstrap interval.
    offset_f1: as f1, and ends at most 20 % of the reference note or 50 ms apart.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import mir_eval
import numpy as np

from scorehub.notes import Notes, make_notes

_MOST_NOTES = 5000  # in a passage; matching compares all pairs
_LEAST_DURATION = 1e-3  # seconds; mir_eval refuses notes of no length


@dataclass(frozen=True)
class Passage:
    """Onsets from `start` to before `end`, pitches from `lowest` to `highest`.

    Raises:
        ValueError: it is empty, or reaches below 0 or beyond MIDI pitches.
    """

    start: float  # seconds
    end: float  # seconds
    lowest: int = 0
    highest: int = 127

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end < np.inf:
            raise ValueError(f"passage must have 0 <= start < end, got {self.start} and {self.end} s")
        if not 0 <= self.lowest <= self.highest <= 127:
            raise ValueError(f"passage must have 0 <= lowest <= highest <= 127, got {self.lowest} and {self.highest}")

    def holds(self, notes: Notes) -> np.ndarray:
        """(N,) whether each note belongs to the passage."""
        in_time = (notes.onset >= self.start) & (notes.onset < self.end)
        return in_time & (notes.pitch >= self.lowest) & (notes.pitch <= self.highest)


def validate(references: Sequence[Notes], estimated: Sequence[Notes], passages: Sequence[Passage]) -> None:
    """Raises ValueError unless there is one of each a piece; warns of passages without notes in the reference."""
    if not len(references) == len(estimated) == len(passages) > 0:
        lengths = len(references), len(estimated), len(passages)
        raise ValueError(f"references, estimated and passages must be equally many, at least 1, got {lengths}")
    silent = sum(not passage.holds(notes).any() for notes, passage in zip(references, passages, strict=True))
    if silent:
        warnings.warn(f"{silent} of {len(references)} passages have no notes in the reference", stacklevel=3)


def precision_recall_f1(
    reference: Notes, estimated: Notes, passage: Passage, onset_tolerance: float = 0.05
) -> tuple[float, float, float]:
    """Scores of one repaired passage; all 1 where both are silent, 0 where only one is.

    Args:
        onset_tolerance: seconds; for rolls, at least half a frame.
    """
    validate([reference], [estimated], [passage])
    return scores(match_counts(reference, estimated, passage, onset_tolerance)[:3])


def match_counts(
    reference: Notes, estimated: Notes, passage: Passage, onset_tolerance: float = 0.05
) -> tuple[int, int, int, int]:
    """Notes of the passage: matched, in the reference, in the estimate, and matched by offset too."""
    if not 0 < onset_tolerance < np.inf:
        raise ValueError(f"onset_tolerance must be above 0 s, got {onset_tolerance}")
    columns = [_columns(notes, passage) for notes in (reference, estimated)]
    (intervals, hertz), (other_intervals, other_hertz) = columns
    if not len(hertz) or not len(other_hertz):
        return 0, len(hertz), len(other_hertz), 0
    matched, ended = (
        len(
            mir_eval.transcription.match_notes(
                intervals, hertz, other_intervals, other_hertz, onset_tolerance=onset_tolerance, offset_ratio=ratio
            )
        )
        for ratio in (None, 0.2)
    )
    return matched, len(hertz), len(other_hertz), ended


def _columns(notes: Notes, passage: Passage) -> tuple[np.ndarray, np.ndarray]:
    held = passage.holds(notes)
    if held.sum() > _MOST_NOTES:
        raise ValueError(f"passage must have at most {_MOST_NOTES} notes, got {held.sum()}")
    onset, duration = notes.onset[held], np.maximum(notes.duration[held], _LEAST_DURATION)
    return np.stack([onset, onset + duration], 1), 440 * 2 ** ((notes.pitch[held] - 69) / 12)


def scores(counts: Sequence[float]) -> tuple[float, float, float]:
    """Precision, recall and F1 of (matched, in the reference, in the estimate)."""
    matched, real, made = counts
    if not real and not made:
        return 1.0, 1.0, 1.0
    return matched / made if made else 0.0, matched / real if real else 0.0, 2 * matched / (real + made)


def evaluate(
    references: Sequence[Notes],
    estimated: Sequence[Notes],
    passages: Sequence[Passage],
    onset_tolerance: float = 0.05,
    rounds: int = 1000,
    seed: int = 0,
) -> dict[str, float]:
    """All metrics of the module over pieces: precision, recall, f1, f1_low, f1_high (95 %), offset_f1."""
    validate(references, estimated, passages)
    if not 10 <= rounds <= 100_000:
        raise ValueError(f"rounds must be 10 to 100000, got {rounds}")
    pairs = zip(references, estimated, passages, strict=True)
    counts = np.array([match_counts(*pair, onset_tolerance) for pair in pairs])  # (pieces, 4)
    matched, real, made, ended = (float(total) for total in counts.sum(0))
    precision, recall, f1 = scores((matched, real, made))
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=rounds) @ counts
    low, high = np.quantile([scores(row[:3])[2] for row in drawn.astype(float)], (0.025, 0.975))
    return {
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "f1_low": float(low),
        "f1_high": float(high),
        "offset_f1": scores((ended, real, made))[2],
    }


def copy_last_bar(damaged: Notes, passage: Passage, bar: float = 2.0) -> Notes:
    """Baseline: the bar before the passage, again and again; where none fits before it, the bar after it.

    Args:
        damaged: the piece; its notes inside of the passage are not looked at.
        bar: seconds.
    """
    if not 0.01 <= bar < np.inf:
        raise ValueError(f"bar must be at least 0.01 s, got {bar}")
    begin = passage.start - bar if passage.start >= bar else passage.end
    source = Passage(begin, begin + bar, passage.lowest, passage.highest)
    bars = np.arange(np.ceil((passage.end - passage.start) / bar))
    chosen = np.flatnonzero(source.holds(damaged))
    rows, shifts = np.tile(chosen, len(bars)), np.repeat(passage.start - begin + bars * bar, len(chosen))
    onset = damaged.onset[rows] + shifts
    # Sums of floats may fall a hair before the passage, where a note would not count
    onset = np.where(np.abs(onset - passage.start) < 1e-9, passage.start, onset)
    rows, onset = rows[onset < passage.end - 1e-9], onset[onset < passage.end - 1e-9]
    duration = np.minimum(damaged.duration[rows], passage.end - onset)
    whole = [damaged.pitch, damaged.velocity, damaged.program, damaged.track]
    return _replace(damaged, passage, (onset, duration, *(column[rows] for column in whole)))


@dataclass(frozen=True)
class Marginal:
    """Baseline: each pitch starts in each frame as often as in training windows, whatever is around it."""

    frequency: np.ndarray  # (128, frames) share of the windows with an onset there
    durations: np.ndarray  # seconds, of all training notes
    fs: float  # frames a second

    def repair(self, damaged: Notes, passage: Passage, rng: np.random.Generator) -> Notes:
        """The piece with the passage drawn afresh: a coin for each onset, durations drawn from training."""
        frames = np.arange(self.frequency.shape[1])
        pitch, frame = np.nonzero(rng.random(self.frequency.shape) < self.frequency)
        inside = (frames / self.fs >= passage.start) & (frames / self.fs < passage.end)
        kept = inside[frame] & (pitch >= passage.lowest) & (pitch <= passage.highest)
        pitch, onset = pitch[kept], frame[kept] / self.fs
        duration = np.minimum(rng.choice(self.durations, len(onset)), passage.end - onset)
        velocity, zeros = np.full(len(onset), 80), np.zeros(len(onset), np.int64)
        return _replace(damaged, passage, (onset, duration, pitch, velocity, zeros, zeros))


def fit_marginal(training: Sequence[Notes], fs: float) -> Marginal:
    """Onset frequencies of training windows that are cut like the pieces to repair.

    Raises:
        ValueError: no training notes, or more than 10^6 frames.
    """
    longest = max((float(notes.onset.max()) for notes in training if len(notes)), default=-1.0)
    if longest < 0:
        raise ValueError(f"training windows must have notes, got {len(training)} windows without")
    if not 0 < fs * (longest + 1) < 1e6:
        raise ValueError(f"windows must have at most 1e6 frames, got {fs} frames a second to {longest} s")
    frequency = np.zeros((128, int(longest * fs + 0.5) + 1))
    for notes in training:
        cells = np.unique(np.stack([notes.pitch, np.floor(notes.onset * fs + 0.5).astype(np.int64)]), axis=1)
        frequency[cells[0], cells[1]] += 1
    durations = np.concatenate([notes.duration for notes in training])
    return Marginal(frequency / len(training), durations, fs)


def _replace(damaged: Notes, passage: Passage, columns: tuple[np.ndarray, ...]) -> Notes:
    """The piece with these notes (onset, duration, pitch, velocity, program, track) in place of the passage's."""
    kept = ~passage.holds(damaged)
    whole = [damaged.onset, damaged.duration, damaged.pitch, damaged.velocity, damaged.program, damaged.track]
    return make_notes(*(np.concatenate([old[kept], new]) for old, new in zip(whole, columns, strict=True)))
