"""Pictures read from several views: the mean of what is read of each, only where it is wanted and nothing learns."""

import pytest
import torch

from scorehub.pipelines.music_transcription.configuration_music_transcription import BLANK, MusicTranscriptionConfig
from scorehub.pipelines.music_transcription.modeling_music_transcription import MusicTranscriptionModel


@pytest.fixture
def model():
    torch.manual_seed(0)
    config = MusicTranscriptionConfig(vocabulary=[BLANK, "a", "b"], audio=None, width=0.1, shifted_views=True)
    return MusicTranscriptionModel(config).eval()


def picture(width=60):
    return torch.rand(1, 64, width, generator=torch.Generator().manual_seed(1))


def read(model, image, **options):
    with torch.no_grad():
        return model(image, **options).optical


def plain(model, image):
    model.config.shifted_views = False
    return read(model, image)


def test_it_is_the_mean_over_moved_pictures(model):
    image = picture()
    image[:, [0, -1]] = 0  # what is moved out and in is paper
    image[:, :, [0, -1]] = 0
    several = read(model, image)
    moved = [image] + [image.roll(shift, axis) for axis in (1, 2) for shift in (1, -1)]
    expected = torch.stack([plain(model, each).exp() for each in moved]).mean(0)
    torch.testing.assert_close(several.exp(), expected)
    torch.testing.assert_close(several.exp().sum(-1), torch.ones(several.shape[:2]))
    assert not torch.allclose(several, plain(model, image))


def test_what_pads_an_item_is_not_moved_into_it(model):
    image, widths = picture(80), torch.tensor([60])
    padded = read(model, image, image_widths=widths)
    torch.testing.assert_close(padded[:, :8], read(model, image[:, :, :60])[:, :8], atol=1e-5, rtol=0)


def test_what_learns_sees_each_picture_once(model):
    looks = []
    model.optical.register_forward_hook(lambda *_: looks.append(1))
    image = picture()
    model(image)
    assert len(looks) == 5
    model.train()
    model(image)
    assert len(looks) == 6


def test_the_setting_is_saved(model, tmp_path):
    model.save_pretrained(tmp_path)
    again = MusicTranscriptionModel.from_pretrained(tmp_path)
    torch.testing.assert_close(read(again, picture()), read(model, picture()))
