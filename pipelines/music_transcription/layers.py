"""Layers that all transcription networks share. What is beyond an item's length never reaches the item.

B items, C channels, H rows, W columns, T frames, F features of a frame.
"""

import torch
from torch import Tensor, nn


def clear_beyond(picture: Tensor, lengths: Tensor) -> Tensor:
    """Pictures (B, C, H, W) with zeros beyond their lengths (B,) in columns, as convolutions see beyond W."""
    beyond = torch.arange(picture.shape[-1], device=picture.device) >= lengths[:, None]
    return picture.masked_fill(beyond[:, None, None], 0)


def to_frames(picture: Tensor) -> Tensor:
    """Columns as frames, (B, C, H, T) -> (B, T, C * H)."""
    return picture.permute(0, 3, 1, 2).flatten(2)


class ConvBlock(nn.Module):
    """Convolution of the same size without bias, batch norm, LeakyReLU 0.2, max pooling: the baseline's block."""

    def __init__(self, before: int, after: int, kernel: tuple[int, int], pool: tuple[int, int]):
        super().__init__()
        rows, columns = kernel
        # Of even kernels the longer side is below and to the right, as in TensorFlow, which the baseline uses.
        self.pad = nn.ZeroPad2d(((columns - 1) // 2, columns // 2, (rows - 1) // 2, rows // 2))
        self.conv = nn.Conv2d(before, after, kernel, bias=False)
        self.norm = nn.BatchNorm2d(after)
        self.activation = nn.LeakyReLU(0.2)
        self.pool = nn.MaxPool2d(pool)
        self.shrinks_by = pool[1]

    def forward(self, picture: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) with lengths (B,) -> the same, smaller."""
        picture = self.pool(self.activation(self.norm(self.conv(self.pad(picture)))))
        lengths = lengths // self.shrinks_by
        return clear_beyond(picture, lengths), lengths


class BiLSTM(nn.Module):
    """Dropout and one LSTM layer, both ways, (B, T, F) -> (B, T, 2 * units).

    The way back is a layer of its own, which takes each item from its end: so padding comes last both ways, nothing
    has to be packed, and PyTorch runs its fused layer, three times as fast on a CPU.
    """

    def __init__(self, n_features: int, n_units: int, dropout: float):
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.ahead = nn.LSTM(n_features, n_units, batch_first=True)
        self.back = nn.LSTM(n_features, n_units, batch_first=True)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Zeros come out beyond the lengths (B,)."""
        features = self.dropout(features)
        frames = torch.arange(features.shape[1], device=features.device)
        there = frames < lengths[:, None]
        turned = torch.where(there, lengths[:, None] - 1 - frames, frames)[..., None]
        back = self.back(features.take_along_dim(turned, 1))[0].take_along_dim(turned, 1)
        both: Tensor = torch.cat([self.ahead(features)[0], back], -1)
        return both.masked_fill(~there[..., None], 0)
