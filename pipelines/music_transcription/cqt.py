"""Constant-Q transform as audio-to-score models see it: 120 bins, 24 an octave, from C1 (32.7 Hz) up to 1,017 Hz.

What `librosa.cqt(y, sr=22050, hop_length=512, n_bins=120, bins_per_octave=24)` computes in magnitude, followed by the
steps of Alfaro-Contreras et al. 2022/2023 (`smc-2022`, `my_utils/preprocessing.py`), which the thesis takes over:
decibels relative to the loudest value of the clip, down to -80; (80 + dB) / 80; highest bin in the top row; scaled to
256 rows with the aspect ratio kept.

Conventions, librosa's own:
- Samples are mono, 22,050 Hz, floats. Frame n is centred on sample 512 n; beyond the signal are zeros.
- Bin b is a Hann-windowed phasor at 32.7 * 2^(b / 24) Hz, Q = 34.6 periods long. A tone of amplitude a at a bin's
  frequency has magnitude a / 2 * sqrt(length in samples) (`scale=True`). Tuning is not estimated.
- Spectra of kernels lose their smallest 1 %, as librosa's do.

Only the resampler differs from librosa's (soxr_hq). Every octave is the one above at half the sample rate, so one set
of 24 kernels of 512 samples serves all five, and each octave is one matrix product. The signal is first decimated by
4 and then by 2 from octave to octave; these low-pass filters are short because they need be exact only where bins
lie: flat up to the highest bin and 100 dB down where aliases would fall onto it.

All is computed in single precision on the samples' device, also under autocast, and can be differentiated. There are
no parameters and no buffers: transformers' `from_pretrained` leaves buffers that are not saved uninitialised, so the
constants are made once per device instead.
"""

from functools import lru_cache

import numpy as np
import torch
from torch import nn

SAMPLE_RATE = 22_050
HOP = 512
N_BINS = 120
BINS_PER_OCTAVE = 24
LOWEST_HZ = 440 * 2 ** (-45 / 12)  # C1
IMAGE_HEIGHT = 256

_N_OCTAVES = N_BINS // BINS_PER_OCTAVE
_FIRST_DECIMATION = 4
_TOP_RATE = SAMPLE_RATE / _FIRST_DECIMATION  # of the highest octave
_KERNEL_SIZE = 512
_DISCARDED = 0.01  # share of a kernel's spectrum that librosa sets to zero
_STOP_DB = 100
_BLOCK = 16  # samples that are decimated at once
_DYNAMIC_RANGE_DB = 80
_LEAST_MAGNITUDE = 1e-5


class ConstantQ(nn.Module):
    """Magnitudes of the constant-Q transform, samples (B, T) -> (B, 120, frames); lowest bin first."""

    def forward(self, samples: torch.Tensor, sample_rate: int = SAMPLE_RATE) -> torch.Tensor:
        """Returns the magnitudes of a batch, (B, 120, frames) in single precision.

        Args:
            samples: (B, T), floats, full scale at 1.
            sample_rate: what the samples have; given only to be checked.

        Raises:
            ValueError: another sample rate, shape or type, no samples, or samples that are not finite.
        """
        check_samples(samples, sample_rate)
        kernels, first_lowpass, lowpass = _constants(samples.device)
        n_frames = count_frames(samples.shape[-1])
        octaves: list[torch.Tensor] = []
        with torch.autocast(samples.device.type, enabled=False):
            signal = _decimate(samples.float(), first_lowpass, _FIRST_DECIMATION)
            hop = HOP // _FIRST_DECIMATION
            for _ in range(_N_OCTAVES):
                octaves.insert(0, _filter_octave(signal, kernels, hop, n_frames))
                signal, hop = _decimate(signal, lowpass, 2), hop // 2
        return torch.cat(octaves, 1)


def to_decibel_image(magnitudes: torch.Tensor) -> torch.Tensor:
    """Grey image of magnitudes, (B, 120, frames) -> (B, 120, frames) in [0, 1], **highest bin in the top row**.

    1 is the loudest value of each clip, 0 is 80 dB below it or less. A silent clip (nothing above 1e-5) is all 0;
    librosa's formula would make it all 1.
    """
    if magnitudes.ndim != 3:
        raise ValueError(f"magnitudes must be of shape (B, bins, frames), got {tuple(magnitudes.shape)}")
    loudest = magnitudes.amax((1, 2), keepdim=True)
    decibels = 20 * torch.log10(magnitudes.clamp(min=_LEAST_MAGNITUDE) / loudest.clamp(min=_LEAST_MAGNITUDE))
    image = (decibels.clamp(min=-_DYNAMIC_RANGE_DB) + _DYNAMIC_RANGE_DB) / _DYNAMIC_RANGE_DB
    return torch.where(loudest > _LEAST_MAGNITUDE, image, 0).flip(1)


def enlarge_image(image: torch.Tensor, height: int = IMAGE_HEIGHT) -> torch.Tensor:
    """Scales images up with their aspect ratio kept, (B, H, W) -> (B, height, floor(height * W / H)).

    Each pixel is the mean of the area it covers (OpenCV's INTER_AREA, as the baseline uses it).
    """
    if image.ndim != 3 or not image.numel():
        raise ValueError(f"image must be of shape (B, H, W) and not empty, got {tuple(image.shape)}")
    rows, columns = image.shape[1:]
    if height < rows:
        raise ValueError(f"height must be at least the image's {rows}, got {height}")
    return _stretch(_stretch(image, height, dim=1), height * columns // rows, dim=2)


def count_frames(n_samples: int) -> int:
    """How many frames `n_samples` have: librosa counts them after the first decimation."""
    return 1 + -(-n_samples // _FIRST_DECIMATION) // (HOP // _FIRST_DECIMATION)


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


def cqt_kernels() -> np.ndarray:
    """The 24 kernels of an octave, (24, 512), complex; a bin is the magnitude of kernel times frame, summed.

    librosa multiplies a frame's spectrum with the kernel's at frequencies >= 0. That is a linear map of the frame,
    so it is done here once for all frames: the inverse transform of what is left of the kernel's spectrum.
    """
    step = 2 ** (1 / BINS_PER_OCTAVE)
    quality = (step**2 + 1) / (step**2 - 1)
    kernels = np.zeros((BINS_PER_OCTAVE, _KERNEL_SIZE), complex)
    for number, kernel in enumerate(kernels):
        hz = LOWEST_HZ * 2 ** (_N_OCTAVES - 1) * step**number
        length = quality * _TOP_RATE / hz
        time = np.arange(-length // 2, length // 2)
        window = 0.5 + 0.5 * np.cos(2 * np.pi * (np.arange(len(time)) / len(time) - 0.5))
        start = (_KERNEL_SIZE - len(time)) // 2
        phasor = np.exp(2j * np.pi * hz / _TOP_RATE * time)
        kernel[start : start + len(time)] = window * phasor * np.sqrt(length) / window.sum()
    spectra = np.fft.fft(kernels)[:, : _KERNEL_SIZE // 2 + 1]
    spectra[_is_small(np.abs(spectra))] = 0
    return np.fft.fft(spectra, _KERNEL_SIZE) / _KERNEL_SIZE


def _is_small(magnitudes: np.ndarray) -> np.ndarray:
    """Where the smallest magnitudes of each row lie that together make up less than `_DISCARDED` of it."""
    order = np.sort(magnitudes)
    share = np.cumsum(order, 1) / order.sum(1, keepdims=True)
    threshold = np.take_along_axis(order, (share < _DISCARDED).sum(1, keepdims=True), 1)
    return magnitudes < threshold


def _lowpass(factor: int, highest_hz: float, rate: float) -> np.ndarray:
    """Low-pass filter for decimation by `factor`, as a matrix: samples -> a block of decimated samples.

    By Kaiser's formulas it is exact up to `highest_hz`; it keeps the energy, as librosa's resampling does.
    """
    transition = 1 / factor - 2 * highest_hz / rate  # as a share of `rate`
    half = int(np.ceil((_STOP_DB - 7.95) / (14.36 * transition) / 2))
    time = np.arange(-half, half + 1)
    taps = np.sinc(time / factor) * np.kaiser(len(time), 0.1102 * (_STOP_DB - 8.7))
    taps *= np.sqrt(factor) / taps.sum()
    lowpass = np.zeros((factor * (_BLOCK - 1) + len(taps), _BLOCK))
    for number in range(_BLOCK):
        lowpass[factor * number : factor * number + len(taps), number] = taps
    return lowpass


@lru_cache
@torch.inference_mode(False)  # else constants made during inference could not be trained through later
def _constants(device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Kernels (48, 512), real parts first, and the two low-pass filters (samples, block)."""
    kernels = cqt_kernels()
    highest_hz = LOWEST_HZ * 2**_N_OCTAVES * 1.05  # a bin is some percent wide
    first_lowpass = _lowpass(_FIRST_DECIMATION, highest_hz, SAMPLE_RATE)
    lowpass = _lowpass(2, highest_hz / 2, _TOP_RATE)
    return (
        torch.tensor(np.concatenate([kernels.real, kernels.imag]), dtype=torch.float32, device=device),
        torch.tensor(first_lowpass, dtype=torch.float32, device=device),
        torch.tensor(lowpass, dtype=torch.float32, device=device),
    )


def _decimate(signal: torch.Tensor, lowpass: torch.Tensor, factor: int) -> torch.Tensor:
    """(B, T) -> (B, ceil(T / factor)); the first sample stays where it is.

    A matrix product over blocks takes a third of a strided convolution's time on a CPU.
    """
    width, n_samples = len(lowpass), -(-signal.shape[-1] // factor)
    step = factor * _BLOCK
    n_blocks = -(-n_samples // _BLOCK)
    before = (width - factor * (_BLOCK - 1)) // 2
    after = step * (n_blocks - 1) + width - before - signal.shape[-1]
    blocks = nn.functional.pad(signal, (before, after)).unfold(-1, width, step)
    return (blocks @ lowpass).flatten(1)[:, :n_samples]


def _filter_octave(signal: torch.Tensor, kernels: torch.Tensor, hop: int, n_frames: int) -> torch.Tensor:
    """(B, T) -> magnitudes of one octave, (B, 24, n_frames)."""
    padded = nn.functional.pad(signal, (_KERNEL_SIZE // 2, _KERNEL_SIZE // 2))
    frames = padded.unfold(-1, _KERNEL_SIZE, hop)[:, :n_frames]
    real, imaginary = (kernels @ frames.mT).chunk(2, 1)
    # The addend is far below `_LEAST_MAGNITUDE`; it gives silence a gradient of 0, not NaN.
    return (torch.addcmul(real.square(), imaginary, imaginary) + 1e-20).sqrt()


def _stretch(image: torch.Tensor, size: int, dim: int) -> torch.Tensor:
    """Enlarges along `dim`: a pixel lies in one old pixel, or in two in proportion to its shares of them."""
    old_size = image.shape[dim]
    number = torch.arange(size, device=image.device)
    left = number * old_size // size
    right = (left + 1).clamp(max=old_size - 1)
    share_of_right = (number + 1 - (left + 1).double() * size / old_size).clamp(min=0).to(image.dtype)
    share_of_right = share_of_right.view(-1, *[1] * (image.ndim - 1 - dim))
    return torch.lerp(image.index_select(dim, left), image.index_select(dim, right), share_of_right)
