"""Staves, clefs and key signatures are read off pages that are engraved here, and nothing off pages without music."""

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from scorehub.engraving import Layout, engrave_score
from scorehub.page_reader import MIN_STAVES, PageReading, StaffReading, agreement, key_fifths, read_score_page
from scorehub.svg import rasterise

LAYOUT = Layout(
    staff_mm=7.2, width_mm=115.2, height_mm=158.4, margin_mm=3.6, system_gap=4, note_spacing=0.22, line_width=0.25
)
CLEFS = {"G2": ("G-2", "'"), "C3": ("C-3", ""), "F4": ("F-4", ",")}
SIGNATURES = {fifths: "x" + "FCGDAEB"[:fifths] if fifths > 0 else "b" + "BEADGCF"[:-fifths] for fifths in range(-7, 8)}


def engraved_page(clef, fifths, seed=0):
    """A page of random quarters, 256 x 352 px."""
    rng = np.random.default_rng(seed)
    name, octave = CLEFS[clef]
    signature = f"@keysig:{SIGNATURES[fifths]}\n" if fifths else ""
    measures = ["".join(f"{octave}4{step}" for step in rng.choice(list("CDEFGAB"), 4)) for _ in range(60)]
    engraving = engrave_score(f"@clef:{name}\n{signature}@timesig:4/4\n@data:{'/'.join(measures)}", LAYOUT)
    return rasterise(engraving.pages[0], 256), engraving.pages[0].count('class="system"')


def piano_page():
    """Measures for piano with two sharps."""
    steps = "CDEFGAB"
    measures = []
    for number in range(24):
        notes = [
            f"<note><pitch><step>{steps[(number + 3 * staff) % 7]}</step><octave>{octave}</octave></pitch>"
            f"<duration>4</duration><voice>{staff}</voice><type>whole</type><staff>{staff}</staff></note>"
            for staff, octave in ((1, 5), (2, 3))
        ]
        clefs = "".join(
            f'<clef number="{n}"><sign>{sign}</sign><line>{line}</line></clef>'
            for n, sign, line in ((1, "G", 2), (2, "F", 4))
        )
        head = (
            f"<attributes><divisions>1</divisions><key><fifths>2</fifths></key><time><beats>4</beats>"
            f"<beat-type>4</beat-type></time><staves>2</staves>{clefs}</attributes>"
        )
        backup = "<backup><duration>4</duration></backup>"
        measures.append(
            f'<measure number="{number + 1}">{head if not number else ""}{notes[0]}{backup}{notes[1]}</measure>'
        )
    part = (
        f'<part-list><score-part id="P1"><part-name/></score-part></part-list><part id="P1">{"".join(measures)}</part>'
    )
    engraving = engrave_score(f'<?xml version="1.0"?><score-partwise version="4.0">{part}</score-partwise>', LAYOUT)
    return rasterise(engraving.pages[0], 256)


@pytest.mark.parametrize("clef", CLEFS)
@pytest.mark.parametrize("fifths", SIGNATURES)
def test_each_clef_and_signature_is_read(clef, fifths):
    page, n_staves = engraved_page(clef, fifths)
    reading = read_score_page(page)
    assert (reading.n_found, len(reading.staves)) == (n_staves, n_staves)
    assert (reading.clef, reading.fifths) == (clef, fifths)
    assert sum(staff.fifths == fifths for staff in reading.staves) > 2 / 3 * n_staves


@pytest.mark.parametrize("clef", CLEFS)
def test_pages_that_are_blurred_or_noisy_or_larger_are_read_all_the_same(clef):
    page, n_staves = engraved_page(clef, -3)
    grey, rng = np.asarray(page, np.float64), np.random.default_rng(0)
    changed = [gaussian_filter(grey, 0.7), grey + rng.normal(0, 25, grey.shape)]
    pages = [Image.fromarray(np.clip(each, 0, 255).astype(np.uint8)) for each in changed]
    for each in (*pages, page.resize((512, 704)), page.convert("RGB")):
        reading = read_score_page(each)
        assert (len(reading.staves), reading.clef, reading.fifths) == (n_staves, clef, -3)


def test_a_piano_has_treble_over_bass():
    reading = read_score_page(piano_page())
    assert reading.is_braced
    assert reading.fifths == 2
    assert agreement(reading, {"instrumentation": "piano", "key": "B minor"}) == {
        "staves": True,
        "clef": True,
        "key": True,
    }
    assert not agreement(read_score_page(engraved_page("G2", 2)[0]), {"instrumentation": "piano"})["clef"]


def test_pages_without_music_have_no_staves():
    rng = np.random.default_rng(0)
    stripes = np.full((352, 256), 255.0)
    for top in range(20, 320, 48):
        stripes[top : top + 17 : 4, 8:248] = 60  # empty staves
    noise = [
        np.full((352, 256), 255.0),
        rng.uniform(0, 255, (352, 256)),
        gaussian_filter(rng.normal(128, 400, (352, 256)), 2),
    ]
    for page in (*noise, stripes):
        reading = read_score_page(Image.fromarray(np.clip(page, 0, 255).astype(np.uint8)))
        assert reading.staves == ()
        assert not reading.has_staves
        assert reading.clef is None
        assert reading.fifths is None
    assert reading.n_found == 7


@pytest.mark.parametrize(
    ("key", "fifths"),
    [
        ("C major", 0), ("A minor", 0), ("A major", 3), ("F sharp minor", 3), ("E flat major", -3),
        ("C flat major", -7), ("A sharp minor", 7), ("B-flat minor", -5), ("C# major", 7), ("Gb major", -6),
        (" D minor ", -1),
    ],
)  # fmt: skip
def test_keys_have_the_signatures_of_the_circle_of_fifths(key, fifths):
    assert key_fifths(key) == fifths


@pytest.mark.parametrize("key", ["", "H major", "A", "major", "G sharp major", "F flat minor", "a" * 1000])
def test_other_keys_are_refused(key):
    with pytest.raises(ValueError, match="key must be like 'A major'"):
        key_fifths(key)


def test_the_majority_of_staves_speaks_for_the_page():
    staves = [StaffReading("G2", 3, 0), StaffReading("G2", 3, 1), StaffReading("F4", 2, 2)]
    reading = PageReading(5, tuple(staves))
    assert (reading.clef, reading.fifths) == ("G2", 3)
    assert agreement(reading, {"instrumentation": "Violin", "key": "A major"}) == {
        "staves": True,
        "clef": True,
        "key": True,
    }
    assert agreement(reading, {"instrumentation": "viola", "key": "A minor"}) == {
        "staves": True,
        "clef": False,
        "key": False,
    }


def test_what_a_prompt_does_not_say_is_not_judged():
    fields = {"composer": "Bach", "instrumentation": "kazoo", "key": ""}
    assert agreement(PageReading(0, ()), fields) == {"staves": False}
    few = PageReading(2, (StaffReading("G2", 0, 0),) * (MIN_STAVES - 1))
    assert agreement(few, {"key": "C major"}) == {"staves": False, "key": False}


def test_pictures_that_are_too_small_are_refused():
    with pytest.raises(ValueError, match="page must be"):
        read_score_page(Image.new("L", (20, 30)))
