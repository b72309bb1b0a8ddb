"""Passages made anew: what lies outside of them is kept to the note, and what is new fits in."""

import numpy as np
import pytest
import torch
from diffusers import UNet2DModel

from scorehub.notes import DRUMS, make_notes, read_midi, write_midi
from scorehub.pipelines.score_sde.pipeline import ScoreSDEPipeline
from scorehub.pipelines.score_sde.scheduler.sde_scheduler import VPSDE
from scorehub.repair import Sampling, repair_passage, roll_spec
from scorehub.rolls import RollSpec, make_roll

BLOCKS = {
    "down_block_types": ("DownBlock2D",),
    "up_block_types": ("UpBlock2D",),
    "block_out_channels": (4,),
    "norm_num_groups": 2,
    "attention_head_dim": 4,
}
QUICK = Sampling(steps=3, resamples=1)


class Fixed(torch.nn.Module):
    """A score network that knows one roll: the noise in any x is what tells it from `roll` (1, C, P, T)."""

    def __init__(self, roll, config):
        super().__init__()
        self.roll, self.config, self.seen = torch.from_numpy(roll), config, []

    dtype, device = torch.float32, torch.device("cpu")

    def forward(self, x, timestep):
        self.seen.append(x)
        t = timestep / 999
        sde = VPSDE()
        mean, std = (value.reshape(-1, 1, 1, 1) for value in (sde.mean_coefficient(t), sde.std(t)))
        return type("Output", (), {"sample": (x - mean * self.roll) / std})()


def piano(rows, **columns):
    onset, duration, pitch = np.array(rows, float).reshape(-1, 3).T
    return make_notes(onset, duration, pitch, **columns)


def knows(roll_notes, articulation=True):
    """A pipeline of 16 pitches from 60, 16 frames of 1/4 s, that always makes `roll_notes` of (row, first, last)."""
    roll = np.full((1, 1, 16, 16), -1, np.float32)
    for row, first, last in roll_notes:
        roll[0, 0, row, first:last] = 0 if articulation else 1
        roll[0, 0, row, first] = 1
    config = UNet2DModel(sample_size=(16, 16), in_channels=1, out_channels=1, **BLOCKS).config
    pipe = ScoreSDEPipeline(None, VPSDE(), fs=4.0, lowest=60, articulation=articulation)
    pipe.unet = Fixed(roll, config)
    return pipe


def columns(notes):
    return list(zip(notes.onset.tolist(), notes.duration.tolist(), notes.pitch.tolist(), strict=True))


def test_only_notes_that_begin_in_the_passage_are_new():
    piece = piano([(0, 0.5, 60), (1, 0.5, 62), (1.5, 0.5, 64), (3, 0.5, 65)])
    repaired = repair_passage(knows([(0, 0, 2), (7, 5, 6), (9, 12, 14)]), piece, 1.0, 2.0, QUICK)
    assert columns(repaired) == [(0, 0.5, 60), (1.25, 0.25, 67), (3, 0.5, 65)]


def test_a_note_that_sounds_into_the_passage_lasts_as_long_as_the_model_holds_it():
    piece = piano([(0, 3, 60), (0, 3, 62)])
    repaired = repair_passage(knows([(0, 0, 6)]), piece, 1.0, 3.0, QUICK)
    assert columns(repaired) == [(0, 1.5, 60), (0, 1, 62)]


def test_a_continuation_is_in_whole_frames_after_the_end_and_every_part_knows_the_one_before():
    piece = piano([(0, 1, 60)])
    made = repair_passage(knows([(0, 0, 4), (5, 8, 9), (3, 15, 16)]), piece, 1.0, 5.0, QUICK)
    # Parts of 2 s: the window of the first begins with the piece, that of the second is centred on 3 to 5 s.
    assert columns(made) == [(0, 1, 60), (2, 0.25, 65), (4, 0.25, 65)]


def test_new_notes_are_as_loud_as_their_neighbours_and_of_the_main_part():
    piece = piano([(0, 0.5, 60), (0.5, 0.5, 62), (1, 0.5, 62), (3, 1, 64)], velocity=100, program=40, track=3)
    repaired = repair_passage(knows([(7, 5, 6)]), piece, 1.0, 2.0, QUICK)
    new = repaired.pitch == 67
    assert (repaired.velocity[new], repaired.program[new], repaired.track[new]) == (100, 40, 3)


def test_drums_in_the_passage_are_left_as_they_are():
    piece = piano([(0, 1, 60), (1.1, 0.5, 38), (3, 1, 60)], program=np.array([0, DRUMS, 0]))
    repaired = repair_passage(knows([(7, 5, 6)]), piece, 1.0, 2.0, QUICK)
    assert columns(repaired) == [(0, 1, 60), (1.1, 0.5, 38), (1.25, 0.25, 67), (3, 1, 60)]


def test_what_is_new_beside_drums_alone_has_a_track_of_its_own():
    piece = piano([(0, 1, 38), (3, 1, 38)], program=DRUMS)
    repaired = repair_passage(knows([(7, 5, 6)]), piece, 1.0, 2.0, QUICK)
    assert repaired.track.tolist() == [0, 1, 0]
    assert read_midi(write_midi(repaired)).program.tolist() == [DRUMS, 0, DRUMS]


def test_the_network_is_given_what_lies_around_the_passage_and_nothing_of_it():
    pipe, around = knows([(7, 5, 6)]), [(0, 0.5, 60), (3.5, 0.5, 65)]
    known = np.ones(16, bool)
    known[4:8] = False  # 1 to 2 s
    for lost in ((1.0, 0.5, 70), (1.5, 0.25, 72)):
        repair_passage(pipe, piano([*around, lost]), 1.0, 2.0, Sampling(steps=60, resamples=1))
        seen = pipe.unet.seen[-2][0, 0].numpy()  # by the last step, whose noise is weak
        expected = make_roll(piano(around), RollSpec(4.0, 60, 16, 4.0, articulation=True))[0]
        np.testing.assert_allclose(seen[:, known], expected[:, known], atol=0.1)
        assert seen[10, 4] < -0.5
        assert seen[12, 6] < -0.5


def test_a_pipeline_of_several_instruments_keeps_them_apart():
    unet = UNet2DModel(sample_size=(16, 32), in_channels=2, out_channels=2, **BLOCKS)
    spec = roll_spec(ScoreSDEPipeline(unet, VPSDE(), fs=4.0, lowest=60, values="velocity", programs=[0, 40]))
    assert spec == RollSpec(4.0, 60, 16, 8.0, "program", (0, 40), "velocity")


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (2.0, 2.0, "passage must be 0 <= start < end, at most 120 s long, got 2.0 to 2.0 s"),
        (-1.0, 2.0, "got -1.0 to 2.0 s"),
        (float("nan"), 2.0, "got nan to 2.0 s"),
        (0.0, 121.0, "got 0.0 to 121.0 s"),
        (4.5, 5.0, "passage must begin within the piece, which is 4.00 s long, got 4.5 s"),
    ],
)
def test_bad_passages_are_named(start, end, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        repair_passage(knows([]), piano([(0, 4, 60)]), start, end, QUICK)
