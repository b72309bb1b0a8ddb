"""What a piece is like, as numbers: histograms of its notes, and MusPy's measures.

Conventions:
    Times are steps of a `Grid`, onsets and ends each rounded to the nearest, a note at least one step long.
    Drums count only in empty-beat rate and groove consistency, as in MusPy.

The measures give the values of MusPy 0.5.0 (Dong et al. 2020, `muspy.metrics`) on the same steps, its borders
included: a note that ends on a beat line also fills the beat after it, and `polyphony_rate` counts steps of *more*
than `threshold` pitches. One value differs: the pitch range of drums alone is 0 here, -127 there. No measure needs a
roll in memory, so that a piece may be as long as it likes.
"""

from dataclasses import dataclass

import numpy as np

from scorehub.notes import DRUMS, Notes

HISTOGRAMS = ("pitch_class", "pitch", "duration", "onset_interval", "density")
MEASURES = (
    "pitch_range",
    "n_pitches_used",
    "n_pitch_classes_used",
    "pitch_class_entropy",
    "scale_consistency",
    "polyphony",
    "polyphony_rate",
    "empty_beat_rate",
    "groove_consistency",
)
_LONGEST = 4.0  # seconds; longer durations and onset intervals share the last bin
_DENSEST = 32  # onsets in a beat; busier beats share the last bin
_MAJOR = np.array([1, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0, 1])
_MINOR = np.array([1, 0, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0])
# (24, 12): the pitch classes of each major and natural minor scale
_SCALES = np.stack([np.roll(scale, root) for scale in (_MAJOR, _MINOR) for root in range(12)])


@dataclass(frozen=True)
class Grid:
    """Time as steps, beats and measures; by default sixteenths of 4/4 at 120 quarters a minute.

    Raises:
        ValueError: `fs` is not 0.1 to 1000, or a count is not 1 to 1000.
    """

    fs: float = 8.0  # steps a second
    steps_per_beat: int = 4
    beats_per_measure: int = 4

    def __post_init__(self) -> None:
        if not 0.1 <= self.fs <= 1000:
            raise ValueError(f"fs must be 0.1 to 1000 steps a second, got {self.fs}")
        for name in ("steps_per_beat", "beats_per_measure"):
            if not 1 <= getattr(self, name) <= 1000:
                raise ValueError(f"{name} must be 1 to 1000, got {getattr(self, name)}")

    @property
    def steps_per_measure(self) -> int:
        """Steps of a whole measure."""
        return self.steps_per_beat * self.beats_per_measure


@dataclass(frozen=True)
class Steps:
    """Notes on a grid, columns (N,) of int64; a note sounds in the steps start <= step < end."""

    start: np.ndarray
    end: np.ndarray
    pitch: np.ndarray
    drums: np.ndarray  # bool

    @property
    def length(self) -> int:
        """Steps until the last note ends; 0 without notes."""
        return int(self.end.max()) if len(self.end) else 0

    def pitched(self) -> "Steps":
        """The notes that are not drums."""
        kept = ~self.drums
        return Steps(self.start[kept], self.end[kept], self.pitch[kept], self.drums[kept])


def to_steps(notes: Notes, grid: Grid) -> Steps:
    """Onsets and ends to the nearest step; halves go up, as in `note_seq.quantize_note_sequence`."""
    start = np.floor(notes.onset * grid.fs + 0.5).astype(np.int64)
    end = np.floor((notes.onset + notes.duration) * grid.fs + 0.5).astype(np.int64)
    return Steps(start, np.maximum(end, start + 1), notes.pitch, notes.program == DRUMS)


def histogram_counts(notes: Notes, grid: Grid) -> dict[str, np.ndarray]:
    """Counts (bins,) for each of `HISTOGRAMS`; all zero without notes.

    - pitch_class (12,), pitch (128,): notes.
    - duration: notes by length in steps; onset_interval: steps between one onset and the next, 0 within a chord
      (Yang and Lerch's definition); both to 4 s.
    - density: beats by number of onsets, from the first beat to the one in which the last note ends.
    """
    steps = to_steps(notes, grid).pitched()
    longest = int(np.ceil(_LONGEST * grid.fs))
    interval = np.diff(np.sort(steps.start))
    n_beats = -(-steps.length // grid.steps_per_beat)
    onsets = np.bincount(steps.start // grid.steps_per_beat, minlength=n_beats)
    return {
        "pitch_class": np.bincount(steps.pitch % 12, minlength=12),
        "pitch": np.bincount(steps.pitch, minlength=128),
        "duration": np.bincount(np.minimum(steps.end - steps.start, longest), minlength=longest + 1),
        "onset_interval": np.bincount(np.minimum(interval, longest), minlength=longest + 1),
        "density": np.bincount(np.minimum(onsets, _DENSEST), minlength=_DENSEST + 1),
    }


def measures(notes: Notes, grid: Grid) -> dict[str, float]:
    """A number for each of `MEASURES`; NaN where MusPy gives NaN, and for every rate of a piece without notes."""
    steps = to_steps(notes, grid)
    pitched = steps.pitched()
    return {
        "pitch_range": pitch_range(pitched),
        "n_pitches_used": float(len(np.unique(pitched.pitch))),
        "n_pitch_classes_used": float(len(np.unique(pitched.pitch % 12))),
        "pitch_class_entropy": pitch_class_entropy(pitched),
        "scale_consistency": scale_consistency(pitched),
        "polyphony": polyphony(pitched),
        "polyphony_rate": polyphony_rate(pitched, steps.length),
        "empty_beat_rate": empty_beat_rate(steps, grid.steps_per_beat),
        "groove_consistency": groove_consistency(steps, grid.steps_per_measure),
    }


def pitch_range(steps: Steps) -> float:
    """Semitones from the lowest to the highest note; 0 without notes."""
    return float(np.ptp(steps.pitch)) if len(steps.pitch) else 0.0


def pitch_class_entropy(steps: Steps) -> float:
    """Bits of the pitch class histogram of the notes, 0 to log2(12); NaN without notes."""
    if not len(steps.pitch):
        return np.nan
    counts = np.bincount(steps.pitch % 12)
    share = counts[counts > 0] / len(steps.pitch)
    return float(-(share * np.log2(share)).sum()) + 0.0  # + 0.0: one pitch class gives 0, not -0


def scale_consistency(steps: Steps) -> float:
    """Share of the notes in the major or minor scale that fits best, 0 to 1; NaN without notes."""
    if not len(steps.pitch):
        return np.nan
    return float((_SCALES @ np.bincount(steps.pitch % 12, minlength=12)).max() / len(steps.pitch))


def polyphony(steps: Steps) -> float:
    """Mean number of pitches in the steps that have any; NaN without notes."""
    time_at = _time_at_each_count(steps)
    return float(time_at @ np.arange(len(time_at)) / time_at[1:].sum()) if len(time_at) > 1 else np.nan


def polyphony_rate(steps: Steps, length: int, threshold: int = 2) -> float:
    """Share of `length` steps with more than `threshold` pitches; NaN where `length` is 0."""
    return float(_time_at_each_count(steps)[threshold + 1 :].sum() / length) if length else np.nan


def empty_beat_rate(steps: Steps, steps_per_beat: int) -> float:
    """Share of the beats that no note touches; NaN without notes."""
    if not len(steps.start):
        return np.nan
    first, after = _unions(steps.start // steps_per_beat, steps.end // steps_per_beat + 1, np.zeros_like(steps.start))
    return float(1 - (after - first).sum() / (steps.length // steps_per_beat + 1))


def groove_consistency(steps: Steps, steps_per_measure: int) -> float:
    """1 - mean Hamming distance between the onset patterns of neighbouring measures; NaN below two measures."""
    n_measures = steps.length // steps_per_measure + 1
    if n_measures < 2:
        return np.nan
    onsets = np.unique(steps.start)
    edge = np.count_nonzero(np.isin(onsets // steps_per_measure, (0, n_measures - 1)))
    shared = np.intersect1d(onsets, onsets + steps_per_measure, assume_unique=True).size
    # Every onset stands in two pairs of neighbours, at the edges in one; a shared one makes no difference in its pair.
    # With two measures each is an edge.
    return float(1 - (2 * onsets.size - edge - 2 * shared) / (steps_per_measure * (n_measures - 1)))


def _unions(start: np.ndarray, end: np.ndarray, key: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends of the unions of overlapping intervals that have the same key >= 0."""
    order = np.lexsort((start, key))
    shift = key[order] * (int(end.max(initial=0)) + 1)  # keys apart on one line, so that one running maximum does
    start, end = start[order] + shift, np.maximum.accumulate(end[order] + shift)
    first = np.ones(len(start), bool)
    first[1:] = start[1:] > end[:-1]
    last = np.append(first[1:], True) if len(first) else first
    return start[first] - shift[first], end[last] - shift[last]


def _time_at_each_count(steps: Steps) -> np.ndarray:
    """(K,) steps during which k different pitches sound, from the first onset to the last end; [0] without notes."""
    start, end = _unions(steps.start, steps.end, steps.pitch)
    times = np.concatenate([start, end])
    order = np.argsort(times, kind="stable")  # starts before ends, so that no count falls below 0
    sounding = np.cumsum(np.repeat([1, -1], len(start))[order])[:-1]
    weights = np.diff(times[order])
    return np.bincount(sounding, weights) if len(start) else np.zeros(1)
