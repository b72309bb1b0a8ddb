"""Notes as columns: what a MIDI file, a score or a performance sounds like.

Times are seconds, pitches and velocities MIDI numbers. MIDI files are read and written by symusic.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import symusic

DRUMS = 128  # the program of percussion
MAX_MIDI_BYTES = 16 * 2**20
MAX_SECONDS = 24 * 3600
TICKS_PER_QUARTER = 480


@dataclass(frozen=True)
class Notes:
    """Columns of equal length (N,), sorted by onset, then pitch.

    Raises:
        ValueError: columns of different lengths, values out of range, or out of order.
    """

    onset: np.ndarray  # seconds from the start, float64
    duration: np.ndarray  # seconds, float64
    pitch: np.ndarray  # 0 to 127, int64
    velocity: np.ndarray  # 1 to 127, int64
    program: np.ndarray  # General MIDI program 0 to 127, or DRUMS, int64
    track: np.ndarray  # int64

    def __post_init__(self) -> None:
        if len({column.shape for column in self._columns()}) != 1 or self.onset.ndim != 1:
            raise ValueError(f"columns must have one length, got {[column.shape for column in self._columns()]}")
        for name, low, high in (
            ("onset", 0, MAX_SECONDS),
            ("duration", 0, MAX_SECONDS),
            ("pitch", 0, 127),
            ("velocity", 1, 127),
            ("program", 0, DRUMS),
        ):
            column = getattr(self, name)
            if len(column) and not (column.min() >= low and column.max() <= high):  # false for NaN too
                raise ValueError(f"{name} must be {low} to {high}, got {column.min()} to {column.max()}")
        if np.any(self.onset[1:] < self.onset[:-1]):
            raise ValueError("notes must be sorted by onset, got an onset before the one that it follows")

    def _columns(self) -> tuple[np.ndarray, ...]:
        return self.onset, self.duration, self.pitch, self.velocity, self.program, self.track

    def __len__(self) -> int:
        return len(self.onset)

    @property
    def end(self) -> float:
        """When the last note ends, in seconds; 0 without notes."""
        return float((self.onset + self.duration).max()) if len(self) else 0.0

    def choose(self, keep: np.ndarray) -> "Notes":
        """The notes for which `keep`, bool (N,), is true."""
        return Notes(*(column[keep] for column in self._columns()))


def make_notes(
    onset: np.ndarray,
    duration: np.ndarray,
    pitch: np.ndarray,
    velocity: np.ndarray | int = 80,
    program: np.ndarray | int = 0,
    track: np.ndarray | int = 0,
) -> Notes:
    """`Notes` from columns in any order; a number stands for a whole column."""
    onset = np.asarray(onset, np.float64)
    rest = [np.broadcast_to(np.asarray(column, np.int64), onset.shape) for column in (pitch, velocity, program, track)]
    order = np.lexsort((rest[0], onset))
    return Notes(onset[order], np.asarray(duration, np.float64)[order], *(column[order] for column in rest))


def read_midi(data: bytes) -> Notes:
    """The notes of a MIDI file; its tempo changes are in the times.

    Raises:
        ValueError: it is no MIDI file, it is damaged or too large.
    """
    if len(data) > MAX_MIDI_BYTES:
        raise ValueError(f"MIDI file must have at most {MAX_MIDI_BYTES} bytes, got {len(data)}")
    try:
        loaded: Any = symusic.Score.from_midi(data)
        score = loaded.to("second")
    except (RuntimeError, ValueError, OverflowError) as error:
        raise ValueError(f"MIDI file must be whole and well formed, got: {str(error).splitlines()[0]}") from None
    parts = [(number, part, part.notes.numpy()) for number, part in enumerate(score.tracks) if len(part.notes)]
    if not parts:
        return make_notes(*np.zeros((3, 0)))
    onset, duration, pitch, velocity = (
        np.concatenate([notes[name] for *_, notes in parts]) for name in ("time", "duration", "pitch", "velocity")
    )
    lengths = [len(notes["time"]) for *_, notes in parts]
    program = np.repeat([DRUMS if part.is_drum else part.program for _, part, _ in parts], lengths)
    track = np.repeat([number for number, *_ in parts], lengths)
    order = np.lexsort((pitch, onset))
    # A note-on with velocity 0 is a note-off; what symusic keeps of them sounds nothing.
    order = order[velocity[order] > 0]
    times = (column[order].astype(np.float64) for column in (onset, duration))
    return Notes(*times, *(column[order].astype(np.int64) for column in (pitch, velocity, program, track)))


def write_midi(notes: Notes, tempo: float = 120.0) -> bytes:
    """A MIDI file with a track for each pair of the notes' track and program, for a track of MIDI has one program.

    Args:
        tempo: quarters a minute, which set its grid.
    """
    if not 10 <= tempo <= 1000:
        raise ValueError(f"tempo must be 10 to 1000 quarters a minute, got {tempo}")
    score: Any = symusic.Score(TICKS_PER_QUARTER)
    score.tempos.append(symusic.Tempo(0, tempo))
    ticks_per_second = TICKS_PER_QUARTER * tempo / 60
    start = np.round(notes.onset * ticks_per_second).astype(np.int32)
    length = np.maximum(1, np.round(notes.duration * ticks_per_second)).astype(np.int32)
    for number, program in np.unique(np.stack([notes.track, notes.program]), axis=1).T.tolist():
        chosen = (notes.track == number) & (notes.program == program)
        track: Any = symusic.Track(str(number), program % DRUMS, program == DRUMS)
        columns = (start[chosen], length[chosen], notes.pitch[chosen], notes.velocity[chosen])
        track.notes = symusic.Note.from_numpy(*columns[:2], *(column.astype(np.int8) for column in columns[2:]))
        score.tracks.append(track)
    return bytes(score.dumps_midi())
