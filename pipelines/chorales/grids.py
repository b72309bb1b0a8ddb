"""Chorales as grids: int64 (T, 4), sixteenths of soprano, alto, tenor and bass.

0 is a rest, n the pitch `LOWEST` + n - 1. A grid doesn't say whether an equal value is held or struck again. `UNKNOWN`
stands where a voice is still to be written.

Source: Boulanger-Lewandowski et al., 2012, in the form of github.com/czhuang/JSB-Chorales-dataset; chords: Peracha,
Improving Polyphonic Music Models with Feature-Rich Encoding, 2019, section 3.
"""

from functools import lru_cache
from typing import Any

import numpy as np
import symusic

VOICES = ("soprano", "alto", "tenor", "bass")
LOWEST, HIGHEST = 36, 81
REST, UNKNOWN = 0, -1
VALUES = HIGHEST - LOWEST + 2  # with the rest
STEPS_PER_QUARTER = 4
STEPS_PER_BAR = 4 * STEPS_PER_QUARTER  # of four quarters
MAX_STEPS = 4096

QUALITIES = ((0, 4, 7), (0, 3, 7), (0, 3, 6), (0, 4, 8))  # major, minor, diminished, augmented
OTHER_CHORD = 12 * len(QUALITIES)
NO_CHORD = OTHER_CHORD + 1
CHORDS = NO_CHORD + 1

TICKS_PER_QUARTER = 480


def make_grid(pitches: Any) -> np.ndarray:
    """A grid of MIDI pitches (T, 4), in which what is below 0 is a rest.

    Raises:
        ValueError: the shape or a pitch is not what it must be.
    """
    array = np.asarray(pitches)
    if array.ndim != 2 or array.shape[1] != len(VOICES) or not 1 <= len(array) <= MAX_STEPS or array.dtype.kind != "i":
        raise ValueError(f"pitches must be whole numbers (1 to {MAX_STEPS}, 4), got {array.dtype} {array.shape}")
    sounds = array >= 0
    if np.any(sounds & ((array < LOWEST) | (array > HIGHEST))):
        wrong = array[sounds & ((array < LOWEST) | (array > HIGHEST))][0]
        raise ValueError(f"pitches must be {LOWEST} to {HIGHEST}, or below 0 for a rest, got {wrong}")
    return np.where(sounds, array - LOWEST + 1, REST).astype(np.int64)


def to_pitches(grid: np.ndarray) -> np.ndarray:
    """MIDI pitches, -1 for a rest."""
    return np.where(grid > REST, grid + LOWEST - 1, -1)


def find_chords(grid: np.ndarray) -> np.ndarray:
    """The chord of each step (..., T, 4) -> (..., T): `4 * root + quality`, `OTHER_CHORD` or `NO_CHORD`.

    A chord has all notes of a triad; of several triads the one whose root is the bass.
    """
    classes = np.where(grid > REST, (grid + LOWEST - 1) % 12, -1)
    sets = np.zeros(grid.shape[:-1], np.int64)
    for voice in range(len(VOICES)):
        sets |= np.where(classes[..., voice] >= 0, 1 << np.maximum(classes[..., voice], 0), 0)
    lowest = np.full(grid.shape[:-1], 0)
    for voice in range(len(VOICES)):  # the bass is the last that sounds
        lowest = np.where(classes[..., voice] >= 0, classes[..., voice], lowest)
    found: np.ndarray = _chord_table()[sets, lowest]
    return found


@lru_cache(maxsize=1)
def _chord_table() -> np.ndarray:
    """Set of pitch classes, and that of the bass -> chord."""
    table = np.full((4096, 12), OTHER_CHORD)
    for bass in range(12):
        for root in [*(other for other in range(12) if other != bass), bass]:  # the last one written counts
            for quality, steps in enumerate(QUALITIES):
                triad = sum(1 << (root + step) % 12 for step in steps)
                table[(np.arange(4096) & triad) == triad, bass] = len(QUALITIES) * root + quality
    table[0] = NO_CHORD
    return table


def chord_classes(chord: int) -> set[int]:
    """The pitch classes of a triad; all of what is none."""
    if chord >= OTHER_CHORD:
        return set(range(12))
    root, quality = divmod(chord, len(QUALITIES))
    return {(root + step) % 12 for step in QUALITIES[quality]}


def write_midi(grid: np.ndarray, tempo: float = 80.0) -> bytes:
    """A MIDI file with a track for each voice, in which equal values that follow each other are one note.

    Args:
        tempo: quarters a minute.
    """
    score: Any = symusic.Score(TICKS_PER_QUARTER)
    score.tempos.append(symusic.Tempo(0, tempo))
    ticks = TICKS_PER_QUARTER // STEPS_PER_QUARTER
    for voice, name in enumerate(VOICES):
        track: Any = symusic.Track(name, 52, False)  # a choir
        for start, end, value in runs(grid[:, voice]):
            if value > REST:
                track.notes.append(symusic.Note(start * ticks, (end - start) * ticks, value + LOWEST - 1, 80))
        score.tracks.append(track)
    return bytes(score.dumps_midi())


def runs(values: np.ndarray) -> list[tuple[int, int, int]]:
    """Begin, end and value of equal values that follow each other."""
    starts = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist()]
    return [(start, end, int(values[start])) for start, end in zip(starts, [*starts[1:], len(values)], strict=True)]
