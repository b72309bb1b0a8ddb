"""Camera-PrIMuS's distortions: each does what its name says, in the amounts GraphicsMagick gives it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorehub import distortion
from scorehub.distortion import (
    Distortions,
    chop,
    chop_warp,
    distort,
    distort_with_warp,
    implode,
    implode_warp,
    median,
    motion_blur,
    noise,
    rotate,
    rotate_warp,
    shade,
    shear,
    shear_warp,
    spread,
    swirl,
    swirl_warp,
    wave,
    wave_warp,
)


def staff(height: int = 120, width: int = 600) -> np.ndarray:
    """Five lines, bar lines and round black noteheads on white."""
    image = np.full((height, width), 255, np.uint8)
    for line in range(5):
        image[height // 4 + 12 * line : height // 4 + 12 * line + 2] = 0
    image[height // 4 : height // 4 + 50, ::150] = 0
    rows, columns = np.mgrid[:height, :width]
    for x, y in noteheads(height, width):
        image[(rows - y) ** 2 + (columns - x) ** 2 < 36] = 0
    return image


def noteheads(height: int = 120, width: int = 600) -> np.ndarray:
    return np.array([(x, height // 4 + 6 * (x // 40 % 9)) for x in range(40, width - 20, 40)], float)


def disc(x: float, y: float, shape: tuple[int, int] = (120, 600)) -> np.ndarray:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return np.where((rows - y) ** 2 + (columns - x) ** 2 < 25, 0, 255).astype(np.uint8)


def centre_of_ink(image: np.ndarray) -> np.ndarray:
    ink = 255.0 - image
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    return np.array([(ink * columns).sum(), (ink * rows).sum()]) / ink.sum()


def test_a_wave_moves_columns_along_a_sine_and_the_picture_grows_by_twice_its_amplitude():
    line = np.full((40, 200), 255, np.uint8)
    line[20] = 0

    waved = wave(line, 8, 50)

    assert waved.shape == (56, 200)
    rows = (255.0 - waved).T @ np.arange(56) / (255.0 - waved).sum(axis=0)
    np.testing.assert_allclose(rows, 20 + 8 + 8 * np.sin(2 * np.pi * np.arange(200) / 50), atol=0.02)


def test_an_implosion_pulls_ink_towards_the_centre_and_an_explosion_away():
    assert centre_of_ink(implode(disc(420, 60), 0.3))[0] < 415
    assert centre_of_ink(implode(disc(420, 60), -0.3))[0] > 425


def test_an_implosion_samples_where_graphicsmagick_does():
    # At half of the radius sin(pi / 4) ** -0.5 = 2 ** 0.25 times as far from the centre.
    x, y = implode_warp((100, 200), 0.5).source(np.float32([150]), np.float32([50]))

    assert (x[0], y[0]) == pytest.approx((100 + 50 * 2**0.25, 50), abs=1e-3)


def test_a_swirl_turns_the_inside_and_keeps_the_corners():
    image = staff(300, 300)

    swirled = swirl(image, 90)

    np.testing.assert_array_equal(swirled[:30, :30], image[:30, :30])
    np.testing.assert_array_equal(swirled[-30:, -30:], image[-30:, -30:])
    # GraphicsMagick turns by degrees * (1 - r / R) ** 2: a quarter of 90 degrees halfway out.
    x, y = swirl_warp((300, 300), 90).source(np.float32([225]), np.float32([150]))
    assert (x[0], y[0]) == pytest.approx((150 + 75 * np.cos(np.pi / 8), 150 + 75 * np.sin(np.pi / 8)), abs=1e-3)


def test_a_shear_slides_rows_by_the_tangent_of_half_its_angle():
    line = np.full((101, 60), 255, np.uint8)
    line[:, 30] = 0

    sheared = shear(line, 20, 0)

    grown = 101 * np.tan(np.radians(10))
    assert sheared.shape == (101, round(60 + grown))
    ink = 255.0 - sheared
    columns = ink @ np.arange(ink.shape[1]) / ink.sum(axis=1)
    np.testing.assert_allclose(columns[0] - columns[-1], 100 * np.tan(np.radians(10)), atol=0.1)


def test_a_shear_downwards_lowers_the_right_end():
    line = np.full((31, 400), 255, np.uint8)
    line[15] = 0
    ink = 255.0 - shear(line, 0, 1.5)

    rows = ink.T @ np.arange(ink.shape[0]) / ink.sum(axis=0)

    assert rows[-1] - rows[0] == pytest.approx(399 * np.sin(np.radians(1.5)), abs=0.1)


def test_a_rotation_turns_clockwise_and_holds_its_corners():
    turned = rotate(staff(100, 300), 10)
    (right,) = rotate_warp((100, 300), 10).points(np.array([[300, 50]]))

    assert turned.shape == (
        round(300 * np.sin(np.radians(10)) + 100 * np.cos(np.radians(10))),
        round(300 * np.cos(np.radians(10)) + 100 * np.sin(np.radians(10))),
    )
    assert right[1] - turned.shape[0] / 2 == pytest.approx(150 * np.sin(np.radians(10)), abs=0.01)


def test_a_chop_takes_out_a_column_strip_and_a_row_strip():
    image = np.arange(20 * 30, dtype=np.uint64).reshape(20, 30).astype(np.uint8)

    np.testing.assert_array_equal(
        chop(image, 10, 5, 4, 3), np.delete(np.delete(image, range(10, 14), axis=1), range(5, 8), axis=0)
    )
    np.testing.assert_array_equal(chop(image, 28, 40, 9, 9), image[:, :28])


def test_a_spread_keeps_the_greys_and_moves_them_by_at_most_its_radius():
    image = staff()
    spreaded = spread(image, 2, np.random.default_rng(0))
    far = np.full((60, 60), 255, np.uint8)
    far[30, 30] = 0

    assert abs(spreaded.mean() - image.mean()) < 2
    assert (spreaded != image).mean() > 0.05
    rows, columns = np.nonzero(spread(far, 2, np.random.default_rng(1)) == 0)
    assert (np.abs(np.stack([rows, columns]) - 30) <= 2).all()
    np.testing.assert_array_equal(spread(image, 0, np.random.default_rng(0)), image)


def test_a_spread_of_two_draws_from_four_offsets_as_graphicsmagick_does():
    ramp = np.tile(np.arange(200, dtype=np.uint8), (200, 1))

    offsets = spread(ramp, 2, np.random.default_rng(0)).astype(int)[:, 5:-5] - ramp[:, 5:-5]

    counts = np.bincount(offsets.ravel() + 1) / offsets.size
    np.testing.assert_allclose(counts, [0.2, 0.4, 0.2, 0.2], atol=0.01)


def test_a_shaded_flat_picture_is_flat_and_as_bright_as_the_light_is_high():
    flat = np.full((20, 30), 200, np.uint8)

    np.testing.assert_array_equal(shade(flat, 70, 90), flat)
    np.testing.assert_array_equal(shade(flat, 70, 30), flat // 2)
    np.testing.assert_array_equal(shade(flat, 10, 30, relief=True), 128)


def test_a_slope_that_faces_the_light_is_brighter_than_one_that_faces_away():
    ramp = np.tile(np.linspace(0, 255, 21).astype(np.uint8), (20, 1))

    # Brightness is height: a picture that rises to the right faces left.
    assert shade(ramp, 180, 45, relief=True)[10, 10] > 195
    assert shade(ramp, 0, 45, relief=True)[10, 10] < 165


def test_motion_blur_spreads_ink_along_its_angle_only():
    for angle, axis in ((0, 1), (90, 0)):
        ink = 255.0 - motion_blur(disc(100, 100, (200, 200)), 0, 5, angle)
        before = 255.0 - disc(100, 100, (200, 200))
        along, across = ink.sum(axis=1 - axis), ink.sum(axis=axis)
        assert np.count_nonzero(along > 5) >= np.count_nonzero(before.sum(axis=1 - axis)) + 10
        assert np.count_nonzero(across > 5) == np.count_nonzero(before.sum(axis=axis))


def test_motion_blur_averages_the_pixels_ahead_with_half_a_gaussian():
    point = np.zeros((9, 21), np.uint8)
    point[4, 10] = 255

    blurred = motion_blur(point, 3, 2, 0)

    # GraphicsMagick's weights: three samples a pixel of exp(-t^2 / 8), 2 * 3 + 1 pixels.
    weights = np.exp(-((np.arange(21) / 3) ** 2) / 8).reshape(7, 3).sum(axis=1)
    np.testing.assert_allclose(blurred[4, 4:11][::-1], 255 * weights / weights.sum(), atol=0.51)
    assert blurred[4, 11:].max() == 0


@pytest.mark.parametrize(
    ("kind", "deviation"),
    [("uniform", 1.19), ("gaussian", 49.5), ("impulse", 40.2), ("laplacian", 14.1), ("poisson", 50.6)],
)
def test_noise_has_mean_zero_and_the_strength_of_its_kind(kind, deviation):
    grey = np.full((300, 300), 128, np.uint8)

    noisy = noise(grey, kind, np.random.default_rng(0)).astype(float)

    assert noisy.mean() == pytest.approx(128, abs=0.6)
    assert noisy.std() == pytest.approx(deviation, rel=0.05)
    doubled = noise(np.full((300, 300), 128, np.uint8), "uniform", np.random.default_rng(0), 2).astype(float)
    assert doubled.std() == pytest.approx(2.3, rel=0.05)


def test_a_median_removes_single_pixels():
    image = np.full((20, 20), 255, np.uint8)
    image[10, 10] = 0

    assert median(image, 0.5).min() == 255
    assert median(image, 0).min() == 0


WARPS = {
    "wave": wave_warp((120, 600), 6, 300),
    "implode": implode_warp((120, 600), 0.07),
    "swirl": swirl_warp((120, 600), 3),
    "shear": shear_warp((120, 600), 5, 1.5),
    "rotate": rotate_warp((120, 600), 4),
    "chop": chop_warp((120, 600), 100, 3, 5, 6),
}


@pytest.mark.parametrize("name", WARPS)
def test_points_go_where_the_ink_goes(name):
    warp = WARPS[name]
    for x, y in [(60, 40), (300, 70), (500, 90)]:
        np.testing.assert_allclose(
            warp.points(np.array([[x, y]]))[0], centre_of_ink(warp.apply(disc(x, y))), atol=0.35
        )


def test_joined_movements_are_one_after_the_other_but_sampled_once():
    swirled, sheared = WARPS["swirl"], shear_warp((120, 600), 5, 1.5)
    joined = swirled.then(sheared)

    twice = sheared.apply(swirled.apply(staff()))

    assert joined.shape == twice.shape
    assert np.corrcoef(joined.apply(staff()).ravel(), twice.ravel())[0, 1] > 0.97
    points = noteheads()
    np.testing.assert_allclose(joined.points(points), sheared.points(swirled.points(points)), atol=0.01)


def test_boxes_hold_what_they_held():
    (box,) = rotate_warp((120, 600), 10).boxes(np.array([[300, 60, 40, 20]]))

    sine, cosine = np.sin(np.radians(10)), np.cos(np.radians(10))
    np.testing.assert_allclose(box[2:], [40 * cosine + 20 * sine, 40 * sine + 20 * cosine], atol=0.01)


def test_the_same_seed_gives_the_same_distortion_and_another_seed_another():
    first, again, other = (distort(staff(), np.random.default_rng(seed)) for seed in (3, 3, 4))

    np.testing.assert_array_equal(first, again)
    assert first.shape != other.shape or (first != other).any()


def test_a_distorted_staff_keeps_its_noteheads_and_its_size_within_reason():
    for seed in range(20):
        image, warp = distort_with_warp(staff(), np.random.default_rng(seed))
        assert image.shape == warp.shape
        assert 110 <= image.shape[0] <= 145
        assert 590 <= image.shape[1] <= 615
        # Motion blur, up to some pixels along the staff, is not in the warp.
        for x, y in np.rint(warp.points(noteheads())).astype(int):
            assert 0 <= x < image.shape[1]
            assert image[max(y - 2, 0) : y + 3, max(x - 6, 0) : x + 3].min() < 140


def test_chopping_spares_the_lines_of_the_staff_and_its_bar_lines():
    image = np.full((120, 600), 255, np.uint8)
    image[[30, 31, 42, 43, 54, 55, 66, 67, 78, 79]] = 0
    image[30:80, 10::60] = image[30:80, 11::60] = 0

    for seed in range(40):
        draw = Distortions(shear_y=(0, 0), rotate=(0, 0), motion_sigma=(1, 1), motion_radius=(1, 1), gaussian_noise=0)
        distorted = distort(image, np.random.default_rng(seed), draw)
        ink = 255.0 - distorted
        rows = np.flatnonzero(_peaks(ink.mean(axis=1)))
        columns = np.flatnonzero(_peaks(ink[rows[0] + 4 : rows[1] - 4].mean(axis=0)))
        assert len(rows) == 5, seed
        assert 10 <= np.diff(rows).min() <= np.diff(rows).max() <= 14, seed
        assert len(columns) == 10, seed


def _peaks(profile: np.ndarray) -> np.ndarray:
    # Where a smoothed profile is above a third of its greatest value and above its neighbours.
    smooth = np.convolve(profile, [1, 2, 3, 2, 1], mode="same")
    return (smooth > smooth.max() / 3) & (smooth >= np.roll(smooth, 1)) & (smooth > np.roll(smooth, -1))


def test_ranges_can_be_narrowed_to_no_distortion_at_all():
    off = Distortions(
        implode=(0, 0), chop_width=(0, 0), chop_height=(0, 0), swirl=(0, 0), spread=(0, 0), shear_x=(0, 0),
        shear_y=(0, 0), elevation=(90, 90), wave_amplitude=(0, 0), rotate=(0, 0), gaussian_noise=0,
        motion_sigma=(0, 0), median=(0, 0),
    )  # fmt: skip

    distorted = distort(staff(), np.random.default_rng(0), off)

    # Light from straight above still dims the edges of ink.
    assert np.abs(distorted.astype(int) - shade(staff(), 0, 90)).max() <= 2


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32))
def test_pictures_of_any_size_can_be_distorted(height, width, seed):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (height, width), np.uint8)

    distorted = distort(image, rng)

    assert distorted.dtype == np.uint8
    assert distorted.ndim == 2
    assert distorted.flags.c_contiguous


@pytest.mark.parametrize("shape", [(1, 1), (1, 30000), (3000, 1)])
def test_one_pixel_and_very_long_pictures_pass_through_every_effect(shape):
    image = np.full(shape, 200, np.uint8)
    rng = np.random.default_rng(0)

    results = [
        wave(image, 2, 30), implode(image, 0.07), swirl(image, 3), shear(image, 1, 0.1), rotate(image, 0.1),
        chop(image, 0, 0, 2, 2), spread(image, 2, rng), shade(image, 30, 90), motion_blur(image, 0, 2, 5),
        noise(image, "gaussian", rng), median(image, 1),
    ]  # fmt: skip

    assert all(result.dtype == np.uint8 and result.ndim == 2 and result.size for result in results)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda image, rng: wave(image, float("nan"), 5), "amplitude"),
        (lambda image, rng: wave(image, 1, 0), "wavelength"),
        (lambda image, rng: implode(image, 2), "amount"),
        (lambda image, rng: swirl(image, 400), "degrees"),
        (lambda image, rng: shear(image, 90, 0), "degrees_x"),
        (lambda image, rng: shear(image, 0, -90), "degrees_y"),
        (lambda image, rng: rotate(image, 90), "degrees"),
        (lambda image, rng: chop(image, -1, 0, 1, 1), "x"),
        (lambda image, rng: chop(image, 0, 0, 1, -1), "height"),
        (lambda image, rng: spread(image, 101, rng), "radius"),
        (lambda image, rng: shade(image, 500, 30), "azimuth"),
        (lambda image, rng: shade(image, 50, -30), "elevation"),
        (lambda image, rng: motion_blur(image, 500, 1, 0), "radius"),
        (lambda image, rng: motion_blur(image, 5, 0, 0), "sigma"),
        (lambda image, rng: motion_blur(image, 5, 1, 1e9), "angle"),
        (lambda image, rng: noise(image, "pink", rng), "kind"),
        (lambda image, rng: noise(image, "uniform", rng, -1), "amount"),
        (lambda image, rng: median(image, 3), "radius"),
        (lambda image, rng: Distortions(swirl=(3, -3)), "swirl"),
        (lambda image, rng: Distortions(gaussian_noise=2), "gaussian_noise"),
    ],
)
def test_a_parameter_out_of_range_is_named(call, named):
    with pytest.raises(ValueError, match=f"^{named} must be"):
        call(staff(), np.random.default_rng(0))


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4)), np.zeros((4, 4, 3), np.uint8), np.zeros((0, 4), np.uint8), [[0, 1]]]
)
def test_anything_but_a_grey_picture_is_refused(image):
    with pytest.raises(ValueError, match="image must be a uint8 array"):
        distort(image, np.random.default_rng(0))


def test_a_picture_too_long_to_sample_is_refused():
    with pytest.raises(ValueError, match="at most 32766 pixels, got"):
        distortion.swirl(np.zeros((1, 40000), np.uint8), 3)
