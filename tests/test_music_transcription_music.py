"""What any words make as music: onsets, MusicXML, MIDI; and how many staves a picture shows."""

import xml.etree.ElementTree as ET

import notation_strategies
import numpy as np
import pytest
import symusic
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from scorehub.distortion import distort
from scorehub.engraving import engrave_staff, random_layout
from scorehub.notation.sounding import to_notes
from scorehub.notes import read_midi
from scorehub.photo import photograph
from scorehub.pipelines.music_transcription.midi import write_midi
from scorehub.pipelines.music_transcription.music import find_onsets, write_score
from scorehub.pipelines.music_transcription.semantic import Note, parse_semantic
from scorehub.pipelines.music_transcription.staff_count import count_staves
from scorehub.strip import staff_image

fast = settings(max_examples=25, deadline=None, derandomize=True)

# A beamed passage on ledger lines, long rests, and a quiet line in another clef.
INCIPITS = [
    "@clef:G-2\n@keysig:xF\n@timesig:3/4\n@data:'4GAB/2.''D/{8'''CDEFED}/2.C/",
    "@clef:F-4\n@keysig:bBEA\n@timesig:c\n@data:=12/,1C/,4CDEF/2,G,,G/1C//",
    "@clef:C-1\n@timesig:2/4\n@data:{6''CDEFGFED}/{3''C'B''C'B''C'BA}8G/2-/4''C'C/",
]


@pytest.fixture(scope="module")
def staves():
    return [
        staff_image(engrave_staff(text, random_layout(np.random.default_rng(number), one_staff=True))).image
        for number, text in enumerate(INCIPITS)
    ]


def notes_of(words):
    """(step and octave, seconds at 120 quarters a minute) of what MusicXML and MIDI have."""
    musicxml, midi = write_score(words.split())
    pitches = [pitch.findtext("step") + pitch.findtext("octave") for pitch in ET.fromstring(musicxml).iter("pitch")]
    notes = read_midi(midi)
    return pitches, list(zip(notes.onset.tolist(), notes.duration.tolist(), notes.pitch.tolist(), strict=True))


@fast
@given(notation_strategies.staves(), st.sampled_from([60.0, 97.0, 120.0]))
def test_midi_has_the_notes_that_the_tokens_sound_as(tokens, tempo):
    found, expected = read_midi(write_midi(tokens, tempo)), to_notes(tokens, tempo)
    tick = 60 / tempo / 480
    assert sorted(found.pitch) == sorted(expected.pitch)
    assert np.sort(found.onset) == pytest.approx(np.sort(expected.onset), abs=tick)
    assert found.duration.sum() == pytest.approx(expected.duration.sum(), abs=2 * tick * len(expected))


def test_midi_has_key_and_metre_where_they_stand():
    words = "clef-C1 keySignature-EbM timeSignature-C/ note-C4_whole barline timeSignature-3/8 keySignature-F#M"
    score = symusic.Score.from_midi(write_midi(parse_semantic(f"{words} rest-eighth")))
    assert [(each.time, each.numerator, each.denominator) for each in score.time_signatures] == [
        (0, 2, 2),
        (1920, 3, 8),
    ]
    assert [(each.time, each.key) for each in score.key_signatures] == [(0, -3), (1920, 6)]


@pytest.mark.parametrize(
    ("words", "tempo", "message"), [("note-C4_half", 5, "tempo must"), ("note-B9_half", 60, "127")]
)
def test_midi_refuses_what_it_can_not_hold(words, tempo, message):
    with pytest.raises(ValueError, match=message):
        write_midi(parse_semantic(words), tempo)


def test_an_onset_is_in_quarters_and_none_where_a_word_is_no_token():
    words = "clef-G2 timeSignature-3/4 note-C4_half what gracenote-D4_eighth note-E4_quarter barline multirest-2 tie"
    assert find_onsets(words.split()) == [0, 0, 0, None, 2, 2, 3, 3, 9]


def test_what_no_staff_could_have_is_left_out():
    words = "multirest-9999 note-B9_half multirest-9999 multirest-9999 note-C4_half rest-what"
    assert find_onsets(words.split()) == [0, None, 39_996, None, 79_992, None]
    words = "timeSignature-99/1 multirest-400 note-C4_half multirest-400 note-D4_half"
    assert find_onsets(words.split()) == [0, 0, 158_400, None, None]


@fast
@given(notation_strategies.texts)
def test_any_tokens_can_be_written_with_all_that_is_not_left_out(tokens):
    words = [str(token) for token in tokens]
    musicxml, midi = write_score(words)
    kept = [token for token, onset in zip(tokens, find_onsets(words), strict=True) if onset is not None]
    assert len(list(ET.fromstring(musicxml).iter("pitch"))) == sum(isinstance(token, Note) for token in kept)
    assert sorted(read_midi(midi).pitch) == sorted(to_notes(kept).pitch)


@pytest.mark.parametrize(
    "words", ["tie note-C4_half", "barline tie barline note-C4_half tie tie", "tie what note-C4_half"]
)
def test_what_is_not_quite_music_sounds_all_the_same(words):
    pitches, notes = notes_of(words)
    assert pitches == ["C4"]
    assert notes == [(0.0, 1.0, 60)]


@pytest.mark.parametrize("words", ["", "what"])
def test_without_a_token_the_score_is_a_measure_of_rest(words):
    musicxml, midi = write_score(words.split())
    (measure,) = ET.fromstring(musicxml).iter("measure")
    assert [element.tag for element in measure.find("note")][:2] == ["rest", "duration"]
    assert len(read_midi(midi)) == 0


@pytest.mark.parametrize(
    ("words", "clefs"),
    [
        ("note-C4_half clef-F4 note-C3_half", ["G", "F"]),
        ("keySignature-DM clef-F4 note-C3_half", ["F"]),
        ("barline", ["G"]),
    ],
)
def test_a_score_that_begins_without_a_clef_gets_a_treble_clef(words, clefs):
    assert [sign.text for sign in ET.fromstring(write_score(words.split())[0]).iter("sign")] == clefs


def test_a_staff_is_one_however_it_was_taken(staves):
    for number, staff in enumerate(staves):
        rng = np.random.default_rng(number)
        huge = np.asarray(Image.fromarray(staff[:, :300]).resize((2100, 7 * len(staff))))
        with_paper = np.pad(staff, ((300, 100), (0, 0)), constant_values=255)
        for picture in (staff, distort(staff, rng), photograph(staff, rng), 255 - staff, huge, with_paper):
            assert count_staves(picture) == 1


def test_two_staves_are_two(staves):
    for number, (first, second) in enumerate(zip(staves, [*staves[1:], staves[0]], strict=True)):
        rng = np.random.default_rng(number)
        width = min(first.shape[1], second.shape[1])
        system = np.concatenate([first[:, :width], second[:, :width]])
        for picture in (system, distort(system, rng), photograph(system, rng), 255 - system):
            assert count_staves(picture) == 2


def test_a_page_has_its_staves(staves):
    width = max(staff.shape[1] for staff in staves)
    padded = [np.pad(staff, ((0, 0), (0, width - staff.shape[1])), constant_values=255) for staff in staves]
    page = np.concatenate([np.concatenate(padded)[:, :600]] * 3)
    assert count_staves(page) == 9


@pytest.mark.parametrize("picture", [np.full((100, 400), 255, np.uint8), np.zeros((16, 16), np.uint8)])
def test_what_is_blank_has_no_staff(picture):
    assert count_staves(picture) == 0
