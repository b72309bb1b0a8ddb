"""Network of the score follower: what each column of a score would sound like, and where that is heard.

One encoder reads the strips of a system (`layout`), column by column; another hears the spectrogram (`spectrogram`),
frame by frame, and knows nothing of what is to come. Both name pitches, of noteheads and of what begins to sound, and
embed what else they know. How well a frame fits a column is the product of the two: pitches that both name speak
for each other from the first step of training on, and the rest is learnt against that.

Shapes: B systems or recordings, S staves, K columns of 4 px, T frames of 50 ms, 88 pitches from A0; D, the embedding,
is `config.embedding_size` + 88.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from transformers import PreTrainedModel
from transformers.utils.generic import ModelOutput

from .configuration_score_follower import ScoreFollowerConfig
from .layout import COLUMN, HEIGHT
from .spectrogram import N_BANDS

if TYPE_CHECKING:
    from .follower import Follower

N_PITCHES, LOWEST = 88, 21
CONTEXT = 8  # frames before the present one that the convolutions see
# What the network says before training.
RARE = -4.0  # logit of a pitch: few sound at a time
AGREEMENT = 5.0  # of a pitch that both name, in logits
USUAL_LOG_RATE = -2.5  # of a column: a twelfth of a quarter
_RATE_FLOOR = 1e-2  # quarters a column; where there is only a clef, no time goes by


@dataclass
class SheetCode(ModelOutput):
    """What is read of systems.

    Attributes:
        embedding: (B, K, D).
        pitch: (B, K, 88), logits of noteheads.
        log_rate: (B, K), log of quarters a column and 0.01.
    """

    embedding: Tensor = None  # type: ignore[assignment]
    pitch: Tensor = None  # type: ignore[assignment]
    log_rate: Tensor = None  # type: ignore[assignment]

    @property
    def quarters(self) -> Tensor:
        """How many quarters each column lasts, (B, K)."""
        return (self.log_rate.exp() - _RATE_FLOOR).clamp(min=0)


@dataclass
class AudioCode(ModelOutput):
    """What is heard.

    Attributes:
        embedding: (B, T, D).
        null: (B, T), logit of what is in no score: silence, noise, another piece.
        onset: (B, T, 88), logits of notes that begin.
        state: (1, B, hidden), for the frames that follow.
    """

    embedding: Tensor = None  # type: ignore[assignment]
    null: Tensor = None  # type: ignore[assignment]
    onset: Tensor = None  # type: ignore[assignment]
    state: Tensor = None  # type: ignore[assignment]


def log_rate(quarters: Tensor) -> Tensor:
    """What the network is to say of columns that last so many quarters."""
    return (quarters + _RATE_FLOOR).log()


class ConvBlock(nn.Sequential):
    """Convolution, batch norm, ReLU."""

    def __init__(self, before: int, after: int, stride: tuple[int, int], padding: tuple[int, int] = (1, 1)):
        super().__init__(
            nn.Conv2d(before, after, 3, stride, padding, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)
        )


def _namer(width: int) -> nn.Linear:
    """Features to logits of pitches."""
    layer = nn.Linear(width, N_PITCHES)
    nn.init.constant_(layer.bias, RARE)
    return layer


class SheetEncoder(nn.Module):
    """Strips of systems to codes of their columns."""

    def __init__(self, config: ScoreFollowerConfig):
        super().__init__()
        first, second, third, last = config.sheet_channels
        self.convs = nn.Sequential(
            ConvBlock(1, first, (2, 2)),
            ConvBlock(first, second, (2, 2)),
            ConvBlock(second, third, (1, 1)),
            ConvBlock(third, last, (1, 1)),
        )
        width = 2 * config.sheet_hidden
        self.dense = nn.Sequential(nn.Linear(last * HEIGHT // 4, width), nn.ReLU())
        self.along = nn.GRU(width, config.sheet_hidden, batch_first=True, bidirectional=True)
        self.pitch = _namer(width)
        self.together = nn.Sequential(nn.Linear(width + N_PITCHES, width), nn.ReLU())
        self.embedding = nn.Linear(width, config.embedding_size)
        self.agreement = nn.Parameter(torch.full((N_PITCHES,), AGREEMENT))
        self.log_rate = nn.Linear(width, 1)
        nn.init.constant_(self.log_rate.bias, USUAL_LOG_RATE)

    def forward(self, strips: Tensor, n_columns: Tensor, n_staves: Tensor) -> SheetCode:
        """Reads systems.

        Args:
            strips: (B, S, 128, 4 K), ink from 0 to 1.
            n_columns: (B,), how many of K each system has.
            n_staves: (B,), how many of S.
        """
        batch, staves = strips.shape[:2]
        there = torch.arange(staves, device=strips.device) < n_staves[:, None]  # (B, S)
        lengths = n_columns[:, None].expand(-1, staves)[there]
        features = self._read(strips[there], lengths)  # (staves that there are, K, F)
        found = torch.cat([features, self.pitch(features)], -1)
        lowest = torch.finfo(found.dtype).min
        all_staves = found.new_full((batch, staves, *found.shape[1:]), lowest)
        all_staves[there] = found
        best = all_staves.amax(1)  # a note of any staff is a note of the system
        features, pitch = best.split([features.shape[-1], N_PITCHES], -1)
        named = pitch.sigmoid()
        together = self.together(torch.cat([features, named], -1))
        rate: Tensor = self.log_rate(together)[..., 0]
        embedding = torch.cat([self.embedding(together), self.agreement * named], -1)
        return SheetCode(embedding=embedding, pitch=pitch, log_rate=rate)

    def _read(self, strips: Tensor, lengths: Tensor) -> Tensor:
        """Features (N, K, F) of single staves (N, 128, 4 K)."""
        picture = _only(strips[:, None], lengths)
        for block in self.convs:
            picture = _only(block(picture), lengths)
        # (N, C, 32, K)
        columns = self.dense(picture.permute(0, 3, 1, 2).flatten(2))
        packed = pack_padded_sequence(columns, lengths.cpu(), batch_first=True, enforce_sorted=False)
        along, _ = pad_packed_sequence(self.along(packed)[0], batch_first=True, total_length=columns.shape[1])
        return columns + along


def _only(picture: Tensor, lengths: Tensor) -> Tensor:
    """Pictures (N, C, H, W) with zeros beyond their lengths (N,) in columns, as convolutions see beyond W."""
    pixels = lengths * COLUMN // (COLUMN * int(lengths.max()) // picture.shape[-1])
    return picture * (torch.arange(picture.shape[-1], device=picture.device) < pixels[:, None])[:, None, None]


class AudioEncoder(nn.Module):
    """Spectrograms to codes of their frames, from what has sounded so far."""

    def __init__(self, config: ScoreFollowerConfig):
        super().__init__()
        first, second, third, last = config.audio_channels
        causal = (1, 0)
        self.convs = nn.Sequential(
            ConvBlock(2, first, (1, 1), causal),
            ConvBlock(first, second, (2, 1), causal),
            ConvBlock(second, third, (1, 1), causal),
            ConvBlock(third, last, (2, 1), causal),
        )
        width = config.audio_hidden
        self.dense = nn.Sequential(nn.Linear(last * -(-N_BANDS // 4), width), nn.ReLU())
        self.over_time = nn.GRU(width, width, batch_first=True)
        self.onset = _namer(2 * width)
        self.together = nn.Sequential(nn.Linear(2 * width + N_PITCHES, 2 * width), nn.ReLU())
        self.embedding = nn.Linear(2 * width, config.embedding_size)
        self.null = nn.Linear(2 * width, 1)

    def forward(self, frames: Tensor, state: Tensor | None = None) -> AudioCode:
        """Hears recordings.

        Args:
            frames: (B, 78, 9 + T): log spectrogram from nine frames before the first on, zeros before the beginning.
            state: what an earlier call left.
        """
        rises = (frames[..., 1:] - frames[..., :-1]).clamp(min=0)
        picture = self.convs(torch.stack([frames[..., 1:], rises], 1))  # (B, C, 20, T)
        heard = self.dense(picture.permute(0, 3, 1, 2).flatten(2))
        remembered, state = self.over_time(heard, state)
        features = torch.cat([heard, remembered], -1)
        onset = self.onset(features)
        named = onset.sigmoid()
        together = self.together(torch.cat([features, named], -1))
        null: Tensor = self.null(together)[..., 0]
        embedding = torch.cat([self.embedding(together), named], -1)
        return AudioCode(embedding=embedding, null=null, onset=onset, state=state)


class ScoreFollowerModel(PreTrainedModel):
    """Both encoders; `follower.Follower` runs them."""

    config: ScoreFollowerConfig
    config_class = ScoreFollowerConfig
    main_input_name = "strips"

    def __init__(self, config: ScoreFollowerConfig):
        super().__init__(config)
        self.sheet = SheetEncoder(config)
        self.audio = AudioEncoder(config)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Leaves PyTorch's own initial weights; transformers' normal(0, 0.02) lets a small network's signal fade."""

    def follow(self, pages: Sequence[np.ndarray]) -> "Follower":
        """A follower of the music on pages, (H, W) grey uint8 each; see `follower`."""
        from .follower import Follower  # which needs this module

        return Follower(self, pages)

    def forward(self, strips: Tensor, n_columns: Tensor, n_staves: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """How well frames fit columns.

        Returns:
            Logits (B, T, K) of the columns of system b for recording b, and (B, T) of none of them.
        """
        sheet, audio = self.sheet(strips, n_columns, n_staves), self.audio(frames)
        columns = torch.arange(strips.shape[-1] // COLUMN, device=strips.device) < n_columns[:, None]
        logits = audio.embedding @ sheet.embedding.mT
        return logits.masked_fill(~columns[:, None], torch.finfo(logits.dtype).min), audio.null
