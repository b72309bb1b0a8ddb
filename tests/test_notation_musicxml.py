"""MusicXML from tokens: read back, it has their signs, notes and times, and the engraver draws it."""

import xml.etree.ElementTree as ET
from fractions import Fraction

import notation_strategies
import pytest
from hypothesis import given, settings

from scorehub.engraving import engrave
from scorehub.notation.sounding import to_notes
from scorehub.pipelines.music_transcription.musicxml import write_musicxml
from scorehub.pipelines.music_transcription.semantic import Note, parse_semantic
from scorehub.pipelines.music_transcription.sounding import duration

fast = settings(max_examples=80, deadline=None, derandomize=True)
SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def measures(text):
    return ET.fromstring(write_musicxml(parse_semantic(text))).findall("part/measure")


def played(root):
    """(onset, duration, MIDI pitch) of each note in quarters, tied ones as one, no grace notes; and the end."""
    now, divisions, notes = Fraction(0), 0, []
    for element in root.iterfind("part/measure/*"):
        divisions = int(element.findtext("divisions") or divisions)
        if element.tag != "note" or element.find("grace") is not None:
            continue
        lasts = Fraction(int(element.findtext("duration")), divisions)
        if (pitch := element.find("pitch")) is not None:
            octave, alter = int(pitch.findtext("octave")), int(pitch.findtext("alter") or 0)
            midi = 12 * (octave + 1) + SEMITONES[pitch.findtext("step")] + alter
            if "stop" in [tie.get("type") for tie in element.iterfind("tie")]:
                assert notes[-1][2] == midi
                notes[-1][1] += lasts
            else:
                notes.append([now, lasts, midi])
        now += lasts
    return notes, now


@fast
@given(notation_strategies.staves())
def test_notes_and_times_are_those_that_the_tokens_sound_as(tokens):
    tokens = [token for token in tokens if not (isinstance(token, Note) and token.grace)]
    notes, end = played(ET.fromstring(write_musicxml(tokens)))
    expected = to_notes(tokens, tempo=60)
    columns = (expected.onset, expected.duration, expected.pitch)
    assert [tuple(map(float, note)) for note in notes] == list(zip(*map(list, columns), strict=True))
    assert float(end) == duration(tokens, tempo=60)


@fast
@given(notation_strategies.texts)
def test_any_tokens_make_well_formed_xml_with_whole_durations(tokens):
    try:
        text = write_musicxml(tokens)
    except ValueError as error:
        assert "measures of rest" in str(error)  # noqa: PT017
        return
    assert all(element.text.isdecimal() for element in ET.fromstring(text).iter("duration"))


def test_signs_stand_before_the_notes_that_they_govern_in_the_order_of_musicxml():
    first, second = measures(
        "clef-C3 keySignature-EbM timeSignature-C/ note-C4_half clef-F4 note-C3_half barline multirest-1"
    )
    tags = [[child.tag for child in attributes] for attributes in first.iterfind("attributes")]
    assert tags == [["divisions", "key", "time", "clef"], ["clef"]]
    assert [element.tag for element in first] == ["attributes", "note", "attributes", "note"]
    assert first.findtext("attributes/key/fifths") == "-3"
    assert first.find("attributes/time").attrib == {"symbol": "cut"}
    assert [first.findtext("attributes/time/beats"), first.findtext("attributes/clef/line")] == ["2", "3"]
    assert second.findtext("attributes/measure-style/multiple-rest") == "1"


def test_a_second_sign_of_a_kind_is_a_change_in_the_same_place():
    staff = measures("clef-C3 keySignature-EbM clef-G2 note-C4_half")[0]
    assert [clef.text for clef in staff.iterfind("attributes/clef/sign")] == ["C", "G"]


def test_a_note_has_its_parts_in_the_order_of_musicxml():
    staff = measures("note-C4_half tie note-C4_quarter gracenote-Bb4_eighth note-F#5_sixteenth.._fermata")[0]
    notes = [[child.tag for child in note] for note in staff.iterfind("note")]
    plain = ["pitch", "duration", "tie", "voice", "type", "notations"]
    assert notes[:2] == [plain, plain]
    assert notes[2] == ["grace", "pitch", "voice", "type", "accidental"]
    assert notes[3] == ["pitch", "duration", "voice", "type", "dot", "dot", "accidental", "notations"]
    assert [tied.get("type") for tied in staff.iter("tied")] == ["start", "stop"]
    assert staff.findall("note")[3].find("notations/fermata") is not None


def test_a_multirest_is_that_many_measures():
    found = measures("timeSignature-3/4 multirest-3 barline note-C4_half. barline multirest-2 barline")
    assert [len(measure.findall("note/rest")) for measure in found] == [1, 1, 1, 0, 1, 1]
    assert [measure.findtext("attributes/measure-style/multiple-rest") for measure in found] == [
        *["3", None, None, None],
        *["2", None],
    ]
    assert {measure.findtext("note/duration") for measure in found} == {"768"}


def test_notes_and_multirests_share_no_measure():
    found = measures("note-C4_whole multirest-2 note-D4_whole barline")
    assert [len(measure.findall("note")) for measure in found] == [1, 1, 1, 1]


def test_accidentals_stand_where_key_and_measure_do_not_imply_them():
    text = "keySignature-DM note-F#4_half note-F4_half note-F4_half note-F5_half tie barline note-F5_half note-F4_half"
    staff = measures(text)
    drawn = [note.findtext("accidental") for measure in staff for note in measure.iterfind("note")]
    assert drawn == [None, "natural", None, "natural", None, "natural"]


def test_a_tie_leads_over_a_grace_note_of_its_own_pitch():
    notes = measures("note-C4_half tie gracenote-C4_eighth note-C4_half")[0].findall("note")
    assert [note.find("tie") is not None for note in notes] == [True, False, True]


def test_a_tie_without_a_second_note_of_its_pitch_is_left_out():
    for text in (
        "note-C4_half tie note-D4_half",
        "note-C4_half tie rest-half note-C4_half",
        "note-C4_half tie barline",
    ):
        assert not [tie for measure in measures(text) for tie in measure.iter("tie")]


def test_a_staff_without_a_last_bar_line_ends_in_an_invisible_one():
    styles = [measure.findtext("barline/bar-style") for measure in measures("note-C4_whole barline note-C4_half")]
    assert styles == [None, "none"]
    assert measures("note-C4_whole barline")[0].find("barline") is None


def test_too_much_and_nothing_are_refused():
    with pytest.raises(ValueError, match="got 0 measures"):
        write_musicxml([])
    with pytest.raises(ValueError, match="up to 20000 measures of rest, got 29997"):
        write_musicxml(parse_semantic("multirest-9999 " * 3))


def test_the_engraver_draws_it():
    text = "clef-G2 timeSignature-6/8 note-E5_quarter. note-G#4_quarter tie note-G#4_eighth barline rest-whole"
    assert len(engrave(write_musicxml(parse_semantic(text)), n_measures=2)) == 1
