"""Part-writing of chorales: parallels, crossing voices, wide gaps, notes out of a voice's range.

    for fault in find_faults(pitches):
        print(fault.kind, fault.step, [VOICES[voice] for voice in fault.voices])

Conventions: chorales are int (T, 4), MIDI pitches of soprano, alto, tenor and bass at each sixteenth, -1 for a rest.
Only what sounds together is judged, so that fifths with a note of passage between them are not found; nor does a grid
tell where a phrase ends, over which parallels would be no fault. What lasts is one fault, from where it begins.

Source: the rules that textbooks share, such as Aldwell and Schachter, Harmony and Voice Leading.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from scorehub.pipelines.chorales.grids import VOICES

PARALLELS = {"parallel fifths": 7, "parallel octaves": 0}  # semitones, octaves apart; unisons are octaves
CROSSING, GAP, RANGE = "crossing voices", "more than an octave apart", "out of range"
KINDS = (*PARALLELS, CROSSING, GAP, RANGE)
RANGES = ((60, 79), (55, 74), (48, 67), (40, 62))  # C4 to G5, G3 to D5, C3 to G4, E2 to D4
LARGEST_GAP = 12  # semitones between neighbours but tenor and bass


@dataclass(frozen=True, order=True)
class Fault:
    """A rule that is broken.

    Attributes:
        step: the sixteenth where it begins; of parallels that of the second chord.
        kind: one of `KINDS`.
        voices: soprano 0 to bass 3, the upper one first.
    """

    step: int
    kind: str
    voices: tuple[int, ...]


def find_faults(pitches: np.ndarray) -> list[Fault]:
    """All faults of a chorale (T, 4), in the order of time.

    Raises:
        ValueError: there are not four voices.
    """
    if pitches.ndim != 2 or pitches.shape[1] != len(VOICES):
        raise ValueError(f"pitches must be (T, {len(VOICES)}), got {pitches.shape}")
    return sorted([*_parallels(pitches), *_neighbours(pitches), *_ranges(pitches)])


def _parallels(pitches: np.ndarray) -> Iterator[Fault]:
    """Two voices that move in one direction from a fifth or octave to another."""
    for pair in combinations(range(len(VOICES)), 2):
        both = pitches[:, pair]
        intervals = np.where((both >= 0).all(1), np.abs(both[:, 0] - both[:, 1]) % 12, -1)
        directions = np.sign(np.diff(both, axis=0))
        together = (directions[:, 0] == directions[:, 1]) & (directions[:, 0] != 0)
        for kind, size in PARALLELS.items():
            found = together & (intervals[:-1] == size) & (intervals[1:] == size)
            yield from (Fault(int(step) + 1, kind, pair) for step in np.flatnonzero(found))


def _neighbours(pitches: np.ndarray) -> Iterator[Fault]:
    """Voices below the next lower one, or too far above it."""
    for upper, lower in pairwise(range(len(VOICES))):
        sounding = (pitches[:, (upper, lower)] >= 0).all(1)
        apart = pitches[:, upper] - pitches[:, lower]
        yield from (Fault(step, CROSSING, (upper, lower)) for step in _beginnings(sounding & (apart < 0)))
        if VOICES[lower] != "bass":
            wide = sounding & (apart > LARGEST_GAP)
            yield from (Fault(step, GAP, (upper, lower)) for step in _beginnings(wide))


def _ranges(pitches: np.ndarray) -> Iterator[Fault]:
    for voice, (lowest, highest) in enumerate(RANGES):
        own = pitches[:, voice]
        outside = (own >= 0) & ((own < lowest) | (own > highest))
        yield from (Fault(step, RANGE, (voice,)) for step in _beginnings(outside))


def _beginnings(found: np.ndarray) -> list[int]:
    """Where what is found, bool (T,), begins anew."""
    before = np.concatenate([[False], found[:-1]])
    return [int(step) for step in np.flatnonzero(found & ~before)]
