"""Plaine & Easie: what its symbols mean, what has no token, and that writing and reading undo each other."""

import random
from collections.abc import Sequence

import pytest
import verovio
from hypothesis import given, settings
from hypothesis import strategies as st

from scorehub.notation.mei import read_mei
from scorehub.notation.pae import MAX_TOKENS, read_pae
from scorehub.notation.pae_writer import write_pae
from scorehub.notation.tidy import MAX_CHARS, tidy_pae
from scorehub.pipelines.music_transcription.semantic import (
    DURATIONS,
    Barline,
    Clef,
    KeySignature,
    Length,
    MultiRest,
    Note,
    Pitch,
    Rest,
    Tie,
    TimeSignature,
    Token,
    write_semantic,
)

EXAMPLES = (
    "''4C8{DE}2F/4.G8A4-B/=/=3/(2.C)/",
    "'8.68{AB''C}{DEF}/i/i//:{xCDE}FG://",
    "'4xC+/C''C'C/!{6CDEF}!ff8-q8GF/gD4Eqq{6FG}rAB/",
    ",,,4C,,D,E'F''G'''A/%C-1 $bBE @3/4 4Bt+8BnB+/B4B(-)/",
    "'0C/9D/1E2F4G8A6B3C5D7E/4..C8F/4...G",
)


def read(data: str, clef: str = "G-2", key: str = "", meter: str = "") -> str:
    """The tokens behind the fields', as text."""
    fields = sum(map(bool, (clef, key, meter)))
    tokens = read_pae(f"@clef:{clef}\n@keysig:{key}\n@timesig:{meter}\n@data:{data}\n")[fields:]
    return write_semantic(tokens).replace("\t", " ").strip()


def test_fields_become_clef_key_and_meter() -> None:
    text = "@clef:C-1\n@keysig:bBE\n@timesig:c/\n@data:'4B\n"
    assert " ".join(map(str, read_pae(text))) == "clef-C1 keySignature-BbM timeSignature-C/ note-Bb4_quarter"
    assert read_pae("@clef:\n@data:") == []


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("4C8DE", "note-C4_quarter note-D4_eighth note-E4_eighth"),
        ("''C,D,,E", "note-C5_quarter note-D3_quarter note-E2_quarter"),
        ("0C9C3C5.C", "note-C4_quadruple_whole note-C4_double_whole note-C4_thirty_second note-C4_sixty_fourth."),
        ("8.6CDEF", "note-C4_eighth. note-D4_sixteenth note-E4_eighth. note-F4_sixteenth"),
        ("84.C-D", "note-C4_eighth rest-quarter. note-D4_eighth"),
        ("(C)('2D)(8-)", "note-C4_quarter_fermata note-D4_half_fermata rest-eighth_fermata"),
        ("=/=1/=12/", "multirest-1 barline multirest-1 barline multirest-12 barline"),
        ("C/D//E://F//:G://:", " barline ".join(f"note-{step}4_quarter" for step in "CDEFG") + " barline"),
        ("g2Dq6Eqq8Fr2A", "gracenote-D4_eighth gracenote-E4_sixteenth gracenote-F4_eighth note-A4_half"),
        ("{C}DtE", "note-C4_quarter note-D4_quarter note-E4_quarter"),
        ("%F-4 $xFC @3/8 C", "clef-F4 keySignature-DM timeSignature-3/8 note-C#4_quarter"),
        ("$bB B/$ B", "keySignature-FM note-Bb4_quarter barline keySignature-CM note-B4_quarter"),
    ],
)  # fmt: skip
def test_symbols_mean_what_the_code_says(data: str, expected: str) -> None:
    assert read(data) == expected


@pytest.mark.parametrize(
    ("data", "pitches"),
    [
        ("xCC'CC/C", "C#4 C#4 C#4 C#4 C4"),  # to the end of the measure
        ("xC''C", "C#4 C5"),  # not in another octave
        ("FxxFFnF", "F#4 F##4 F##4 F4"),  # the key's, and over it
        ("bbBbBnB", "Bb4 Bb4 B4".replace("Bb4", "Bbb4", 1)),
        ("xC+/CC", "C#4 C#4 C4"),  # through a tie, for one note
        ("qxCC", "C#4 C#4"),
        ("x'Cn8,D", "C#4 D3"),  # before the octave too
        ("CxC/i/", "C4 C#4 C4 C#4"),
        ("!CxC!f", "C4 C#4 C#4 C#4"),  # what is repeated stands in the same measure
    ],
)
def test_accidentals_hold_as_on_the_page(data: str, pitches: str) -> None:
    notes = [word for word in read(data, key="xF").split() if word.startswith(("note", "gracenote"))]
    assert [note.partition("-")[2].partition("_")[0] for note in notes] == pitches.split()


@pytest.mark.parametrize(
    ("data", "ties"),
    [
        ("C+C", 1), ("C+/C", 1), ("C+/C+/C", 2), ("C+D", 0), ("C+''C", 0), ("C+-C", 0), ("xC+nC", 0), ("C+", 0),
        ("{CD}+/D", 1), ("(C+)C", 1), ("Ct+C", 1), ("C'+C", 0), ("C+=/", 0),
    ],
)  # fmt: skip
def test_ties_join_neighbours_at_one_pitch(data: str, ties: int) -> None:
    assert read(data).split().count("tie") == ties


def test_repeats_write_out_music_but_not_signatures() -> None:
    assert read("C/%F-4 DE/i/") == read("C/%F-4 DE/DE/")
    assert read("!CD!ffE") == read("CDCDCDE")
    assert read("=3/i/") == read("=3/=3/")


@pytest.mark.parametrize(
    ("data", "fields", "message"),
    [
        ("C/(6CDE)", {}, "measure 2: notes must be in plain rhythm, got the tuplet"),
        ("8(CDEFG;5)", {}, "tuplet"),
        ("C^E", {}, "notes must be single, got a chord"),
        ("C", {"clef": "C+3"}, "clef must be C, F or G"),
        ("C", {"clef": "g-2"}, "clef must be C, F or G"),
        ("C", {"key": "xC"}, "key signature must be"),
        ("C", {"meter": "o"}, "time signature must be c, c/ or like 3/4, got 'o'"),
        ("C", {"meter": "3"}, "time signature must be"),
        ("CłD", {}, "symbol must be one of the code's, got 'ł"),
        ("x-", {}, "accidental must be followed by its note"),
        ("C=3D", {}, "whole measure must be followed by a bar line"),
        ("i/", {}, "i must stand alone"),
        ("!f", {}, "figure must begin before it is repeated"),
        ("qqCD/", {}, "must end in their measure"),
        ("=99999", {}, "multirest must have 1 to 9999"),
        (",,,,,C", {}, "octave 0 to 9"),
    ],
)  # fmt: skip
def test_what_has_no_token_is_refused_by_name(data: str, fields: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(data, **fields)


@pytest.mark.parametrize("text", ["", "@clef:G-2", "@data:C\n@data:D", "C", "@data", "@data:" + "C" * MAX_CHARS])
def test_text_must_be_fields(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        read_pae(text)


def test_little_text_cannot_grow_without_bound() -> None:
    with pytest.raises(ValueError, match=f"at most {MAX_TOKENS} tokens"):
        read("!" + "CD" * 1000 + "!" + "f" * 1000)


LENGTHS = st.builds(Length, st.sampled_from(list(DURATIONS)), st.integers(0, 3))
PITCHES = st.builds(Pitch, st.sampled_from("CDEFGAB"), st.integers(-2, 2), st.integers(0, 9))
NOTES = st.builds(Note, PITCHES, LENGTHS, st.booleans(), st.booleans())
SIGNATURES = st.one_of(
    st.builds(Clef, st.sampled_from("CFG"), st.integers(1, 5)),
    st.builds(KeySignature, st.integers(-7, 7)),
    st.sampled_from(["C", "C/", "3/4", "12/16", "99/99"]).map(TimeSignature),
)
PIECES = st.one_of(
    NOTES.map(lambda note: [note]),
    st.builds(Rest, LENGTHS, st.booleans()).map(lambda rest: [rest]),
    st.builds(MultiRest, st.integers(1, 9999)).map(lambda rest: [rest, Barline()]),
    st.just([Barline()]),
    SIGNATURES.map(lambda signature: [signature]),
    st.builds(
        lambda note, length, between: [note, Tie(), *between, Note(note.pitch, length)],
        NOTES,
        LENGTHS,
        st.lists(st.one_of(st.just(Barline()), SIGNATURES), max_size=3),
    ),
)


@given(st.lists(PIECES, max_size=30))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_reading_undoes_writing_for_any_tokens(pieces: list[list[Token]]) -> None:
    tokens = [token for piece in pieces for token in piece]
    text = write_pae(tokens)
    assert read_pae(text) == tokens
    assert tidy_pae(text) == text


@pytest.mark.parametrize("data", EXAMPLES)
def test_writing_and_tidying_change_no_tokens(data: str) -> None:
    text = f"@clef:G-2\n@keysig:bB\n@timesig:c\n@data:{data}\n"
    assert read_pae(write_pae(read_pae(text))) == read_pae(text) == read_pae(tidy_pae(text))


@pytest.mark.parametrize(
    "tokens",
    [
        [Tie()],
        [Note(Pitch("C", 0, 4), Length("half")), Tie()],
        [Note(Pitch("C", 0, 4), Length("half")), Tie(), Note(Pitch("C", 1, 4), Length("half"))],
        [Note(Pitch("C", 0, 4), Length("half")), Tie(), Rest(Length("half"))],
        [MultiRest(2), Rest(Length("half"))],
    ],
)
def test_tokens_out_of_normal_form_are_refused(tokens: Sequence[Token]) -> None:
    with pytest.raises(ValueError, match="must"):
        write_pae(tokens)


@pytest.mark.parametrize(
    "data",
    [
        "\u20184C{8D\u2019E}F/",
        "'8x{CDC}4b'E/",
        "'8{CD}+/8{DE}/",
        "'4(C+)C/",
        "%F-4,4CD/%G-24-C/",
        "'4C+/CC/'xC''C'C+/",
        EXAMPLES[1],
    ],
)
def test_verovio_engraves_the_tidy_text_as_it_is_read(data: str) -> None:
    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions({"inputFrom": "pae"})
    text = f"@clef:G-2\n@keysig:bB\n@timesig:c\n@data:{data}\n"
    assert toolkit.loadData(tidy_pae(text))
    assert read_mei(toolkit.getMEI()) == read_pae(text)


def test_damaged_text_raises_nothing_but_a_value_error() -> None:
    rng = random.Random(5)
    refused = 0
    for _ in range(400):
        text = f"@clef:G-2\n@keysig:bB\n@timesig:c\n@data:{rng.choice(EXAMPLES)}"
        for _ in range(rng.randint(1, 6)):
            place = rng.randrange(len(text))
            mark = rng.choice(["", *"'^(){}!if=:/%$@+qgrx7.;\n\0\u00e9\u0663-"])
            text = text[:place] + mark + text[place + rng.randint(0, 2) :]
        try:
            read_pae(text)
        except ValueError:
            refused += 1
    assert 0 < refused < 400
