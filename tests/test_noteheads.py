"""Noteheads: every note that sounds has its box, on its ink, at its time."""

import numpy as np
import pytest

from scorehub.engraving import FONTS, Engraving, Layout, engrave_score, engrave_staff, random_layout
from scorehub.noteheads import Noteheads, find_noteheads
from scorehub.notes import read_midi
from scorehub.svg import rasterise

SCALE = "**kern\n*clefG2\n*k[]\n*M4/4\n" + "4c\n4d\n4e\n4f\n=\n4g\n4a\n4b\n4cc\n=\n" * 6 + "*-\n"
PIANO = (
    "**kern\t**kern\n*clefF4\t*clefG2\n*k[f#]\t*k[f#]\n*M2/4\t*M2/4\n=1\t=1\n4GG 4G\t8qgg#\n.\t[4b 4dd\n4D\t8b_ 8f#\n"
    ".\t8b]\n=2:|!\t=2:|!\n2AA-\t8.a\n.\t16g\n.\t4ccn\n==\t==\n*-\t*-\n"
)
PAGE = Layout()
TRANSPOSED = (
    '<mei xmlns="http://www.music-encoding.org/ns/mei"><music><body><mdiv><score><scoreDef><staffGrp>'
    '<staffDef n="1" lines="5" clef.shape="G" clef.line="2" trans.semi="-2" trans.diat="-1"/></staffGrp></scoreDef>'
    '<section><measure n="7"><staff n="1"><layer><note dur="2" pname="d" oct="5"/>'
    '<note dur="2" pname="b" oct="4" accid="f"/></layer></staff></measure></section></score></mdiv></body></music>'
    "</mei>"
)


def found(notation: str, layout: Layout = PAGE, width: int = 1000) -> tuple[Engraving, Noteheads, list[np.ndarray]]:
    engraving = engrave_score(notation, layout)
    images = [np.asarray(rasterise(page, width)) for page in engraving.pages]
    return engraving, find_noteheads(engraving, width), images


def darkness(image: np.ndarray, note: np.void, part: float) -> float:
    left, right = note["x"] - part * note["w"] / 2, note["x"] + part * note["w"] / 2
    top, bottom = note["y"] - part * note["h"] / 2, note["y"] + part * note["h"] / 2
    return 1 - float(image[int(top) : int(bottom) + 1, int(left) : int(right) + 1].mean()) / 255


@pytest.mark.parametrize("font", FONTS)
def test_boxes_lie_on_the_ink_of_filled_noteheads(font):
    _, score, (image,) = found(SCALE, Layout(font=font))

    assert len(score.notes) == 48
    assert min(darkness(image, note, part=0.4) for note in score.notes) > 0.95


def test_boxes_end_where_the_noteheads_end():
    # A whole note in a space has no stem, and no ink touches its box from outside but the two lines.
    engraving = engrave_staff("**kern\n*clefG2\n1a\n*-\n")
    width = engraving.width_for(staff_px=200)
    image = np.asarray(rasterise(engraving.pages[0], width))
    (note,) = find_noteheads(engraving, width).notes
    row = image[int(note["y"])] < 128
    inked = np.flatnonzero(row[int(note["x"] - note["w"]) : int(note["x"] + note["w"])]) + int(note["x"] - note["w"])

    assert inked[0] == pytest.approx(note["x"] - note["w"] / 2, abs=1.5)
    assert inked[-1] + 1 == pytest.approx(note["x"] + note["w"] / 2, abs=1.5)


def test_steps_of_a_scale_are_half_a_staff_space_apart():
    _, score, _ = found(SCALE, width=1500)
    first_bar = score.notes[:4]
    half_space = score.staves[0]["h"] / 8

    assert np.diff(first_bar["y"]) == pytest.approx([-half_space] * 3, abs=0.05)
    assert np.all(np.diff(first_bar["x"]) > 0)


def test_staves_lie_on_the_staff_lines():
    _, score, (image,) = found(SCALE, width=1500)
    lines = np.flatnonzero((image < 200).mean(axis=1) > 0.6)
    expected = [(staff["y"] - staff["h"] / 2, staff["y"] + staff["h"] / 2) for staff in score.staves]

    assert expected[0] == pytest.approx((lines[0] + 0.5, lines[lines < expected[0][1] + 5][-1] + 0.5), abs=1.5)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("notation", [SCALE, PIANO, TRANSPOSED], ids=["scale", "piano", "transposed"])
def test_onsets_pitches_and_durations_are_those_of_the_midi(notation, seed):
    engraving, score, _ = found(notation, random_layout(np.random.default_rng(seed)))
    midi = read_midi(engraving.midi())
    struck = np.sort(score.notes[~score.notes["tied"]], order=["onset", "pitch"])

    assert struck["pitch"].tolist() == midi.pitch.tolist()
    assert struck["onset"] == pytest.approx(midi.onset, abs=0.003)
    assert struck["duration"] == pytest.approx(midi.duration, abs=0.02)


def test_every_sounding_note_has_one_row():
    engraving, score, _ = found(PIANO)
    timemap, on_paper = engraving.times()
    sounding = [on_paper.get(name, name) for event in timemap for name in event.get("on", [])]

    assert sorted(score.notes["id"]) == sorted(sounding)


def test_a_repeat_gives_the_same_boxes_again():
    _, score, _ = found(PIANO)
    first, again = (score.notes[np.isin(score.notes["onset_quarter"], (quarter, quarter + 1))] for quarter in (0, 2))

    assert first["x"].tolist() == again["x"].tolist()
    assert first["pitch"].tolist() == again["pitch"].tolist()
    assert score.measures["measure"].tolist() == [0, 0, 1]
    assert np.diff(score.measures["onset"]) == pytest.approx(1.0)


def test_tied_and_grace_notes_are_told_apart():
    _, score, _ = found(PIANO)
    first = score.notes[score.notes["onset_quarter"] < 2]

    assert first["pitch"][first["grace"]].tolist() == [80]
    assert first["pitch"][first["tied"]].tolist() == [71, 71]
    assert first["duration"][(first["pitch"] == 71) & ~first["tied"]] == pytest.approx(
        [1.0], abs=0.05
    )  # less the grace note


def test_systems_count_over_pages_and_hold_their_measures_and_notes():
    layout = Layout(height_mm=60, width_mm=80, margin_mm=5)
    engraving, score, _ = found(SCALE, layout)

    assert len(engraving.pages) > 1
    assert score.systems["system"].tolist() == list(range(len(score.systems)))
    for table in (score.measures, score.notes):
        system = score.systems[table["system"]]
        assert np.array_equal(table["page"], system["page"])
        assert np.all(np.abs(table["x"] - system["x"]) <= system["w"] / 2)
    assert np.all(score.notes["measure"] == np.arange(48) // 4)


def test_a_transposing_instrument_sounds_as_it_sounds():
    _, score, _ = found(TRANSPOSED)

    assert score.notes["pitch"].tolist() == [72, 68]
    assert score.measures["label"].tolist() == ["7"]


def test_a_head_that_is_not_drawn_has_no_box():
    _, score, _ = found(TRANSPOSED.replace('pname="d"', 'pname="d" head.visible="false"'))

    assert score.notes["pitch"].tolist() == [68]


def test_breves_that_are_drawn_without_a_glyph_have_a_box():
    engraving = engrave_staff("@clef:C+3\n@keysig:bB\n@timesig:c/\n@data:9C1D/\n")
    width = engraving.width_for(staff_px=60)
    image = np.asarray(rasterise(engraving.pages[0], width))
    notes = find_noteheads(engraving, width).notes

    assert notes["pitch"].tolist() == [60, 62]
    assert min(darkness(image, note, part=1.0) for note in notes) > 0.2


def test_boxes_follow_a_crop():
    _, score, _ = found(SCALE)
    moved = score.moved(left=10, top=-4)

    assert moved.notes["x"] == pytest.approx(score.notes["x"] - 10)
    assert moved.systems["y"] == pytest.approx(score.systems["y"] + 4)


def test_a_score_without_staff_lines_is_refused():
    with pytest.raises(ValueError, match="must have staves with lines"):
        found(TRANSPOSED.replace('lines="5"', 'lines="0"'))
