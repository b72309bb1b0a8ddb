"""The trained networks in `pipelines/chorales`: loaded as a Hub user does, and whether they know what a chorale is."""

import subprocess
import sys
from math import log

import numpy as np
import pytest
import torch

from scorehub.chorales import DEFAULT, EMBEDDED, load_writer
from scorehub.pipelines.chorales.configuration_chorales import NETWORKS
from scorehub.pipelines.chorales.grids import OTHER_CHORD, VALUES, find_chords, make_grid

MOST_BYTES = 15 * 2**20
# "Old Hundredth", second line, as it is sung: pitches of soprano, alto, tenor, bass, a quarter each.
LINE = [[67, 62, 59, 43], [67, 62, 59, 43], [67, 62, 59, 43], [66, 62, 57, 50], [64, 60, 55, 48], [71, 62, 55, 43]]
HYMN = np.repeat(np.array([*LINE, [69, 62, 54, 50], [67, 62, 59, 43]]), 4, axis=0)

LOADED = """
import sys
from transformers import pipeline
folder, *networks = sys.argv[1:]
for network in networks:
    subfolder = "" if network == networks[0] else network
    write = pipeline("chorales", model=folder, trust_remote_code=True, model_kwargs={"subfolder": subfolder})
    assert write.model.config.network == network
    chorale = write(melody=[67] * 8 + [69] * 4 + [71] * 4, rounds=4)[0]
    assert chorale["pitches"][:, 0].tolist() == [67] * 8 + [69] * 4 + [71] * 4
assert not [name for name in sys.modules if name.startswith("scorehub")]
"""


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def test_networks_load_where_scorehub_is_not():
    networks = [DEFAULT, *(network for network in NETWORKS if network != DEFAULT)]
    command = [sys.executable, "-I", "-c", LOADED, str(EMBEDDED), *networks]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("network", NETWORKS)
def test_a_hymn_is_likelier_than_its_voices_out_of_step(network):
    model = load_writer(network).model
    noise = torch.rand(8, 1 + HYMN.size, generator=torch.Generator().manual_seed(0))

    def nats(pitches):
        grids = torch.from_numpy(make_grid(pitches)).expand(8 if model.is_orderless else 1, -1, -1)
        return float(model.nll(grids, noise)["cell"].mean())

    shifted = HYMN.copy()
    shifted[:, 1] += 1  # the alto a semitone sharp
    assert 1.2 * nats(HYMN) < nats(shifted)
    assert model.config.held_out_nll < log(VALUES) / 5
    assert nats(HYMN) < 3 * model.config.held_out_nll


@pytest.mark.parametrize("network", NETWORKS)
def test_a_melody_is_harmonised_with_chords(network):
    write = load_writer(network)
    chorales = [write(HYMN[:, 0].tolist(), seed=seed, temperature=0.5)[0]["pitches"] for seed in range(4)]
    assert all(chorale[:, 0].tolist() == HYMN[:, 0].tolist() for chorale in chorales)
    assert np.mean([find_chords(make_grid(chorale)) < OTHER_CHORD for chorale in chorales]) > 0.6
    assert np.mean(np.diff(chorales, axis=2) <= 0) > 0.95  # hardly ever do voices cross


def test_the_folder_is_small():
    assert sum(path.stat().st_size for path in EMBEDDED.rglob("*.safetensors")) < MOST_BYTES
