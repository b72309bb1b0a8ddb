"""GradSPSA's audio network: a third block, attention to what the optical network sees, dense connections.

    transform  -> blocks 1, 2, 3 -+-> linear -\\
                                  |            interaction -> (+) -> BiLSTM -> (+) -> the head
    optical network's block 4 ----|-> linear -/                |                |
                                  \\---------------------------/----------------/

The thesis leaves open, and here is chosen:
- (+) concatenates, as in DenseNet, which the thesis cites: the BiLSTM takes the interaction block's output and block
  3's; the head takes the BiLSTM's and all that the BiLSTM takes. What is newest comes first, so that the BiLSTM's
  leading input weights belong to what replaces the first BiLSTM, as in the optical network (see `sharing`).
- Queries come from the audio, keys and values from the picture: CTC needs one output a frame of audio, and only so
  can block 3's frames be joined to it.
- Both linear layers have 512 units, as many as the first BiLSTM, which the interaction block replaces, puts out. They
  have no activation. Attention's output goes back to 512 units, as in Keras's layer, where 64 is `key_dim`.
- The feed-forward network has 1,024 units, ReLU between: as many as a BiLSTM's gates, so that its first matrix has the
  shape of a BiLSTM's input weights. Add & Norm adds first (Vaswani et al. 2017).
- The dropout of 0.1 lies on the attention's weights, as in Keras's layer.

Ablations: without the third block, attention and BiLSTM run at twice the length; without the interaction block, its
place has the baseline's BiLSTM (then no picture is needed, and there are no linear layers); without dense connections
each layer takes only what the one before puts out.
"""

import torch
from torch import Tensor, nn

from .baseline import DROPOUT, UNITS, audio_blocks, convolve
from .configuration_music_transcription import MusicTranscriptionConfig
from .layers import BiLSTM, ConvBlock

HEADS = 2
KEY_SIZE = 64
ATTENTION_DROPOUT = 0.1


class CrossAttention(nn.Module):
    """Multi-head attention whose keys are of a size of their own, as Keras has it: 2 heads of 64."""

    def __init__(self, config: MusicTranscriptionConfig, n_features: int):
        super().__init__()
        inner = HEADS * config.scaled(KEY_SIZE)
        self.query = nn.Linear(n_features, inner)
        self.key = nn.Linear(n_features, inner)
        self.value = nn.Linear(n_features, inner)
        self.out = nn.Linear(inner, n_features)

    def forward(self, heard: Tensor, seen: Tensor, seen_lengths: Tensor) -> Tensor:
        """(B, T, F) attends to (B, T', F), of which the first (B,) frames are there -> (B, T, F)."""
        layers = ((self.query, heard), (self.key, seen), (self.value, seen))
        query, key, value = (layer(each).unflatten(-1, (HEADS, -1)).transpose(1, 2) for layer, each in layers)
        there = torch.arange(seen.shape[1], device=seen.device) < seen_lengths[:, None]
        attended = nn.functional.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=there[:, None, None],
            dropout_p=ATTENTION_DROPOUT if self.training else 0.0,
        )
        result: Tensor = self.out(attended.transpose(1, 2).flatten(2))
        return result


class InteractionBlock(nn.Module):
    """Linear layers, attention, Add & Norm, feed-forward network, Add & Norm."""

    def __init__(self, config: MusicTranscriptionConfig, n_heard: int, n_seen: int):
        super().__init__()
        units = config.scaled(UNITS)
        self.n_features = 2 * units
        self.heard = nn.Linear(n_heard, self.n_features)
        self.seen = nn.Linear(n_seen, self.n_features)
        self.attention = CrossAttention(config, self.n_features)
        self.norm1 = nn.LayerNorm(self.n_features)
        self.feed_forward1 = nn.Linear(self.n_features, 4 * units)
        self.feed_forward2 = nn.Linear(4 * units, self.n_features)
        self.norm2 = nn.LayerNorm(self.n_features)

    def forward(self, heard: Tensor, seen: Tensor, seen_lengths: Tensor) -> Tensor:
        """Frames of audio (B, T, 512) and of pictures (B, T', 512) with lengths (B,) -> (B, T, 512)."""
        heard = self.heard(heard)
        together = self.norm1(heard + self.attention(heard, self.seen(seen), seen_lengths))
        result: Tensor = self.norm2(together + self.feed_forward2(self.feed_forward1(together).relu()))
        return result


class GradSPSANetwork(nn.Module):
    """Constant-Q transforms, 256 rows, to features of frames; `config.audio` grad_spsa."""

    rows = 256

    def __init__(self, config: MusicTranscriptionConfig):
        super().__init__()
        channels = config.scaled(8)
        self.blocks = audio_blocks(config)
        if config.third_block:
            self.blocks.append(ConvBlock(channels, channels, (3, 3), (1, 2)))
        self.least_width = 4 if config.third_block else 2
        self.dense = config.dense
        n_heard, units = channels * self.rows // 4, config.scaled(UNITS)
        dropout = DROPOUT if config.dropout is None else config.dropout
        self.interaction: InteractionBlock | None = None
        if config.interaction:
            n_seen = config.scaled(128) * 4  # channels and rows of the optical network's fourth block
            self.interaction = InteractionBlock(config, n_heard, n_seen)
        else:
            self.lstm1 = BiLSTM(n_heard, units, dropout)
        n_joined = 2 * units + (n_heard if config.dense else 0)
        self.lstm2 = BiLSTM(n_joined, units, dropout)
        self.n_features = 2 * units + (n_joined if config.dense else 0)

    def forward(
        self, picture: Tensor, widths: Tensor, seen: Tensor | None = None, seen_lengths: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Features of frames.

        Args:
            picture: (B, 256, W).
            widths: (B,), how many of W each has.
            seen: (B, T', 512), what the optical network's fourth block puts out; for the interaction block.
            seen_lengths: (B,), how many of T'.

        Returns:
            Features (B, W / 4, 1536) and lengths (B,).
        """
        heard, lengths = convolve(self.blocks, picture, widths)
        if self.interaction is None:
            together = self.lstm1(heard, lengths)
        else:
            assert seen is not None
            assert seen_lengths is not None
            together = self.interaction(heard, seen, seen_lengths)
        if not self.dense:
            return self.lstm2(together, lengths), lengths
        joined = torch.cat([together, heard], -1)
        return torch.cat([self.lstm2(joined, lengths), joined], -1), lengths
