"""The paper's recurrent follower: its network against the paper, its loss by hand, what it hears and sees."""

import math
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from scorehub.pipelines.score_following.paper.configuration_recurrent_follower import RecurrentFollowerConfig
from scorehub.pipelines.score_following.paper.modeling_recurrent_follower import (
    RecurrentFollowerModel,
    audio_windows,
    cut_excerpts,
    follower_loss,
    squeeze_strips,
)

FOLDER = Path(__file__).parents[1] / "pipelines" / "score_following" / "paper"
TINY = {"width": 0.0625, "hidden_size": 8}


def tiny_model(cell="lstm", excerpt="own", **options):
    torch.manual_seed(0)
    config = RecurrentFollowerConfig(cell=cell, excerpt=excerpt, **(TINY | options))
    return RecurrentFollowerModel(config).eval()


def random_inputs(songs=2, frames=6, columns=300):
    generator = torch.Generator().manual_seed(1)
    return {
        "audio": torch.rand(songs, frames, 78, 40, generator=generator),
        "strip": torch.rand(songs, 80, columns, generator=generator),
    }


# Channels, rows and columns behind each convolution of Figure 3, by hand: (size - kernel) // stride + 1.
AUDIO_SIZES = [
    (32, 76, 38),
    (32, 74, 36),
    (64, 36, 17),
    (64, 34, 15),
    (64, 16, 7),
    (96, 7, 3),
    (96, 5, 1),
    (96, 5, 1),
]
SHEET_SIZES = [
    (32, 76, 126),
    (32, 74, 124),
    (64, 36, 61),
    (64, 34, 59),
    (64, 16, 29),
    (64, 7, 14),
    (96, 3, 6),
    (96, 3, 6),
]


@pytest.mark.parametrize(
    ("branch", "shape", "sizes", "dropouts"),
    [("audio", (78, 40), AUDIO_SIZES, [4, 8]), ("sheet", (80, 256), SHEET_SIZES, [4, 6, 8])],
)
def test_the_branches_are_figure_3(branch, shape, sizes, dropouts):
    config = RecurrentFollowerConfig(hidden_size=1, num_layers=1)
    layers = getattr(RecurrentFollowerModel(config).eval(), branch)
    h, found, dropped = torch.zeros(1, 1, *shape), [], []
    for layer in layers:
        h = layer(h)
        if isinstance(layer, nn.Conv2d):
            found.append(tuple(h.shape[1:]))
        if isinstance(layer, nn.Dropout):
            dropped.append(len(found))
            assert layer.p == 0.2
    assert found == sizes
    assert dropped == dropouts
    assert h.shape == (1, 512)
    kernels = [layer.kernel_size for layer in layers if isinstance(layer, nn.Conv2d)]
    assert kernels == [(5, 5) if branch == "sheet" else (3, 3), *[(3, 3)] * 6, (1, 1)]
    assert next(layer for layer in layers if isinstance(layer, nn.Linear)).in_features == math.prod(sizes[-1])


@pytest.mark.parametrize(("cell", "kind", "gates"), [("srn", nn.RNN, 1), ("gru", nn.GRU, 3), ("lstm", nn.LSTM, 4)])
def test_the_recurrent_network_is_the_papers(cell, kind, gates):
    with torch.device("meta"):
        model = RecurrentFollowerModel(RecurrentFollowerConfig(cell=cell))
    assert type(model.recurrent) is kind
    shapes = {name: tuple(weight.shape) for name, weight in model.recurrent.named_parameters() if "weight" in name}
    assert shapes == {
        "weight_ih_l0": (gates * 1024, 512),
        "weight_hh_l0": (gates * 1024, 1024),
        "weight_ih_l1": (gates * 1024, 1024),
        "weight_hh_l1": (gates * 1024, 1024),
    }
    assert tuple(model.joint[0].weight.shape) == (512, 1024)
    assert tuple(model.position.weight.shape) == (1, 1024)
    assert not list(model.buffers())


def test_equation_1_by_hand():
    truth, estimated = torch.tensor([[0.0, 0.5, 1.0]]), torch.tensor([[0.1, 0.3, 0.8]])
    # Errors 0.01 + 0.04 + 0.04; jumps 0.2 * (0.04 + 0.25), and 0.2 * 0.01 more where the last prediction was 0.
    assert float(follower_loss(estimated, truth, None, 0.2)) == pytest.approx((0.09 + 0.058) / 3)
    assert float(follower_loss(estimated, truth, torch.zeros(1), 0.2)) == pytest.approx((0.09 + 0.06) / 3)
    assert float(follower_loss(estimated, truth, None, 0.0)) == pytest.approx(0.03)
    truth[0, 2] = torch.nan  # a frame without truth counts nothing
    assert float(follower_loss(estimated, truth, None, 0.2)) == pytest.approx((0.05 + 0.008) / 2)


def test_the_models_loss_is_equation_1_of_its_positions():
    model, inputs = tiny_model(), random_inputs(songs=1, frames=3)
    truth = torch.tensor([[0.2, 0.4, 0.9]])
    output = model(**inputs, positions=truth)
    p, q = truth[0].tolist(), output.positions[0].tolist()
    wanted = sum((a - b) ** 2 for a, b in zip(p, q, strict=True)) + 0.2 * ((q[1] - q[0]) ** 2 + (q[2] - q[1]) ** 2)
    assert output.loss.item() == pytest.approx(wanted / 3)
    output.loss.backward()
    assert all(weight.grad is not None for weight in model.parameters())


@pytest.mark.parametrize("cell", ["srn", "gru", "lstm"])
@pytest.mark.parametrize("excerpt", ["own", "whole"])
def test_a_carried_state_makes_two_calls_one(cell, excerpt):
    model, inputs = tiny_model(cell, excerpt), random_inputs()
    truth = torch.rand(2, 6, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        whole = model(**inputs, positions=truth)
        parts, state = [], None
        for part in (slice(0, 2), slice(2, 6)):
            parts.append(model(inputs["audio"][:, part], None, truth[:, part], state, inputs["strip"]))
            state = parts[-1].state
        anew = model(inputs["audio"][:, 2:], strip=inputs["strip"])
    joined = torch.cat([part.positions for part in parts], dim=1)
    torch.testing.assert_close(joined, whole.positions, atol=1e-6, rtol=0)
    torch.testing.assert_close(parts[0].loss / 3 + parts[1].loss * 2 / 3, whole.loss, atol=1e-6, rtol=0)
    assert not torch.allclose(anew.positions, whole.positions[:, 2:], atol=1e-5)


@pytest.mark.parametrize("excerpt", ["own", "whole"])
def test_neither_the_truth_nor_the_future_is_heard(excerpt):
    model, inputs = tiny_model(excerpt=excerpt), random_inputs(songs=1)
    with torch.no_grad():
        before = model(**inputs, positions=torch.zeros(1, 6)).positions
        assert torch.equal(model(**inputs, positions=torch.ones(1, 6)).positions, before)
        inputs["audio"][:, 4:] = torch.rand(1, 2, 78, 40)
        after = model(**inputs).positions
    assert torch.equal(after[:, :4], before[:, :4])
    assert not torch.allclose(after[:, 4:], before[:, 4:], atol=1e-6)
    # Nor does a window of audio reach beyond its frame.
    spectrogram = torch.rand(78, 50).requires_grad_()
    audio_windows(spectrogram)[20].sum().backward()
    assert spectrogram.grad[:, :21].eq(1).all()
    assert spectrogram.grad[:, 21:].eq(0).all()


def test_in_own_mode_a_frame_sees_the_strip_about_the_last_prediction():
    model, inputs = tiny_model(), random_inputs(songs=1, columns=700)
    with torch.no_grad():
        followed = model(**inputs).positions
        last = torch.cat([torch.zeros(1, 1), followed[:, :-1]], dim=1)[0]
        strips = inputs["strip"].expand(6, -1, -1)
        sheet = cut_excerpts(strips, torch.full((6,), 700), last)[None]
        given = model(inputs["audio"], sheet).positions
    torch.testing.assert_close(given, followed, atol=1e-6, rtol=0)


def test_excerpts_are_windows_with_white_beyond_the_strip():
    strip = torch.arange(1.0, 501).expand(3, 80, 500)
    windows = cut_excerpts(strip, torch.tensor([500, 500, 400]), torch.tensor([0.0, 0.5, 1.0]))[:, 0]
    assert windows[0].tolist() == [0.0] * 128 + list(range(1, 129))
    assert windows[1].tolist() == list(range(123, 379))  # column 250 in the middle, which holds 251
    assert windows[2].tolist() == [*range(273, 401)] + [0.0] * 128
    squeezed = squeeze_strips(strip[:1, :, :], torch.tensor([512 - 12]))
    assert squeezed.shape == (1, 80, 256)
    squeezed = squeeze_strips(torch.arange(512.0).expand(1, 80, 512), torch.tensor([512]))
    assert squeezed[0, 7].tolist() == [2 * column + 0.5 for column in range(256)]


LOAD = """
import sys, torch
from transformers import AutoConfig, AutoModel
torch.set_num_threads(1)
model = AutoModel.from_pretrained(sys.argv[1], trust_remote_code=True).eval()
generator = torch.Generator().manual_seed(1)
audio, strip = torch.rand(1, 3, 78, 40, generator=generator), torch.rand(1, 80, 300, generator=generator)
with torch.no_grad():
    print([f"{position:.5f}" for position in model(audio, strip=strip).positions[0].tolist()])
model.save_pretrained(sys.argv[2])
"""


def test_a_saved_model_loads_without_scorehub_and_can_be_saved_again(tmp_path, run_python):
    model, saved, again = tiny_model("gru"), tmp_path / "saved", tmp_path / "again"
    model.save_pretrained(saved)
    with torch.no_grad():
        positions = model(**random_inputs(songs=1, frames=3)).positions[0].tolist()
    line = f"{[f'{position:.5f}' for position in positions]}\n"
    assert run_python(LOAD, saved, again, without_scorehub=True) == line
    names = {
        "config.json",
        "configuration_recurrent_follower.py",
        "model.safetensors",
        "modeling_recurrent_follower.py",
    }
    for folder in (saved, again):
        assert {path.name for path in folder.iterdir()} == names


def test_bad_configurations_and_inputs_are_refused():
    for options, message in (
        ({"cell": "rnn"}, r"cell must be one of \('srn', 'gru', 'lstm'\), got 'rnn'"),
        ({"excerpt": "true"}, "excerpt must be one of"),
        ({"width": 0.0}, "width above 0 to 16"),
        ({"jump_weight": -1.0}, "jump_weight must be 0 or more"),
    ):
        with pytest.raises(ValueError, match=message):
            RecurrentFollowerConfig(**options)
    model, inputs = tiny_model(), random_inputs()
    audio, strip = inputs.values()
    with pytest.raises(ValueError, match=r"audio must be \(B, T, 78, 40\)"):
        model(audio[..., :39], strip=strip)
    with pytest.raises(ValueError, match="sheet or strip must be given, one of them, got none"):
        model(audio)
    with pytest.raises(ValueError, match=r"strip must be \(2, 80, W\), got \(1, 80, 300\)"):
        model(audio, strip=strip[:1])
    with pytest.raises(ValueError, match=r"sheet must have shape \(2, 1, 80, 256\) or \(2, 6, 80, 256\)"):
        model(audio, torch.zeros(2, 3, 80, 256))


FROM_CONFIG = """
import sys, torch
from transformers import AutoConfig, AutoModel
config = AutoConfig.from_pretrained(sys.argv[1], trust_remote_code=True)
with torch.device("meta"):
    model = AutoModel.from_config(config, trust_remote_code=True)
print(type(model.recurrent).__name__, config.hidden_size, config.num_layers, config.jump_weight, config.width)
"""


def test_the_projects_folder_is_a_repository_of_the_papers_network(tmp_path, run_python):
    folder = tmp_path / "recurrent_follower"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    assert run_python(FROM_CONFIG, folder, without_scorehub=True) == "LSTM 1024 2 0.2 1.0\n"
