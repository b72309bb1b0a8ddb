"""Phone photographs: what the camera does to light and place, and the sheets on which effects are looked at."""

import numpy as np
import pytest

from scorehub.contact_sheet import contact_sheet
from scorehub.photo import (
    Photo,
    curl,
    curl_warp,
    defocus,
    fade,
    jpeg,
    paper,
    perspective,
    perspective_warp,
    photograph,
    photograph_with_warp,
    shadow,
    uneven_light,
)

NOTEHEADS = np.array([(x, y) for x in range(40, 400, 60) for y in range(60, 560, 80)], float)


def page() -> np.ndarray:
    image = np.full((600, 420), 255, np.uint8)
    rows, columns = np.mgrid[:600, :420]
    for x, y in NOTEHEADS:
        image[(rows - y) ** 2 + (columns - x) ** 2 < 25] = 0
    return image


def white(height: int = 100, width: int = 200) -> np.ndarray:
    return np.full((height, width), 255, np.uint8)


def test_the_corners_move_inwards_by_their_insets_and_the_desk_shows_around_them():
    insets = np.array([[0.1, 0.0], [0.0, 0.2], [0.05, 0.05], [0.0, 0.0]])
    corners = np.array([[0, 0], [200, 0], [200, 100], [0, 100]])

    moved = perspective_warp((100, 200), insets).points(corners)
    image = perspective(white(), insets, desk=40)

    np.testing.assert_allclose(moved, [[20, 0], [200, 20], [190, 95], [0, 100]], atol=0.05)
    assert image[1, 1] == 40
    assert image[50, 100] == 255


def test_a_curl_bends_rows_at_the_binding_and_leaves_the_other_side_flat():
    line = white(60, 400)
    line[30] = 0

    for binding, near, far in (("left", 0, -1), ("right", -1, 0)):
        for depth in (12, -12):
            ink = 255.0 - curl(line, depth, binding)
            rows = ink.T @ np.arange(72) / ink.sum(axis=0)
            assert rows[near] - rows[far] == pytest.approx(depth, abs=0.1)
            assert abs(rows[200] - rows[far]) < 0.3


def test_paper_gets_grain_and_no_darker_than_asked():
    textured = paper(white(), 0.1, np.random.default_rng(0))

    assert 255 * 0.88 < textured.min() < textured.max() <= 255
    assert 2 < textured.std() < 10


def test_light_falls_towards_its_angle():
    lit = uneven_light(white(), 0.5, 0).astype(int)

    assert lit[50, 0] == 255
    assert lit[50, -1] == pytest.approx(128, abs=1)
    assert (np.diff(lit[50]) <= 0).all()
    assert (lit[0] == lit[-1]).all()


def test_a_shadow_darkens_one_side_of_a_soft_edge():
    shaded = shadow(white(), 0.4, 0.5, 90, 0.2).astype(int)

    assert (shaded[:35] == 255).all()
    assert shaded[65:] == pytest.approx(153, abs=1)
    assert shaded[50].mean() == pytest.approx(204, abs=5)


def test_fading_moves_black_and_white_to_the_given_greys():
    assert fade(np.array([[0, 255]], np.uint8), 40, 220).tolist() == [[40, 220]]


def test_defocus_spreads_a_point_over_a_disc_and_keeps_its_light():
    point = np.zeros((21, 21), np.uint8)
    point[10, 10] = 255

    blurred = defocus(point, 3).astype(int)

    assert blurred.sum() == pytest.approx(255, abs=15)
    assert blurred[10, 8] == blurred[12, 10] > 0 == blurred[10, 14]
    np.testing.assert_array_equal(defocus(point, 0), point)


def test_a_lower_jpeg_quality_changes_more():
    errors = [np.abs(jpeg(page(), quality).astype(int) - page()).mean() for quality in (95, 50, 10)]

    assert errors == sorted(errors)
    assert errors[0] < 0.2 < errors[2]


def test_the_same_seed_gives_the_same_photograph_and_another_seed_another():
    first, again, other = (photograph(page(), np.random.default_rng(seed)) for seed in (3, 3, 4))

    np.testing.assert_array_equal(first, again)
    assert first.shape != other.shape or (first != other).any()


def test_noteheads_are_where_the_warp_says_and_inside_the_photograph():
    boxes = np.concatenate([NOTEHEADS, np.full((len(NOTEHEADS), 2), 10.0)], axis=1)

    for seed in range(12):
        image, warp = photograph_with_warp(page(), np.random.default_rng(seed))
        moved = warp.boxes(boxes)
        assert image.shape == warp.shape
        for x, y, width, height in moved:
            assert 9 < width < 13
            assert 9 < height < 13
            left, top = round(x - 8), round(y - 8)
            assert left >= 0
            assert top >= 0
            around = image[top : top + 17, left : left + 17].astype(float)
            assert around.shape == (17, 17)
            ink = np.clip(around.max() - around - 0.5 * np.ptp(around), 0, None)
            rows, columns = np.mgrid[:17, :17]
            centre = np.array([(ink * columns).sum(), (ink * rows).sum()]) / ink.sum() + (left, top)
            assert np.abs(centre - (x, y)).max() < 1.0, seed


@pytest.mark.parametrize("shape", [(1, 1), (1, 20000), (2000, 3), (128, 1500)])
def test_any_shape_can_be_photographed(shape):
    image = photograph(np.full(shape, 255, np.uint8), np.random.default_rng(0))

    assert image.dtype == np.uint8
    assert image.ndim == 2
    assert image.shape[1] == shape[1]


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: perspective(white(), np.full((4, 2), 0.5)), "insets"),
        (lambda: perspective(white(), np.zeros((3, 2))), "insets"),
        (lambda: curl(white(), 5000), "depth"),
        (lambda: curl_warp((5, 5), 1, "top"), "binding"),
        (lambda: paper(white(), 2, np.random.default_rng(0)), "strength"),
        (lambda: uneven_light(white(), 1, 0), "dimming"),
        (lambda: uneven_light(white(), 0.5, 1000), "angle"),
        (lambda: shadow(white(), 1, 0.5, 0, 0.1), "darkness"),
        (lambda: shadow(white(), 0.5, 2, 0, 0.1), "position"),
        (lambda: shadow(white(), 0.5, 0.5, 0, 0), "softness"),
        (lambda: fade(white(), 200, 100), "black"),
        (lambda: fade(white(), 0, 300), "white"),
        (lambda: defocus(white(), -1), "radius"),
        (lambda: jpeg(white(), 0), "quality"),
        (lambda: Photo(quality=(90, 10)), "quality"),
        (lambda: photograph(np.zeros((2, 2, 3), np.uint8), np.random.default_rng(0)), "image"),
    ],
)
def test_a_parameter_out_of_range_is_named(call, named):
    with pytest.raises(ValueError, match=f"^{named} must be"):
        call()


def test_a_contact_sheet_has_a_cell_for_each_picture():
    sheet = contact_sheet([white()] * 5, ["a", "b", "c", "d", "e"], columns=2, cell_width=300)

    assert sheet.width == 16 + 2 * (300 + 16)
    # Each white picture is 300 x 150: five of them and nothing else is white.
    pixels = np.asarray(sheet)
    assert (pixels == 255).all(axis=2).sum() == pytest.approx(5 * 298 * 148, rel=0.001)


def test_a_long_strip_is_broken_into_lines_and_a_tall_page_fits_its_cell():
    strip = np.full((20, 3000), 255, np.uint8)
    strip[:, 2990:] = 0

    sheet = contact_sheet([strip, np.full((2000, 20), 255, np.uint8)], ["strip", "page"], 2, 400)

    assert sheet.height < 16 * 2 + 1.6 * 400 + 40
    left = np.asarray(sheet.convert("L"))[:, 16:416]
    # Fifteen lines' worth in twelve lines, the black end at the end of the last.
    assert (left == 255).any(axis=1).sum() > 12 * 20
    assert (left[200:, 350:] < 30).any()


def test_a_long_caption_is_broken_into_lines():
    short, long = (contact_sheet([white()], [text], 1, 200) for text in ("few", "so many words " * 8))

    assert long.height > short.height + 40
    assert long.width == short.width


@pytest.mark.parametrize(
    ("images", "captions", "columns", "cell_width", "named"),
    [
        ([], [], 2, 100, "captions"),
        ([white()], [], 2, 100, "captions"),
        ([white()], ["a"], 0, 100, "columns"),
        ([white()], ["a"], 1, 1, "columns and cell_width|columns must"),
        ([np.zeros((2, 2))], ["a"], 1, 100, "images"),
        ([np.zeros(4, np.uint8)], ["a"], 1, 100, "images"),
    ],
)
def test_a_sheet_that_cannot_be_laid_out_is_refused(images, captions, columns, cell_width, named):
    with pytest.raises(ValueError, match=named):
        contact_sheet(images, captions, columns, cell_width)
