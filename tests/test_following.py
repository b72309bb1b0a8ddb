"""Following from files: pages of several kinds, recordings, tables, pictures and videos of a run."""

import csv
import io
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image
from small_follower import small_follower
from typer.testing import CliRunner

from scorehub import following, following_video, listening
from scorehub.audio import resample
from scorehub.cli import app
from scorehub.dataset_builders.msmd.sample import sample_item
from scorehub.dataset_builders.msmd.score import read_image

SECONDS, RATE = 1.5, 8000


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def page():
    return read_image(sample_item("petzold_minuet_in_g").score.pages[0])


@pytest.fixture(scope="module")
def recording():
    """Stereo at 8 kHz."""
    file = io.BytesIO()
    audio = 0.1 * np.random.default_rng(0).standard_normal((int(SECONDS * RATE), 2))
    soundfile.write(file, audio, RATE, format="WAV")
    return file.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("follower")
    small_follower().save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def run(folder, page, recording):
    return following.follow(following.load_follower(folder), [page, page], recording)


def test_pages_are_read_from_images_and_pdfs_with_white_where_they_are_transparent(page, tmp_path):
    clear = Image.fromarray(np.stack([page * 0, page * 0, page * 0, 255 - page], axis=-1))
    clear.save(tmp_path / "clear.png")
    Image.fromarray(page).convert("RGB").save(tmp_path / "colour.jpg", quality=95)
    Image.fromarray(page).save(tmp_path / "two.pdf", save_all=True, append_images=[Image.fromarray(page)])
    pages = following.read_pages([tmp_path / name for name in ("clear.png", "colour.jpg", "two.pdf")])
    assert len(pages) == 4
    np.testing.assert_array_equal(pages[0], page)
    assert np.abs(pages[1].astype(int) - page).mean() < 3
    for drawn in pages[2:]:
        small = np.asarray(Image.fromarray(drawn).resize(page.shape[::-1], Image.Resampling.BOX))
        assert np.abs(small.astype(int) - page).mean() < 12


@pytest.mark.parametrize("content", [b"", b"no image", b"%PDF-1.7 broken", b"\x89PNG\r\n\x1a\n"])
def test_files_that_are_no_pages_are_refused_by_name(content, tmp_path):
    path = tmp_path / "page.png"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"page\.png"):
        following.read_pages([path])


def test_there_must_be_pages():
    with pytest.raises(ValueError, match="score must have 1 to 200 pages, got 0"):
        following.read_pages([])


def test_a_recording_of_any_rate_and_channels_is_followed_to_its_end(run):
    assert len(run.positions) == round(SECONDS * 20)
    assert run.positions[-1].time == pytest.approx(SECONDS)
    assert all(position.page in (0, 1) for position in run.positions)


def test_positions_are_written_line_by_line(run, tmp_path):
    following.write_positions(run.positions, tmp_path / "positions.csv")
    rows = list(csv.DictReader((tmp_path / "positions.csv").open()))
    assert len(rows) == len(run.positions)
    assert float(rows[7]["x"]) == pytest.approx(run.positions[7].x, abs=1e-3)


def test_a_moments_picture_has_the_place_and_the_truth_on_the_page(run):
    position = run.positions[5]
    truth = [(0, 100.0, 80.0)] * len(run.positions)
    painter = following_video.Painter(run, truth)
    picture = np.asarray(painter.frame(5))
    assert picture.shape == (*painter.size[::-1], 3)
    scale = following_video.PAGE_HEIGHT / run.pages[0].shape[0]
    for colour, x, y in ((following_video.TRUTH, 100.0, 80.0), (following_video.ESTIMATE, position.x, position.y)):
        found = np.argwhere((picture[: following_video.PAGE_HEIGHT] == colour).all(-1))
        assert len(found)
        np.testing.assert_allclose(found.mean(0), (12 + y * scale, 12 + x * scale), atol=5)


def test_a_video_has_the_length_and_the_sound_of_the_recording(run, tmp_path):
    import av

    following_video.write_video(run, tmp_path / "run.mp4")
    with av.open(tmp_path / "run.mp4") as file:
        assert {stream.type for stream in file.streams} == {"video", "audio"}
        assert float(file.duration / av.time_base) == pytest.approx(SECONDS, abs=0.2)
        sound = np.concatenate([frame.to_ndarray().ravel() for frame in file.decode(audio=0)])
    assert np.sqrt(np.mean(sound**2)) == pytest.approx(np.sqrt(np.mean(run.audio**2)), rel=0.3)


def test_the_command_writes_all_that_it_is_asked_for(folder, page, recording, tmp_path):
    Image.fromarray(page).save(tmp_path / "page.png")
    (tmp_path / "audio.wav").write_bytes(recording)
    files = {name: tmp_path / name for name in ("page.png", "audio.wav", "run.png", "run.csv")}
    arguments = ["follow", files["page.png"], files["audio.wav"], "--model", folder]
    arguments += ["--picture", files["run.png"], "--positions", files["run.csv"]]
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    assert "1.50 s  end, on page 1" in result.output
    with Image.open(files["run.png"]) as picture:
        assert min(picture.size) > 300
    assert files["run.csv"].stat().st_size > 100


@pytest.mark.parametrize("names", [["page.png"], ["missing.png", "audio.wav"]])
def test_the_command_says_what_is_missing(names, tmp_path):
    result = CliRunner().invoke(app, ["follow", *(str(tmp_path / name) for name in names)])
    assert result.exit_code == 2
    assert "error: " in result.output
    assert "Traceback" not in result.output


@pytest.fixture
def page_file(page, tmp_path):
    Image.fromarray(page).save(tmp_path / "page.png")
    return tmp_path / "page.png"


@pytest.mark.parametrize(("subtype", "precision"), [("PCM_U8", 0.01), ("PCM_16", 1e-4), ("PCM_32", 1e-6)])
def test_a_wav_stream_is_read_as_the_file_is(subtype, precision, tmp_path):
    audio = 0.5 * np.random.default_rng(0).uniform(-1, 1, (2205, 2))
    soundfile.write(tmp_path / "a.wav", audio, RATE, subtype=subtype)
    chunks, rate = listening.open_wav(str(tmp_path / "a.wav"))
    heard = list(chunks)
    assert rate == RATE
    assert {len(chunk) for chunk in heard[:-1]} == {round(listening.CHUNK * RATE)}
    np.testing.assert_allclose(np.concatenate(heard), audio, atol=precision)


def test_what_is_resampled_in_chunks_is_what_is_resampled_at_once():
    audio = np.random.default_rng(0).standard_normal((44_100, 2)).astype(np.float32)
    chunks = np.split(audio, [1000, 1001, 20_000])
    found = np.concatenate(list(listening.resampled(chunks, 44_100)))
    np.testing.assert_allclose(found, resample(audio.mean(1), 44_100, 22_050), atol=1e-5)


def test_the_command_listens_to_standard_input(folder, page_file, recording, tmp_path):
    arguments = ["listen", page_file, "--wav", "-", "--model", folder, "--positions", tmp_path / "p.csv"]
    command = [sys.executable, "-c", "from scorehub.cli import app; app()", *map(str, arguments)]
    done = subprocess.run(command, input=recording, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert b"end, on page 1" in done.stdout
    rows = list(csv.DictReader((tmp_path / "p.csv").open()))
    assert len(rows) == pytest.approx(SECONDS * 20, abs=1)


@pytest.mark.parametrize("content", [b"", b"no sound", b"RIFF\x00\x00\x00\x00WAVEfmt "])
def test_what_is_no_wav_stream_is_refused(folder, page_file, content, tmp_path):
    (tmp_path / "a.wav").write_bytes(content)
    arguments = ["listen", page_file, "--wav", tmp_path / "a.wav", "--model", folder]
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 2
    assert "error: stream must be a PCM WAV" in result.output


def test_a_machine_without_a_microphone_says_so(folder, page_file, monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    result = CliRunner().invoke(app, ["listen", str(page_file), "--model", str(folder)])
    assert result.exit_code == 2
    assert "error: a microphone needs" in result.output
