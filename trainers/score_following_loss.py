"""What the score follower's network is trained for: to find what is heard among the systems of a batch, to name it.

match     cross-entropy of the column that is heard, among those of all systems of the batch and none of them; the
          target is spread over three columns. What belongs to no score is to be found in none.
read      binary cross-entropy of noteheads by column and pitch
hear      binary cross-entropy of onsets by frame and pitch
rate      distance of log quarters a column
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from scorehub.pipelines.score_following.modeling_score_follower import ScoreFollowerModel, log_rate

SPREAD = 1.5  # columns from the place to where its target has fallen to 0
POSITIVE = 4.0  # weight of notes, which are rare
WEIGHTS = {"match": 1.0, "read": 30.0, "hear": 30.0, "rate": 0.3}
KNOWN_FRAMES = 10  # of an item, before the recurrent layer has heard something


@dataclass(frozen=True)
class Matches:
    """Frames against the columns of a batch: logits (N, columns + 1), the last for none, and targets alike."""

    logits: Tensor
    target: Tensor


class FollowerLoss(nn.Module):
    """The network with its loss; batches of `score_following_items.collate` are its arguments."""

    def __init__(self, model: ScoreFollowerModel):
        super().__init__()
        self.model = model

    def forward(self, **batch: Tensor) -> dict[str, Tensor]:
        """Returns `loss`, its parts, and `hits`: the share of frames found within three columns."""
        sheet = self.model.sheet(batch["strips"], batch["n_columns"], batch["n_staves"])
        audio = self.model.audio(batch["frames"])
        there = _columns(batch)
        matches = match(sheet.embedding[there], audio, batch)
        parts = {
            "match": -(matches.target * matches.logits.log_softmax(-1)).sum() / max(1, len(matches.logits)),
            "read": _named(sheet.pitch[there], batch["pitch"][there]),
            "hear": _named(audio.onset, batch["onset"]),
            "rate": _rate(sheet.log_rate[there], batch["quarters"][there]),
        }
        loss = torch.stack([WEIGHTS[name] * part for name, part in parts.items()]).sum()
        return {"loss": loss, **parts, "hits": hits(matches)}


def _columns(batch: dict[str, Tensor]) -> Tensor:
    """Which of (B, K) are columns of systems."""
    width = batch["pitch"].shape[1]
    return torch.arange(width, device=batch["pitch"].device) < batch["n_columns"][:, None]


def match(columns: Tensor, audio: Any, batch: dict[str, Tensor]) -> Matches:
    """Frames whose place is known against all columns (C, D) of a batch."""
    place = batch["column"].clone()
    place[:, :KNOWN_FRAMES] = torch.nan
    known = ~place.isnan()
    logits = torch.cat([audio.embedding[known] @ columns.T, audio.null[known][:, None]], 1).float()
    ends = torch.cat([batch["n_columns"].new_zeros(1), batch["n_columns"].cumsum(0)])
    offset = ends[batch["first"]][:, None].expand_as(place)[known]
    place = place[known]
    at = torch.arange(len(columns), device=place.device) + 0.5
    target = (SPREAD - (place[:, None] + offset[:, None] - at).abs()).clamp(min=0)
    target = torch.cat([target, torch.zeros_like(place)[:, None]], 1)
    foreign = place < 0
    target[foreign] = 0
    target[foreign, -1] = 1
    return Matches(logits, target / target.sum(-1, keepdim=True))


def hits(matches: Matches) -> Tensor:
    """Share of frames whose likeliest column is within three of the right one."""
    best, right = matches.logits.argmax(-1), matches.target.argmax(-1)
    none = matches.logits.shape[1] - 1
    near = torch.where(right == none, best == none, (best - right).abs() <= 3)
    return near.float().sum() / max(1, len(near))


def _named(logits: Tensor, target: Tensor) -> Tensor:
    known = ~target.isnan()
    weight = target.new_tensor(POSITIVE)
    loss = functional.binary_cross_entropy_with_logits(
        logits[known].float(), target[known], pos_weight=weight, reduction="sum"
    )
    return _mean(loss, known)


def _rate(found: Tensor, quarters: Tensor) -> Tensor:
    known = quarters >= 0
    return _mean(functional.smooth_l1_loss(found[known].float(), log_rate(quarters[known]), reduction="sum"), known)


def _mean(total: Tensor, known: Tensor) -> Tensor:
    """A mean over what is known, 0 where nothing is."""
    return total / known.sum().clamp(min=1)
