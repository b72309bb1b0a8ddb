"""The paper's recurrent follower: two convolutional branches, a recurrent network, one position a frame.

    audio (78 x 40)   convolutions of Figure 3, dense 512 \\
                                                           concatenated, dense 512, SRN / GRU / LSTM 2 x 1024, position
    sheet (80 x 256)  convolutions of Figure 3, dense 512 /

B songs, T frames at 20 a second. `audio` (B, T, 78, 40) holds the 40 frames of log spectrogram that end at each frame;
images are ink, 0 white to 1 black; positions are x on the strip of a song divided by its length, 0 to 1.

What the sheet excerpt of a frame is, the paper leaves open. The authors cut it about the true position, also in tests:
the label is then in the input, and what the window shows does not depend on how well the model follows. Here no
excerpt knows the truth. With `excerpt="own"` it is the window of the strip about the model's own last position (the
start of the strip at first), in training as in use: what a follower has. Where in the piece a window lies it does not
show; that the network has to remember. With `excerpt="whole"` it is the whole strip squeezed into 80 x 256: the
song's shape, but no notes that could be read in a long one. No gradient goes through the choice of a window.

Convolutions have no padding and ELU behind them, as in the network of Dorfer et al. that the paper modifies
(github CPJKU/score_following_game, networks_sheet_spec.py). The output is linear: the loss alone keeps it in 0 to 1.

Source: Ma, Gao, Hu, Exploring Recurrent Neural Network Architectures for Multi-Modal Score Following.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.utils.generic import ModelOutput

from .configuration_recurrent_follower import RecurrentFollowerConfig

AUDIO_SHAPE = (78, 40)
SHEET_SHAPE = (80, 256)
DENSE = 512
# Figure 3, a row a convolution: kernel, strides down and across, channels, whether dropout follows.
AUDIO_LAYERS = (
    (3, (1, 1), 32, False),
    (3, (1, 1), 32, False),
    (3, (2, 2), 64, False),
    (3, (1, 1), 64, True),
    (3, (2, 2), 64, False),
    (3, (2, 2), 96, False),
    (3, (1, 1), 96, False),
    (1, (1, 1), 96, True),
)
SHEET_LAYERS = (
    (5, (1, 2), 32, False),
    (3, (1, 1), 32, False),
    (3, (2, 2), 64, False),
    (3, (1, 1), 64, True),
    (3, (2, 2), 64, False),
    (3, (2, 2), 64, True),
    (3, (2, 2), 96, False),
    (1, (1, 1), 96, True),
)
RECURRENT = {"srn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


class FollowerState(NamedTuple):
    """What a follower carries from one call to the next within a song; no gradient goes through it."""

    hidden: Tensor  # (layers, B, hidden size)
    cell: Tensor | None  # the same, of an LSTM
    position: Tensor  # (B,), the last


@dataclass
class RecurrentFollowerOutput(ModelOutput):
    """`loss` () if positions were given, `positions` (B, T) and the `state` after them."""

    loss: Tensor | None = None
    positions: Tensor | None = None
    state: FollowerState | None = None


class RecurrentFollowerModel(PreTrainedModel):
    """Position of a performance on the strip of its score, frame after frame; see the module."""

    config_class = RecurrentFollowerConfig
    base_model_prefix = "follower"
    main_input_name = "audio"

    def __init__(self, config: RecurrentFollowerConfig) -> None:
        super().__init__(config)
        dense = _scaled(DENSE, config.width)
        self.audio = _branch(AUDIO_SHAPE, AUDIO_LAYERS, config)
        self.sheet = _branch(SHEET_SHAPE, SHEET_LAYERS, config)
        self.joint = nn.Sequential(nn.Linear(2 * dense, dense), nn.ELU())
        self.recurrent = RECURRENT[config.cell](dense, config.hidden_size, config.num_layers, batch_first=True)
        self.position = nn.Linear(config.hidden_size, 1)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        # transformers' own, N(0, 0.02), lets next to nothing through eight convolutions without normalisation.
        if isinstance(module, nn.Conv2d | nn.Linear | nn.RNNBase):
            module.reset_parameters()

    def forward(
        self,
        audio: Tensor,
        sheet: Tensor | None = None,
        positions: Tensor | None = None,
        state: FollowerState | None = None,
        strip: Tensor | None = None,
        widths: Tensor | None = None,
    ) -> RecurrentFollowerOutput:
        """Follows T frames of B songs.

        Args:
            audio: (B, T, 78, 40), see `audio_windows`.
            sheet: (B, T, 80, 256), an excerpt for each frame, or (B, 1, 80, 256), one for all; or give `strip`.
            positions: (B, T), the truth, for the loss only; NaN where there is none.
            state: what the last call on these songs returned; None at their start.
            strip: (B, 80, W), from which excerpts are made as the configuration says.
            widths: (B,), columns of each strip; the rest is padding.

        Raises:
            ValueError: a shape is wrong, or not one of `sheet` and `strip` is given.
        """
        _check_shapes(audio, sheet, strip)
        heard = self.audio(audio.flatten(0, 1)[:, None]).unflatten(0, audio.shape[:2])  # (B, T, 512)
        before = None if state is None else state.position
        if strip is not None:
            widths = torch.full((len(strip),), strip.shape[-1], device=strip.device) if widths is None else widths
            if self.config.excerpt == "whole":
                sheet = squeeze_strips(strip, widths)[:, None]
            else:
                estimated, after = self._follow(heard, strip, widths, state)
        if sheet is not None:
            estimated, after = self._advance(heard, self._see(sheet), state)
        loss = None
        if positions is not None:
            loss = follower_loss(estimated, positions, before, self.config.jump_weight)
        return RecurrentFollowerOutput(loss, estimated, _detached(after))

    def _see(self, sheet: Tensor) -> Tensor:
        """Excerpts (B, S, 80, 256) to (B, S, 512)."""
        return self.sheet(sheet.flatten(0, 1)[:, None]).unflatten(0, sheet.shape[:2])

    def _follow(
        self, heard: Tensor, strip: Tensor, widths: Tensor, state: FollowerState | None
    ) -> tuple[Tensor, FollowerState]:
        """Frame by frame, each excerpt about the position that the frame before gave."""
        estimated: list[Tensor] = []
        at = heard.new_zeros(len(heard)) if state is None else state.position
        for frame in heard.split(1, dim=1):
            seen = self._see(cut_excerpts(strip, widths, at.detach())[:, None])
            position, state = self._advance(frame, seen, state)
            estimated.append(position)
            at = state.position
        assert state is not None
        return torch.cat(estimated, dim=1), state

    def _advance(self, heard: Tensor, seen: Tensor, state: FollowerState | None) -> tuple[Tensor, FollowerState]:
        """Heard (B, T, 512) and seen (B, T or 1, 512) to positions (B, T)."""
        joint = self.joint(torch.cat([heard, seen.expand(-1, heard.shape[1], -1)], dim=-1))
        carried: Any = None
        if state is not None:
            carried = state.hidden if state.cell is None else (state.hidden, state.cell)
        output, carried = self.recurrent(joint, carried)
        positions = self.position(output)[..., 0]
        hidden, cell = carried if isinstance(carried, tuple) else (carried, None)
        return positions, FollowerState(hidden, cell, positions[:, -1])


def audio_windows(spectrogram: Tensor) -> Tensor:
    """Log spectrograms (..., 78, T) to (..., T, 78, 40): the 40 frames that end at each, silence before the first."""
    return nn.functional.pad(spectrogram, (AUDIO_SHAPE[1] - 1, 0)).unfold(-1, AUDIO_SHAPE[1], 1).transpose(-3, -2)


def cut_excerpts(strip: Tensor, widths: Tensor, positions: Tensor) -> Tensor:
    """Windows (B, 80, 256) of strips (B, 80, W) about positions (B,); beyond a strip is white."""
    centre = (positions.clamp(0, 1) * widths).round().long()
    half = SHEET_SHAPE[1] // 2
    columns = centre[:, None] + torch.arange(-half, half, device=strip.device)  # (B, 256)
    inside = (columns >= 0) & (columns < widths[:, None])
    index = columns.clamp(0, strip.shape[-1] - 1)[:, None].expand(-1, strip.shape[1], -1)
    return strip.gather(2, index) * inside[:, None]


def squeeze_strips(strip: Tensor, widths: Tensor) -> Tensor:
    """All of each strip (B, 80, W) in (B, 80, 256): columns are averaged, or repeated if there are fewer."""
    pool = nn.functional.adaptive_avg_pool2d
    return torch.cat(
        [pool(row[None, :, :width], SHEET_SHAPE) for row, width in zip(strip, widths.tolist(), strict=True)]
    )


def follower_loss(estimated: Tensor, positions: Tensor, before: Tensor | None, jump_weight: float) -> Tensor:
    """Equation 1, the mean over the frames that have a position: (p_t - q_t)^2 + jump_weight (q_t - q_{t-1})^2.

    Args:
        estimated: q, (B, T).
        positions: p, (B, T), NaN where unknown.
        before: the q (B,) before the first frame; None at the start of songs, where no jump is counted.
    """
    known = ~positions.isnan()
    first = estimated[:, :1] if before is None else before[:, None]
    jumps = estimated - torch.cat([first, estimated[:, :-1]], dim=1)
    losses = (positions.nan_to_num() - estimated).square() + jump_weight * jumps.square()
    return (losses * known).sum() / known.sum().clamp(min=1)


def _branch(
    shape: tuple[int, int], layers: tuple[tuple[int, tuple[int, int], int, bool], ...], config: RecurrentFollowerConfig
) -> nn.Sequential:
    """Images (N, 1, *shape) to (N, 512)."""
    modules: list[nn.Module] = []
    channels, (rows, columns) = 1, shape
    for kernel, stride, width, drops in layers:
        wide = _scaled(width, config.width)
        modules += [nn.Conv2d(channels, wide, kernel, stride), nn.ELU()]
        modules += [nn.Dropout(config.dropout)] if drops else []
        rows, columns = (rows - kernel) // stride[0] + 1, (columns - kernel) // stride[1] + 1
        channels = wide
    dense = nn.Linear(channels * rows * columns, _scaled(DENSE, config.width))
    return nn.Sequential(*modules, nn.Flatten(), dense, nn.ELU())


def _scaled(size: int, width: float) -> int:
    return max(1, math.ceil(size * width))


def _detached(state: FollowerState) -> FollowerState:
    cell = None if state.cell is None else state.cell.detach()
    return FollowerState(state.hidden.detach(), cell, state.position.detach())


def _check_shapes(audio: Tensor, sheet: Tensor | None, strip: Tensor | None) -> None:
    if audio.ndim != 4 or audio.shape[2:] != AUDIO_SHAPE or not audio.shape[1]:
        raise ValueError(f"audio must be (B, T, {AUDIO_SHAPE[0]}, {AUDIO_SHAPE[1]}), got {tuple(audio.shape)}")
    if (sheet is None) == (strip is None):
        given = "none" if sheet is None else "both"
        raise ValueError(f"sheet or strip must be given, one of them, got {given}")
    frames = {(len(audio), length, *SHEET_SHAPE) for length in (1, audio.shape[1])}
    if sheet is not None and tuple(sheet.shape) not in frames:
        raise ValueError(f"sheet must have shape {' or '.join(map(str, sorted(frames)))}, got {tuple(sheet.shape)}")
    if strip is not None and (strip.ndim != 3 or strip.shape[:2] != (len(audio), SHEET_SHAPE[0])):
        raise ValueError(f"strip must be ({len(audio)}, {SHEET_SHAPE[0]}, W), got {tuple(strip.shape)}")


RecurrentFollowerConfig.register_for_auto_class()
RecurrentFollowerModel.register_for_auto_class("AutoModel")
