"""The constant-Q transform against librosa's, and its image against the baseline's steps in librosa and OpenCV."""

import warnings

import cv2
import numpy as np
import pytest
import torch

from scorehub.pipelines.music_transcription.cqt import (
    ConstantQ,
    count_frames,
    enlarge_image,
    to_decibel_image,
)

TIME = np.arange(3 * 22_050) / 22_050


def notes():
    """Three voices of decaying notes with 19 partials, three notes a second."""
    envelope = np.exp(-4 * (3 * TIME % 1))
    partials = [(hz * k, k) for hz in (110, 261.6, 523.3) for k in range(1, 20)]
    return sum(np.sin(2 * np.pi * hz * TIME) / k for hz, k in partials) * envelope * 0.1


SIGNALS = {
    "notes": notes(),
    "noise": np.random.default_rng(0).normal(0, 0.1, len(TIME)),
    "chirp": 0.5 * np.sin(2 * np.pi * (30 * TIME + 150 * TIME**2)),
    "click": np.eye(1, len(TIME), 30_000)[0],
}


def librosa_cqt(librosa, samples):
    return np.abs(librosa.cqt(samples, sr=22_050, hop_length=512, n_bins=120, bins_per_octave=24))


def cqt(samples):
    return ConstantQ()(torch.tensor(samples, dtype=torch.float32)[None])


def noise(shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(0, 0.1, shape).astype(np.float32))


@pytest.mark.parametrize("name", SIGNALS)
def test_magnitudes_are_librosas(name, librosa):
    expected = librosa_cqt(librosa, SIGNALS[name].astype(np.float32))
    result = cqt(SIGNALS[name])[0].numpy()
    assert result.shape == expected.shape
    assert np.corrcoef(result.ravel(), expected.ravel())[0, 1] > 0.99999
    error = np.abs(result - expected)
    strong = expected > 0.01 * expected.max()
    assert np.median(error[strong] / expected[strong]) < 1e-4
    # The resamplers' ringing differs where a signal is cut off, so the first and last half second count apart.
    assert error.max() < 0.005 * expected.max()
    assert error[:, 22:-22].max() < 3e-4 * expected.max()


@pytest.mark.parametrize("name", ["notes", "noise", "chirp"])
def test_the_image_is_the_baselines(name, librosa):
    samples = SIGNALS[name].astype(np.float32)
    decibels = librosa.amplitude_to_db(librosa_cqt(librosa, samples), ref=np.max)
    expected = (80 + np.flip(decibels, 0)) / 80
    width = int(256 * expected.shape[1] / expected.shape[0])
    expected = cv2.resize(expected, (width, 256), interpolation=cv2.INTER_AREA)
    result = enlarge_image(to_decibel_image(cqt(samples)))[0].numpy()
    assert result.shape == expected.shape == (256, 277)
    error = np.abs(result - expected)
    assert np.median(error) < 1e-4
    assert np.quantile(error, 0.99) < 0.02  # 1.6 dB, in the faintest cells
    assert np.corrcoef(result.ravel(), expected.ravel())[0, 1] > 0.9999


@pytest.mark.parametrize("n_samples", [5, 508, 509, 512, 2045, 2048, 2049, 30_001])
def test_there_are_as_many_frames_as_librosas(n_samples, librosa):
    with warnings.catch_warnings(action="ignore"):  # librosa warns of signals shorter than its windows
        expected = librosa_cqt(librosa, np.ones(n_samples, np.float32)).shape[1]
    assert count_frames(n_samples) == ConstantQ()(torch.ones(1, n_samples)).shape[2] == expected


@pytest.mark.parametrize("bin_number", [0, 50, 119])
def test_a_tone_has_the_magnitude_of_the_definition(bin_number):
    hz = 440 * 2 ** (-45 / 12 + bin_number / 24)
    magnitudes = cqt(0.3 * np.sin(2 * np.pi * hz * TIME))[0, :, 65]
    step = 2 ** (1 / 24)
    length = (step**2 + 1) / (step**2 - 1) * 22_050 / hz
    assert magnitudes.argmax() == bin_number
    assert magnitudes[bin_number].item() == pytest.approx(0.3 / 2 * np.sqrt(length), rel=2e-3)


@pytest.mark.parametrize("hz", [1100, 2500, 4500, 5400, 6300, 10_900])
def test_tones_above_the_bins_do_not_alias_into_them(hz):
    samples = np.sin(2 * np.pi * hz * TIME) * np.hanning(len(TIME))
    inside = np.sin(2 * np.pi * 500 * TIME) * np.hanning(len(TIME))
    assert cqt(samples)[0, :110].max() < 1e-4 * cqt(inside).max()  # 80 dB


def test_clips_of_a_batch_do_not_mix():
    batch = noise((3, 9000))
    batch[1] *= 100
    alone = torch.cat([ConstantQ()(clip[None]) for clip in batch])
    torch.testing.assert_close(ConstantQ()(batch), alone, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(to_decibel_image(alone), torch.cat([to_decibel_image(clip[None]) for clip in alone]))


def test_low_notes_lie_at_the_bottom_of_the_image():
    image = enlarge_image(to_decibel_image(cqt(np.sin(2 * np.pi * 55 * TIME))))[0]
    octaves_up = np.log2(55 / (440 * 2 ** (-45 / 12)))
    assert image[:, 140].argmax() == pytest.approx(256 * (1 - octaves_up / 5), abs=3)


def test_the_image_spans_80_decibels_below_its_loudest_value():
    magnitudes = torch.tensor([10.0, 1.0, 0.01, 0.001, 1e-4, 0.0]).view(1, 6, 1)
    assert to_decibel_image(magnitudes).flatten().tolist() == pytest.approx([0, 0, 0, 0.25, 0.75, 1])


def test_silence_is_an_empty_image():
    assert not to_decibel_image(ConstantQ()(torch.zeros(1, 3000))).any()


@pytest.mark.parametrize("shape", [(120, 1), (120, 7), (120, 431), (128, 3), (256, 5), (1, 1)])
def test_enlarging_is_opencvs_area_interpolation(shape):
    image = np.random.default_rng(0).random(shape, np.float32)
    expected = cv2.resize(image, (int(256 * shape[1] / shape[0]), 256), interpolation=cv2.INTER_AREA)
    assert enlarge_image(torch.from_numpy(image)[None])[0].numpy() == pytest.approx(expected, abs=1e-5)


def test_gradients_are_right_and_finite_in_silence():
    samples = torch.cat([torch.zeros(9000), noise(3000)])[None].requires_grad_()
    ConstantQ()(samples).sum().backward()
    assert samples.grad.isfinite().all()
    direction = torch.cat([torch.zeros(9000), noise(3000, seed=1)])
    with torch.no_grad():
        ahead, behind = (ConstantQ()(samples + step * direction).double().sum() for step in (1e-2, -1e-2))
    assert (samples.grad * direction).sum().item() == pytest.approx((ahead - behind).item() / 2e-2, rel=0.02)
    samples.grad = None
    enlarge_image(to_decibel_image(ConstantQ()(samples))).sum().backward()
    assert samples.grad.isfinite().all()


def test_another_sample_rate_is_refused():
    with pytest.raises(ValueError, match="must be 22050, got 16000"):
        ConstantQ()(noise((1, 100)), sample_rate=16_000)


def test_what_is_no_batch_of_images_is_refused():
    with pytest.raises(ValueError, match="bins, frames"):
        to_decibel_image(torch.ones(120, 5))
    with pytest.raises(ValueError, match="not empty"):
        enlarge_image(torch.ones(1, 120, 0))
    with pytest.raises(ValueError, match="at least the image's 120, got 100"):
        enlarge_image(torch.ones(1, 120, 5), height=100)
