"""PrIMuS's two encodings: tokens are read and written exactly, and errors name them."""

from fractions import Fraction

import notation_strategies
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorehub.notation.agnostic import (
    GLYPHS,
    AgnosticToken,
    parse_agnostic,
    parse_agnostic_token,
    write_agnostic,
)
from scorehub.pipelines.music_transcription.semantic import (
    Clef,
    KeySignature,
    Length,
    MultiRest,
    Note,
    Pitch,
    Rest,
    Tie,
    TimeSignature,
    parse_semantic,
    parse_token,
    write_semantic,
)

fast = settings(max_examples=100, deadline=None, derandomize=True)


@fast
@given(notation_strategies.texts)
def test_semantic_tokens_survive_writing_and_reading(tokens):
    assert parse_semantic(write_semantic(tokens)) == tokens


@fast
@given(st.lists(st.builds(AgnosticToken, st.sampled_from(sorted(GLYPHS)), st.integers(-60, 60)), min_size=1))
def test_agnostic_tokens_survive_writing_and_reading(tokens):
    assert parse_agnostic(write_agnostic(tokens)) == tokens


@fast
@given(st.text("noterslu.clf-LS019C#b_/ \tgd", max_size=30))
def test_whatever_is_read_is_written_as_it_was(text):
    for parse, write in ((parse_semantic, write_semantic), (parse_agnostic, write_agnostic)):
        try:
            tokens = parse(text)
        except ValueError:
            continue
        assert write(tokens).split() == text.split()


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("clef-C1", Clef("C", 1)),
        ("keySignature-EbM", KeySignature(-3)),
        ("keySignature-F#M", KeySignature(6)),
        ("timeSignature-C/", TimeSignature("C/")),
        ("multirest-23", MultiRest(23)),
        ("rest-eighth._fermata", Rest(Length("eighth", 1), fermata=True)),
        ("note-Bb4_hundred_twenty_eighth", Note(Pitch("B", -1, 4), Length("hundred_twenty_eighth"))),
        ("gracenote-F##5_sixteenth", Note(Pitch("F", 2, 5), Length("sixteenth"), grace=True)),
        ("tie", Tie()),
    ],
)
def test_a_symbol_means_its_token(text, token):
    assert parse_token(text) == token
    assert str(token) == text


@pytest.mark.parametrize(
    "text",
    [
        "note",
        "note-C4",
        "note-C4_",
        "note-C4_quarter....",
        "note-H4_quarter",
        "note-C10_quarter",
        "note-C###4_quarter",
        "note-C4_quarter_fermata_fermata",
        "note-C٤_quarter",
        "rest-third",
        "clef-G6",
        "clef-D2",
        "keySignature-E#M",
        "keySignature-Em",
        "timeSignature-3",
        "timeSignature-0/4",
        "multirest-0",
        "multirest-007",
        "multirest-99999",
        "barline-1",
        "tie-",
        "Barline",
    ],
)
def test_an_error_names_the_semantic_token(text):
    with pytest.raises(ValueError, match="semantic token must be") as error:
        parse_semantic(f"clef-G2\t{text}")
    assert repr(text) in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "note",
        "note-L2",
        "note.half",
        "note.half-L",
        "note.half-L02",
        "note.half-M2",
        "digit.100-L4",
        "dot-S-0",
        "x-L1",
    ],
)
def test_an_error_names_the_agnostic_token(text):
    with pytest.raises(ValueError, match="agnostic token must be") as error:
        parse_agnostic(f"clef.G-L2\t{text}")
    assert repr(text) in str(error.value)


def test_a_text_without_tokens_is_refused():
    for parse in (parse_semantic, parse_agnostic):
        with pytest.raises(ValueError, match="must have a token"):
            parse(" \t\n")


@pytest.mark.parametrize(
    ("position", "step"),
    [("L1", 0), ("S1", 1), ("L5", 8), ("S5", 9), ("S0", -1), ("L0", -2), ("S-1", -3), ("L-1", -4)],
)
def test_positions_count_lines_and_spaces_from_the_lowest_line(position, step):
    assert parse_agnostic_token(f"note.half-{position}").step == step
    assert AgnosticToken("note.half", step).position == position


def test_dots_lengthen_by_half_of_what_is_before():
    assert Length("half").fraction == Fraction(1, 2)
    assert Length("half", 1).fraction == Fraction(3, 4)
    assert Length("half", 2).fraction == Fraction(7, 8)
    assert Length("hundred_twenty_eighth", 3).fraction == Fraction(15, 1024)


@fast
@given(notation_strategies.lengths)
def test_a_length_is_found_by_its_duration(length):
    assert Length.of(length.fraction).fraction == length.fraction


def test_a_duration_of_no_symbol_is_refused():
    with pytest.raises(ValueError, match="5/8"):
        Length.of(Fraction(5, 8))


@pytest.mark.parametrize(
    ("text", "measure"), [("C", 1), ("C/", 1), ("3/4", Fraction(3, 4)), ("12/16", Fraction(3, 4))]
)
def test_a_meter_gives_the_length_of_its_measures(text, measure):
    assert TimeSignature(text).measure == measure


@pytest.mark.parametrize(
    ("pitch", "midi"), [("C4", 60), ("A4", 69), ("Cb4", 59), ("B#3", 60), ("Bbb3", 57), ("C0", 12)]
)
def test_a_pitch_has_its_midi_number(pitch, midi):
    token = parse_token(f"note-{pitch}_half")
    assert isinstance(token, Note)
    assert token.pitch.midi == midi
