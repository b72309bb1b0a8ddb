"""The gallery's pictures that need no diffusion: what they show, and the front page's cards."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

# A benchmark is imported as a script imports its neighbours.
sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import gallery

from scorehub.spaces.demo.app import SPACES


@pytest.fixture(scope="module")
def transcribed():
    torch.set_num_threads(1)
    return gallery.transcribed_staff()


def test_pictures_are_stacked_in_one_width():
    stacked = gallery.stack([np.zeros((10, 40), np.uint8), np.zeros((10, 20), np.uint8)])
    assert stacked.shape == (10 + gallery.GAP + 20, 40)
    assert (stacked[10 : 10 + gallery.GAP] == 255).all()
    assert not stacked[:10].any()
    assert not stacked[10 + gallery.GAP :].any()


def test_a_seed_distorts_a_staff_in_its_own_way():
    first, again, other = (gallery.distorted_staves(seed).picture for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert first.shape != other.shape or not np.array_equal(first, other)


def test_what_was_read_is_below_its_photograph(transcribed):
    height = len(transcribed.picture) // 2
    photographed, engraved = transcribed.picture[:height], transcribed.picture[height:]
    assert 30 < np.median(photographed) < 220  # grey paper
    assert np.median(engraved) == 255
    assert 0.01 < (engraved < 128).mean() < 0.2


def test_the_front_page_gets_a_card_for_each_space_that_has_a_picture(transcribed, tmp_path):
    plain = gallery.Shown("staves", np.zeros((9, 9), np.uint8), "no Space")
    gallery.write_cards([transcribed, gallery.catalogued_works(), plain], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["music_models.webp", "music_transcription.webp"]
    with Image.open(tmp_path / "music_transcription.webp") as card:
        assert card.size == gallery.CARD


def test_cards_beside_the_demo_are_of_its_spaces():
    cards = {path.stem for path in (Path(__file__).parents[1] / "spaces/demo").glob("*.webp")}
    assert cards <= {space.name for space in SPACES}
    assert "text_to_score" in cards


def test_captions_stand_above_pictures_in_a_sheet_of_1600_px(transcribed):
    assert gallery.sheet([transcribed], *gallery.LANDSCAPE).width == 776 + 32
    assert gallery.sheet([transcribed] * 2, *gallery.LANDSCAPE).width == 1600
    assert gallery.sheet([transcribed] * 4, *gallery.PORTRAIT).width == 1600
