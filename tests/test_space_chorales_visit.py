"""The Space of chorales in a headless browser."""

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect
from space_browser import CHROMIUM, Space, set_number, visit
from tiny_chorales import tiny, write_networks

from scorehub.notes import make_notes, read_midi, write_midi
from scorehub.pipelines.chorales.sampling import Sampling
from scorehub.spaces.chorales import app, writing

APP = Path(app.__file__)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_networks(tmp_path_factory.mktemp("networks"))


@pytest.mark.skipif(CHROMIUM is None, reason="neither chromium nor google-chrome is installed")
def test_a_visitor_composes_harmonises_and_has_voices_drawn_again(folder, tmp_path):
    with Space(APP, tmp_path, {"CHORALES_MODEL": str(folder)}) as space, visit(space) as page:
        page.get_by_text("Nothing is written yet").wait_for()
        compose(page, tmp_path)
        hear(page)
        draw_again(page, tmp_path)
        everything_fits_a_telephone_and_a_dark_room(page)
        harmonise(page, tmp_path)
        upload(page, tmp_path)
        stop(page, tmp_path)


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def compose(page, folder):
    """Two bars: a score and files of the very chorale that the seed gives."""
    set_number(page, "Bars of four quarters", 2)
    press(page, "Compose")
    page.get_by_text("Written in").wait_for()
    page.get_by_text("TonicNet, seed 0").wait_for()
    job = writing.write_watched(tiny("tonicnet"), writing.nothing_known(2), Sampling(0.8), 0)
    list(job)
    pitches = job.result.pitches
    name, data = download(page, "MIDI", folder)
    assert name == "chorale_tonicnet_0.mid"
    assert sung(data) == [without_repeats(voice) for voice in pitches.T]
    assert page.locator(".written .note").count() >= sum(len(without_repeats(voice)) for voice in pitches.T)
    assert download(page, "MusicXML", folder)[1].startswith(b"<?xml")
    assert download(page, "PNG", folder)[1].startswith(b"\x89PNG")


def sung(midi):
    """The notes of each voice."""
    notes = read_midi(midi)
    return [notes.choose(notes.track == voice).pitch.tolist() for voice in range(4)]


def without_repeats(voice):
    return [int(pitch) for place, pitch in enumerate(voice) if pitch >= 0 and (not place or voice[place - 1] != pitch)]


def hear(page):
    """A click on the last note plays from there, and it lights up; what breaks a rule is shown."""
    last = page.locator(".written .note").last
    last.locator(".notehead").dispatch_event("click")
    page.wait_for_function("document.querySelector('.written .lit')")
    assert page.evaluate("document.querySelector('audio').currentTime") >= float(last.get_attribute("data-on"))
    place = page.locator(".findings button").first
    place.hover()
    number = place.get_attribute("data-faults")
    pointed = page.locator(".written .pointed").evaluate_all(
        "all => all.map((note) => note.dataset.faults.split(' '))"
    )
    assert pointed
    assert all(number in numbers for numbers in pointed)


def draw_again(page, folder):
    """Bass and soprano, by another network: alto and tenor stay."""
    before = sung(download(page, "MIDI", folder)[1])
    page.get_by_label("Network").first.click()
    page.get_by_role("option", name="Coconet").click()
    page.get_by_text("Draws any notes anew").wait_for()
    set_number(page, "Rounds", 8)
    for name in ("Soprano", "Alto", "Tenor", "Bass"):
        page.get_by_label(name, exact=True).set_checked(name in ("Soprano", "Bass"))
    press(page, "Draw these again")
    page.get_by_text("voices drawn again 1 time").wait_for()
    name, data = download(page, "MIDI", folder)
    assert name == "chorale_coconet_0_redone_1.mid"
    after = sung(data)
    assert after[1:3] == before[1:3]
    assert after[0] != before[0]


def everything_fits_a_telephone_and_a_dark_room(page):
    page.set_viewport_size({"width": 390, "height": 844})
    page.evaluate("document.body.classList.add('dark')")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    colour = "line => getComputedStyle(line).stroke"
    assert page.locator(".written .staff path").first.evaluate(colour) == "rgb(0, 0, 0)"
    page.evaluate("document.body.classList.remove('dark')")
    page.set_viewport_size({"width": 1360, "height": 950})


def harmonise(page, folder):
    """A tune to try, then what is typed; what is no melody gets a reason, and the next one works."""
    page.get_by_label("Harmonise", exact=True).check()
    page.get_by_label("A tune to try").click()
    page.get_by_role("option", name="Old Hundredth (Bourgeois, 1551)").click()
    wait_for_text(page, "GFED/GA(B)B")
    text = page.get_by_role("textbox", name="Or type it")
    text.fill("4'C/HHH")
    text.press("Tab")
    page.locator(".reason").get_by_text("Plaine & Easie measure 2").wait_for()
    expect(page.get_by_label("A tune to try")).to_have_value("")
    text.fill("4'C/DEFG/2C")
    text.press("Tab")
    page.locator(".sheet.small > svg").wait_for()
    press(page, "Harmonise")
    page.get_by_text("Coconet, seed 0").wait_for()
    page.locator(".result").get_by_text("1.75 bars").wait_for()
    assert sung(download(page, "MIDI", folder)[1])[0] == [60, 62, 64, 65, 67, 60]
    expect(page.get_by_label("Upbeat, quarters").first).to_have_value("1")


def upload(page, folder):
    """What is no music gets a reason; a file's melody comes into the text."""
    files = page.locator(".upload input[type=file]")
    (folder / "noise.mid").write_bytes(np.random.default_rng(0).bytes(500))
    files.set_input_files(folder / "noise.mid")
    page.locator(".reason").get_by_text("MIDI file must be whole and well formed").wait_for()
    (folder / "tune.mid").write_bytes(write_midi(make_notes(np.arange(3.0), np.ones(3), [67, 69, 71]), tempo=60))
    files.set_input_files(folder / "tune.mid")
    wait_for_text(page, "GAB")
    press(page, "Harmonise")
    page.locator(".result").get_by_text("0.75 bars").wait_for()
    assert sung(download(page, "MIDI", folder)[1])[0] == [67, 69, 71]


def wait_for_text(page, part):
    page.wait_for_function(f"[...document.querySelectorAll('textarea')].some((box) => box.value.includes('{part}'))")


def stop(page, folder):
    """A job that takes too long is stopped; the chorale that was there still is."""
    page.get_by_label("Compose", exact=True).check()
    set_number(page, "Bars of four quarters", 32)
    set_number(page, "Rounds", 512)
    press(page, "Another seed")
    page.get_by_text("of 512").wait_for()
    press(page, "Stop")
    page.get_by_text("Stopped").wait_for()
    expect(page.locator(".written")).to_be_visible()
    expect(page.locator(".growing")).to_have_count(0)
    assert sung(download(page, "MIDI", folder)[1])[0] == [67, 69, 71]


def download(page, kind, folder):
    with page.expect_download() as event:
        page.get_by_text(f"Download {kind}").click()
    event.value.save_as(folder / kind)
    return event.value.suggested_filename, (folder / kind).read_bytes()
