"""Gradual soft parameter sharing: the thesis's equations on worked numbers, and who is drawn to whom."""

import math

import pytest
import torch

from scorehub.pipelines.music_transcription.baseline import OpticalNetwork
from scorehub.pipelines.music_transcription.configuration_music_transcription import MusicTranscriptionConfig
from scorehub.pipelines.music_transcription.grad_spsa import GradSPSANetwork
from scorehub.pipelines.music_transcription.sharing import (
    layer_weights,
    shared_layers,
    sharing_penalty,
    squared_distance,
)


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def networks(**settings):
    torch.manual_seed(0)
    config = MusicTranscriptionConfig(optical="paper", audio="grad_spsa", **{"width": 1 / 8, **settings})
    return OpticalNetwork(config), GradSPSANetwork(config)


def fill(module, value):
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(value)


def test_weights_of_three_layers_are_equation_4s():
    # e - e^(2/3), e - e^(1/3), e - e^0
    assert layer_weights(3) == pytest.approx([0.770547788, 1.322669403, 1.718281828])


@pytest.mark.parametrize("n_layers", [1, 2, 3, 7])
def test_weights_mirror_those_of_the_decoder(n_layers):
    """Equation 2's weights e^{(N-n)/N} - 1 reflected, plus e - 1, as the thesis derives equation 3."""
    decoder = [math.exp((n_layers - n) / n_layers) - 1 for n in range(1, n_layers + 1)]
    assert layer_weights(n_layers) == pytest.approx([-weight + (math.e - 1) for weight in decoder])
    assert layer_weights(n_layers) == sorted(layer_weights(n_layers))


def test_distance_is_that_of_the_common_leading_block():
    fixed = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    free = torch.tensor([[1.0, 0.0], [2.0, 2.0], [9.0, 9.0]])
    assert squared_distance(fixed, free).item() == 0 + 4 + 4 + 9
    with pytest.raises(ValueError, match="zip"):
        squared_distance(fixed, free[0])


def test_the_thesis_sizes_are_paired():
    """Block 3 with block 2, BiLSTM 1 with the interaction block, BiLSTM 2 with the BiLSTM that takes 1,024."""
    with torch.device("meta"):
        layers = shared_layers(*networks(width=1.0))
    shapes = [[(tuple(fixed.shape), tuple(free.shape)) for fixed, free in pairs] for pairs in layers]
    assert shapes[0] == [((128, 64, 3, 3), (8, 8, 8, 5)), ((128,), (8,)), ((128,), (8,))]
    assert shapes[1] == [
        ((1024, 512), (1024, 512)),
        ((1024,), (1024,)),
        ((1024, 256), (512, 1024)),
        ((1024,), (512,)),
        ((1024, 512), (128, 512)),
        ((1024,), (128,)),
        ((1024, 256), (512, 128)),
        ((1024,), (512,)),
    ]
    one_way = [((1024, 512), (1024, 1024)), ((1024, 256), (1024, 256)), ((1024,), (1024,)), ((1024,), (1024,))]
    assert shapes[2] == one_way * 2


@pytest.mark.parametrize(
    ("sharing", "counts"),
    [
        # Numbers that are compared at the thesis's sizes.
        (
            "overlap",
            (8 * 8 * 3 * 3 + 2 * 8, 1024 * 513 + 512 * 257 + 128 * 513 + 512 * 129, 2 * 1024 * (512 + 256 + 2)),
        ),
        ("same_shape", (0, 1024 * 513, 2 * 1024 * (256 + 2))),
    ],
)
def test_the_penalty_counts_what_is_common(sharing, counts):
    optical, audio = networks(width=1.0)
    fill(optical, 0.5)
    fill(audio, 0.0)
    expected = sum(weight * count * 0.25 for weight, count in zip((0.770548, 1.322669, 1.718282), counts, strict=True))
    assert sharing_penalty(optical, audio, 1.0, sharing).item() == pytest.approx(expected, rel=1e-5)
    assert sharing_penalty(optical, audio, sharing=sharing).item() == pytest.approx(1e-7 * expected, rel=1e-5)


def test_equal_weights_cost_nothing_and_do_not_move():
    optical, audio = networks()
    fill(optical, 0.25)
    fill(audio, 0.25)
    penalty = sharing_penalty(optical, audio, 1.0)
    penalty.backward()
    assert penalty.item() == 0
    assert all(parameter.grad is None or not parameter.grad.any() for parameter in audio.parameters())


def test_only_the_audio_network_is_drawn_and_only_where_layers_are_shared():
    optical, audio = networks()
    sharing_penalty(optical, audio, 1.0).backward()
    assert all(parameter.grad is None for parameter in optical.parameters())
    drawn = {name for name, parameter in audio.named_parameters() if parameter.grad is not None}
    free = {name for name, _ in audio.named_parameters()} - drawn
    assert {name.split(".")[0] for name in drawn} == {"blocks", "interaction", "lstm2"}
    assert {name for name in drawn if name.startswith("blocks")} == {
        f"blocks.1.{name}" for name in ("conv.weight", "norm.weight", "norm.bias")
    }
    assert {"interaction.seen.weight", "interaction.attention.query.weight", "blocks.2.conv.weight"} <= free


def test_descending_brings_the_networks_together():
    optical, audio = networks()
    optimizer = torch.optim.SGD(audio.parameters(), lr=0.05)
    costs = []
    for _ in range(30):
        optimizer.zero_grad()
        penalty = sharing_penalty(optical, audio, 1.0)
        penalty.backward()
        optimizer.step()
        costs.append(penalty.item())
    assert costs[-1] < 0.02 * costs[0]


@pytest.mark.parametrize("flag", ["third_block", "interaction", "dense"])
def test_each_ablation_shares_three_layers(flag):
    optical, audio = networks(**{flag: False})
    layers = shared_layers(optical, audio)
    assert [len(pairs) for pairs in layers] == [3, 8, 8]
    assert sharing_penalty(optical, audio, 1.0, "same_shape") > 0
    if flag == "interaction":  # BiLSTM with BiLSTM
        assert all(fixed.shape == free.shape for fixed, free in layers[1])


@pytest.mark.parametrize(
    "options", [{"gamma": -1.0}, {"gamma": math.nan}, {"gamma": math.inf}, {"sharing": "all"}], ids=str
)
def test_gamma_and_sharing_are_checked(options):
    with pytest.raises(ValueError, match="must be"):
        sharing_penalty(*networks(), **options)
