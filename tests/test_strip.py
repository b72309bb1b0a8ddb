"""Strips and staff images: nothing of the music is lost, and boxes go where it goes."""

from dataclasses import replace

import numpy as np
import pytest

from scorehub.engraving import STAFF, Layout, engrave_score, engrave_staff
from scorehub.noteheads import NOTE, SYSTEM, find_noteheads
from scorehub.strip import crop_to_ink, draw_boxes, staff_image, unroll
from scorehub.svg import rasterise

SCALE = "**kern\n*clefG2\n*k[]\n*M4/4\n" + "4c\n4d\n4e\n4f\n=\n4g\n4a\n4b\n4cc\n=\n" * 6 + "*-\n"


def toy_pages():
    """Two pages with two systems each: system n is a filled bar of grey 40 n, and a note on it."""
    pages = [np.full((120, 100), 255, np.uint8) for _ in range(2)]
    systems, notes = np.zeros(4, SYSTEM), np.zeros(4, NOTE)
    for number in range(4):
        y = 30 if number % 2 == 0 else 90
        pages[number // 2][y - 10 : y + 10, 20:80] = 40 * number
        systems[number] = (number // 2, number, 50, y, 60, 20)
        notes[number]["page"], notes[number]["system"] = number // 2, number
        notes[number]["x"], notes[number]["y"] = 25 + number, y + 5
    return pages, systems, notes


def test_systems_lie_side_by_side_with_their_notes():
    strip = unroll(*toy_pages(), height=50, margin=5)

    assert strip.image.shape == (50, 4 * 70)
    assert strip.starts.tolist() == [5, 75, 145, 215]
    assert strip.notes["x"].tolist() == [10, 81, 152, 223]
    assert strip.notes["y"].tolist() == [30] * 4
    assert [int(strip.image[30, x]) for x in strip.notes["x"].astype(int)] == [0, 40, 80, 120]


def test_the_neighbouring_system_is_left_white():
    strip = unroll(*toy_pages(), height=110, margin=0)

    assert set(np.unique(strip.image[:, :60])) == {0, 255}
    assert set(np.unique(strip.image[:, 60:120])) == {40, 255}


def test_a_strip_of_an_engraved_score_keeps_ink_under_every_box():
    engraving = engrave_score(SCALE, Layout(width_mm=120, height_mm=100))
    pages = [np.asarray(rasterise(page, 700)) for page in engraving.pages]
    score = find_noteheads(engraving, 700)
    strip = unroll(pages, score.systems, score.notes)

    assert len(score.systems) > 1
    assert strip.image.shape[0] == 200
    assert max(strip.image[int(note["y"]), int(note["x"])] for note in strip.notes) < 60
    assert np.all(np.diff(strip.notes["x"]) > 0)


def test_engraving_without_breaks_gives_the_strip_in_one_piece():
    engraving = engrave_score(SCALE, replace(STAFF, staff_mm=7.0))
    width = engraving.width_for(staff_px=30)
    page, score = np.asarray(rasterise(engraving.pages[0], width)), find_noteheads(engraving, width)
    strip = unroll([page], score.systems, score.notes)

    assert len(score.systems) == 1
    assert max(strip.image[int(note["y"]), int(note["x"])] for note in strip.notes) < 60


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"h": 300}, "at most 50 high"),
        ({"page": 2}, "page of a system must be 0 to 1, got 2"),
        ({"x": float("nan")}, "must lie on its page"),
        ({"w": 1e9}, "must lie on its page"),
        ({"system": 7}, "system of a note must be one of those given"),
        ({"system": 1}, "system of a note must be one of those given"),
    ],
)
def test_systems_that_are_off_the_page_are_refused(change, message):
    pages, systems, notes = toy_pages()
    for name, value in change.items():
        systems[0][name] = value

    with pytest.raises(ValueError, match=message):
        unroll(pages, systems, notes, height=50)


def test_two_systems_of_one_number_are_refused():
    pages, systems, notes = toy_pages()

    with pytest.raises(ValueError, match="systems must be one row each"):
        unroll(pages, np.concatenate([systems, systems[:1]]), notes)


def test_a_staff_image_is_cropped_to_its_ink_and_its_boxes_follow():
    engraving = engrave_staff(SCALE)
    crop = staff_image(engraving, staff_px=60, margin=3)
    notes = find_noteheads(engraving, engraving.width_for(60)).moved(crop.left, crop.top).notes

    edge = np.concatenate([crop.image[:3].ravel(), crop.image[-3:].ravel(), crop.image[:, :3].ravel()])
    assert edge.min() == 255
    assert crop.image[3].min() < 255
    assert max(crop.image[int(note["y"]), int(note["x"])] for note in notes) < 60


def test_an_image_without_ink_is_refused():
    with pytest.raises(ValueError, match="must have ink"):
        crop_to_ink(np.full((4, 4), 255, np.uint8))


def test_boxes_are_drawn_in_their_colour():
    pages, systems, _ = toy_pages()
    picture = draw_boxes(pages[0], {"red": systems[:1]})

    assert picture.getpixel((20, 30)) == (255, 0, 0)
    assert picture.getpixel((50, 30)) == (0, 0, 0)
