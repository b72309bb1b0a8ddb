"""Coconet: a convolution that fills in any cells of a grid from any others.

Grids are seen as pictures of pitch over time, one for each voice, with the voices' masks; of hidden voices nothing is
seen. Trained on random masks, it is an orderless NADE: an average over all orders of writing.

Source: Huang et al., Counterpoint by Convolution, 2017, sections 3 and 4.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from .configuration_chorales import ChoralesConfig
from .grids import VALUES, VOICES


class ResidualLayer(nn.Module):
    """Two convolutions with a way past them."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(2))
        self.norm_first, self.norm_second = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.dropout = nn.Dropout2d(dropout)

    def forward(self, values: Tensor) -> Tensor:
        """(B, d, P, T) to the same."""
        found = self.first(functional.relu(self.norm_first(values)))
        return values + self.second(self.dropout(functional.relu(self.norm_second(found))))


class Coconet(nn.Module):
    """Logits of hidden cells."""

    def __init__(self, config: ChoralesConfig) -> None:
        super().__init__()
        self.first = nn.Conv2d(2 * len(VOICES), config.width, 3, padding=1)
        self.layers = nn.ModuleList(ResidualLayer(config.width, config.dropout) for _ in range(config.layers))
        self.norm = nn.BatchNorm2d(config.width)
        self.output = nn.Conv2d(config.width, len(VOICES), 3, padding=1)

    def forward(self, grid: Tensor, seen: Tensor) -> Tensor:
        """Logits (B, T, 4, V) of all cells of `grid` (B, T, 4), of which those are read where `seen` is true."""
        pianorolls = functional.one_hot(grid.clamp(min=0), VALUES) * seen[..., None]  # (B, T, 4, P)
        masks = seen[..., None].expand_as(pianorolls)
        planes = torch.cat([pianorolls, masks], 2).permute(0, 2, 3, 1).to(self.first.weight.dtype)
        values = self.first(planes)
        for layer in self.layers:
            values = layer(values)
        return self.output(functional.relu(self.norm(values))).permute(0, 3, 1, 2)
