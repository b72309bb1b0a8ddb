"""Humdrum kern: what its tokens mean, what is drawn of rests and ties, and what has no token."""

import random

import pytest
import verovio
from hypothesis import given, settings
from hypothesis import strategies as st

from scorehub.notation.kern import read_kern
from scorehub.notation.mei import read_mei
from scorehub.notation.tidy import MAX_CHARS, tidy_kern
from scorehub.pipelines.music_transcription.semantic import STEPS, Length, Note, Pitch, write_semantic

EXAMPLES = (
    "*clefG2 *k[f#] *M4/4 *met(c) 4g/ [4f#/ = 8f#/L] 8e/J 2.d;/ == ",
    "*clefF4 *k[b-e-] *M3/4 2.r = 2.r = 2.r =3 (4BB-/ 8C\\L 8En\\J) 4r =:|! 16qqD/LL 16qqE-/JJ 2.F =",
    "*clefC1 *k[] *M2/1 *met(C|) 0r = 1c 2.d 4e = 00r =|| *clefG2 *k[f#] *M3/8 8gg 8.ff# 16qgg- == ",
)


def document(body: str) -> str:
    """A one-spine document of words separated by white space."""
    return "\n".join(["**kern", *body.split(), "*-", ""])


def read(body: str) -> str:
    """The tokens as text."""
    return write_semantic(read_kern(document(body))).replace("\t", " ").strip()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("4c 8cc 16CC 2BB-", "note-C4_quarter note-C5_eighth note-C2_sixteenth note-Bb2_half"),
        ("4f# 4f## 4f-- 4fn", "note-F#4_quarter note-F##4_quarter note-Fbb4_quarter note-F4_quarter"),
        ("0c 00c. 4..c", "note-C4_double_whole note-C4_quadruple_whole. note-C4_quarter.."),
        ("1%2c 2%3c", "note-C4_double_whole note-C4_whole."),
        ("8c;L 8r; 8cJ", "note-C4_eighth_fermata rest-eighth_fermata note-C4_eighth"),
        ("qd 16qqeLL 4(cT'/)", "gracenote-D4_eighth gracenote-E4_sixteenth note-C4_quarter"),
        ("4c . !x 4d * *I\"a *MM120 4e", "note-C4_quarter note-D4_quarter note-E4_quarter"),
        ("4c = 4c =2 4c =|| 4c =:|! 4c ==", "note-C4_quarter barline " * 5),
        ("=1- 4c =- 4d", "note-C4_quarter note-D4_quarter"),
        ("=1 4c =", "note-C4_quarter barline"),
        ("=!|: 4c", "barline note-C4_quarter"),
        ("*M3/4 *k[f#] *clefG2 4c", "clef-G2 keySignature-GM timeSignature-3/4 note-C4_quarter"),
        ("*k[] 4c *k[b-e-] 4r *k[] 4r", "note-C4_quarter keySignature-BbM rest-quarter keySignature-CM rest-quarter"),
        ("*k[c#f#] 4c", "keySignature-DM note-C4_quarter"),
    ],
)  # fmt: skip
def test_kern_tokens_mean_what_kern_says(body: str, expected: str) -> None:
    assert read(body) == expected.strip()


@pytest.mark.parametrize(
    ("meter", "sign"),
    [
        ("*M4/4", "4/4"), ("*M4/4 *met(c)", "C"), ("*M2/2 *met(c|)", "C/"), ("*M2/1 *met(C|)", "C/"),
        ("*M2/1 *met(c|)", "C/"), ("*M3/2 *met(C)", "C"), ("*met(c)", "C"),
    ],
)  # fmt: skip
def test_meter_is_the_sign_that_is_drawn(meter: str, sign: str) -> None:
    assert read(f"{meter} 4c") == f"timeSignature-{sign} note-C4_quarter"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("*M3/4 2.c = 2.r = 2.c", "multirest-1"),  # drawn as a measure's rest
        ("*M4/4 1c = 2r 2r = 1c", "rest-half rest-half"),
        ("*M4/4 1c = 4r = 1c", "rest-quarter"),  # too short for its measure
        ("*M4/4 1c = 1r = 1r =7 1r = 1c", "multirest-3"),
        ("*M4/4 1c = 1r =|| 1r = 1r = 1c", "multirest-1 barline multirest-2"),
        ("*M4/4 1r = 1r = 1r = 1c", "multirest-1 barline multirest-2"),  # the first has no bar line before it
        ("*M4/4 =1 1r = 1r = 1r = 1c", "multirest-3"),
        ("*M2/4 2c = 0r = 00r = 2c", "multirest-12"),
        ("*M3/1 0.c = 1%6r = 0.c", "multirest-2"),
        ("1c = 1r = 1c", "rest-whole"),  # in no meter
    ],
)
def test_rests_are_those_drawn(body: str, expected: str) -> None:
    words = [word for word in read(body).split() if not word.startswith(("time", "note"))]
    assert " ".join(words).removeprefix("barline ").removesuffix(" barline") == expected


@pytest.mark.parametrize(
    ("body", "ties"),
    [
        ("[4c 4c]", 1), ("[4c = 4c_ = 4c]", 2), ("[4c 4d]", 0), ("[4c# 4c]", 0), ("[4c 4r 4c]", 0), ("4c] 4c", 0),
        ("4c [4c", 0), ("4c_ = 4c_", 1), ("[4c 4c", 0), ("4c (4c)", 0), ("[4c qd 4c]", 0),
    ],
)  # fmt: skip
def test_ties_join_neighbours_at_one_pitch(body: str, ties: int) -> None:
    assert read(body).split().count("tie") == ties


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("3%2r", "notes must be in plain rhythm"),
        ("4c = 12d", "measure 2: notes must be in plain rhythm, got the tuplet's 12%"),
        ("*clefGv2", "clef must be C, F or G and a line, with no octave, got 'Gv2'"),
        ("*clefX", "clef must be"),
        ("*k[f#cn]", "key signature must be of the usual sharps or flats"),
        ("*k[b-", "key signature must be"),
        ("*met(O)", "mensuration must be one of"),
        ("*M0/4", "time signature must be"),
        ("*^", "kern must be one spine"),
        ("**kern", "kern must be one spine"),
        ("*- 4c", "kern must be one spine that ends"),
        ("4ryy", "notes must be drawn"),
        ("c", "note must have a length"),
        ("4", "note must have a pitch"),
        ("000c", "duration must be"),
        ("4....c", "duration must be"),
        ("4CCCCCC", "octave 0 to 9"),
        ("4c###", "altered by -2 to 2"),
    ],
)
def test_what_has_no_token_is_refused_by_name(body: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(body)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "**mens\n1c\n*-",
        "**kern\n4c",
        "**kern\n4c 4e\n*-",
        "**kern\t**kern\n*-\t*-",
        "**kern\n" + "4c\n" * MAX_CHARS,
    ],
)
def test_document_must_be_one_whole_spine(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        read_kern(text)


def test_comments_line_ends_and_white_space_are_no_matter() -> None:
    body = "!!!COM: x\r\n**kern\r\n*clefG2 \r\n! local\r\n4c\r\n\r\n==\r\n*-\r\n!!!end\r\n"
    assert " ".join(map(str, read_kern(body))) == "clef-G2 note-C4_quarter barline"


@given(st.sampled_from(STEPS), st.integers(-2, 2), st.integers(0, 9), st.sampled_from(["1", "2", "4", "128"]))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_every_pitch_is_read_at_its_octave(step: str, alter: int, octave: int, number: str) -> None:
    letters = step.lower() * (octave - 3) if octave > 3 else step * (4 - octave)
    [note] = read_kern(document(number + letters + "#" * alter + "-" * -alter))
    assert isinstance(note, Note)
    assert note == Note(Pitch(step, alter, octave), note.length)
    assert note.length == Length({"1": "whole", "2": "half", "4": "quarter", "128": "hundred_twenty_eighth"}[number])


@pytest.mark.parametrize("body", EXAMPLES)
def test_tidying_twice_or_once_changes_no_tokens(body: str) -> None:
    once = tidy_kern(document(body))
    assert tidy_kern(once) == once
    assert read_kern(once) == read_kern(document(body))


@pytest.mark.parametrize(
    "body",
    [
        EXAMPLES[0],
        "*clefG2 *k[] *M2/2 *met(c|) 1c = 00r = 00r = 1d ==",
        "*clefG2 *k[b-] *M2/1 *met(c|) 0c = 2b- 2bn 1b- [1c = 1c] 1r = 1d_ 1e =",
        "*clefC3 *k[] *M3/4 2.c = 0.r = 0.r = 2.r = 4c 4d [4e ==",
    ],
)
def test_verovio_engraves_the_tidy_text_as_it_is_read(body: str) -> None:
    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions({"inputFrom": "humdrum"})
    assert toolkit.loadData(tidy_kern(document(body)))
    drawn = [token for token in read_mei(toolkit.getMEI()) if str(token) != "keySignature-CM"]
    assert drawn == read_kern(document(body))


def test_damaged_documents_raise_nothing_but_a_value_error() -> None:
    rng = random.Random(7)
    refused = 0
    for _ in range(400):
        text = document(rng.choice(EXAMPLES))
        for _ in range(rng.randint(1, 5)):
            place = rng.randrange(len(text))
            mark = rng.choice(["", *"=*!.\t\n []_rq#-n%0123M()cC;|:yv^\0\u00e9\u0663"])
            text = text[:place] + mark + text[place + rng.randint(0, 2) :]
        try:
            read_kern(text)
        except ValueError:
            refused += 1
    assert 0 < refused < 400
