"""Staff finding on drawn pages."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from scorehub.pipelines.score_following.staves import find_staves, music_fraction


def drawn_page(tops, spacing=5, ink=0, left=60, right=540, thickness=1):
    """A page of 840 x 594 with a staff at each row of `tops`, noteheads and stems on it."""
    page = np.full((840, 594), 255, np.uint8)
    for number, top in enumerate(tops):
        for line in range(5):
            row = round(top + line * spacing)
            page[row : row + thickness, left:right] = ink
        for x in range(left + 20, right - 10, 23):
            y = top + ((x + 7 * number) % 9) * spacing // 2
            page[y - 2 : y + 3, x : x + 6] = ink
            page[max(0, y - 18) : y, x + 5] = ink
    return page


def rotated(page, degrees):
    image = Image.fromarray(page).rotate(degrees, Image.Resampling.BILINEAR, fillcolor=255)
    return np.asarray(image)


def test_every_staff_is_found_at_its_place():
    tops = [100, 180, 260, 400, 700]
    staves = find_staves(drawn_page(tops))
    assert [round(staff.top) for staff in staves] == pytest.approx(tops, abs=1)
    assert [staff.bottom - staff.top for staff in staves] == pytest.approx([20] * 5, abs=1.5)
    assert [staff.spacing for staff in staves] == pytest.approx([5] * 5, abs=0.4)


@pytest.mark.parametrize("spacing", [3, 4, 7, 10])
def test_staves_of_other_sizes_are_found(spacing):
    staves = find_staves(drawn_page([100, 300, 500], spacing=spacing))
    assert [staff.spacing for staff in staves] == pytest.approx([spacing] * 3, rel=0.1)


@pytest.mark.parametrize("degrees", [-2.5, -1, 1, 2.5])
def test_a_leaning_page_has_the_same_staves(degrees):
    assert len(find_staves(rotated(drawn_page(range(80, 760, 80)), degrees))) == 9


def test_faint_lines_on_grey_paper_are_found():
    page = drawn_page([100, 300, 500], ink=150)
    assert len(find_staves((page * 0.8).astype(np.uint8))) == 3


def test_a_staff_on_half_the_width_is_found():
    assert len(find_staves(drawn_page([100], right=300))) == 1


@pytest.mark.parametrize("lines", [1, 3, 4, 6, 12])
def test_other_numbers_of_lines_are_no_staff(lines):
    page = np.full((840, 594), 255, np.uint8)
    page[200 : 200 + 6 * lines : 6, 50:550] = 0
    assert find_staves(page) == []


def test_blank_black_and_noisy_pages_have_no_staff():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (840, 594), dtype=np.uint8)
    for page in (np.full((840, 594), 255, np.uint8), np.zeros((840, 594), np.uint8), noise):
        assert find_staves(page) == []
        assert music_fraction(page) == 0


def test_text_has_no_staff():
    image = Image.new("L", (594, 840), 255)
    text = "\n".join("the quick brown fox jumps over the lazy dog and back" for _ in range(40))
    ImageDraw.Draw(image).multiline_text((40, 40), text, font=ImageFont.load_default(14), fill=0)
    assert find_staves(np.asarray(image)) == []


def test_a_tiny_page_has_no_staff():
    assert find_staves(np.zeros((1, 1), np.uint8)) == []
    assert find_staves(np.full((30, 500), 255, np.uint8)) == []


def test_music_fraction_is_the_height_that_staves_reach():
    assert music_fraction(drawn_page([100])) == pytest.approx(
        40 / 840, abs=0.005
    )  # 20 px of lines, 10 px on each side
    assert music_fraction(drawn_page([100, 200])) == pytest.approx(140 / 840, abs=0.005)  # the gap of 80 px counts
    assert music_fraction(drawn_page([100, 600])) == pytest.approx(80 / 840, abs=0.005)  # a gap of 480 px does not
    assert music_fraction(drawn_page(range(40, 800, 60))) > 0.85


@pytest.mark.parametrize("page", [np.zeros((9, 9, 3), np.uint8), np.zeros((9, 9)), np.zeros((0, 9), np.uint8)])
def test_anything_but_a_grey_page_is_an_error(page):
    with pytest.raises(ValueError, match="page must be a non-empty uint8 array"):
        find_staves(page)
