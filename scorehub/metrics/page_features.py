"""Features of pages, for distances between sets of them: of sheet music, of Inception, or the pixels.

Pages are PIL images; features float32 (N, D).

- `SheetMusicFeatures`: the optical transcription network's convolutions over the whole page, D = 416. They know
  lines, heads, beams and clefs; means say how much of each there is, deviations how clearly it stands out. Of 128
  engraved pages they tell a blur of 0.5 px, noise of 25 levels or four pairs of exchanged patches from none; the page
  classifier's last layer, which learnt to overlook such things, a blur of 1 px, noise of 50 or 16 pairs.
- `inception_features`: see `scorehub.metrics.inception`, D = 2048.
- `pixels`: ink of small pages, to find copies.
"""

from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from scorehub.metrics.inception import InceptionV3
from scorehub.pipelines.music_transcription.modeling_music_transcription import MusicTranscriptionModel
from scorehub.pipelines.music_transcription.residual import ResidualNetwork
from scorehub.pipelines.score_following.layout import grey_page

PAGE = (256, 352)  # px, width and height at which staves of A5 pages have 4 px a space
SHARE = 1.5  # by which pages are enlarged: the network learnt staves of some 6 px a space
SMALL = (64, 88)  # px of pages in which copies are looked for
INCEPTION_SIDE = 299
_BATCH = 8


Features = Callable[[Tensor], Tensor]


class SheetMusicFeatures:
    """The embedded transcriber's convolutions."""

    def __init__(self) -> None:
        folder = str(files("scorehub.pipelines.music_transcription"))
        network = MusicTranscriptionModel.from_pretrained(folder).eval().optical
        assert isinstance(network, ResidualNetwork)
        self.blocks = network.blocks

    @torch.no_grad()
    def __call__(self, pages: Sequence[Image.Image]) -> np.ndarray:
        """(N, 416): mean and deviation of every channel of the four stages."""
        size = (round(PAGE[0] * SHARE), round(PAGE[1] * SHARE))
        return _batched(pages, size, self._features)

    def _features(self, ink: Tensor) -> Tensor:
        widths = torch.full((len(ink),), ink.shape[2])
        found, picture = [], ink[:, None]
        for number, block in enumerate(self.blocks):
            picture, widths = block(picture, widths)
            if number % 2:
                found += [picture.mean((2, 3)), picture.std((2, 3))]
        return torch.cat(found, 1)


def inception_features(pages: Sequence[Image.Image], network: InceptionV3) -> np.ndarray:
    """(N, 2048). Pages are squashed to 299 x 299 px, bilinearly without antialiasing, as FID is defined."""

    @torch.no_grad()
    def features(ink: Tensor) -> Tensor:
        grey = 1 - ink[:, None].expand(-1, 3, -1, -1)
        sides = (INCEPTION_SIDE, INCEPTION_SIDE)
        square = nn.functional.interpolate(grey, sides, mode="bilinear", align_corners=False)
        found: Tensor = network(2 * square - 1)
        return found

    sizes = {page.size for page in pages}
    if len(sizes) > 1:
        raise ValueError(f"pages must be of one size, got {sorted(sizes)}")
    return _batched(pages, None, features)


def pixels(pages: Sequence[Image.Image]) -> np.ndarray:
    """(N, 5632): ink of pages of 64 x 88 px."""
    return _batched(pages, SMALL, lambda ink: ink.flatten(1))


def _batched(pages: Sequence[Image.Image], size: tuple[int, int] | None, features: Features) -> np.ndarray:
    if not pages:
        raise ValueError("pages must be at least one, got none")
    batches = [features(ink) for ink in _ink(pages, size)]
    return np.asarray(torch.cat(batches).numpy(), np.float32)


def _ink(pages: Sequence[Image.Image], size: tuple[int, int] | None) -> Iterator[Tensor]:
    """Batches (B, H, W), ink from 0 to 1."""
    for first in range(0, len(pages), _BATCH):
        greys = [Image.fromarray(grey_page(page)) for page in pages[first : first + _BATCH]]
        scaled = [np.asarray(grey.resize(size or grey.size, Image.Resampling.BILINEAR)) for grey in greys]
        yield 1 - torch.from_numpy(np.stack(scaled)).float() / 255
