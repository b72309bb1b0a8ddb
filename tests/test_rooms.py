"""Sound on its way into a data set: rooms that leave onsets where they were, noise, loudness and audio files."""

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, sosfilt

from scorehub.audio import measure_loudness, normalise_loudness, read_audio, resample, to_flac
from scorehub.notes import make_notes
from scorehub.rooms import Room, add_noise, align_response, apply_room, random_room, room_response
from scorehub.synthesis import synthesise

RATE = 22050


def clicks(n: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Short bursts at known samples."""
    rng = np.random.default_rng(0)
    places = np.cumsum(rng.integers(RATE // 3, RATE, n))
    audio = np.zeros(places[-1] + RATE, np.float32)
    for place in places:
        audio[place : place + 20] = rng.uniform(-0.5, 0.5, 20)
        audio[place] = 0.9
    return audio, places


def piano(onset: float = 0.0) -> np.ndarray:
    return synthesise(make_notes(np.array([onset]), np.array([0.5]), np.array([69])))


def rises(audio: np.ndarray, near: np.ndarray, within: int) -> np.ndarray:
    """The sample of the steepest rise of energy (1 ms before and after) within some samples of each of `near`."""
    energy = np.cumsum(np.square(audio, dtype=np.float64))
    width = RATE // 1000
    rise = np.zeros(len(audio))
    before, here, after = energy[: -2 * width], energy[width:-width], energy[2 * width :]
    rise[width:-width] = np.log((after - here + 1e-9) / (here - before + 1e-9))
    return np.array([place - within + np.argmax(rise[place - within : place + within]) for place in near])


@given(st.integers(0, 2**32))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_a_response_starts_with_the_direct_sound_and_has_the_asked_balance(seed):
    rng = np.random.default_rng(seed)
    room = random_room(rng)
    response = room_response(room, rng)
    balance = -10 * np.log10(np.square(response[1:], dtype=np.float64).sum())

    assert response[0] == 1
    assert response.dtype == np.float32
    assert balance == pytest.approx(room.direct_to_reverberant, abs=0.01)
    assert np.isfinite(response).all()
    assert np.abs(response[-50:]).max() < 0.01 * np.abs(response).max()


@pytest.mark.parametrize("reverberation", [0.3, 0.8, 1.5])
def test_the_mid_band_decays_in_the_asked_time_and_the_treble_faster(reverberation):
    response = room_response(Room(reverberation=reverberation), np.random.default_rng(0))[1:]

    def decay(low: float, high: float) -> float:
        """RT60 from the fall between -5 and -25 dB of Schroeder's backward integral, as in ISO 3382."""
        band = sosfilt(butter(4, (low, high), "bandpass", fs=RATE, output="sos"), response)
        left = np.cumsum(np.square(band)[::-1])[::-1]
        level = 10 * np.log10(left / left[0])
        return float(3 * (np.argmax(level < -25) - np.argmax(level < -5)) / RATE)

    assert decay(500, 2000) == pytest.approx(reverberation, rel=0.2)
    assert decay(6000, 10000) < 0.75 * decay(500, 2000)


def test_clicks_stay_where_they_were_in_every_room():
    audio, places = clicks()
    for seed in range(8):
        rng = np.random.default_rng(seed)
        heard = apply_room(audio, room_response(random_room(rng), rng))
        shift = rises(heard, places, RATE // 20) - rises(audio, places, RATE // 20)

        assert np.median(np.abs(shift)) / RATE < 0.001


def test_piano_onsets_stay_where_they_were(librosa):
    rng = np.random.default_rng(4)
    onsets = 0.2 + 0.5 * np.arange(16)
    audio = synthesise(make_notes(onsets, np.full(16, 0.45), rng.integers(55, 85, 16)))
    heard = apply_room(audio, room_response(Room(reverberation=0.8, direct_to_reverberant=0.0), rng))

    def shift(sound: np.ndarray) -> np.ndarray:
        found = librosa.onset.onset_detect(y=sound, sr=RATE, hop_length=64, units="time")
        return found[np.argmin(np.abs(found[:, None] - onsets), axis=0)]

    assert np.median(np.abs(shift(heard) - shift(audio))) < 0.01


def test_a_measured_response_is_cut_at_its_direct_sound_though_a_reflection_is_stronger():
    rng = np.random.default_rng(0)
    measured = 0.002 * rng.standard_normal(RATE)
    measured[1000] = -0.4  # the direct sound, through a reversed microphone
    measured[1300] = 0.9
    audio, places = clicks()
    response = align_response(measured)

    assert response[0] == 1
    assert np.argmax(np.abs(response)) == 300
    shift = rises(apply_room(audio, response), places, RATE // 200) - rises(audio, places, RATE // 200)
    assert np.median(np.abs(shift)) / RATE < 0.001


def test_a_band_limited_direct_sound_is_cut_at_its_peak_not_at_its_ringing():
    time = np.arange(4000) - 700.3
    response = align_response(np.sinc(time * 0.8))

    assert len(response) == 4000 - 700


def test_an_aligned_response_stays_as_it_is():
    rng = np.random.default_rng(0)
    response = room_response(random_room(rng), rng)

    assert np.array_equal(align_response(response), response)


def test_a_room_of_no_reflections_changes_nothing():
    audio, _ = clicks(3)

    assert apply_room(audio, np.array([1.0])) == pytest.approx(audio)


@pytest.mark.parametrize("ratio", [0.0, 10.0, 40.0])
def test_noise_has_the_asked_level(ratio):
    audio, _ = clicks()
    noise = add_noise(audio, ratio, np.random.default_rng(0)) - audio

    assert 10 * np.log10(np.square(audio).mean() / np.square(noise).mean()) == pytest.approx(ratio, abs=0.1)


def test_pink_noise_falls_by_three_decibels_an_octave():
    audio = np.random.default_rng(1).standard_normal(2**17).astype(np.float32)
    power = np.square(np.abs(np.fft.rfft(add_noise(audio, 0.0, np.random.default_rng(0)) - audio)))
    octaves = [power[2**k : 2 ** (k + 1)].mean() for k in range(10, 15)]

    assert np.diff(10 * np.log10(octaves)) == pytest.approx(-3.01, abs=0.4)


@pytest.mark.parametrize(
    "response", [np.zeros(100), np.zeros(0), np.array([np.nan, 1.0]), np.ones((2, 5)), np.ones(10**6)]
)
def test_a_response_that_is_none_is_refused(response):
    with pytest.raises(ValueError, match="response must"):
        align_response(response)


@pytest.mark.parametrize(
    "call",
    [
        lambda: apply_room(np.ones(10), np.array([0.0, 1.0])),
        lambda: apply_room(np.ones((2, 10)), np.array([1.0])),
        lambda: add_noise(np.zeros(10), 10.0, np.random.default_rng(0)),
        lambda: Room(source=(9.0, 1.0, 1.0)),
        lambda: Room(reverberation=0.0),
        lambda: Room(size=(float("inf"), 5.0, 3.0)),
        lambda: Room(direct_to_reverberant=float("nan")),
    ],
)
def test_what_makes_no_sense_is_refused(call):
    with pytest.raises(ValueError, match="must"):
        call()


# Loudness and files


@given(st.integers(0, 2**32), st.floats(0.01, 3.0), st.floats(-60.0, 20.0))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_normalised_audio_has_the_loudness_or_the_highest_peak(seed, seconds, gain):
    rng = np.random.default_rng(seed)
    audio = (rng.standard_normal(int(seconds * RATE)) * 10 ** (gain / 20)).astype(np.float32)
    level = normalise_loudness(audio)
    peak = np.abs(level).max()

    assert peak <= 10 ** (-1 / 20) + 1e-6
    assert measure_loudness(level) == pytest.approx(-23, abs=0.05) or peak == pytest.approx(10 ** (-1 / 20))


def test_a_sine_at_full_scale_has_the_loudness_of_the_standard():
    # ITU-R BS.1770-4: a 997 Hz sine at 0 dBFS in one channel reads -3.01 LKFS.
    time = np.arange(5 * 48000) / 48000

    assert measure_loudness(np.sin(2 * np.pi * 997 * time), 48000) == pytest.approx(-3.01, abs=0.05)


@pytest.mark.parametrize("audio", [np.zeros(1000), np.zeros(0), np.array([np.nan] * 1000), np.zeros((100, 2)) + 0.1])
def test_audio_without_a_loudness_is_refused(audio):
    with pytest.raises(ValueError, match="audio must"):
        normalise_loudness(audio)


def test_flac_gives_the_audio_back_to_16_bits():
    audio = piano()
    decoded, rate = read_audio(to_flac(audio))

    assert rate == RATE
    assert decoded.dtype == np.float32
    assert np.abs(decoded - audio).max() <= 2**-15


def test_a_response_that_starts_late_is_refused():
    with pytest.raises(ValueError, match=r"response must be .*, got shape \(3,\) that begins with \[0. 1. 0.\]"):
        apply_room(np.ones(8), np.array([0.0, 1.0, 0.0]))


def test_audio_beyond_full_scale_is_not_clipped_into_a_file():
    with pytest.raises(ValueError, match="within -1 to 1"):
        to_flac(np.array([0.5, 1.2, 0.1]))


def test_damaged_audio_files_are_refused():
    data = to_flac(piano())
    not_finite = io.BytesIO()
    soundfile.write(not_finite, np.array([0.1, np.nan]), RATE, format="WAV", subtype="FLOAT")
    for broken in (not_finite.getvalue(), b"", b"fLaC", data[: len(data) // 2], np.random.default_rng(0).bytes(3000)):
        with pytest.raises(ValueError, match="audio file must"):
            read_audio(broken)


def test_a_file_that_claims_more_samples_than_fit_is_refused():
    data = bytearray(to_flac(piano()))
    data[21:26] = bytes([data[21] | 0x0F, 0xFF, 0xFF, 0xFF, 0xFF])  # STREAMINFO's 36 bits of total samples

    with pytest.raises(ValueError, match="audio file must"):
        read_audio(bytes(data))


def test_resampling_keeps_pitch_length_and_onset():
    audio = piano(onset=0.5)
    slower = resample(audio, RATE, 16000)
    back = resample(slower, 16000, RATE)

    assert len(slower) == pytest.approx(len(audio) * 16000 / RATE, abs=2)
    start = np.flatnonzero(np.abs(back) > 0.05)[0], np.flatnonzero(np.abs(audio) > 0.05)[0]
    assert abs(start[0] - start[1]) < 0.002 * RATE
