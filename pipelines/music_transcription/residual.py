"""The default networks: residual convolutions, then recurrent layers over few frames.

    picture -> 4 x (convolution with a stride, residual block) -> 2 BiLSTM, each added to what it takes -> the head

CTC learns from few frames far sooner than from many, and a recurrent layer is faster over few: a frame is 8 px wide,
not 2 as in the papers' networks. Staves as engraved have more frames than symbols and blanks between equal ones, but
for 1 in 4,000. Sound needs a frame for each 46 ms: sixteenths at 120 quarters a minute are 125 ms long, and clef, key
and metre come before them.
"""

from itertools import pairwise

from torch import Tensor, nn

from .configuration_music_transcription import MusicTranscriptionConfig
from .layers import BiLSTM, clear_beyond, to_frames

DROPOUT = 0.1
UNITS = 192  # of a BiLSTM, each way
OPTICAL_ROWS, OPTICAL_CHANNELS, OPTICAL_STRIDES = 64, (16, 32, 64, 96), (2, 2, 2, 1)
AUDIO_ROWS, AUDIO_CHANNELS, AUDIO_STRIDES = 120, (16, 24, 32, 48), (2, 1, 1, 1)


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
    """Pictures, as many rows as said, to features of frames.

    Args:
        rows: of a picture; each of the four convolutions halves them.
        channels: of the four convolutions.
        strides: theirs from left to right.
    """

    least_width = 1

    def __init__(
        self, config: MusicTranscriptionConfig, rows: int, channels: tuple[int, ...], strides: tuple[int, ...]
    ):
        super().__init__()
        self.rows = rows
        sizes = [1, *(config.scaled(size) for size in channels)]
        self.blocks = nn.ModuleList()
        for (before, after), stride in zip(pairwise(sizes), strides, strict=True):
            self.blocks += [StridedBlock(before, after, (2, stride)), ResidualBlock(after)]
        units = config.scaled(UNITS)
        dropout = DROPOUT if config.dropout is None else config.dropout
        self.n_features = 2 * units
        self.to_recurrent = nn.Linear(sizes[-1] * -(-rows // 2 ** len(channels)), self.n_features)
        self.norm1 = nn.LayerNorm(self.n_features)
        self.lstm1 = BiLSTM(self.n_features, units, dropout)
        self.lstm2 = BiLSTM(self.n_features, units, dropout)
        self.norm2 = nn.LayerNorm(self.n_features)
        self.dropout = nn.Dropout(dropout)

    def forward(self, picture: Tensor, widths: Tensor) -> tuple[Tensor, Tensor]:
        """(B, H, W) and (B,) -> features (B, T, 384) and lengths (B,); T is W by all strides, rounded up."""
        picture, lengths = clear_beyond(picture[:, None], widths), widths
        for block in self.blocks:
            picture, lengths = block(picture, lengths)
        features = self.norm1(self.to_recurrent(to_frames(picture))).relu()
        features = features + self.lstm1(features, lengths)
        features = features + self.lstm2(features, lengths)
        return self.dropout(self.norm2(features)), lengths


def optical_network(config: MusicTranscriptionConfig) -> ResidualNetwork:
    """Over pictures of staves, 64 rows; `config.optical` default."""
    return ResidualNetwork(config, OPTICAL_ROWS, OPTICAL_CHANNELS, OPTICAL_STRIDES)


def audio_network(config: MusicTranscriptionConfig) -> ResidualNetwork:
    """Over constant-Q transforms, 120 rows; `config.audio` default."""
    return ResidualNetwork(config, AUDIO_ROWS, AUDIO_CHANNELS, AUDIO_STRIDES)
