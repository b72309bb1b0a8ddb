"""The followers' log spectrogram against its definition, computed frame by frame and band by band."""

from functools import lru_cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from scorehub.pipelines.score_following.spectrogram import (
    FRAME_SIZE,
    N_BANDS,
    LogSpectrogram,
    LogSpectrogramStream,
    count_frames,
    log_filterbank,
)

SEMITONES_HZ = 440 * 2 ** (np.arange(35 - 69, 115 - 69) / 12)  # MIDI notes 35..114: all between 60 and 6000 Hz


def chirp(seconds=1.3):
    """A tone that rises from 100 to 4000 Hz and swells."""
    time = np.arange(round(22_050 * seconds)) / 22_050
    return np.sin(2 * np.pi * (100 * time + 1500 * time**2)) * 0.5 * time / seconds


def noise(shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(0, 0.1, shape).astype(np.float32))


def triangle(band, fft_bin):
    """Weight of a bin by the geometry of the triangle, before normalisation."""
    low, centre, high = (np.abs(np.arange(1024) * 22_050 / 2048 - hz).argmin() for hz in SEMITONES_HZ[band : band + 3])
    if high - low < 2:
        return float(fft_bin == low)
    rising = (fft_bin - low) / (centre - low) if low < fft_bin < centre else 0
    return (high - fft_bin) / (high - centre) if centre <= fft_bin < high else rising


@lru_cache
def triangles():
    bank = np.array([[triangle(band, fft_bin) for fft_bin in range(560)] for band in range(78)])
    return bank / bank.sum(1, keepdims=True)


def log_spectrogram(samples):
    """The definition in double precision."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2048) / 2047)
    padded = np.concatenate([np.zeros(1024), samples, np.zeros(2048)])
    frames = []
    while 1102.5 * len(frames) < len(samples):
        start = int(1102.5 * len(frames))
        frames.append(np.abs(np.fft.fft(window * padded[start : start + 2048]))[:560])
    return np.log10(1 + triangles() @ np.array(frames).T)


def stream_in_pieces(samples, sizes):
    stream = LogSpectrogramStream()
    return torch.cat([*(stream.feed(piece) for piece in samples.split(sizes)), stream.finish()], -1)


def test_there_are_78_bands_that_sum_to_one():
    bank = log_filterbank()
    assert bank.shape == (FRAME_SIZE // 2, N_BANDS) == (1024, 78)
    assert bank.sum(0) == pytest.approx(np.ones(78), abs=1e-6)


@pytest.mark.parametrize("n_samples", [1, 1102, 1103, 2205, 2206, 28_665, 30_000])
def test_values_are_those_of_the_definition(n_samples):
    samples = noise(n_samples)
    expected = log_spectrogram(samples.double().numpy())
    result = LogSpectrogram()(samples[None])[0]
    assert result.shape == expected.shape == (78, count_frames(n_samples))
    assert result.numpy() == pytest.approx(expected, abs=2e-6)


def test_stored_values_are_met():
    result = LogSpectrogram()(torch.from_numpy(chirp())[None])[0]
    assert result.shape == (78, 26)
    assert result.argmax(0)[::5].tolist() == [16, 44, 55, 62, 67, 71]
    assert result.amax(0)[::5].tolist() == pytest.approx(
        [0.29211, 1.26482, 1.47931, 1.63017, 1.6429, 1.52887], abs=1e-5
    )
    assert result[56:65, 13].tolist() == pytest.approx(
        [0.00083, 0.00512, 0.27873, 1.3731, 1.53164, 0.63781, 0.00708, 0.00061, 0.00017], abs=1e-5
    )


def test_a_tone_sounds_in_its_band():
    time = torch.arange(22_050) / 22_050
    for note in (60, 69, 93):
        tone = torch.sin(2 * torch.pi * 440 * 2 ** ((note - 69) / 12) * time)
        assert LogSpectrogram()(tone[None])[0, :, 10].argmax() == note - 36


def test_a_click_is_loudest_in_the_frame_at_its_time():
    samples = torch.zeros(1, 22_050)
    samples[0, 11_025] = 1  # 0.5 s: frame 10
    assert LogSpectrogram()(samples)[0].sum(0).argmax() == 10


def test_clips_of_a_batch_do_not_mix():
    batch = noise((3, 9000))
    alone = torch.cat([LogSpectrogram()(clip[None]) for clip in batch])
    torch.testing.assert_close(LogSpectrogram()(batch), alone)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(1, 12_000), st.lists(st.integers(0, 4000), max_size=8))
def test_pieces_give_the_same_frames_as_the_whole(n_samples, sizes):
    samples = noise(n_samples)
    cuts = np.clip(np.cumsum([0, *sizes]), 0, n_samples)
    pieces = [*np.diff(cuts).tolist(), n_samples - int(cuts[-1])]
    torch.testing.assert_close(stream_in_pieces(samples, pieces), LogSpectrogram()(samples[None])[0])


def test_a_frame_comes_out_with_its_last_sample():
    stream = LogSpectrogramStream()
    assert stream.feed(noise(1023)).shape == (78, 0)
    assert stream.feed(noise(1)).shape == (78, 1)
    assert stream.feed(noise(1101)).shape == (78, 0)
    assert stream.feed(noise(1)).shape == (78, 1)


def test_a_finished_stream_starts_anew():
    stream = LogSpectrogramStream()
    first = torch.cat([stream.feed(noise(5000)), stream.finish()], -1)
    torch.testing.assert_close(torch.cat([stream.feed(noise(5000)), stream.finish()], -1), first)
    assert stream.finish().shape == (78, 0)


def test_gradients_are_right_and_finite_in_silence():
    samples = torch.cat([torch.zeros(4000), noise(1000)])[None].requires_grad_()
    LogSpectrogram()(samples).sum().backward()
    assert samples.grad.isfinite().all()
    direction = torch.cat([torch.zeros(4000), noise(1000, seed=1)])  # silence is a kink of the magnitude
    with torch.no_grad():
        ahead, behind = (LogSpectrogram()(samples + step * direction).double().sum() for step in (1e-3, -1e-3))
    assert (samples.grad * direction).sum().item() == pytest.approx((ahead - behind).item() / 2e-3, rel=0.02)


def test_another_sample_rate_is_refused():
    with pytest.raises(ValueError, match="must be 22050, got 44100"):
        LogSpectrogram()(noise((1, 100)), sample_rate=44_100)
    with pytest.raises(ValueError, match="must be 22050, got 44100"):
        LogSpectrogramStream().feed(noise(100), sample_rate=44_100)


def test_a_stream_takes_one_channel():
    with pytest.raises(ValueError, match=r"\(T,\)"):
        LogSpectrogramStream().feed(noise((1, 100)))
