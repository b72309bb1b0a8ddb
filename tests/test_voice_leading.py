"""Part-writing: which rules are broken, where, and by which voices."""

import numpy as np
import pytest

from scorehub.voice_leading import CROSSING, GAP, RANGE, Fault, find_faults

FIFTHS, OCTAVES = "parallel fifths", "parallel octaves"
# I, IV, V, I in C major, as a textbook has it.
CADENCE = [[72, 67, 64, 48], [72, 69, 65, 53], [71, 67, 62, 55], [72, 67, 64, 48]]


def faults(*chords):
    return find_faults(np.repeat(np.array(chords), 4, 0))


def test_a_textbooks_cadence_breaks_no_rule():
    assert faults(*CADENCE) == []


@pytest.mark.parametrize(
    ("chords", "found"),
    [
        # Tenor and bass from C-G to D-A.
        ([[76, 67, 55, 48], [74, 65, 57, 50]], [Fault(4, FIFTHS, (2, 3))]),
        # Soprano and bass, two octaves apart.
        ([[72, 67, 64, 48], [74, 65, 62, 50]], [Fault(4, OCTAVES, (0, 3))]),
        # From a twelfth to a fifth, both downwards; and by contrary motion.
        ([[76, -1, -1, 57], [62, -1, -1, 55]], [Fault(4, FIFTHS, (0, 3))]),
        ([[67, -1, -1, 60], [69, -1, -1, 50]], []),
        # In unison.
        ([[72, 64, 55, 55], [71, 65, 53, 53]], [Fault(4, OCTAVES, (2, 3))]),
        # Held.
        ([[76, 67, 55, 48], [74, 65, 55, 48]], []),
        # With a rest between.
        ([[76, 67, 55, 48], [-1, -1, -1, -1], [74, 65, 57, 50]], []),
        ([[72, 67, -1, 38]], [Fault(0, RANGE, (3,))]),
        ([[84, 67, 60, 48]], [Fault(0, GAP, (0, 1)), Fault(0, RANGE, (0,))]),
        # Tenor and bass may be as far apart as they like.
        ([[72, 67, 64, 41]], []),
    ],
)
def test_rules_and_what_breaks_them(chords, found):
    assert faults(*chords) == found


def test_what_lasts_is_one_fault_from_where_it_begins():
    crossed = [[67, 69, 60, 48], [65, 69, 60, 48], [72, 69, 60, 48], [65, 69, 60, 48]]
    assert faults(*crossed) == [Fault(0, CROSSING, (0, 1)), Fault(12, CROSSING, (0, 1))]


@pytest.mark.parametrize("pitches", [np.zeros((4, 3), int), np.zeros(4, int)])
def test_four_voices_are_wanted(pitches):
    with pytest.raises(ValueError, match=r"pitches must be \(T, 4\), got"):
        find_faults(pitches)
