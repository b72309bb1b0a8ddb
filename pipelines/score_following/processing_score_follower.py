"""Pages and recordings as a user has them, made ready for the score follower.

processor = ScoreFollowerProcessor()
model(**processor(pages=[image], audio=samples, sampling_rate=44_100))  # logits (1 or systems, T, K), and of none
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torchaudio
from PIL import Image
from transformers import BatchFeature, ProcessorMixin

from .layout import COLUMN, HEIGHT, grey_page, read_page
from .modeling_score_follower import CONTEXT
from .spectrogram import SAMPLE_RATE, LogSpectrogram

Picture = Image.Image | np.ndarray
SAMPLE_RATES = (4000, 192_000)


class ScoreFollowerProcessor(ProcessorMixin):
    """Makes tensors of images and samples; `page` and `samples` are its steps, which followers need by themselves."""

    def __call__(
        self,
        pages: Picture | Sequence[Picture] | None = None,
        audio: np.ndarray | torch.Tensor | None = None,
        sampling_rate: int = SAMPLE_RATE,
    ) -> BatchFeature:
        """What the network takes.

        Args:
            pages: images of 8 or 16 bits a channel, or uint8 arrays (H, W) or (H, W, 3).
            audio: (N,) or (channels, N), full scale at 1.

        Returns:
            Of pages: `strips` (systems, staves, 128, 4 K), `n_columns` (systems,), `n_staves` (systems,). Of audio:
            `frames` (1, 78, 9 + T).

        Raises:
            ValueError: neither is given, a page or samples are not as above, or no page has staves.
        """
        if pages is None and audio is None:
            raise ValueError("pages or audio must be given, got neither")
        features: dict[str, Any] = {}
        if pages is not None:
            listed = [pages] if isinstance(pages, Image.Image | np.ndarray) else pages
            features |= _strips([strip for page in listed for strip in read_page(self.page(page)).strips])
        if audio is not None:
            frames = LogSpectrogram()(self.samples(audio, sampling_rate)[None])
            features["frames"] = torch.nn.functional.pad(frames, (CONTEXT + 1, 0))
        return BatchFeature(features)

    def page(self, picture: Picture) -> np.ndarray:
        """A page as grey uint8 (H, W), upright, with white paper where it is transparent.

        Raises:
            ValueError: it is no image of 8 or 16 bits a channel and no uint8 array of one.
        """
        if isinstance(picture, np.ndarray):
            if picture.dtype != np.uint8 or picture.ndim not in (2, 3) or 0 in picture.shape:
                raise ValueError(f"page must be uint8 (H, W) or (H, W, 3), got {picture.dtype} {picture.shape}")
            picture = Image.fromarray(picture)
        if not isinstance(picture, Image.Image):
            raise ValueError(f"page must be an image or an array, got {type(picture).__name__}")
        return grey_page(picture)

    def samples(self, audio: np.ndarray | torch.Tensor, sampling_rate: int) -> torch.Tensor:
        """Mono samples (N,) at 22,050 Hz of one or more channels.

        Raises:
            ValueError: they are not finite floats (N,) or (channels, N), or at no rate from 4,000 to 192,000 Hz.
        """
        found = torch.as_tensor(audio)
        if found.ndim not in (1, 2) or not found.is_floating_point() or not found.numel():
            raise ValueError(f"audio must be floats (N,) or (channels, N), got {found.dtype} {tuple(found.shape)}")
        if not SAMPLE_RATES[0] <= sampling_rate <= SAMPLE_RATES[1]:
            raise ValueError(f"sampling_rate must be {SAMPLE_RATES[0]} to {SAMPLE_RATES[1]} Hz, got {sampling_rate}")
        if not torch.isfinite(found).all():
            raise ValueError("audio must be finite, got NaN or infinity")
        mono = found.float() if found.ndim == 1 else found.float().mean(0)
        return torchaudio.functional.resample(mono, sampling_rate, SAMPLE_RATE)


def _strips(strips: list[np.ndarray]) -> dict[str, torch.Tensor]:
    """Strips of systems, padded to one size."""
    if not strips:
        raise ValueError("pages must show staves of music, got none")
    picture = torch.zeros(len(strips), max(map(len, strips)), HEIGHT, max(strip.shape[2] for strip in strips))
    for number, strip in enumerate(strips):
        picture[number, : len(strip), :, : strip.shape[2]] = 1 - torch.from_numpy(strip) / 255
    return {
        "strips": picture,
        "n_columns": torch.tensor([strip.shape[2] // COLUMN for strip in strips]),
        "n_staves": torch.tensor([len(strip) for strip in strips]),
    }
