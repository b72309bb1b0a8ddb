"""Kern that is written: read as the same tokens, drawn as they are, with beams where they are wanted."""

import re

import pytest
from hypothesis import assume, given, settings
from notation_strategies import staves

from scorehub.engraving import engrave_staff
from scorehub.notation.kern import read_kern
from scorehub.notation.kern_writer import find_beams, join_spines, write_kern
from scorehub.notation.mei import read_mei
from scorehub.pipelines.music_transcription.semantic import MultiRest, parse_semantic

TUNE = (
    "clef-G2 keySignature-AM timeSignature-2/4 note-C#5_eighth note-D5_eighth note-E5_sixteenth note-F#5_sixteenth "
    "note-G#5_eighth tie barline note-G#5_quarter rest-eighth gracenote-A5_eighth note-G5_eighth barline multirest-3 "
    "barline clef-F4 note-A2_half_fermata barline"
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(staves())
def test_it_is_read_as_it_was_written(staff):
    pairs = zip(staff, staff[2:], strict=False)
    assume(not any(isinstance(first, MultiRest) and isinstance(next_one, MultiRest) for first, next_one in pairs))
    assert read_kern(write_kern(staff)) == staff


def test_it_is_drawn_as_it_was_written():
    tokens = parse_semantic(TUNE.replace(" ", "\t"))
    assert read_mei(engrave_staff(write_kern(tokens)).mei) == tokens


def test_beams_join_flags_by_beats():
    tokens = parse_semantic(TUNE.replace(" ", "\t"))
    plain, beamed = (engrave_staff(write_kern(tokens, beams)).mei for beams in (False, True))
    assert read_mei(beamed) == read_mei(plain)
    assert "<beam" not in plain
    beams = re.findall(r"<beam\b.*?</beam>", beamed, re.DOTALL)
    assert [len(re.findall(r"<note\b", beam)) for beam in beams] == [2, 3]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("timeSignature-6/8 " + 6 * "note-C4_eighth ", "L.JL.J"),
        ("timeSignature-3/8 " + 6 * "note-C4_sixteenth ", "L....J"),
        ("timeSignature-3/4 " + 6 * "note-C4_eighth ", "LJLJLJ"),
        ("note-C4_eighth rest-eighth note-C4_eighth note-C4_eighth note-C4_sixteenth", "..LJ."),
        ("note-C4_eighth barline note-C4_eighth note-C4_eighth", "..LJ"),
        ("note-C4_sixteenth gracenote-C4_eighth note-C4_sixteenth note-C4_eighth", "L..J"),
        ("note-C4_eighth note-C4_half note-C4_eighth", "..."),
    ],
)
def test_where_beams_begin_and_end(body, expected):
    tokens = parse_semantic(body.strip().replace(" ", "\t"))
    start = int(body.startswith("time"))
    found = find_beams(tokens)
    assert "".join(found.get(number, ".") for number in range(start, len(tokens))) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tie note-C4_quarter", "tie must follow a note"),
        ("note-C4_quarter tie", "tie must join two notes, got none behind C4"),
        ("note-C4_quarter tie note-D4_quarter", "one pitch, got C4 and D4"),
        ("multirest-2", "multirest must stand in a meter"),
    ],
)
def test_what_can_not_be_written_is_named(text, message):
    with pytest.raises(ValueError, match=message):
        write_kern(parse_semantic(text.replace(" ", "\t")))


def test_spines_are_joined_by_time():
    low = write_kern(parse_semantic("clef-F4\tnote-C3_half.\ttie\tnote-C3_quarter\tbarline\trest-double_whole"))
    high = write_kern(parse_semantic("clef-G2\tnote-C5_eighth\tnote-D5_eighth\tnote-E5_half.\tbarline\tnote-C5_whole"))
    assert join_spines([low, high]).splitlines() == [
        "**kern\t**kern", "*clefF4\t*clefG2", "=-\t=-",
        "[2.C\t8cc", ".\t8dd", ".\t2.ee", "4C]\t.",
        "=\t=", "0r\t1cc", "*-\t*-",
    ]  # fmt: skip
    assert join_spines([high]) == high


@pytest.mark.parametrize("other", ["clef-G2\tnote-C5_whole", "note-C5_whole\tbarline"])
def test_spines_of_other_bar_lines_or_signatures_are_refused(other):
    first = write_kern(parse_semantic("clef-F4\tnote-C3_whole\tbarline"))
    with pytest.raises(ValueError, match=r"spines must have bar lines and interpretations at the same times"):
        join_spines([first, write_kern(parse_semantic(other))])
