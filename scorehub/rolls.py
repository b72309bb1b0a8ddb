"""Notes as pictures and back: piano rolls of any frame rate, range and length.

A roll is a float32 array (C, P, T): C channels of instruments, P pitches upward from `lowest` (row 0 is the lowest),
T frames of 1 / `fs` seconds. A cell is on where its pitch sounds at any time in the frame, as in the paper of the
score-SDE rolls, so that a note marks the frame of its onset at least and none is lost, however slow the frames are.

    off -1; on +1; with `values="velocity"` on is velocity / 127
    with `articulation` only onsets have those values, and what is held from the frame before is 0; with both, an onset
    is (1 + velocity / 127) / 2, so that soft onsets differ from held notes
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from scorehub.notes import DRUMS, Notes, make_notes
from scorehub.pipelines.score_sde.roll_output import VALUES, RollMeaning, to_notes

CHANNELS = ("mixed", "track", "program")
MAX_CELLS = 2**24

# Of a frame: times that rounding (single precision in MIDI files) has put just before a frame belong to it.
_TOLERANCE = 0.001
_MAX_VELOCITY = 127


@dataclass(frozen=True)
class RollSpec:
    """What a roll shows; the default is a musical one of 64 x 128.

    Raises:
        ValueError: a value is out of range.
    """

    fs: float = 8.0  # frames a second
    lowest: int = 33  # MIDI pitch of row 0
    n_pitches: int = 64
    seconds: float = 16.0
    channels: str = "mixed"  # one channel of all but drums; or one for each `member`, which are tracks or programs
    members: tuple[int, ...] = ()
    values: str = "binary"  # or "velocity"
    articulation: bool = False  # whether onsets differ from what is held

    def __post_init__(self) -> None:
        if not 0 < self.fs <= 1000:
            raise ValueError(f"fs must be above 0 and at most 1000 frames a second, got {self.fs}")
        if self.lowest < 0 or self.n_pitches < 1 or self.lowest + self.n_pitches > 128:
            raise ValueError(f"pitches must be within 0 to 127, got {self.n_pitches} from {self.lowest}")
        if not (self.seconds > 0 and self.seconds * self.fs <= MAX_CELLS and self.n_frames >= 1):
            raise ValueError(f"seconds must be a frame at least, and finite, got {self.seconds} at fs {self.fs}")
        if self.channels not in CHANNELS or self.values not in VALUES:
            raise ValueError(f"channels must be of {CHANNELS}, values of {VALUES}, got {self.channels, self.values}")
        if (self.channels == "mixed") == bool(self.members) or len(set(self.members)) != len(self.members):
            raise ValueError(f"members must be distinct numbers, none for mixed channels, got {self.members}")
        if np.prod(self.shape, dtype=np.float64) > MAX_CELLS:
            raise ValueError(f"roll must have at most {MAX_CELLS} cells, got {self.shape}")

    @property
    def n_frames(self) -> int:
        """Frames of a window."""
        return round(self.fs * self.seconds)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, P, T)."""
        return max(1, len(self.members)), self.n_pitches, self.n_frames

    @property
    def meaning(self) -> RollMeaning:
        """What the pipeline, which works without scorehub, has to know of the roll to read it."""
        return RollMeaning(self.fs, self.lowest, self.values, self.articulation)


PAPER = RollSpec(fs=1.0, lowest=56, n_pitches=28, seconds=28.0)  # 28 x 28, pitches 56 to 83


def make_roll(notes: Notes, spec: RollSpec, start: float = 0.0) -> np.ndarray:
    """The roll (C, P, T), float32 in [-1, 1], of what sounds from `start` seconds on.

    Of several notes in a cell that one's velocity counts which was struck last; of those struck in one frame, the
    loudest's.
    """
    if not np.isfinite(start):
        raise ValueError(f"start must be a time in seconds, got {start}")
    row, first, last, velocity = _spans(notes, spec, start)
    edges = np.zeros((spec.shape[0] * spec.n_pitches, spec.n_frames + 1), np.int32)
    np.add.at(edges.reshape(-1), row * (spec.n_frames + 1) + np.maximum(first, 0), 1)
    np.add.at(edges.reshape(-1), row * (spec.n_frames + 1) + np.minimum(last, spec.n_frames), -1)
    # Notes that have begun, less those that have ended.
    is_on = (np.cumsum(edges, axis=1, dtype=np.int32)[:, :-1] > 0).reshape(spec.shape)
    if spec.values == "binary" and not spec.articulation:
        return np.where(is_on, np.float32(1), np.float32(-1))
    return np.where(is_on, _on_values(row, first, velocity, spec).reshape(spec.shape), -1).astype(np.float32)


def _on_values(row: np.ndarray, first: np.ndarray, velocity: np.ndarray, spec: RollSpec) -> np.ndarray:
    """The value of each cell (rows, T) if it is on."""
    struck = np.zeros((spec.shape[0] * spec.n_pitches, spec.n_frames), np.int32)  # velocity where a note begins
    carried = np.zeros(len(struck), np.int32)  # velocity of notes that began before the window
    held = first < 0
    np.maximum.at(carried, row[held], velocity[held].astype(np.int32))
    np.maximum.at(struck.reshape(-1), (row * spec.n_frames + first)[~held], velocity[~held].astype(np.int32))
    if not spec.articulation:
        return _last_struck(struck, carried) / _MAX_VELOCITY
    onsets = (1 + struck / _MAX_VELOCITY) / 2 if spec.values == "velocity" else 1.0
    return np.where(struck > 0, onsets, 0.0)


def _last_struck(struck: np.ndarray, carried: np.ndarray) -> np.ndarray:
    """In each cell (rows, T) the velocity that was struck last, in it or before."""
    frames = np.where(struck > 0, np.arange(struck.shape[1]), 0)
    filled = struck.copy()
    filled[:, 0] = np.where(struck[:, 0] > 0, struck[:, 0], carried)
    return np.take_along_axis(filled, np.maximum.accumulate(frames, axis=1), axis=1)


def _spans(notes: Notes, spec: RollSpec, start: float) -> tuple[np.ndarray, ...]:
    """Row among those of all channels, first frame, frame after the last, and velocity of each note in the roll."""
    first = np.floor((notes.onset - start) * spec.fs + _TOLERANCE).astype(np.int64)
    last = np.ceil((notes.onset + notes.duration - start) * spec.fs - _TOLERANCE).astype(np.int64)
    last = np.maximum(last, first + 1)
    row = notes.pitch - spec.lowest
    channel = _channels(notes, spec)
    seen = (first < spec.n_frames) & (last > 0) & (row >= 0) & (row < spec.n_pitches) & (channel >= 0)
    return (channel * spec.n_pitches + row)[seen], first[seen], last[seen], notes.velocity[seen]


def _channels(notes: Notes, spec: RollSpec) -> np.ndarray:
    """The channel of each note, -1 for those of none."""
    if spec.channels == "mixed":
        return np.where(notes.program == DRUMS, -1, 0)
    column = notes.track if spec.channels == "track" else notes.program
    order = np.argsort(spec.members)
    members = np.asarray(spec.members)[order]
    place = np.minimum(np.searchsorted(members, column), len(members) - 1)
    return np.where(members[place] == column, order[place], -1)


def window_starts(notes: Notes, spec: RollSpec, hop: float) -> np.ndarray:
    """Seconds at which windows begin, float64 (W,): every `hop` seconds, and one more to reach the last note's end.

    A window is full of the piece unless the piece is shorter, which then has one. Starts are whole frames.

    Raises:
        ValueError: `hop` is less than a frame.
    """
    step = round(hop * spec.fs) if np.isfinite(hop) else 0
    if step < 1:
        raise ValueError(f"hop must be a frame of {1 / spec.fs} s at least, got {hop}")
    end = int(np.ceil(notes.end * spec.fs - _TOLERANCE))
    tail = max(0, end - spec.n_frames)
    return np.unique(np.append(np.arange(0, tail, step), tail)) / spec.fs


def windows(notes: Notes, spec: RollSpec, hop: float) -> Iterator[np.ndarray]:
    """The rolls (C, P, T) of a piece at its `window_starts`; none without notes."""
    for start in window_starts(notes, spec, hop) if len(notes) else ():
        yield make_roll(notes, spec, float(start))


def augment(
    notes: Notes,
    rng: np.random.Generator,
    semitones: int = 6,
    tempo: tuple[float, float] = (0.9, 1.1),
    pitches: tuple[int, int] = (0, 127),
) -> Notes:
    """The notes transposed by up to `semitones` and played faster or slower by a factor of `tempo`; drums keep theirs.

    Args:
        pitches: Notes between these, both included, stay between them, and all notes are MIDI's.
    """
    if semitones < 0 or not 0 < tempo[0] <= tempo[1]:
        raise ValueError(f"semitones must be 0 or more, tempo a range above 0, got {semitones} and {tempo}")
    pitched = notes.program != DRUMS
    low, high = -semitones, semitones
    for least, most in (pitches, (0, 127)):
        inside = notes.pitch[pitched & (notes.pitch >= least) & (notes.pitch <= most)]
        if len(inside):
            low, high = max(low, least - int(inside.min())), min(high, most - int(inside.max()))
    shift = int(rng.integers(low, high + 1))
    factor = float(np.exp(rng.uniform(*np.log(tempo))))
    pitch = notes.pitch + shift * pitched
    times = (notes.onset / factor, notes.duration / factor)
    return make_notes(*times, pitch, notes.velocity, notes.program, notes.track)


def roll_to_notes(roll: np.ndarray, spec: RollSpec, threshold: float | None = None) -> Notes:
    """The notes of a roll (C, P, T), which may have any number of frames; times are whole frames.

    Without `articulation` a note lasts until its pitch is off, and repeated notes are one; with it each ends where the
    next of its pitch begins, at the latest. Channels are tracks, and programs where they are in the `spec`.

    Args:
        threshold: Above it a cell is on; without, that of `spec.meaning`.

    Raises:
        ValueError: the roll has another shape, or a value that is no number.
    """
    roll = np.asarray(roll)
    if roll.ndim != 3 or roll.shape[:2] != spec.shape[:2] or not np.isfinite(roll).all():
        raise ValueError(f"roll must be finite and {spec.shape[:2]} + (frames,), got {roll.shape}")
    channel, pitch, first, last, velocity = to_notes(roll, spec.meaning, threshold).T
    members = np.asarray(spec.members or (0,))[channel]
    return make_notes(
        first / spec.fs,
        (last - first) / spec.fs,
        pitch,
        velocity,
        members if spec.channels == "program" else 0,
        members if spec.channels == "track" else channel,
    )
