"""From written notes to the time axis of the score's MIDI: which second each note of an alignment has there.

A score is written once and its MIDI plays repeats out, so a measure's n-th playing is the measure shifted by some
quarters. Each matched note votes for the shifts that put it on a note of its pitch near the place where the beats have
it; the shift with the most votes holds for all notes of that playing, also for those that nobody played.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import symusic

from scorehub.dataset_builders.performances.alignment import AlignedNote, written_note
from scorehub.dataset_builders.performances.score_notes import ScoreNote
from scorehub.notes import read_midi

REACH = 1.0  # quarters from where the beats have a note
LEAST_SHARE = 0.5  # of a measure's matched notes that must vote for a shift
MAX_CANDIDATES = 64  # a note has few neighbours of its pitch within reach, unless the MIDI is nonsense

Playing = tuple[str, int]  # which time a measure is played, and which measure


@dataclass(frozen=True)
class ScoreMidi:
    """Columns (N,) of the notes of a score's MIDI, by onset."""

    seconds: np.ndarray
    quarters: np.ndarray
    pitch: np.ndarray

    def to_quarters(self, seconds: np.ndarray) -> np.ndarray:
        """Quarters at times in seconds; the ends hold beyond the notes."""
        return np.interp(seconds, self.seconds, self.quarters)

    def to_seconds(self, quarters: np.ndarray) -> np.ndarray:
        """Seconds at quarters from the beginning; the ends hold beyond the notes."""
        return np.interp(quarters, self.quarters, self.seconds)


def read_score_midi(data: bytes) -> ScoreMidi:
    """The notes of a score's MIDI on both time axes.

    Raises:
        ValueError: it is no MIDI file, it is damaged, too large or has no note.
    """
    if not len(read_midi(data)):
        raise ValueError("score MIDI must have a note, got none")
    score: Any = symusic.Score.from_midi(data)
    seconds, quarters, pitch = (
        np.concatenate([track.notes.numpy()[name] for track in score.to(unit).tracks])
        for unit, name in (("second", "time"), ("quarter", "time"), ("tick", "pitch"))
    )
    order = np.lexsort((pitch, quarters))
    return ScoreMidi(seconds[order].astype(np.float64), quarters[order].astype(np.float64), pitch[order])


def find_score_times(
    alignment: Sequence[AlignedNote],
    estimates: Sequence[float] | np.ndarray,
    written: Mapping[str, ScoreNote],
    midi: ScoreMidi,
) -> dict[str, float]:
    """Seconds in the score's MIDI by score id, of the notes in measures whose place is clear.

    Args:
        estimates: Score seconds of each aligned note as the beats have it; not used for deletions.

    Raises:
        ValueError: the score has no such note.
    """
    votes: dict[Playing, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    voters: Counter[Playing] = Counter()
    places = midi.to_quarters(np.asarray(estimates, np.float64))
    for note, place in zip(alignment, places, strict=True):
        if note.score_id is None or note.midi_id is None:
            continue
        score_note = written_note(note.score_id, written)
        playing = _playing(note.score_id, score_note)
        voters[playing] += 1
        for rounded, shift in _shifts(score_note, place, midi).items():
            votes[playing][rounded].append(shift)
    winners = {playing: max(shifts.values(), key=len) for playing, shifts in votes.items()}
    shifts = {
        playing: median(winner) for playing, winner in winners.items() if len(winner) >= LEAST_SHARE * voters[playing]
    }
    return _shifted(alignment, written, midi, shifts)


def _playing(score_id: str, note: ScoreNote) -> Playing:
    return score_id.rpartition("-")[2], note.measure


def _shifts(note: ScoreNote, place: float, midi: ScoreMidi) -> dict[float, float]:
    """Shifts in quarters by their rounded values, under which they are counted."""
    first, last = np.searchsorted(midi.quarters, [place - REACH, place + REACH])
    near = midi.quarters[first:last][midi.pitch[first:last] == note.pitch]
    shifts = (float(quarters) - note.onset for quarters in near[:MAX_CANDIDATES])
    return {round(shift, 1): shift for shift in shifts}


def _shifted(
    alignment: Sequence[AlignedNote],
    written: Mapping[str, ScoreNote],
    midi: ScoreMidi,
    shifts: Mapping[Playing, float],
) -> dict[str, float]:
    places = {}
    for note in alignment:
        if note.score_id is not None:
            score_note = written_note(note.score_id, written)
            shift = shifts.get(_playing(note.score_id, score_note))
            if shift is not None:
                places[note.score_id] = score_note.onset + shift
    return dict(zip(places, midi.to_seconds(np.array(list(places.values()))).tolist(), strict=True))
