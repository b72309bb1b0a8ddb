"""What tests of the Space of piano rolls share: a small network that draws rolls, and a scale."""

import numpy as np
import torch
from diffusers import UNet2DModel

from scorehub.notes import make_notes
from scorehub.pipelines.score_sde.pipeline import ScoreSDEPipeline
from scorehub.pipelines.score_sde.scheduler.sde_scheduler import VPSDE
from scorehub.rolls import RollSpec

SPEC = RollSpec(fs=4.0, lowest=48, n_pitches=24, seconds=8.0)
# A scale of 20 notes, one every half second, the last one's end at 10 s.
SCALE = make_notes(np.arange(20) / 2, np.full(20, 0.5), 50 + np.arange(20), 60 + np.arange(20))


def small_sampler():
    """A network of 4 and 8 channels with seeded weights, rolls of 24 pitches from C3 and 8 seconds."""
    torch.manual_seed(0)
    unet = UNet2DModel(
        sample_size=(SPEC.n_pitches, SPEC.n_frames),
        in_channels=1,
        out_channels=1,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(4, 8),
        layers_per_block=1,
        norm_num_groups=2,
        attention_head_dim=4,
    ).eval()
    unet.conv_out.weight.data *= 0.05
    return ScoreSDEPipeline(unet, VPSDE(), fs=SPEC.fs, lowest=SPEC.lowest)
