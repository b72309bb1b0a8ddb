"""Log spectrogram of the score followers: 78 semitone bands, 20 frames a second.

What madmom computes for the audio-sheet systems (CPJKU, `score_following_game`, `data_processing/utils.py`; MSMD
before it): `LogarithmicFilterbank(num_bands=12, fmin=60, fmax=6000, norm_filters=True, unique_filters=False)` on
frames of 2048 samples at 20 frames/s, then log10(1 + x). madmom's rules, kept to the letter:

- Samples are mono, 22,050 Hz, floats with full scale at 1. madmom reads 16-bit files, but divides the window by
  32,767 for them, so its values are those of floats in [-1, 1] too. No clip is normalised: loudness counts.
- Frame k is centred on sample floor(1102.5 k): the hop alternates between 1102 and 1103. There are ceil(T / 1102.5)
  frames; beyond the signal are zeros.
- The window is np.hanning's, symmetric. Magnitudes, not powers; bins 0..1023, without the Nyquist bin.
- Bands are triangles over FFT bins, reaching from the neighbouring semitone below to the one above, with sum 1. Low
  semitones share a bin; madmom then keeps one band of a single bin for each (with `unique_filters=True` they
  would be dropped and 70 bands left, not 78).

All is computed in single precision on the samples' device, also under autocast, and can be differentiated. The
modules have no parameters and no buffers: transformers' `from_pretrained` leaves buffers that are not saved
uninitialised, so the constants are made once per device instead.
"""

import math
from functools import lru_cache

import numpy as np
import torch
from torch import nn

SAMPLE_RATE = 22_050
FRAMES_PER_SECOND = 20
FRAME_SIZE = 2048
N_BANDS = 78

_LOWEST_HZ, _HIGHEST_HZ, _A4_HZ = 60, 6000, 440
_SAMPLES_PER_TWO_FRAMES = 2205  # the hop itself is no integer
_PAIRS_AT_ONCE = 128  # of frames; they stay in a CPU's cache, and the memory for long signals is bounded


class LogSpectrogram(nn.Module):
    """Log spectrogram, samples (B, T) -> (B, 78, frames); its conventions are the module's."""

    def forward(self, samples: torch.Tensor, sample_rate: int = SAMPLE_RATE) -> torch.Tensor:
        """Returns the log spectrograms of a batch, (B, 78, frames) in single precision.

        Args:
            samples: (B, T), floats, full scale at 1.
            sample_rate: what the samples have; given only to be checked.

        Raises:
            ValueError: another sample rate, shape or type, no samples, or samples that are not finite.
        """
        check_samples(samples, sample_rate)
        n_frames = count_frames(samples.shape[-1])
        n_pairs = (n_frames + 1) // 2
        end = _centre(2 * n_pairs - 1) + FRAME_SIZE // 2
        before, after = FRAME_SIZE // 2, max(0, end - samples.shape[-1])
        silence = samples.new_zeros(len(samples), max(before, after), dtype=torch.float32)
        padded = torch.cat([silence[:, :before], samples.float(), silence[:, :after]], -1)
        # Pairs of frames lie on a grid of whole samples, so that all frames are one view of the signal, not copies.
        pairs = padded.unfold(-1, _centre(1) + FRAME_SIZE, _SAMPLES_PER_TWO_FRAMES)
        frames = pairs.unfold(-1, FRAME_SIZE, _centre(1))  # (B, pairs, 2, 2048)
        parts = frames.split(max(1, _PAIRS_AT_ONCE // len(samples)), 1)
        return torch.cat([_log_bands(part) for part in parts], -1)[..., :n_frames]


class LogSpectrogramStream:
    """The same frames from audio that arrives in pieces.

    A frame comes out as soon as its last sample is in: 1024 samples (46 ms) after its centre. All frames together,
    `finish` included, are those of `LogSpectrogram` on the whole signal.
    """

    def __init__(self) -> None:
        self._restart()

    def feed(self, samples: torch.Tensor, sample_rate: int = SAMPLE_RATE) -> torch.Tensor:
        """Returns the frames that have become complete, (78, new frames), possibly none.

        Args:
            samples: (T,), the next samples, as many or few as there are.

        Raises:
            ValueError: as `LogSpectrogram`, but no samples are legal.
        """
        if samples.ndim != 1:
            raise ValueError(f"samples must be of shape (T,), got {tuple(samples.shape)}")
        if not len(samples):
            return samples.new_zeros(N_BANDS, 0, dtype=torch.float32)
        check_samples(samples[None], sample_rate)
        self._n_samples += len(samples)
        return self._take(samples.float(), self._n_samples - FRAME_SIZE // 2)

    def finish(self) -> torch.Tensor:
        """Returns the last frames, (78, frames), with zeros after the signal; the stream then starts anew."""
        device = self._kept.device
        frames = self._take(torch.zeros(FRAME_SIZE, device=device), self._n_samples - 1)
        self._restart()
        return frames

    def _restart(self) -> None:
        self._n_samples = 0  # so far
        self._n_frames = 0  # given out so far
        self._kept = torch.zeros(FRAME_SIZE // 2)  # samples from the start of frame `_n_frames` on

    def _take(self, samples: torch.Tensor, last_centre: int) -> torch.Tensor:
        """Frames with centres up to `last_centre`, now that `samples` are there."""
        kept = torch.cat([self._kept.to(samples.device), samples])
        first, stop = self._n_frames, max(self._n_frames, count_frames(last_centre + 1))
        starts = [_centre(k) - _centre(first) for k in range(first, stop + 1)]
        self._n_frames, self._kept = stop, kept[starts[-1] :]
        if stop == first:
            return kept.new_zeros(N_BANDS, 0)
        return _log_bands(torch.stack([kept[start : start + FRAME_SIZE] for start in starts[:-1]])[None])[0]


def count_frames(n_samples: int) -> int:
    """How many frames `n_samples` have: one per 1102.5 begun."""
    return -(-2 * n_samples // _SAMPLES_PER_TWO_FRAMES)


def check_samples(samples: torch.Tensor, sample_rate: int) -> None:
    """Raises ValueError unless `samples` are a batch (B, T) of finite floats at 22,050 Hz."""
    if sample_rate != SAMPLE_RATE:
        raise ValueError(f"sample_rate must be {SAMPLE_RATE}, got {sample_rate}")
    if samples.ndim != 2 or not samples.numel():
        raise ValueError(f"samples must be of shape (B, T) and not empty, got {tuple(samples.shape)}")
    if not samples.is_floating_point():
        raise ValueError(f"samples must be floats with full scale at 1, got {samples.dtype}")
    # One pass: a sum is finite only if all its terms are.
    if not samples.float().sum().isfinite():
        raise ValueError("samples must be finite, got NaN or infinity")


def log_filterbank() -> np.ndarray:
    """Weight of each FFT bin in each band, (1024, 78), single precision; each band sums to 1."""
    octaves_low, octaves_high = (math.log2(hz / _A4_HZ) for hz in (_LOWEST_HZ, _HIGHEST_HZ))
    semitones = np.arange(math.ceil(12 * octaves_low), math.floor(12 * octaves_high) + 1)
    nearest_bin = np.rint(_A4_HZ * 2 ** (semitones / 12) * FRAME_SIZE / SAMPLE_RATE).astype(int)
    bank = np.zeros((FRAME_SIZE // 2, len(semitones) - 2), np.float32)
    for band, (low, centre, high) in enumerate(zip(nearest_bin, nearest_bin[1:], nearest_bin[2:], strict=False)):
        if high - low < 2:
            bank[low, band] = 1
            continue
        bank[low:centre, band] = np.linspace(0, 1, centre - low, endpoint=False)
        bank[centre:high, band] = np.linspace(1, 0, high - centre, endpoint=False)
    return bank / bank.sum(0)


def _centre(frame: int) -> int:
    return frame * _SAMPLES_PER_TWO_FRAMES // 2


@lru_cache
@torch.inference_mode(False)  # else constants made during inference could not be trained through later
def _constants(device: torch.device) -> tuple[torch.Tensor, list[tuple[slice, torch.Tensor]]]:
    """Window (2048,), and the filterbank by thirds: the bins that each third uses, and its weights (26, bins)."""
    thirds = []
    for bands in np.split(log_filterbank().T, 3):
        used = np.flatnonzero(bands.any(0))
        bins = slice(int(used[0]), int(used[-1]) + 1)
        thirds.append((bins, torch.tensor(bands[:, bins], device=device)))
    return torch.tensor(np.hanning(FRAME_SIZE), dtype=torch.float32, device=device), thirds


def _log_bands(frames: torch.Tensor) -> torch.Tensor:
    """Frames (B, ..., 2048) -> log spectrogram (B, 78, all frames)."""
    window, thirds = _constants(frames.device)
    n_bins = thirds[-1][0].stop
    with torch.autocast(frames.device.type, enabled=False):
        spectrum = torch.fft.rfft((frames * window).flatten(1, -2))[..., :n_bins]
        # The addend is beyond single precision's reach in the result; it gives silence a gradient of 0, not NaN.
        magnitudes = spectrum.real.square().addcmul_(spectrum.imag, spectrum.imag).add_(1e-20).sqrt_()
        bands = torch.cat([weights @ magnitudes[..., bins].mT for bins, weights in thirds], 1)
        return torch.log1p(bands) / math.log(10)
