"""What holds for every module of PyTorch that makes features of sound."""

import numpy as np
import pytest
import torch

from scorehub.pipelines.music_transcription.cqt import ConstantQ
from scorehub.pipelines.score_following.spectrogram import LogSpectrogram

FEATURES = pytest.mark.parametrize("features", [ConstantQ(), LogSpectrogram()], ids=["cqt", "spectrogram"])


@FEATURES
def test_inference_before_training_and_autocast_change_nothing(features):
    samples = torch.from_numpy(np.random.default_rng(0).normal(0, 0.1, (1, 5000)).astype(np.float32))
    with torch.inference_mode():
        expected = features(samples)
    with torch.autocast("cpu", torch.bfloat16):
        result = features(samples.clone().requires_grad_())
    result.sum().backward()
    assert torch.equal(result, expected)


@FEATURES
def test_the_module_adds_nothing_to_a_checkpoint(features):
    assert not features.state_dict()
    assert not list(features.buffers())


@FEATURES
@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (torch.zeros(100), r"\(B, T\)"),
        (torch.zeros(1, 2, 100), r"\(B, T\)"),
        (torch.zeros(1, 0), "not empty"),
        (torch.zeros(0, 100), "not empty"),
        (torch.zeros(1, 100, dtype=torch.int16), "floats"),
        (torch.full((1, 100), torch.nan), "finite"),
        (torch.tensor([[0.0, torch.inf, -torch.inf]]), "finite"),
    ],
)
def test_what_is_no_batch_of_samples_is_refused(features, samples, message):
    with pytest.raises(ValueError, match=message):
        features(samples)
