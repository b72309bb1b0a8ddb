"""Processor and transformers pipeline of the score follower, its folder without scorehub, and unwilling inputs."""

import copy
import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image
from small_follower import small_follower

from scorehub.dataset_builders.msmd.sample import sample_item
from scorehub.dataset_builders.msmd.score import read_image
from scorehub.pictures import read_page
from scorehub.pipelines.score_following import pipeline_score_following
from scorehub.pipelines.score_following.follower import Follower
from scorehub.pipelines.score_following.layout import COLUMN, HEIGHT
from scorehub.pipelines.score_following.pipeline_score_following import ScoreFollowingPipeline
from scorehub.pipelines.score_following.processing_score_follower import ScoreFollowerProcessor
from scorehub.trainers.score_following import save_model

PROCESSOR = ScoreFollowerProcessor()


@pytest.fixture(scope="module")
def page():
    return read_image(sample_item("petzold_minuet_in_g").score.pages[0])


@pytest.fixture(scope="module")
def model():
    torch.set_num_threads(1)
    return small_follower()


def noise(seconds, rate=22_050, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal(round(seconds * rate))).astype(np.float32)


def test_what_the_processor_makes_goes_into_the_network(model, page):
    inputs = PROCESSOR(pages=page, audio=noise(2.0))
    systems, staves, height, width = inputs["strips"].shape
    assert (staves, height) == (2, HEIGHT)
    with torch.no_grad():
        logits, none = model(
            **{name: value for name, value in inputs.items() if name != "frames"},
            **{"frames": inputs["frames"].expand(systems, -1, -1)},
        )
    assert logits.shape == (systems, 40, width // COLUMN)
    assert none.shape == (systems, 40)


def test_a_page_is_the_same_in_any_mode(page):
    grey = Image.fromarray(page)
    clear = Image.new("RGBA", grey.size, (0, 0, 0, 0))
    clear.putalpha(Image.fromarray(255 - page))
    for picture in (page, grey, grey.convert("RGB"), np.stack([page] * 3, axis=2), clear):
        np.testing.assert_array_equal(PROCESSOR.page(picture), page)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("orientation", [1, 6, 3])
def test_a_file_on_its_side_or_of_16_bits_shows_the_same_page(page, bits, orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = np.rot90(page, {1: 0, 6: 1, 3: 2}[orientation])  # as a camera keeps it that is told to turn it back
    Image.fromarray(turned.astype(np.uint16) << 8 if bits == 16 else turned).save(tmp_path / "page.png", exif=exif)
    with Image.open(tmp_path / "page.png") as picture:
        assert picture.mode == {8: "L", 16: "I;16"}[bits]
        np.testing.assert_array_equal(PROCESSOR.page(picture), page)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_a_page_of_no_known_white_is_refused(mode):
    with pytest.raises(ValueError, match=f"picture must have 8 or 16 bits a channel, got mode {mode}"):
        PROCESSOR.page(Image.new(mode, (60, 60)))


def test_a_photograph_in_a_jpeg_is_turned_as_it_says(page, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(page)).save(tmp_path / "photo.jpg", exif=exif, quality=95)
    found = read_page(tmp_path / "photo.jpg")
    assert found.shape == page.shape
    assert np.abs(found.astype(int) - page).mean() < 2


def test_samples_of_any_rate_and_number_of_channels_become_mono():
    time = np.arange(44_100) / 44_100
    tone = np.sin(2 * np.pi * 440 * time).astype(np.float32)
    found = PROCESSOR.samples(np.stack([tone, 0 * tone]), 44_100)
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(22_050) / 22_050)
    assert found.shape == (22_050,)
    np.testing.assert_allclose(found[1000:-1000], expected[1000:-1000], atol=1e-3)


@pytest.mark.parametrize("picture", ["page", np.zeros((50, 50)), np.zeros((0, 50), np.uint8), np.zeros(9, np.uint8)])
def test_what_is_no_page_is_refused(picture):
    with pytest.raises(ValueError, match="page must be"):
        PROCESSOR.page(picture)


@pytest.mark.parametrize(
    ("audio", "rate", "message"),
    [
        (np.array([0.1, np.nan], np.float32), 22_050, "finite"),
        (np.zeros(100, np.int16), 22_050, "floats"),
        (np.zeros(0, np.float32), 22_050, "floats"),
        (np.zeros((1, 1, 9), np.float32), 22_050, "floats"),
        (np.zeros(100, np.float32), 100, "sampling_rate"),
    ],
)
def test_what_are_no_samples_is_refused(audio, rate, message):
    with pytest.raises(ValueError, match=message):
        PROCESSOR.samples(audio, rate)


def test_something_must_be_given_and_show_staves():
    with pytest.raises(ValueError, match="got neither"):
        PROCESSOR()
    with pytest.raises(ValueError, match="staves"):
        PROCESSOR(pages=np.full((400, 300), 255, np.uint8))


def test_a_page_on_its_side_shows_no_staves(model, page):
    with pytest.raises(ValueError, match="staves"):
        Follower(model, [np.ascontiguousarray(np.rot90(page))])


def test_a_page_that_is_tiny_shows_no_staves(model, page):
    with pytest.raises(ValueError, match="staves"):
        Follower(model, [np.asarray(Image.fromarray(page).resize((90, 120)))])


def test_a_page_upside_down_is_followed_all_the_same(model, page):
    positions = Follower(model, [np.ascontiguousarray(page[::-1, ::-1])]).track(noise(0.5))
    assert {0 <= position.confidence <= 1 for position in positions} == {True}


def test_a_huge_page_is_followed_in_its_own_pixels(model, page):
    height, width = page.shape
    small = Follower(model, [page]).position
    huge = Follower(model, [np.asarray(Image.fromarray(page).resize((6 * width, 6 * height)))]).position
    assert huge.system == small.system
    assert huge.y == pytest.approx(6 * small.y, rel=0.02)


@pytest.mark.parametrize("rate", [8000, 22_050, 48_000])
@pytest.mark.parametrize("sound", ["silence", "clipped", "noise"])
def test_any_sound_gives_places_on_the_page(model, page, rate, sound):
    samples = {"silence": 0 * noise(1.0, rate), "clipped": np.sign(noise(1.0, rate)), "noise": noise(1.0, rate)}[sound]
    follower = Follower(model, [page])
    positions = follower.track(PROCESSOR.samples(samples, rate)) + follower.end()
    assert len(positions) == 20
    for position in positions:
        assert np.isfinite(position).all()
        assert 0 <= position.confidence <= 1
        assert position.page == 0


def test_the_pipeline_takes_what_the_follower_takes(model, page):
    pipe = ScoreFollowingPipeline(model=model)
    found = pipe([page, page], noise(1.0), lead=0.5)
    follower = Follower(model, [page, page])
    expected = follower.track(noise(1.0)) + follower.end()
    assert found["positions"] == [position._asdict() for position in expected]
    with pytest.raises(ValueError, match="lead must be"):
        pipe(page, noise(0.5), lead=-1.0)


def test_the_constructors_lead_holds_where_a_call_gives_none(model, page, monkeypatch):
    leads = []
    turner = pipeline_score_following.PageTurner
    monkeypatch.setattr(
        pipeline_score_following, "PageTurner", lambda score, lead: leads.append(lead) or turner(score, lead)
    )
    pipe = ScoreFollowingPipeline(model=model, lead=2.0)
    for call in (pipe, ScoreFollowingPipeline(model=model)):
        call(page, noise(0.1))
        call(page, noise(0.1), lead=0.5)
    assert leads == [2.0, 0.5, 1.0, 0.5]


def test_a_recording_is_read_only_where_it_is_one_of_a_possible_length(model, page, tmp_path):
    pipe, path = ScoreFollowingPipeline(model=model), tmp_path / "audio.flac"
    soundfile.write(path, noise(0.2), 22_050)
    assert len(pipe(page, path)["positions"]) == 4
    data = bytearray(path.read_bytes()[:99])
    data[21] |= 15
    data[22:26] = b"\xff" * 4  # the number of its samples
    for content, message in (
        (bytes(data), r"audio must have 1 to .* samples, got 68,719,476,735 x 1 in audio\.flac"),
        (b"neither", r"audio must be a recording that can be read, got audio\.flac: "),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            pipe(page, path)
    with pytest.raises(FileNotFoundError):
        pipe(page, tmp_path / "missing.flac")


def test_a_folder_is_followed_with_where_scorehub_is_not_installed(model, page, tmp_path):
    save_model(copy.deepcopy(model), tmp_path / "follower")
    Image.fromarray(page).convert("RGB").save(tmp_path / "page.png")
    soundfile.write(tmp_path / "audio.wav", np.stack([noise(1.0)] * 2, axis=1), 22_050, subtype="FLOAT")
    follower = Follower(model, [page])
    expected = follower.track(noise(1.0)) + follower.end()
    script = """
import json, sys
sys.modules["scorehub"] = None  # importing it fails
from transformers import AutoProcessor, pipeline
pipe = pipeline("score-following", model="follower", trust_remote_code=True)
processor = AutoProcessor.from_pretrained("follower", trust_remote_code=True)
assert type(processor).__name__ == "ScoreFollowerProcessor"
print(json.dumps(pipe("page.png", "audio.wav")))
"""
    environment = {"HF_MODULES_CACHE": str(tmp_path / "modules"), "HF_HUB_OFFLINE": "1", "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["positions"]
    assert len(found) == len(expected) == 20
    for one, other in zip(found, expected, strict=True):
        assert (one["page"], one["system"]) == (other.page, other.system)
        assert one["confidence"] == pytest.approx(other.confidence, abs=1e-3)
