"""Transposition: intervals and places in the scale stay, spellings follow the key."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from notation_strategies import pitches

from scorehub.notation.transposing import move_pitch, transpose
from scorehub.pipelines.music_transcription.semantic import Clef, KeySignature, Note, Pitch, parse_semantic

TUNE = "clef-G2\tkeySignature-EbM\ttimeSignature-3/4\tnote-G4_quarter\tnote-F#4_quarter\tnote-Bb4_quarter\tbarline"


def heights(tokens):
    return [token.pitch for token in tokens if isinstance(token, Note)]


@pytest.mark.parametrize(
    ("fifths", "expected"),
    [
        (0, "E4 D#4 G4"),
        (3, "C#5 B#4 E5"),
        (-7, "Eb4 D4 Gb4"),
        (1, "B4 A#4 D5"),
        (-3, "G4 F#4 Bb4"),
    ],
)
def test_a_tune_in_another_key(fifths, expected):
    moved = transpose(parse_semantic(TUNE), fifths)
    found = heights(moved)
    assert " ".join(map(str, found)) == expected
    assert moved[1] == KeySignature(fifths)
    assert abs(found[0].diatonic - Pitch("G", 0, 4).diatonic) <= 3
    assert [type(token) for token in moved] == [type(token) for token in parse_semantic(TUNE)]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(pitches, pitches, st.integers(-3, 3))
def test_intervals_stay(first, second, fifths):
    steps = 4 * fifths % 7
    try:
        moved = [move_pitch(pitch, fifths, steps) for pitch in (first, second)]
    except ValueError:
        return
    assert moved[1].midi - moved[0].midi == second.midi - first.midi
    assert moved[1].diatonic - moved[0].diatonic == second.diatonic - first.diatonic
    assert (moved[0].midi - first.midi - 7 * fifths) % 12 == 0
    assert [move_pitch(pitch, -fifths, -steps) for pitch in moved] == [first, second]


@pytest.mark.parametrize("fifths", range(-7, 8))
@pytest.mark.parametrize("centre", [21, 28, 34, 45])
def test_the_median_note_is_near_the_centre(fifths, centre):
    moved = heights(transpose(parse_semantic(TUNE), fifths, centre))
    assert abs(sorted(pitch.diatonic for pitch in moved)[1] - centre) <= 3


def test_a_tune_without_a_signature_gets_one():
    tokens = parse_semantic("clef-F4\tnote-C3_quarter")
    assert transpose(tokens, 2)[:2] == [Clef("F", 4), KeySignature(2)]
    assert str(heights(transpose(tokens, 2))[0]) == "D3"
    assert transpose([], 2) == [KeySignature(2)]


def test_what_can_not_be_spelled_is_refused():
    with pytest.raises(ValueError, match="altered by -2 to 2"):
        transpose(parse_semantic("note-C##4_quarter"), 7)
    with pytest.raises(ValueError, match=r"one key, got key signatures of \[-1, 1\] sharps"):
        transpose(parse_semantic("keySignature-FM\tnote-C4_quarter\tkeySignature-GM"), 0)
