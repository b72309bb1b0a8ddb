"""Models on another device than the CPU, where pipelines put them if there is one: they do what they do on the CPU."""

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image
from random_transcriber import RATE, random_pipeline, staff, tone
from second_device import DEVICE, SecondDevice
from tiny_chorales import CADENCE, tiny

from scorehub.pipelines.chorales.configuration_chorales import NETWORKS
from scorehub.pipelines.chorales.grids import make_grid
from scorehub.pipelines.chorales.pipeline_chorales import ChoralesPipeline


@pytest.fixture
def second_device():
    with SecondDevice():
        yield DEVICE


def test_the_second_device_refuses_what_a_card_would(second_device):
    there = torch.zeros(2, device=second_device)
    assert (there + 1).cpu().tolist() == [1, 1]
    with pytest.raises(RuntimeError, match="on one device"):
        there + torch.zeros(2)
    with pytest.raises(RuntimeError, match="generator of"):
        torch.rand(2, device=second_device, generator=torch.Generator())


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("melody", [[72] * 4, pytest.param(None, marks=pytest.mark.slow)])
def test_a_seed_writes_the_same_chorale_on_any_device(second_device, network, melody):
    model = tiny(network)
    here = ChoralesPipeline(model=model, device="cpu")(melody, steps=4, count=2, seed=1)
    there = ChoralesPipeline(model=model, device=second_device)(melody, steps=4, count=2, seed=1)
    assert model.device == second_device
    np.testing.assert_array_equal([each["pitches"] for each in there], [each["pitches"] for each in here])


@pytest.mark.parametrize("network", NETWORKS)
def test_a_chorale_is_as_likely_on_any_device(second_device, network):
    grid, model = torch.from_numpy(make_grid(CADENCE)), tiny(network)
    here = model.estimate_nll(grid, 2, torch.Generator().manual_seed(0))
    assert model.to(second_device).estimate_nll(grid, 2, torch.Generator().manual_seed(0)) == pytest.approx(here)


def test_a_staff_is_transcribed_on_any_device(second_device, tmp_path):
    Image.fromarray(staff()).save(tmp_path / "staff.png")
    soundfile.write(tmp_path / "staff.wav", tone(), RATE)
    pipe = random_pipeline()
    tokens = []
    for device in (torch.device("cpu"), second_device):
        pipe.model.to(device)
        pipe.device = device
        found = pipe(image=str(tmp_path / "staff.png"), audio=str(tmp_path / "staff.wav"))
        tokens.append([[row["token"] for row in found[kind]] for kind in ("optical", "audio")])
    assert tokens[0] == tokens[1]
