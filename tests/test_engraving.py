"""Engraving: notation in, SVG pages out, and nothing silently empty."""

import numpy as np
import pytest

from scorehub.engraving import Layout, engrave
from scorehub.svg import rasterise, svg_size_mm

SCALE = "**kern\n*clefG2\n*k[]\n*M4/4\n" + "4c\n4d\n4e\n4f\n=\n" * 12 + "1g\n==\n*-\n"


def test_a_page_has_the_size_of_the_paper():
    (page,) = engrave(SCALE, n_measures=13)

    assert svg_size_mm(page) == pytest.approx((210, 297), abs=0.2)


def test_the_same_notation_gives_the_same_svg():
    assert engrave(SCALE) == engrave(SCALE)


def test_encoded_breaks_give_one_cropped_svg_per_system():
    broken = SCALE.replace("4f\n=\n", "4f\n!!LO:PB:g=z\n=\n")

    systems = engrave(broken, Layout(breaks="encoded", crop_height=True), n_measures=13)

    assert len(systems) == 13
    assert all(svg_size_mm(system)[1] < 60 for system in systems)


def test_a_larger_staff_is_drawn_larger():
    def ink(staff_mm: float) -> float:
        return float(
            (
                np.asarray(rasterise(engrave("**kern\n*clefG2\n1c\n*-\n", Layout(staff_mm=staff_mm))[0], 800)) < 128
            ).sum()
        )

    assert ink(9.0) > 1.3 * ink(5.0)


def test_a_raster_image_is_black_on_white_in_the_asked_width():
    image = rasterise(engrave(SCALE)[0], 600)

    assert image.mode == "L"
    assert image.width == 600
    assert image.getpixel((2, 2)) == 255
    assert image.getextrema()[0] < 40


@pytest.mark.parametrize("notation", ["", "no music at all", "<mei/>", "**kern\n*clefG2\n*-\n", "X:1\nK:C\n"])
def test_notation_without_music_is_refused(notation):
    with pytest.raises(ValueError, match="must have a staff, a note and a measure"):
        engrave(notation)


def test_a_wrong_number_of_measures_is_refused():
    with pytest.raises(ValueError, match="must have 12 measures, got 13"):
        engrave(SCALE, n_measures=12)


def test_an_unknown_font_is_refused():
    with pytest.raises(ValueError, match="font must be one of"):
        Layout(font="Comic Sans")
