"""The default networks: residual convolutions, then recurrent layers at half the frame rate.

    picture -> stem -> 3 x (residual block, a stride of 2 in height) -+-> fine frames -----------------(+)-> the head
                                                                      \\-> half the frames -> 2 BiLSTM ---/

What is near is read at the full rate, where each token, and the blank between equal ones, finds a frame of its own
(a tie between sixteenths has 6 px); clef, key and metre are carried along at half of it, which halves the steps that
a CPU must take one after another. A picture's frame is 2 px wide; a transform's is one of its own, 23 ms.
"""

import torch
from torch import Tensor, nn

from .configuration_music_transcription import MusicTranscriptionConfig
from .layers import BiLSTM, clear_beyond, to_frames

DROPOUT = 0.2
UNITS = 160  # of a BiLSTM, each way
N_FEATURES = 192  # of a frame
OPTICAL_ROWS, OPTICAL_CHANNELS = 64, (16, 24, 48, 80)
AUDIO_ROWS, AUDIO_CHANNELS = 120, (8, 16, 32, 64)


class StridedBlock(nn.Module):
    """Convolution of 3 x 3 with a stride, batch norm, ReLU."""

    def __init__(self, before: int, after: int, stride: tuple[int, int]):
        super().__init__()
        self.conv = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.norm = nn.BatchNorm2d(after)
        self.shrinks_by = stride[1]

    def forward(self, picture: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) with lengths (B,) -> the same, smaller; sizes are rounded up."""
        lengths = (lengths + self.shrinks_by - 1) // self.shrinks_by
        return clear_beyond(self.norm(self.conv(picture)).relu_(), lengths), lengths


class ResidualBlock(nn.Module):
    """Two convolutions of 3 x 3 and what came in."""

    def __init__(self, channels: int):
        super().__init__()
        self.first = StridedBlock(channels, channels, (1, 1))
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, picture: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) with lengths (B,) -> the same."""
        inner, _ = self.first(picture, lengths)
        return clear_beyond((self.norm(self.conv(inner)) + picture).relu_(), lengths), lengths


class ResidualNetwork(nn.Module):
    """Pictures, as many rows as said, to features of frames."""

    least_width = 1

    def __init__(self, config: MusicTranscriptionConfig, rows: int, channels: tuple[int, ...], pixels_a_frame: int):
        super().__init__()
        self.rows = rows
        stem, second, third, last = (config.scaled(size) for size in channels)
        self.fine = nn.ModuleList(
            [
                StridedBlock(1, stem, (2, pixels_a_frame)),
                ResidualBlock(stem),
                StridedBlock(stem, second, (2, 1)),
                ResidualBlock(second),
                StridedBlock(second, third, (2, 1)),
                ResidualBlock(third),
            ]
        )
        self.coarse = nn.ModuleList([StridedBlock(third, last, (2, 2)), ResidualBlock(last)])
        self.n_features, units = config.scaled(N_FEATURES), config.scaled(UNITS)
        dropout = DROPOUT if config.dropout is None else config.dropout
        self.from_fine = nn.Linear(third * -(-rows // 8), self.n_features)
        self.to_recurrent = nn.Linear(last * -(-rows // 16), 2 * units)
        self.lstm1 = BiLSTM(2 * units, units, dropout)
        self.lstm2 = BiLSTM(2 * units, units, dropout)
        self.from_recurrent = nn.Linear(2 * units, 2 * self.n_features)  # two fine frames of each
        self.norm = nn.LayerNorm(self.n_features)
        self.dropout = nn.Dropout(dropout)

    def forward(self, picture: Tensor, widths: Tensor) -> tuple[Tensor, Tensor]:
        """(B, H, W) and (B,) -> features (B, T, 192) and lengths (B,); T is W or W / 2, rounded up."""
        fine, lengths = clear_beyond(picture[:, None], widths), widths
        for block in self.fine:
            fine, lengths = block(fine, lengths)
        coarse, half = fine, lengths
        for block in self.coarse:
            coarse, half = block(coarse, half)
        context = self.from_recurrent(self._recur(to_frames(coarse), half))
        context = context.unflatten(-1, (2, self.n_features)).flatten(1, 2)[:, : fine.shape[-1]]
        features = torch.relu(self.norm(self.from_fine(to_frames(fine)) + context))
        return self.dropout(features), lengths

    def _recur(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Both layers, each added to what it takes: (B, T, F) -> (B, T, 2 * units)."""
        features = self.to_recurrent(frames).relu()
        features = features + self.lstm1(features, lengths)
        result: Tensor = features + self.lstm2(features, lengths)
        return result


def optical_network(config: MusicTranscriptionConfig) -> ResidualNetwork:
    """Over pictures of staves, 64 rows; `config.optical` default."""
    return ResidualNetwork(config, OPTICAL_ROWS, OPTICAL_CHANNELS, pixels_a_frame=2)


def audio_network(config: MusicTranscriptionConfig) -> ResidualNetwork:
    """Over constant-Q transforms, 120 rows; `config.audio` default."""
    return ResidualNetwork(config, AUDIO_ROWS, AUDIO_CHANNELS, pixels_a_frame=1)
