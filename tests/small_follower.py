"""What the tests of the score follower share: a network so small that it runs in milliseconds, with seeded weights."""

import torch

from scorehub.pipelines.score_following.configuration_score_follower import ScoreFollowerConfig
from scorehub.pipelines.score_following.modeling_score_follower import ScoreFollowerModel

SMALL = {
    "embedding_size": 8,
    "sheet_channels": (2, 4, 4, 4),
    "sheet_hidden": 8,
    "audio_channels": (2, 4, 4, 4),
    "audio_hidden": 8,
}


def small_follower():
    torch.manual_seed(0)
    return ScoreFollowerModel(ScoreFollowerConfig(**SMALL)).eval()
