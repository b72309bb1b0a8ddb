"""Tokens in time: what sounds when, and how long the staff lasts."""

import notation_strategies
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorehub.notation.sounding import to_notes
from scorehub.pipelines.music_transcription.semantic import Barline, parse_semantic
from scorehub.pipelines.music_transcription.sounding import duration, timeline

fast = settings(max_examples=100, deadline=None, derandomize=True)

# At 60 quarters a minute, in seconds: (onset, duration, MIDI pitch) of each note.
STAVES = {
    "notes and rests follow one another": (
        "clef-G2 timeSignature-C note-C4_quarter rest-half note-D4_eighth. barline note-E4_half",
        [(0, 1, 60), (3, 0.75, 62), (3.75, 2, 64)],
    ),
    "a tie makes one note, over a bar line too": (
        "note-C4_half tie note-C4_quarter tie barline note-C4_quarter note-C4_quarter",
        [(0, 4, 60), (4, 1, 60)],
    ),
    "a tie joins what sounds the same": ("note-C#4_half tie barline note-Db4_half", [(0, 4, 61)]),
    "a tie to another pitch joins nothing": ("note-C4_half tie note-D4_half", [(0, 2, 60), (2, 2, 62)]),
    "a tie over a rest joins nothing": ("note-C4_half tie rest-half note-C4_half", [(0, 2, 60), (4, 2, 60)]),
    "a multirest counts measures of the running meter": (
        "timeSignature-3/4 multirest-2 barline note-C4_half. barline timeSignature-2/4 multirest-1 note-D4_half",
        [(6, 3, 60), (11, 2, 62)],
    ),
    "without a meter a measure is four quarters": ("multirest-2 barline note-C4_half", [(8, 2, 60)]),
    "a whole rest alone is its measure's": (
        "timeSignature-3/8 rest-whole barline note-C4_quarter. barline rest-whole",
        [(1.5, 1.5, 60)],
    ),
    "a whole rest in company is a whole": ("timeSignature-3/2 rest-whole note-C4_half", [(4, 2, 60)]),
    "a grace note takes its time from the next note": (
        "note-C4_quarter gracenote-D4_eighth note-E4_half",
        [(0, 1, 60), (1, 0.5, 62), (1.5, 1.5, 64)],
    ),
    "grace notes take at most half of it": (
        "gracenote-C4_quarter gracenote-D4_half barline note-E4_quarter",
        [(0, 1 / 6, 60), (1 / 6, 1 / 3, 62), (0.5, 0.5, 64)],
    ),
    "a grace note before a rest sounds in it": (
        "gracenote-C4_eighth rest-quarter note-D4_quarter",
        [(0, 0.5, 60), (1, 1, 62)],
    ),
    "a grace note before nothing has its written length": (
        "note-C4_quarter gracenote-D4_eighth",
        [(0, 1, 60), (1, 0.5, 62)],
    ),
    "a grace note tied to its note is part of it": ("gracenote-C4_eighth tie note-C4_half", [(0, 2, 60)]),
    "a tie leads over a grace note": (
        "note-C4_half tie gracenote-D4_eighth note-C4_half",
        [(0, 4, 60), (2, 0.5, 62)],
    ),
    "a fermata changes nothing": ("note-C4_half_fermata note-D4_half", [(0, 2, 60), (2, 2, 62)]),
    "signs alone are silent": ("clef-G2 keySignature-DM timeSignature-C", []),
}


@pytest.mark.parametrize("name", STAVES)
def test_a_staff_sounds_as(name):
    text, expected = STAVES[name]
    notes = to_notes(parse_semantic(text), tempo=60)
    sounds = list(zip(notes.onset, notes.duration, notes.pitch, strict=True))
    assert len(sounds) == len(expected)
    assert np.allclose(np.reshape(sounds, (-1, 3)), np.reshape(expected, (-1, 3)))


def test_the_duration_includes_rests_and_grace_notes_at_the_end():
    assert duration(parse_semantic("timeSignature-3/4 note-C4_half. barline multirest-4"), tempo=60) == 15
    assert duration(parse_semantic("note-C4_quarter gracenote-D4_eighth"), tempo=60) == 1.5
    assert duration([], tempo=60) == 0


def test_measures_begin_where_bar_lines_stand():
    tokens = parse_semantic(
        "timeSignature-2/4 note-C4_half barline gracenote-C4_eighth note-D4_half barline rest-half"
    )
    times = timeline(tokens)
    assert [float(onset) for token, (onset, _) in zip(tokens, times, strict=True) if token == Barline()] == [0.5, 1]


@fast
@given(notation_strategies.staves(), st.sampled_from([30.0, 90.0, 120.0]))
def test_notes_end_when_the_staff_does_and_tempo_scales_them(tokens, tempo):
    notes, slow = to_notes(tokens, tempo), to_notes(tokens, tempo / 2)
    assert notes.end <= duration(tokens, tempo) + 1e-9
    assert np.all(notes.duration > 0)
    assert np.allclose(slow.onset, 2 * notes.onset)
    assert np.isclose(duration(tokens, tempo / 2), 2 * duration(tokens, tempo))


@fast
@given(notation_strategies.texts)
def test_any_tokens_sound_or_are_refused(tokens):
    try:
        notes = to_notes(tokens)
    except ValueError as error:
        assert "must" in str(error)  # noqa: PT017
    else:
        assert np.all(np.diff(notes.onset) >= 0)


def test_times_out_of_bounds_are_refused():
    tokens = parse_semantic("note-C4_half")
    for tempo in (0, -1, 5, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="tempo must be 10 to 1000"):
            to_notes(tokens, tempo)
    with pytest.raises(ValueError, match="at most 86400 s"):
        to_notes(parse_semantic("timeSignature-99/1 multirest-9999 note-C4_half"))
    with pytest.raises(ValueError, match="velocity must be 1 to 127"):
        to_notes(tokens, velocity=0)
    with pytest.raises(ValueError, match="pitch must be 0 to 127"):
        to_notes(parse_semantic("note-B9_half"))
