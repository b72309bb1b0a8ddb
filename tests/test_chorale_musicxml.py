"""Chorales as MusicXML: what Verovio reads of it is what was written; keys and spelling."""

import numpy as np
import pytest

from scorehub.engraving import engrave_score
from scorehub.notation.chorale_musicxml import spell, write_musicxml
from scorehub.notation.key_finding import find_fifths
from scorehub.notes import read_midi

rng = np.random.default_rng(0)
CHORALE = np.repeat(rng.integers(48, 72, (14, 4)), rng.integers(1, 6, 14), 0)


def test_it_sounds_as_it_was_written():
    pitches = CHORALE.copy()
    pitches[5:9, 3] = -1
    notes = read_midi(engrave_score(write_musicxml(pitches, tempo=60)).midi())
    wanted = [
        (start / 4, pitch)
        for voice in pitches.T
        for start, pitch in enumerate(voice)
        if pitch >= 0 and (not start or voice[start - 1] != pitch)
    ]
    found = sorted(zip(notes.onset.round(2).tolist(), notes.pitch.tolist(), strict=True))
    assert found == sorted(wanted)


def test_notes_over_bar_lines_are_tied():
    text = write_musicxml(np.full((20, 4), 60))
    assert text.count('<tie type="start"/>') == text.count('<tie type="stop"/>') == 4
    assert text.count("<measure ") == 4


@pytest.mark.parametrize("fifths", range(-5, 7))
def test_keys_are_found_and_spelt_with_their_own_steps(fifths):
    scale = [(7 * fifths + step) % 12 for step in (0, 2, 4, 5, 7, 9, 11, 0, 4, 7)]
    assert find_fifths(np.bincount(scale, minlength=12)) == fifths
    spelt = {spell(60 + pitch_class, fifths)[:2] for pitch_class in scale}
    assert len(spelt) == 7
    assert sum(alter for _, alter in spelt) == fifths


@pytest.mark.parametrize(
    ("pitch", "fifths"), [(pitch, fifths) for pitch in (0, 35, 59, 60, 66, 127) for fifths in (-5, 0, 6)]
)
def test_spelling_keeps_the_pitch(pitch, fifths):
    step, alter, octave = spell(pitch, fifths)
    assert 12 * (octave + 1) + {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}[step] + alter == pitch
    assert abs(alter) <= 2


@pytest.mark.parametrize("pitches", [np.zeros((0, 4), int), np.zeros((4, 3), int), np.zeros(4, int)])
def test_what_is_no_chorale_is_refused(pitches):
    with pytest.raises(ValueError, match="pitches must be"):
        write_musicxml(pitches)
