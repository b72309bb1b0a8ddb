"""The baseline's two networks, which the thesis takes over: convolutional blocks, two BiLSTM layers.

The thesis's sections 3 and 4 and the baseline's code (github mariaalfaroc/late-fusion-music-transcription,
networks/models.py) agree. A picture of 64 rows becomes frames of 128 channels x 4 rows, a transform of 256 rows frames
of 8 channels x 64: 512 features both. Frames are width / 2, rounded down.

Source: Alfaro-Contreras, Valero-Mas, Inesta, Calvo-Zaragoza, Late multimodal fusion for image and audio music
transcription, Expert Systems with Applications 216, 2023.
"""

from torch import Tensor, nn

from .configuration_music_transcription import MusicTranscriptionConfig
from .layers import BiLSTM, ConvBlock, clear_beyond, to_frames

UNITS = 256  # of a BiLSTM, each way
DROPOUT = 0.5


class OpticalNetwork(nn.Module):
    """Pictures of staves, 64 rows, to features of frames; `config.optical` paper."""

    rows = 64
    least_width = 2

    def __init__(self, config: MusicTranscriptionConfig):
        super().__init__()
        few, many = config.scaled(64), config.scaled(128)
        self.blocks = nn.ModuleList(
            [
                ConvBlock(1, few, (5, 5), (2, 2)),
                ConvBlock(few, few, (5, 5), (2, 1)),
                ConvBlock(few, many, (3, 3), (2, 1)),
                ConvBlock(many, many, (3, 3), (2, 1)),
            ]
        )
        self.n_seen = many * self.rows // 16
        self.lstm1, self.lstm2 = lstm_layers(config, self.n_seen)
        self.n_features = 2 * config.scaled(UNITS)

    def see(self, picture: Tensor, widths: Tensor) -> tuple[Tensor, Tensor]:
        """What the fourth block puts out, (B, 64, W) and (B,) -> (B, W / 2, 512) and lengths (B,)."""
        return convolve(self.blocks, picture, widths)

    def read(self, seen: Tensor, lengths: Tensor) -> Tensor:
        """What the second BiLSTM makes of it, (B, T, 512) -> (B, T, 512)."""
        features: Tensor = self.lstm2(self.lstm1(seen, lengths), lengths)
        return features

    def forward(self, picture: Tensor, widths: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 64, W) and (B,) -> features (B, W / 2, 512) and lengths (B,)."""
        seen, lengths = self.see(picture, widths)
        return self.read(seen, lengths), lengths


class AudioNetwork(nn.Module):
    """Constant-Q transforms, 256 rows, to features of frames; `config.audio` baseline."""

    rows = 256
    least_width = 2

    def __init__(self, config: MusicTranscriptionConfig):
        super().__init__()
        self.blocks = audio_blocks(config)
        self.lstm1, self.lstm2 = lstm_layers(config, config.scaled(8) * self.rows // 4)
        self.n_features = 2 * config.scaled(UNITS)

    def forward(self, picture: Tensor, widths: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 256, W) and (B,) -> features (B, W / 2, 512) and lengths (B,)."""
        heard, lengths = convolve(self.blocks, picture, widths)
        return self.lstm2(self.lstm1(heard, lengths), lengths), lengths


def audio_blocks(config: MusicTranscriptionConfig) -> nn.ModuleList:
    """The baseline's two blocks over a transform."""
    channels = config.scaled(8)
    return nn.ModuleList([ConvBlock(1, channels, (10, 2), (2, 2)), ConvBlock(channels, channels, (8, 5), (2, 1))])


def lstm_layers(config: MusicTranscriptionConfig, n_features: int) -> tuple[BiLSTM, BiLSTM]:
    """The baseline's two BiLSTM layers."""
    units = config.scaled(UNITS)
    dropout = DROPOUT if config.dropout is None else config.dropout
    first = BiLSTM(n_features, units, dropout)
    return first, BiLSTM(2 * units, units, dropout)


def convolve(blocks: nn.ModuleList, picture: Tensor, widths: Tensor) -> tuple[Tensor, Tensor]:
    """Blocks over pictures, (B, H, W) and widths (B,) -> frames (B, T, F) and their lengths (B,)."""
    picture, lengths = clear_beyond(picture[:, None], widths), widths
    for block in blocks:
        picture, lengths = block(picture, lengths)
    return to_frames(picture), lengths
