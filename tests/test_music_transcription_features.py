"""Pictures and recordings as the transcription networks see them, against OpenCV, the baseline's steps and ears."""

import io

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from scorehub.dataset_builders.camera_primus.engraved import engrave_incipit
from scorehub.dataset_builders.camera_primus.sample import sample_incipits
from scorehub.pipelines.music_transcription.features import (
    audio_features,
    grey_picture,
    image_features,
    mono_samples,
    scale_area,
)
from scorehub.pipelines.music_transcription.processing_music_transcription import MusicTranscriptionProcessor

RATE = 22_050
VOCABULARY = ["<blank>", "barline", "clef-G2", "note-C4_quarter"]


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def staff(height=100, width=600):
    """Five lines and some noteheads, black on white."""
    picture = np.full((height, width), 255, np.uint8)
    for line in range(5):
        picture[30 + 10 * line : 32 + 10 * line] = 0
    for number in range(8):
        cv2.ellipse(picture, (60 + 60 * number, 35 + 5 * number), (7, 5), -20, 0, 360, 0, -1)
    return picture


def tone(hz=440.0, seconds=1.0, rate=RATE, loudness=0.3):
    return (loudness * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


@pytest.mark.parametrize("shape", [(100, 600), (64, 301), (139, 517), (400, 3001)])
def test_a_picture_is_scaled_as_the_baseline_does(shape):
    picture = cv2.resize(staff(), shape[::-1])
    width = int(64 * shape[1] / shape[0])
    expected = cv2.resize((255.0 - picture) / 255.0, (width, 64), interpolation=cv2.INTER_AREA)
    found = image_features(picture)
    assert found.shape == (64, width)
    assert found.dtype == torch.float32
    assert found.numpy() == pytest.approx(expected, abs=1e-3)


def test_scaling_by_area_is_the_mean_of_what_is_covered():
    rows = torch.tensor([[1.0], [2.0], [6.0]], dtype=torch.float64)
    assert scale_area(rows, 2).flatten().tolist() == pytest.approx([(1 + 0.5 * 2) / 1.5, (0.5 * 2 + 6) / 1.5])
    assert scale_area(rows, 6).flatten().tolist() == pytest.approx([1, 1, 2, 2, 6, 6])
    assert scale_area(rows, 3).flatten().tolist() == pytest.approx([1, 2, 6])


def test_transparent_paper_is_white():
    grey = staff()
    ink_only = np.zeros((*grey.shape, 4), np.uint8)
    ink_only[..., 3] = 255 - grey  # black everywhere, of no opacity where there is paper
    np.testing.assert_array_equal(image_features(ink_only), image_features(grey))
    assert grey_picture(Image.fromarray(ink_only)).max() == 255


def test_modes_of_a_picture_make_no_difference():
    image = Image.fromarray(staff())
    sixteen_bits = Image.fromarray(staff().astype(np.uint16) * 257)
    expected = image_features(image)
    for same in (image.convert("RGB"), image.convert("P"), image.convert("1"), image.convert("LA"), sixteen_bits):
        torch.testing.assert_close(image_features(same), expected, atol=0.005, rtol=0)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_picture_that_a_camera_laid_on_its_side_is_turned(dtype):
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    pixels = np.rot90(staff()).astype(dtype) << (8 if dtype is np.uint16 else 0)
    Image.fromarray(pixels).save(buffer, "PNG", exif=exif)
    np.testing.assert_array_equal(image_features(Image.open(buffer)), image_features(staff()))


@pytest.mark.parametrize("camera", ["primus", "photo"])
def test_negatives_are_put_right_and_camera_pictures_left_alone(camera):
    for incipit in list(sample_incipits().values())[:4]:
        item = engrave_incipit(incipit, camera, seed=0)
        for data in (item.image, item.distorted):
            grey = grey_picture(Image.open(io.BytesIO(data)))
            ink = 1 - cv2.resize(grey, (64 * grey.shape[1] // grey.shape[0], 64), interpolation=cv2.INTER_AREA) / 255
            found = image_features(grey)
            assert np.abs(found.numpy() - ink).max() < 0.01
            torch.testing.assert_close(image_features(255 - grey), found)


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (np.full((64, 300), 255, np.uint8), "blank"),
        (np.zeros((64, 300), np.uint8), "blank"),
        (np.full((64, 300), 200, np.uint8) + (np.arange(300) % 2).astype(np.uint8), "blank"),
        (np.zeros((10, 300), np.uint8), "sides from 16 px"),
        (np.zeros((8001, 8001), np.uint8), "at most 64,000,000 pixels"),
        (np.zeros((400, 90), np.uint8), "16 to 8192 px wide when 64 px high, got 14"),
        (np.zeros((16, 3000), np.uint8), "got 12000 px of 3000 x 16"),
        (np.zeros((64, 300)), "must be uint8"),
        (np.zeros((64, 300, 2), np.uint8), "must be uint8"),
        (Image.fromarray(np.zeros((64, 300), np.float32)), "8 or 16 bits"),
        ("staff.png", "image or an array, got str"),
    ],
    ids=["white", "black", "faint", "low", "huge", "narrow", "wide", "floats", "two channels", "mode F", "path"],
)
def test_what_is_no_picture_of_a_staff_is_refused(picture, message):
    with pytest.raises(ValueError, match=message):
        image_features(picture)


def test_low_notes_lie_at_the_bottom_and_a_column_is_512_samples():
    low, high = (audio_features(tone(hz), RATE) for hz in (65.4, 523.3))  # C2, C5
    assert low.shape == high.shape == (120, 1 + 22_050 // 512)
    # C1 is the lowest of 24 bins an octave: 24 and 96 bins up.
    assert low[:, 21].argmax().item() == 119 - 24
    assert high[:, 21].argmax().item() == 119 - 96
    assert low.max() == 1
    assert low.min() >= 0


def test_the_papers_transform_is_256_rows_high_with_its_aspect_kept():
    found = audio_features(tone(), RATE, rows=256)
    assert found.shape == (256, 256 * 44 // 120)


def test_rate_and_channels_make_no_difference():
    expected = audio_features(tone(), RATE)
    stereo = torch.from_numpy(np.stack([tone(rate=44_100), tone(rate=44_100)]))
    found = audio_features(stereo, 44_100)
    assert found.shape == expected.shape
    assert (found - expected).abs()[:, 4:-4].mean() < 0.01
    assert mono_samples(torch.tensor([[1.0] * 3000, [0.0] * 3000]), RATE).tolist() == [0.5] * 3000


@pytest.mark.parametrize(
    ("audio", "rate", "message"),
    [
        (np.zeros(RATE, np.float32), RATE, "must have sound"),
        (tone(loudness=5e-5), RATE, "must have sound"),
        (np.full(RATE, np.nan, np.float32), RATE, "finite"),
        (np.append(tone(), np.inf), RATE, "finite"),
        (tone(seconds=0.05), RATE, "must last 0.1 to 600 seconds"),
        (np.zeros(5_000_000, np.float32), 8000, "must last"),
        (tone(), 100, "sampling_rate must be 4000 to 192000 Hz"),
        (tone().astype(np.int16), RATE, "floats"),
        (tone()[None, None], RATE, "floats"),
        (np.zeros(0, np.float32), RATE, "floats"),
    ],
)
def test_what_is_no_recording_is_refused(audio, rate, message):
    with pytest.raises(ValueError, match=message):
        audio_features(audio, rate)
    with pytest.raises(ValueError, match="rows must be one of"):
        audio_features(audio, rate, rows=128)


def test_a_batch_has_what_was_given_and_zeros_beyond():
    processor = MusicTranscriptionProcessor(VOCABULARY)
    pictures = [staff(), staff(width=400)]
    sounds = [tone(), torch.from_numpy(tone(seconds=0.5))]
    batch = processor(images=pictures, audio=sounds, labels=["clef-G2\tnote-C4_quarter\tbarline\t", "barline"])
    assert batch["image"].shape == (2, 64, 384)
    assert batch["image_widths"].tolist() == [384, 256]
    torch.testing.assert_close(batch["image"][1, :, :256], image_features(pictures[1]))
    assert not batch["image"][1, :, 256:].any()
    assert batch["audio"].shape == (2, 120, 64)  # widths are rounded up to 64
    assert batch["audio_widths"].tolist() == [44, 22]
    torch.testing.assert_close(batch["audio"][1, :, :22], audio_features(sounds[1], RATE))
    assert batch["labels"].tolist() == [[2, 3, 1], [1, -100, -100]]
    assert batch["label_lengths"].tolist() == [3, 1]


def test_one_of_each_is_a_batch_of_one():
    batch = MusicTranscriptionProcessor(VOCABULARY, audio_rows=256)(
        images=Image.fromarray(staff()), audio=tone(), labels="barline"
    )
    assert [len(batch[name]) for name in ("image", "audio", "labels")] == [1, 1, 1]
    assert batch["audio"].shape[1] == 256


def test_tokens_come_back_from_classes():
    processor = MusicTranscriptionProcessor(VOCABULARY)
    text = "clef-G2\tnote-C4_quarter\tbarline\t"
    labels = processor(labels=[text, "barline"])["labels"]
    assert processor.tokens(labels[0]) == text.split()
    assert processor.tokens(labels[1]) == ["barline"]
    assert processor.tokens([0, 2, 0]) == ["clef-G2"]
    with pytest.raises(ValueError, match="below 4, got 4"):
        processor.tokens([4])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "got none"),
        ({"images": []}, "one or more"),
        ({"images": [staff()], "labels": ["barline", "barline"]}, "as many"),
        ({"labels": "barline note-C9_quarter"}, "got 'note-C9_quarter'"),
        ({"labels": "<blank>"}, "got '<blank>'"),
    ],
)
def test_batches_that_do_not_match_or_say_unknown_things_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        MusicTranscriptionProcessor(VOCABULARY)(**options)


@pytest.mark.parametrize(
    ("vocabulary", "rows", "message"),
    [
        (["barline"], 120, "begin with '<blank>'"),
        ([], 120, "begin with '<blank>'"),
        (["<blank>", "tie", "tie"], 120, "'tie' twice"),
        (VOCABULARY, 64, "audio_rows"),
    ],
)
def test_a_processor_is_made_of_a_vocabulary_and_rows(vocabulary, rows, message):
    with pytest.raises(ValueError, match=message):
        MusicTranscriptionProcessor(vocabulary, rows)


def test_a_processor_is_saved_and_loaded(tmp_path):
    MusicTranscriptionProcessor(VOCABULARY, audio_rows=256).save_pretrained(tmp_path)
    loaded = MusicTranscriptionProcessor.from_pretrained(tmp_path)
    assert loaded.vocabulary == VOCABULARY
    assert loaded.audio_rows == 256
    assert loaded.classes("clef-G2 barline") == [2, 1]
