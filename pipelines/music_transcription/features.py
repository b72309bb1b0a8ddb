"""What the networks see of a picture and of a recording, as the thesis and the baseline's code have it.

A picture is grey, ink 1 and paper 0, scaled to 64 rows with its aspect kept: the width is 64 * W / H rounded down, a
pixel the mean of the area that it covers (OpenCV's INTER_AREA). Transparent paper is white; white ink on black paper
is turned round.

A recording is mono at 22,050 Hz; its constant-Q transform (`cqt`) in decibels below its loudest value, from 1 to 0 at
-80 dB, low notes at the bottom. The papers' networks take it enlarged to 256 rows, 92 columns a second. That is
interpolation; the default network takes the 120 bins as they are, 43 columns a second.
"""

import numpy as np
import torch
import torchaudio
from PIL import Image, ImageOps
from torch import Tensor, nn

from .cqt import IMAGE_HEIGHT, N_BINS, SAMPLE_RATE, ConstantQ, enlarge_image, to_decibel_image

Picture = Image.Image | np.ndarray
# Of files. Pillow knows many more, of which one starts a program.
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000")
STAFF_HEIGHT = 64
AUDIO_ROWS = (N_BINS, IMAGE_HEIGHT)
MIN_SIDE, MAX_PIXELS = 16, 64_000_000  # of a picture as it is given
WIDTHS = (16, 8192)  # of one scaled to 64 rows
SECONDS = (0.1, 600.0)
SAMPLE_RATES = (4000, 192_000)
_LEAST_CONTRAST = 0.1  # between ink and paper, of 1
_LEAST_PEAK = 1e-4  # of samples: 80 dB below full scale
_NEIGHBOURHOOD = 31  # px, more than a notehead or a beam is thick


def image_features(picture: Picture) -> Tensor:
    """Ink of a staff, (64, W), from 0 to 1.

    Args:
        picture: an image of 8 or 16 bits, or uint8 (H, W), (H, W, 3) or (H, W, 4); one staff.

    Raises:
        ValueError: it is none of these, too small or large, not of a staff's shape, or blank.
        OSError: its file is broken.
    """
    grey = torch.from_numpy(grey_picture(picture)).double()
    height, width = grey.shape
    new_width = STAFF_HEIGHT * width // height
    if not WIDTHS[0] <= new_width <= WIDTHS[1]:
        allowed = f"{WIDTHS[0]} to {WIDTHS[1]} px wide when {STAFF_HEIGHT} px high"
        raise ValueError(f"picture must be {allowed}, got {new_width} px of {width} x {height}")
    ink = scale_area(scale_area(1 - grey / 255, STAFF_HEIGHT).T, new_width).T.float()
    contrast = float(ink.max() - ink.min())
    if contrast < _LEAST_CONTRAST:
        raise ValueError(f"picture must show a staff, got a blank one (contrast {contrast:.2f})")
    return 1 - ink if _is_negative(ink) else ink


def audio_features(audio: np.ndarray | Tensor, sampling_rate: int, rows: int = N_BINS) -> Tensor:
    """Constant-Q transform of a recording, (rows, W), from 0 to 1, low notes at the bottom.

    Args:
        audio: floats (N,) or (channels, N), full scale at 1.
        sampling_rate: Hz.
        rows: 120 for the default network, 256 for the papers'.

    Raises:
        ValueError: samples, rate or rows are not as above; or it is too short or long, not finite, or silent.
    """
    if rows not in AUDIO_ROWS:
        raise ValueError(f"rows must be one of {AUDIO_ROWS}, got {rows}")
    samples = mono_samples(audio, sampling_rate)
    peak = float(samples.abs().max())
    image = to_decibel_image(ConstantQ()(samples[None]))
    if peak < _LEAST_PEAK or not image.any():
        raise ValueError(f"audio must have sound from 33 to 1,017 Hz, got a peak of {peak:.1e} and none there")
    return (image if rows == N_BINS else enlarge_image(image, rows))[0]


def grey_picture(picture: Picture) -> np.ndarray:
    """A picture as uint8 (H, W), upright, with white paper where it is transparent; raises as `image_features`."""
    if isinstance(picture, np.ndarray):
        if picture.dtype != np.uint8 or not (picture.ndim == 2 or (picture.ndim == 3 and picture.shape[2] in (3, 4))):
            raise ValueError(f"picture must be uint8 (H, W), (H, W, 3 or 4), got {picture.dtype} {picture.shape}")
        _check_size(picture.shape[1], picture.shape[0])
        picture = Image.fromarray(picture)
    if not isinstance(picture, Image.Image):
        raise ValueError(f"picture must be an image or an array, got {type(picture).__name__}")
    _check_size(*picture.size)  # before a file is decoded
    if picture.mode in ("I", "F"):
        raise ValueError(f"picture must have 8 or 16 bits a channel, got mode {picture.mode}")
    upright = ImageOps.exif_transpose(picture)  # first: a picture made of an array no longer says how it is turned
    if upright.mode.startswith("I;16"):
        upright = Image.fromarray((np.asarray(upright).astype(np.uint16) >> 8).astype(np.uint8))
    if not upright.has_transparency_data:  # a large scan would not fit into memory in four channels, twice
        return np.array((upright if upright.mode in ("1", "L") else upright.convert("RGB")).convert("L"))
    colour = upright.convert("RGBA")
    return np.array(Image.alpha_composite(Image.new("RGBA", colour.size, "white"), colour).convert("L"))


def mono_samples(audio: np.ndarray | Tensor, sampling_rate: int) -> Tensor:
    """Samples (N,) at 22,050 Hz of one or more channels; raises as `audio_features`."""
    found = torch.as_tensor(audio)
    if found.ndim not in (1, 2) or not found.is_floating_point() or not found.numel():
        raise ValueError(f"audio must be floats (N,) or (channels, N), got {found.dtype} {tuple(found.shape)}")
    if not SAMPLE_RATES[0] <= sampling_rate <= SAMPLE_RATES[1]:
        raise ValueError(f"sampling_rate must be {SAMPLE_RATES[0]} to {SAMPLE_RATES[1]} Hz, got {sampling_rate}")
    seconds = found.shape[-1] / sampling_rate
    if not SECONDS[0] <= seconds <= SECONDS[1]:
        raise ValueError(f"audio must last {SECONDS[0]} to {SECONDS[1]:.0f} seconds, got {seconds:.3f}")
    if not torch.isfinite(found).all():
        raise ValueError("audio must be finite, got NaN or infinity")
    mono = found.float() if found.ndim == 1 else found.float().mean(0)
    return torchaudio.functional.resample(mono, sampling_rate, SAMPLE_RATE)


def scale_area(picture: Tensor, size: int) -> Tensor:
    """Scales (H, W) to (size, W); each new pixel is the mean of the area that it covers."""
    height = len(picture)
    # The integral along the rows is linear between them, so it is exact at any edge.
    integral = nn.functional.pad(picture.cumsum(0), (0, 0, 1, 0))
    edges = torch.arange(size + 1, dtype=picture.dtype) * height / size
    above = edges.long().clamp(max=height - 1)
    at_edges = torch.lerp(integral[above], integral[above + 1], (edges - above)[:, None])
    return at_edges.diff(dim=0) * size / height


def _check_size(width: int, height: int) -> None:
    if min(width, height) < MIN_SIDE or width * height > MAX_PIXELS:
        allowed = f"sides from {MIN_SIDE} px and at most {MAX_PIXELS:,} pixels"
        raise ValueError(f"picture must have {allowed}, got {width} x {height}")


def _is_negative(ink: Tensor) -> bool:
    """Whether (64, W) shows white signs on black.

    Signs are few and stand out from what is around them, paper is much and does not; uneven light changes neither.
    """
    around = ink[None]
    for sides in ((_NEIGHBOURHOOD, 1), (1, _NEIGHBOURHOOD)):  # one after the other: the same mean, ten times as fast
        padding = (sides[0] // 2, sides[1] // 2)
        around = nn.functional.avg_pool2d(around, sides, 1, padding, count_include_pad=False)
    return bool((ink - around[0]).pow(3).mean() < 0)
