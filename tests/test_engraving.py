"""Engraving: notation in, SVG pages out, and nothing silently empty."""

import multiprocessing
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorehub.engraving import FONTS, MAX_CHARACTERS, Layout, engrave, engrave_score, engrave_staff, random_layout
from scorehub.svg import UNITS_PER_MM, find_boxes, rasterise, svg_size_mm

PAE = "@clef:G-2\n@keysig:xF\n@timesig:3/4\n@data:'2G4A/2.B//\n"
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


@pytest.mark.parametrize("font", FONTS)
def test_the_box_of_a_sign_is_where_its_ink_is(font):
    """Clef, flats, meter, rest, bar line: without the lines of the staff nothing else is drawn in their columns."""
    notation = "**kern\n*clefG2\n*k[b-e-]\n*M3/4\n4cc\n4r\n4r\n=\n2.cc\n=\n*-\n"
    engraving = engrave_staff(notation, Layout(font=font, note_spacing=0.8))
    (svg,) = engraving.pages
    width = 4000
    bare = re.sub(r'(class="staff">)(\s*<path [^>]*/>)*', r"\1", svg)
    ink = np.flatnonzero((np.asarray(rasterise(bare, width)) < 128).any(axis=0)) * svg_size_mm(svg)[0] / width
    boxes, kinds = find_boxes(svg, font), ("clef", "keySig", "meterSig", "rest", "barLine")
    names = dict(re.findall(r'<g id="([^"]+)" class="(\w+)"', svg))
    signs = [box for name, box in boxes.items() if names[name] in kinds]
    assert len(signs) == 7
    for left, _, right, _ in signs:
        left, right = left / UNITS_PER_MM, right / UNITS_PER_MM
        own = ink[(ink > left - 0.5) & (ink < right + 0.5)]
        assert (own[0], own[-1]) == pytest.approx((left, right), abs=0.15)  # lines are 0.2 mm thick


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


def test_music_is_moved_into_the_key_with_the_fewest_accidentals():
    moved = engrave_score("@clef:G-2\n@keysig:\n@timesig:4/4\n@data:4CDEF/", Layout(semitones=1)).mei
    assert re.findall(r'pname="(.)"', moved) == ["d", "e", "f", "g"]
    assert re.findall(r'sig="([^"]+)"', moved) == ["5f"]
    with pytest.raises(ValueError, match="semitones must be -12 to 12, got 13"):
        Layout(semitones=13)


@pytest.mark.parametrize("staff_mm", [0, 100, float("nan")])
def test_a_staff_of_no_sane_height_is_refused(staff_mm):
    with pytest.raises(ValueError, match="staff_mm must be 1 to 50"):
        Layout(staff_mm=staff_mm)


def test_random_layouts_come_from_the_seed_and_use_every_font():
    layouts = [random_layout(np.random.default_rng(seed)) for seed in range(40)]

    assert layouts[7] == random_layout(np.random.default_rng(7))
    assert {layout.font for layout in layouts} == set(FONTS)
    assert len({layout.staff_mm for layout in layouts}) == 40


@pytest.mark.parametrize("notation", [SCALE, PAE], ids=["kern", "pae"])
def test_a_staff_is_one_system_without_a_page(notation):
    engraving = engrave_staff(notation, random_layout(np.random.default_rng(1), one_staff=True))
    (page,) = engraving.pages
    image = rasterise(page, engraving.width_for(staff_px=64))

    assert page.count('class="system"') == 1
    assert image.height < 64 * 5


def test_a_staff_has_the_asked_height_in_pixels():
    engraving = engrave_staff("**kern\n*clefG2\n1r\n1cc\n*-\n")
    image = np.asarray(rasterise(engraving.pages[0], engraving.width_for(staff_px=80)))

    lines = np.flatnonzero((image < 128).mean(axis=1) > 0.9)
    assert lines[-1] - lines[0] == pytest.approx(80, abs=3)


def test_two_staves_are_no_staff():
    with pytest.raises(ValueError, match="must have one staff, got 2"):
        engrave_staff("**kern\t**kern\n1c\t1e\n*-\t*-\n")


def test_notation_that_crashes_verovio_costs_only_its_own_call():
    # Verovio ends its process: the second line of data has a field too few.
    with pytest.raises(ValueError, match="crashed with SIGABRT"):
        engrave("**kern\t**kern\t**kern\n*clefF4\t*clefG2\t*clefG2\n4c\t4e\t4g\n*^\t*\t*\n4c\t4e\n*-\t*-\t*-\n")

    assert engrave(SCALE)


def test_a_forked_process_engraves_in_a_child_of_its_own():
    expected = engrave(SCALE)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(engrave, [SCALE] * 4) == [expected] * 4

    assert engrave(SCALE) == expected


@pytest.mark.parametrize("notation", ["\0" + SCALE, "\ud800" + SCALE])
def test_notation_that_is_no_text_is_refused(notation):
    with pytest.raises(ValueError, match="must be text"):
        engrave(notation)


def test_notation_without_end_is_refused():
    with pytest.raises(ValueError, match="must have at most"):
        engrave("x" * (MAX_CHARACTERS + 1))


def test_the_times_of_an_engraving_stay_its_own_when_another_follows():
    first, second = engrave_score(SCALE), engrave_score(PAE)

    assert len([event for event in first.times()[0] if "on" in event]) == 49
    assert len([event for event in second.times()[0] if "on" in event]) == 3


@given(st.integers(0, 2**32), st.sampled_from([SCALE, PAE]))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_broken_notation_is_engraved_or_refused_with_a_reason(seed, notation):
    rng = np.random.default_rng(seed)
    letters = list(notation)
    for _ in range(rng.integers(1, 12)):
        at = rng.integers(len(letters))
        letters[at : at + rng.integers(0, 3)] = [str(rng.choice(list("09-+={}()[]/.'@:#&<>*^\t\nqg\x01\u4e00")))]
    reason = ""
    try:
        pages = engrave("".join(letters))
    except ValueError as error:
        pages, reason = [], str(error)

    assert pages or reason.startswith("notation must")


@pytest.mark.parametrize("width", [0, -1, 10**6])
def test_an_image_of_no_sane_size_is_refused(width):
    with pytest.raises(ValueError, match="image must have 1 to"):
        rasterise(engrave(SCALE)[0], width)


def test_svg_of_another_make_is_refused():
    with pytest.raises(ValueError, match="must be engraved by verovio"):
        rasterise('<svg viewBox="0 0 10 10"><rect width="5" height="5"/></svg>', 10)


def test_an_octave_line_is_dashed():
    mei = engrave_score("**kern\n*clefG2\n4c\n4d\n4e\n4f\n=\n4c\n4d\n4e\n4f\n*-\n").mei
    first, *_, last = re.findall(r'<note xml:id="([^"]+)"', mei)
    line = f'<octave dis="8" dis.place="above" staff="1" startid="#{first}" endid="#{last}"/>'
    score = engrave_staff(mei.replace("</measure>", line + "</measure>", 1))
    image = np.asarray(rasterise(score.pages[0], 1600))

    changes = np.abs(np.diff((image < 128).astype(int), axis=1)).sum(axis=1)
    above_the_staff = changes[: int(np.argmax((image < 128).mean(axis=1) > 0.5))]
    assert above_the_staff.max() > 20
