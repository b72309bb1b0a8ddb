"""The Space of score following: its pieces, what it hears and sends, and the whole of it in a headless browser."""

import base64
import csv
import io
import json
import math
import time
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
import soundfile
import torch
from PIL import Image
from small_follower import small_follower
from space_browser import CHROMIUM, PATIENCE, Space, functions, visit

from scorehub.dataset_builders.msmd.sample import sample_item
from scorehub.dataset_builders.msmd.score import read_image
from scorehub.pipelines.score_following.follower import Position
from scorehub.pipelines.score_following.layout import System
from scorehub.pipelines.score_following.page_turning import PageTurn
from scorehub.pipelines.score_following.staves import Staff
from scorehub.spaces.score_following import app, browser, messages, piece
from scorehub.spaces.score_following.listening import Hearing, Lead, Microphone
from scorehub.spaces.score_following.microphone_tab import MAX_CHARACTERS, decode
from scorehub.spaces.score_following.piece import Piece

APP = Path(browser.__file__).with_name("app.py")
RATE = 22_050
SECONDS = 3.0


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def model():
    return small_follower()


@pytest.fixture(scope="module")
def pages():
    return [read_image(page) for page in sample_item("petzold_minuet_in_g").score.pages[:2]]


@pytest.fixture(scope="module")
def opened(model, pages, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    return piece.load_upload(model, save(pages, folder))


@pytest.fixture(scope="module")
def audio():
    times = np.arange(int(SECONDS * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * 392 * times) * np.exp(-3 * (times % 0.5))).astype(np.float32)


def save(pages, folder):
    """Their names are in the order of numbers and not of letters."""
    paths = [folder / f"page{number}.png" for number in (9, 10)]
    for path, page in zip(paths, pages, strict=True):
        Image.fromarray(page).save(path)
    return paths[::-1]


def wav(audio, rate=RATE):
    file = io.BytesIO()
    soundfile.write(file, audio, rate, format="WAV")
    return file.getvalue()


def test_pages_are_opened_in_the_order_of_their_numbers_and_not_larger_than_they_are_seen(model, pages, tmp_path):
    large = [np.kron(page, np.ones((3, 3), np.uint8)) for page in pages]
    found = piece.load_upload(model, save(large, tmp_path))
    assert [max(page.shape) for page in found.pages] == [1600, 1600]
    for small, page in zip(found.pages, pages, strict=True):
        again = np.asarray(Image.fromarray(small).resize(page.shape[::-1], Image.Resampling.BOX))
        assert np.abs(again.astype(int) - page).mean() < 8
    assert found.title == "page10.png and 1 more"


def test_what_is_no_score_is_refused_with_a_reason(model, pages, tmp_path):
    many = [Image.fromarray(pages[0]).resize((64, 64))] * 21
    many[0].save(tmp_path / "many.pdf", save_all=True, append_images=many[1:])
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7 and no more")
    (tmp_path / "noise.png").write_bytes(np.random.default_rng(0).bytes(3000))
    Image.new("L", (300, 300), 255).save(tmp_path / "white.png")
    with (tmp_path / "large.png").open("wb") as file:
        file.truncate(piece.MAX_BYTES + 1)
    reasons = {
        "many.pdf": "number of pages must be 1 to 20, got 21",
        "broken.pdf": "PDF must be one that can be read",
        "noise.png": "page must be an image or a PDF",
        "white.png": "pages must show staves of music",
        "large.png": "pages must have at most 50 MB",
    }
    for name, reason in reasons.items():
        with pytest.raises(ValueError, match=reason):
            piece.load_upload(model, [tmp_path / name])
    with pytest.raises(ValueError, match="score must have 1 to 20 pages, got 21"):
        piece.load_upload(model, [tmp_path / "white.png"] * 21)


def test_a_recording_is_heard_at_the_followers_rate_and_only_if_it_is_whole_and_short(audio, tmp_path):
    path = tmp_path / "recording"
    path.write_bytes(wav(np.repeat(audio, 2), 2 * RATE))
    assert len(piece.load_recording(path)) == len(audio)
    for content, reason in (
        (b"", "audio file must be whole"),
        (wav(audio)[:30], "audio file must be whole"),
        (wav(np.zeros(20 * 60 * 4000 + 1, np.int16), 4000), "at most 20 minutes"),
        (bytes(piece.MAX_BYTES + 1), "recording must have at most 50 MB"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=reason):
            piece.load_recording(path)


def test_each_example_has_pages_to_turn_and_a_recording(model):
    for tune in piece.EXAMPLES:
        example = piece.load_example(model, tune)
        assert len(example.pages) > 1
        assert {page for page, _, _ in example.score.systems} == set(range(len(example.pages)))
    recording = piece.load_recording(piece.example_recording("bach_cello_prelude"))
    assert 30 < len(recording) / RATE < 50  # 18 bars of 2 s, played freely
    assert np.abs(recording).max() > 0.1


def test_places_are_shares_of_the_page_and_the_cursor_is_higher_than_its_system():
    # Two staves of 40 px, 60 px apart, with lines at 10 px: 140 px high, and 15 px more on either side.
    staves = Staff(100.0, 140.0, 10.0), Staff(200.0, 240.0, 10.0)
    score = SimpleNamespace(systems=[(0, 0, System(50.0, 950.0, staves, 0.0, 500.0))])
    shown = Piece("name", "Title", [np.full((500, 1000), 255, np.uint8)], score)
    position = Position(0.05, 0, 0, x=250.0, y=170.0, score_time=1.0, tempo=1.6, confidence=0.456)
    assert messages.places(shown, [position]) == [[0, 0.25, 0.34, 0.17, 96, 0.46]]


def test_the_lead_turns_pages_by_seconds_or_by_quarters():
    score = SimpleNamespace(page_ends=lambda: np.array([20.0, 40.0]))  # quarters
    positions = [  # two quarters a second
        Position(frame / 20, int(frame >= 200), 0, 0.0, 0.0, frame / 10, 2.0, 1.0) for frame in range(300)
    ]
    # A reason has to last for 0.2 s, four frames: the first one counts.
    assert Lead(3.0, "seconds").turns(score, positions) == [PageTurn(pytest.approx(7.15), 1)]
    assert Lead(3.0, "quarters").turns(score, positions) == [PageTurn(pytest.approx(8.65), 1)]


def test_positions_of_a_recording_depend_on_what_came_before_only(model, opened, audio):
    other = np.concatenate([audio[: 2 * RATE], np.random.default_rng(0).normal(0, 0.2, RATE).astype(np.float32)])
    hearings = [Hearing(model, opened, sound) for sound in (audio, other)]
    reports = [len(list(hearing)) for hearing in hearings]
    assert reports == [3, 3]  # one for each second
    first, second = (hearing.positions for hearing in hearings)
    assert len(first) == len(second) == 60
    assert first[:38] == second[:38]  # a frame reaches 46 ms ahead of its middle
    assert first[45:] != second[45:]


def test_a_microphone_is_followed_as_its_recording_is(model, opened, audio):
    hearing = Hearing(model, opened, audio)
    list(hearing)
    microphone = Microphone(model, opened, Lead())
    chunks = np.array_split((audio * 32767).astype(np.int16), 23)
    for chunk in chunks:
        microphone.hear(RATE, np.stack([chunk, chunk], axis=1))
    expected = next(one for one in hearing.positions if math.isclose(one.time, microphone.position.time))
    assert microphone.position.time > SECONDS - 0.2
    assert microphone.position.x == pytest.approx(expected.x, abs=2)
    assert messages.played(microphone)["shown"] == 0


def test_a_microphones_rate_may_be_another(model, opened, audio):
    microphone = Microphone(model, opened, Lead())
    samples = (np.repeat(audio, 2) * 32767).astype(np.int16)
    for start in range(0, len(samples), 5000):
        microphone.hear(2 * RATE, samples[start : start + 5000])
    assert microphone.position.time == pytest.approx(SECONDS, abs=0.3)


@pytest.mark.parametrize(
    ("rate", "samples", "reason"),
    [
        (100, np.zeros(10, np.int16), "sample rate must be"),
        (RATE, np.zeros(10, np.float32), "samples must be integers"),
        (RATE, np.zeros((2, 2, 2), np.int16), "samples must be integers"),
        (RATE, np.zeros(11 * RATE, np.int16), "samples must last at most 10 s"),
    ],
)
def test_what_no_microphone_sends_is_refused(model, opened, rate, samples, reason):
    with pytest.raises(ValueError, match=reason):
        Microphone(model, opened, Lead()).hear(rate, samples)


def test_samples_come_as_base64_and_nothing_else_does():
    assert decode(base64.b64encode(b"\x01\x00\xff\xff").decode()).tolist() == [1, -1]
    for bad in ("AAA", "%%%%", "AA==", None, "A" * (MAX_CHARACTERS + 1)):
        with pytest.raises(ValueError, match=r"samples|base64|padding"):
            decode(bad)


def test_pages_that_are_kept_no_longer_are_asked_for_and_not_taken_for_the_first_example(model, opened, tmp_path):
    model.save_pretrained(tmp_path / "model")
    space = app.build_app(tmp_path / "model")
    assert [state.value for state in space.blocks.values() if isinstance(state, gr.State)] == [None] * 3
    (listen,), (film,), (hear,) = (functions(space, name) for name in ("listen", "film", "hear"))
    with pytest.raises(gr.Error, match="Pages must have been opened within the last hour, got none"):
        next(listen(None, None, 1.0, "seconds"))
    with pytest.raises(gr.Error, match="Recording must have been followed within the last hour, got none"):
        next(film(None))
    chunk = {"rate": RATE, "samples": base64.b64encode(bytes(2 * RATE)).decode()}
    for first, now in ((False, None), (True, Microphone(model, opened, Lead()))):
        with pytest.raises(gr.Error, match="Pages must have been opened within the last hour, got none"):
            hear(SimpleNamespace(first=first, **chunk), now, None, 1.0, "seconds")
    # What is being followed goes on.
    assert hear(SimpleNamespace(first=False, **chunk), now, None, 1.0, "seconds")[0] is now
    assert now.position.time > 0.5


@pytest.mark.skipif(CHROMIUM is None, reason="neither chromium nor google-chrome is installed")
def test_a_visitor_follows_a_recording_of_theirs_in_pages_of_theirs(model, pages, audio, tmp_path):
    model.save_pretrained(tmp_path / "model")
    paths = save(pages, tmp_path)
    (tmp_path / "recording.wav").write_bytes(wav(audio))
    (tmp_path / "noise.wav").write_bytes(b"no sound")
    with Space(APP, tmp_path, {"SCORE_FOLLOWING_MODEL": str(tmp_path / "model")}) as space, visit(space) as page:
        page.locator(".number").get_by_text("1 of 3").wait_for()
        an_example_is_stopped(page)
        page.locator("input[type=file]").first.set_input_files(tmp_path / "noise.wav")
        page.get_by_text("Invalid file type").first.wait_for()
        page.locator("input[type=file]").first.set_input_files(paths)
        page.locator(".number").get_by_text("1 of 2").wait_for()
        follow(page, tmp_path / "noise.wav")
        page.get_by_text("Audio file must be whole").first.wait_for()
        follow(page, tmp_path / "recording.wav")
        page.get_by_text("press play below the page").wait_for()
        the_cursor_is_where_the_table_says(page, pages, tmp_path)
        pages_turn_when_the_turns_say(page)
        a_click_goes_to_its_place(page)
        a_video_is_made_on_demand(page, tmp_path)
        a_microphone_moves_the_cursor(page)


def an_example_is_stopped(page):
    page.get_by_role("button", name="Follow the recording").click()
    page.get_by_text("Heard ").wait_for()
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Stop").wait_for(state="hidden")
    page.get_by_role("button", name="Follow the recording").and_(page.locator(":enabled")).wait_for()
    assert page.locator(".stand .play").is_disabled()


def follow(page, recording):
    page.locator("input[type=file]").nth(1).set_input_files(recording)
    page.get_by_text(f"Recording: {recording.name}").wait_for()
    page.get_by_role("button", name="Follow the recording").click()


def go_to(page, seconds):
    page.locator(".seek").evaluate(
        "(seek, time) => { seek.value = time; seek.dispatchEvent(new Event('input')); }", seconds
    )
    page.wait_for_function("time => Math.abs(document.querySelector('audio').currentTime - time) < 0.03", arg=seconds)
    # The cursor follows when the page is painted next.
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def style(page, name):
    return float(page.locator(".cursor").evaluate("(cursor, name) => cursor.style[name]", name).rstrip("%"))


def the_cursor_is_where_the_table_says(page, pages, folder):
    """At 0.5 and 2.5 s the place that was known by then: position k comes at (k + 1) / 20 s."""
    with page.expect_download() as event:
        page.get_by_text("Positions (CSV)").click()
    event.value.save_as(folder / "positions.csv")
    rows = list(csv.DictReader((folder / "positions.csv").open()))
    assert len(rows) == 60
    page.evaluate("window.dispatchEvent(new CustomEvent('stand-news', {detail: {turns: []}}))")
    for seconds, row in ((0.5, rows[9]), (2.5, rows[49])):
        go_to(page, seconds)
        assert row["page"] == "0"  # of a network that has learnt nothing, but is seeded
        left = f"{100 * round(float(row['x']) / pages[0].shape[1], 4):.2f}"
        page.wait_for_function(
            "left => Math.abs(parseFloat(document.querySelector('.cursor').style.left) - left) < 0.02", arg=float(left)
        )
        assert style(page, "top") == pytest.approx(100 * float(row["y"]) / pages[0].shape[0], abs=0.02)
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("document.querySelector('audio').currentTime > 2.6")
    page.evaluate("document.querySelector('audio').pause()")


def pages_turn_when_the_turns_say(page):
    page.evaluate("window.dispatchEvent(new CustomEvent('stand-news', {detail: {turns: [[1, 1], [2, 0]]}}))")
    for seconds, shown in ((0.95, "1"), (1.05, "2"), (2.1, "1"), (1.5, "2")):
        go_to(page, seconds)
        page.locator(f".sheet[data-page='{shown}']").wait_for()
    assert "elsewhere" in page.locator(".cursor").get_attribute("class")  # the music is on the page before
    page.get_by_role("button", name="Previous page").click()
    page.locator(".sheet[data-page='1']").wait_for()
    page.locator(".stand").press("PageDown")
    page.locator(".sheet[data-page='2']").wait_for()
    page.locator(".stand").press("ArrowLeft")
    page.locator(".sheet[data-page='1']").wait_for()


def a_click_goes_to_its_place(page):
    """Where the cursor was at 0.5 s: to a time with the same place."""
    go_to(page, 0.5)
    left, top = style(page, "left"), style(page, "top")
    go_to(page, 2.9)
    box = page.locator(".sheet").bounding_box()
    page.mouse.click(box["x"] + box["width"] * left / 100, box["y"] + box["height"] * top / 100)
    page.wait_for_function(
        "left => Math.abs(parseFloat(document.querySelector('.cursor').style.left) - left) < 0.5", arg=left
    )


def a_video_is_made_on_demand(page, folder):
    page.get_by_role("button", name="Make a video").click()
    page.get_by_text("Download video").wait_for()
    with page.expect_download() as event:
        page.get_by_text("Download video").click()
    event.value.save_as(folder / "run.mp4")
    assert (folder / "run.mp4").read_bytes()[4:8] == b"ftyp"


def a_microphone_moves_the_cursor(page):
    """What would come from a microphone is a tone here."""
    page.evaluate("""() => navigator.mediaDevices.getUserMedia = async () => {
        const context = new AudioContext(), tone = context.createOscillator();
        const microphone = context.createMediaStreamDestination();
        tone.connect(microphone);
        tone.start();
        return microphone.stream;
    }""")
    page.get_by_role("tab", name="Microphone").click()
    page.get_by_role("button", name="Listen", exact=True).click()
    places, deadline = set(), time.monotonic() + PATIENCE
    while len(places) < 3:
        assert time.monotonic() < deadline, places
        places.add(page.locator(".cursor").get_attribute("style"))
        page.wait_for_timeout(200)
    page.get_by_role("button", name="Stop listening").click()
    page.get_by_role("button", name="Listen", exact=True).wait_for()
    page.get_by_role("button", name="Play").click()  # the recording is still there
    page.get_by_role("button", name="Pause").wait_for()


def test_what_the_stand_is_sent_has_all_pages_and_no_sound_until_it_has_been_heard(opened):
    sent = messages.open_piece(opened)
    assert sent["sound"] is None
    content = json.loads(sent["content"])
    assert (content["places"], content["turns"], content["step"]) == ([], [], 0.05)
    for shown, page in zip(content["pages"], opened.pages, strict=True):
        data = base64.b64decode(shown["source"].removeprefix("data:image/webp;base64,"))
        with Image.open(io.BytesIO(data)) as picture:
            assert np.abs(np.asarray(picture.convert("L")).astype(int) - page).mean() < 6
        assert shown["ratio"] == pytest.approx(page.shape[1] / page.shape[0], abs=1e-4)
