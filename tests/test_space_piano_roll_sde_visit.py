"""The Space of score-SDE piano rolls in a headless browser."""

import base64
import re
import struct
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect
from small_sampler import SCALE, SPEC, small_sampler
from space_browser import CHROMIUM, Space, set_number, visit

from scorehub.notes import read_midi, write_midi
from scorehub.spaces.piano_roll_sde import show

APP = Path(show.__file__).with_name("app.py")


@pytest.mark.skipif(CHROMIUM is None, reason="neither chromium nor google-chrome is installed")
def test_a_visitor_draws_rolls_hears_them_and_repairs_a_piece(tmp_path):
    small_sampler().save_pretrained(tmp_path / "model")
    with Space(APP, tmp_path, {"PIANO_ROLL_SDE_MODEL": str(tmp_path / "model")}) as space, visit(space) as page:
        draw(page, tmp_path)
        page.get_by_role("tab", name="Repair").click()
        upload_what_is_no_midi(page, tmp_path)
        mark(page, tmp_path)
        repair(page, tmp_path)


def draw(page, folder):
    """Two rolls in five steps: the picture changes, sound and file are there; a long job is stopped."""
    pictures = page.locator(".card:visible .paper img")
    noise = pictures.first.get_attribute("src")
    set_number(page, "Steps", 5)
    page.locator(".count").get_by_label("2").check()
    page.get_by_role("button", name="Draw", exact=True).click()
    page.get_by_text("6 evaluations of the network").wait_for()
    expect(pictures).to_have_count(2)
    assert noise not in {picture.get_attribute("src") for picture in pictures.all()}
    title = page.locator(".card:visible .title").nth(1).inner_text()
    assert "Seed 1" in title
    assert np.abs(heard(page, ".card:visible >> nth=1")).max() > 1000
    notes = read_midi(download(page, ".card:visible >> nth=1", folder / "drawn.mid", "roll_1.mid"))
    assert f"{len(notes)} notes" in title
    assert SPEC.lowest <= notes.pitch.min() <= notes.pitch.max() < SPEC.lowest + SPEC.n_pitches

    page.get_by_label("Sampler").first.click()
    page.get_by_role("option", name="Random walk").click()
    page.get_by_text("new noise in each of many steps").wait_for()
    set_number(page, "Steps", 1000)
    page.get_by_role("button", name="Another seed").first.click()
    page.get_by_text("of 1000").wait_for()
    page.get_by_role("button", name="Stop").first.click()
    page.get_by_text("Stopped").wait_for()
    expect(page.get_by_label("Seed").first).to_have_value("2")


def upload_what_is_no_midi(page, folder):
    """Its reason is in the page, and the tune that was there still is."""
    (folder / "noise.mid").write_bytes(np.random.default_rng(1).bytes(3000))
    page.locator("input[type=file]:visible, .upload input[type=file]").last.set_input_files(folder / "noise.mid")
    page.get_by_text("MIDI file must be whole and well formed").wait_for()
    expect(page.get_by_text("Bach: Prelude in C major").last).to_be_visible()


def mark(page, folder):
    """Uploads the scale and marks 4 to 6 s by numbers; a drag over the second half of what is seen marks that."""
    (folder / "scale.mid").write_bytes(write_midi(SCALE))
    page.locator(".upload input[type=file]").set_input_files(folder / "scale.mid")
    page.get_by_text("20 notes, D3 to A4").wait_for()
    page.get_by_role("button", name="Continue after the end").click()
    page.get_by_label("From (seconds)").and_(page.locator("input[type=number]")).wait_for()
    shade = page.locator(".markable:visible .roll:not(.strip) .passage").first
    roll = page.locator(".markable:visible .roll:not(.strip) .paper").first
    roll.locator("xpath=self::*[@data-end='14.0']").wait_for()
    box = roll.bounding_box()  # 4 to 14 s
    page.mouse.move(box["x"] + 1, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 20)
    page.mouse.up()
    page.locator(".paper[data-end='10.0']").nth(1).wait_for()  # 4 to 7 s are marked, all is seen
    assert 39 < percent(shade, "left") < 41
    assert 28 < percent(shade, "width") < 31
    set_number(page, "From (seconds)", 4)
    set_number(page, "To (seconds)", 6)
    page.locator(".passage[style*='left: 40.000%; width: 20.000%']").last.wait_for()


def repair(page, folder):
    """In five steps of two takes each: all notes outside of 4 to 6 s are as they were."""
    page.get_by_text("Sampler, steps, takes, seed").click()
    set_number(page, "Steps", 5)
    set_number(page, "Takes of each step", 2)
    page.get_by_role("button", name="Repair", exact=True).click()
    page.get_by_text(re.compile(r"^\d+ evaluations of the network")).locator("visible=true").wait_for()
    page.get_by_text("11 evaluations of the network").wait_for(timeout=1000)
    assert np.abs(heard(page, ".card:visible >> nth=1")).max() > 1000
    after = read_midi(download(page, ".card:visible >> nth=1", folder / "repaired.mid", "scale_repaired.mid"))
    outside = (after.onset < 4) | (after.onset >= 6)
    assert after.pitch[outside].tolist() == [*range(50, 58), *range(62, 70)]
    assert after.velocity[outside].tolist() == [*range(60, 68), *range(72, 80)]
    np.testing.assert_allclose(after.onset[outside], SCALE.onset[[*range(8), *range(12, 20)]], atol=1e-3)
    np.testing.assert_allclose(after.duration[outside], 0.5, atol=2e-3)
    assert f"{len(after) - 16} new note" in page.locator(".card:visible .title").last.inner_text()


def percent(element, side):
    return float(re.search(rf"{side}: ([\d.]+)%", element.get_attribute("style"))[1])


def heard(page, card):
    """The 16-bit samples of a card's player, after Play was pressed."""
    page.locator(card).get_by_label("Play", exact=True).click()
    code = """async (card) => {
        const host = [...card.querySelectorAll('div')].find((part) => part.shadowRoot);
        const audio = host.shadowRoot.querySelector('audio');
        while (!audio.src) await new Promise((done) => setTimeout(done, 50));
        const reader = new FileReader();
        reader.readAsDataURL(await (await fetch(audio.src)).blob());
        await new Promise((done) => reader.onload = done);
        return reader.result.split(',')[1];
    }"""
    wav = base64.b64decode(page.locator(card).evaluate(code))
    assert wav[:4] == b"RIFF"
    start = wav.index(b"data")
    (size,) = struct.unpack("<I", wav[start + 4 : start + 8])
    return np.frombuffer(wav[start + 8 : start + 8 + size], np.int16).astype(np.int64)


def download(page, card, path, name):
    with page.expect_download() as event:
        page.locator(card).get_by_text("Download MIDI").click()
    assert event.value.suggested_filename == name
    event.value.save_as(path)
    return path.read_bytes()
