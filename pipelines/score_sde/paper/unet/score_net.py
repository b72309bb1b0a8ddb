"""The paper's score network: a U-net of four levels told the time by Gaussian Fourier features.

As in the paper's code and the tutorial that it comes from, but for rolls of any size from 17 x 17: transposed
convolutions give back the sizes of the levels that they return to, which at 28 x 28 are the paper's.

Input x (B, C, P, T) and times (B,) in (0, 1]; output the score, of x's shape.
"""

import math
from dataclasses import dataclass

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from diffusers.utils.outputs import BaseOutput
from torch import Tensor, nn

MIN_SIZE = 17  # what three halvings of 3 x 3 windows need


@dataclass
class ScoreNetOutput(BaseOutput):
    """`sample`: the score (B, C, P, T)."""

    sample: Tensor


class FourierFeatures(nn.Module):
    """Times (B,) as sines and cosines (B, dims) at random frequencies, which are not trained."""

    def __init__(self, dims: int, scale: float = 30.0) -> None:
        super().__init__()
        self.register_buffer("frequencies", torch.randn(dims // 2) * scale)

    def forward(self, t: Tensor) -> Tensor:
        """(B,) to (B, dims)."""
        angles = 2 * math.pi * t[:, None] * self.get_buffer("frequencies")
        return torch.cat([angles.sin(), angles.cos()], dim=-1)


class ScoreNet(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Divides what it computes by std(t) of the process dx = sigma^t dw, so that the scale of the score is right."""

    @register_to_config
    def __init__(
        self,
        in_channels: int = 1,
        sample_size: tuple[int, int] = (28, 28),
        channels: tuple[int, int, int, int] = (32, 64, 128, 256),
        embed_dim: int = 256,
        sigma: float = 25.0,
    ) -> None:
        super().__init__()
        wide = channels[-1]
        self.embed = nn.Sequential(FourierFeatures(embed_dim), nn.Linear(embed_dim, embed_dim))
        inputs, strides = (in_channels, *channels[:-1]), (1, 2, 2, 2)
        self.down = nn.ModuleList(
            nn.Conv2d(source, width, 3, stride, bias=False)
            for source, width, stride in zip(inputs, channels, strides, strict=True)
        )
        self.down_time = nn.ModuleList(nn.Linear(embed_dim, width) for width in channels)
        self.down_norm = nn.ModuleList(nn.GroupNorm(_groups(width, channels[0]), width) for width in channels)
        # Upwards the inputs are the level below and, but for the lowest, the skip beside it.
        widths = channels[-2::-1]
        sources = (wide, *(2 * width for width in widths[:-1]))
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(source, width, 3, 2, bias=False) for source, width in zip(sources, widths, strict=True)
        )
        self.up_time = nn.ModuleList(nn.Linear(embed_dim, width) for width in widths)
        self.up_norm = nn.ModuleList(nn.GroupNorm(32 if width % 32 == 0 else 4, width) for width in widths)
        self.last = nn.ConvTranspose2d(2 * channels[0], in_channels, 3)

    def forward(self, sample: Tensor, timestep: Tensor) -> ScoreNetOutput:
        """The score of `sample` (B, C, P, T) at times (B,).

        Raises:
            ValueError: the roll has less than 17 pitches or frames.
        """
        if min(sample.shape[-2:]) < MIN_SIZE:
            raise ValueError(f"roll must be at least {MIN_SIZE} x {MIN_SIZE}, got {tuple(sample.shape[-2:])}")
        embedding, h = nn.functional.silu(self.embed(timestep)), sample
        skips = []
        for conv, time, norm in zip(self.down, self.down_time, self.down_norm, strict=True):
            h = nn.functional.silu(norm(conv(h) + time(embedding)[:, :, None, None]))
            skips.append(h)
        skips.pop()
        for conv, time, norm in zip(self.up, self.up_time, self.up_norm, strict=True):
            skip = skips.pop()
            h = conv(h, output_size=skip.shape[-2:]) + time(embedding)[:, :, None, None]
            h = torch.cat([nn.functional.silu(norm(h)), skip], dim=1)
        return ScoreNetOutput(self.last(h) / self._std(timestep)[:, None, None, None])

    def _std(self, t: Tensor) -> Tensor:
        rate = 2 * math.log(self.config["sigma"])
        return (torch.expm1(rate * t) / rate).sqrt()


def _groups(width: int, first: int) -> int:
    """The paper's groups: 4 in the first level, 32 below it (or what small networks allow)."""
    return 32 if width != first and width % 32 == 0 else 4
