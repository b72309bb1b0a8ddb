"""The Space of music transcription in a headless browser."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from space_browser import CHROMIUM, Space, visit
from transcriber_files import TOKENS, write_transcriber

from scorehub.notes import read_midi
from scorehub.spaces.music_transcription import browser

APP = Path(browser.__file__).with_name("app.py")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_transcriber(tmp_path_factory.mktemp("transcriber"))


@pytest.mark.skipif(CHROMIUM is None, reason="neither chromium nor google-chrome is installed")
def test_a_visitor_gives_a_picture_and_a_recording_and_finds_where_they_differ(folder, tmp_path):
    with Space(APP, tmp_path, {"MUSIC_TRANSCRIPTION_MODEL": str(folder / "model")}) as space, visit(space) as page:
        page.get_by_text("Something to try").wait_for()
        page.locator(".result .title:visible").wait_for()
        give(page, "upload", folder / "staff.png")
        page.get_by_text("Read from the picture alone").wait_for()
        give(page, "recording", folder / "tones.wav")
        page.get_by_text("Picture and recording differ in 1 place").wait_for()
        the_difference_is_marked_everywhere(page)
        the_difference_can_be_heard(page)
        trust_decides(page)
        results_can_be_taken_home(page, tmp_path)
        everything_fits_a_telephone_and_a_dark_room(page)
        what_is_bad_gets_a_reason(page, folder)
        a_staff_is_cut_out(page, folder)


def give(page, name, path):
    """Instead of what was there."""
    clear = page.locator(f".{name}").get_by_label("Clear")
    if clear.count():
        clear.click()
    page.locator(f".{name} input[type=file]").set_input_files(path)


def the_difference_is_marked_everywhere(page):
    cells = page.locator(".differences td").all_inner_texts()
    assert [cell.split("\n")[0] for cell in cells] == [
        "Measure 1, beat 2",
        "E4 quarter 90 %",
        "F4 quarter 80 %",
        "E4 quarter 55 %",
    ]
    assert page.locator(".pins b").all_inner_texts() == ["1", "1", "1"]
    page.locator(".mark[data-place='2']").first.hover()
    page.get_by_text("Measure 1, beat 1: C4 quarter, 100 %").wait_for()
    lit = page.locator(".lit").evaluate_all("all => all.map((one) => one.dataset.place)")
    assert lit == ["2"] * 4  # picture, engraving, recording, list
    page.locator(".differences td").first.hover()
    page.get_by_text("Difference 1: the picture says E4 quarter; the recording says F4 quarter").wait_for()


def the_difference_can_be_heard(page):
    """The result from beat 2, half a second in, less a little; the recording where F4 begins."""
    for name, begin in (("result", 0.2), ("recording", 1.2)):
        page.get_by_role("button", name=f"▶ {name}").click()
        page.wait_for_function(f"document.querySelector('.sound-{name}').currentTime > {begin}")
        assert not page.locator(f".sound-{name}").evaluate("sound => sound.paused")
    assert page.locator(".sound-result").evaluate("sound => sound.paused")


def trust_decides(page):
    trust = page.locator("input[type=range]").and_(page.get_by_label("Trust in the picture"))
    trust.fill("20")
    trust.dispatch_event("pointerup")
    page.get_by_text("F4 quarter 66 %").wait_for()
    assert page.get_by_text("as the recording says").is_visible()


def results_can_be_taken_home(page, folder):
    contents = {}
    for kind in ("MusicXML", "MIDI", "tokens"):
        with page.expect_download() as event:
            page.get_by_text(f"Download {kind}").click()
        event.value.save_as(folder / kind)
        contents[event.value.suggested_filename] = (folder / kind).read_bytes()
    assert list(contents) == ["staff.musicxml", "staff.mid", "staff.semantic"]
    assert contents["staff.semantic"].decode() == "\t".join(TOKENS).replace("E4", "F4") + "\t"
    assert read_midi(contents["staff.mid"]).pitch.tolist() == [60, 65, 67]
    steps = [step.text for step in ElementTree.fromstring(contents["staff.musicxml"]).iter("step")]
    assert steps == ["C", "F", "G"]


def everything_fits_a_telephone_and_a_dark_room(page):
    page.set_viewport_size({"width": 390, "height": 844})
    page.evaluate("document.body.classList.add('dark')")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert (
        page.locator(".strips svg .staff path").first.evaluate("line => getComputedStyle(line).stroke")
        == "rgb(0, 0, 0)"
    )
    page.evaluate("document.body.classList.remove('dark')")
    page.set_viewport_size({"width": 1360, "height": 950})


def what_is_bad_gets_a_reason(page, folder):
    for name, file, reason in (
        ("recording", "noise.wav", "Audio file must be whole and of a known format"),
        ("recording", "long.wav", "Recording must last at most 120 s"),
        ("recording", "silent.wav", "Audio must have sound"),
        ("upload", "noise.png", "Picture must be a whole PNG, JPEG"),
        ("upload", "huge.png", "at most 64,000,000 pixels"),
    ):
        give(page, name, folder / file)
        page.locator(".reason").get_by_text(reason).wait_for()
        assert not page.locator(".result .strips").is_visible()
    page.locator(".recording").get_by_label("Clear").click()
    page.get_by_text("Give a picture of a staff, a recording of it, or both.").wait_for()


def a_staff_is_cut_out(page, folder):
    """The lower one of two: all of the width, from below the middle on."""
    give(page, "upload", folder / "two.png")
    page.locator(".reason").get_by_text("must show one staff, got 2").wait_for()
    box = page.locator(".cutter").bounding_box()
    right, bottom = box["x"] + box["width"] - 1, box["y"] + box["height"] - 1
    page.mouse.move(box["x"], box["y"] + 188 / 316 * box["height"])
    page.mouse.down()
    page.mouse.move(right - 50, bottom - 50)
    page.mouse.move(right, bottom)
    page.mouse.up()
    page.get_by_text("Read from the picture alone").wait_for()
