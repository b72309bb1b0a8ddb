"""What the score-SDE benchmarks reckon with: the reference's loops, the cache, code lengths, and the verdict."""

import math
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import UNet2DModel
from tqdm import tqdm

# A benchmark's neighbours are imported as scripts import them.
sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import score_sde
import score_sde_reference as reference
import score_sde_samples as samples
import score_sde_tasks as tasks

from scorehub.notes import make_notes
from scorehub.pipelines.score_sde.likelihood import bits_per_dim, log_likelihood
from scorehub.pipelines.score_sde.pipeline import ScoreSDEPipeline
from scorehub.pipelines.score_sde.scheduler.sde_scheduler import VPSDE, SigmaPowerSDE, expand
from scorehub.rolls import RollSpec, make_roll, roll_to_notes

SDES = {"sigma_power": SigmaPowerSDE(), "vp": VPSDE()}
LOOPS = {
    "euler_maruyama": lambda process, shape: reference.euler_maruyama(process, shape, 400),
    "predictor_corrector": lambda process, shape: reference.predictor_corrector(process, shape, 300),
    "ode": lambda process, shape: reference.ode(process, shape),
}
MEAN, VARIANCE = 0.3, 0.25  # of the Gaussian
SPEC = RollSpec(fs=4.0, lowest=60, n_pitches=8, seconds=2.0)


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("sde", SDES.values(), ids=SDES)
def test_the_references_loops_reach_a_gaussian_and_count_their_evaluations(sde, loop):
    calls = []

    def score(x, t):
        calls.append(len(x))
        mean, std = sde.mean_coefficient(t), sde.std(t)
        return -(x - expand(mean * MEAN, x)) / expand(mean**2 * VARIANCE + std**2, x)

    torch.manual_seed(0)
    process = reference.Process(score, sde.std, sde.diffusion, sde.drift_coefficient)
    x, evaluations = LOOPS[loop](process, (3000, 1, 2, 2))

    assert len(calls) == evaluations
    assert x.shape == (3000, 1, 2, 2)
    # 12,000 cells: five standard errors of the mean, and of the variance, and the error of finite steps
    assert float(x.mean()) == pytest.approx(MEAN, abs=5 * math.sqrt(VARIANCE / x.numel()) + 0.01)
    assert float(x.var()) == pytest.approx(VARIANCE, rel=5 * math.sqrt(2 / x.numel()) + 0.05)


def small_pipe(seed=0):
    torch.manual_seed(seed)
    net = UNet2DModel(
        sample_size=(8, 8),
        in_channels=1,
        out_channels=1,
        layers_per_block=1,
        block_out_channels=(4, 8),
        norm_num_groups=2,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
    )
    return ScoreSDEPipeline(net.eval(), VPSDE(), fs=SPEC.fs, lowest=SPEC.lowest)


@pytest.mark.parametrize("name", ["ode_fast", samples.REFERENCE])
def test_samples_that_are_made_in_two_runs_are_those_of_one(name, tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "BATCH", 2)
    pipe, bar = small_pipe(), tqdm(disable=True)
    (tmp_path / "other").mkdir()
    samples.sample(pipe, SPEC, tmp_path, (name, 5, 2), bar)
    resumed = samples.sample(pipe, SPEC, tmp_path, (name, 5, 5), bar)
    whole = samples.sample(pipe, SPEC, tmp_path / "other", (name, 5, 5), bar)

    assert resumed.rolls.shape == (5, *SPEC.shape)
    assert resumed.evaluations == 5
    np.testing.assert_array_equal(resumed.rolls, whole.rolls)
    assert len(list(tmp_path.glob("*.npz"))) == 1


def test_other_weights_and_processes_have_a_cache_of_their_own(tmp_path):
    bar = tqdm(disable=True)
    for pipe in (small_pipe(), small_pipe(1), ScoreSDEPipeline(small_pipe().unet, VPSDE(beta_max=10.0))):
        samples.sample(pipe, SPEC, tmp_path, ("ode_fast", 3, 1), bar)
    assert len(list(tmp_path.glob("*.npz"))) == 3


@pytest.mark.parametrize(("name", "asked", "used"), [("ode_fast", 12, 12), ("predictor_corrector", 12, 11)])
def test_no_sampler_takes_more_evaluations_than_it_may(name, asked, used):
    rolls, evaluations = samples.draw(small_pipe(), name, asked, range(2), SPEC.shape)
    assert rolls.shape == (2, *SPEC.shape)
    assert evaluations == used


def test_the_code_length_of_independent_cells_is_their_entropy():
    sde, levels, shares = VPSDE(), torch.tensor([-1.0, 0.0, 1.0]), torch.tensor([0.7, 0.2, 0.1])

    def score(x, t):
        mean, variance = expand(sde.mean_coefficient(t), x)[..., None], expand(sde.std(t) ** 2, x)[..., None]
        pulls = mean * levels - x[..., None]
        weights = torch.softmax(shares.log() - 0.5 * pulls**2 / variance, dim=-1)
        return (weights * pulls / variance).sum(-1)

    def bits(rolls, levels, generator, tolerance):
        density = log_likelihood(sde, score, torch.as_tensor(rolls).double(), 1, generator, tolerance)
        return bits_per_dim(density, rolls[0].size, levels).numpy()

    codes = torch.multinomial(shares, 3 * 36, replacement=True, generator=torch.Generator().manual_seed(0))
    rolls = levels[codes].reshape(3, 1, 6, 6).numpy()
    expected = -shares[codes].log2().reshape(3, -1).mean(1)
    pipe = SimpleNamespace(scheduler=sde, log_likelihood=bits)

    np.testing.assert_allclose(tasks.code_length(pipe, rolls, 1e-5), expected, atol=1e-2)


def test_codes_without_a_network_count_cells_and_the_cell_before():
    roll = np.array([-1.0, 1.0, -1.0, 1.0])[None, None, None]
    # Half a count everywhere; from off, as is before the first frame: 1.5 off and 2.5 on; from on: 1.5 off and 0.5 on
    expected = -(math.log2(1.5 / 4) + 2 * math.log2(2.5 / 4) + math.log2(1.5 / 2)) / 4
    assert tasks.table_code(roll, roll, 0) == pytest.approx(1.0)
    assert tasks.table_code(roll, roll, 1) == pytest.approx(expected)


def toy_windows(pitches, count, seed=0):
    """Windows of eight notes each from some pitches; every window is a work."""
    rng = np.random.default_rng(seed)
    rolls = []
    for _ in range(count):
        onset = np.arange(8) / SPEC.fs
        notes = make_notes(onset, np.full(8, 1 / SPEC.fs), rng.choice(pitches, 8))
        rolls.append(make_roll(notes, SPEC))
    return samples.Windows(np.stack(rolls), SPEC, tuple(map(str, range(count))))


def test_a_sampler_that_draws_alike_is_not_worse_and_one_with_foreign_notes_is(monkeypatch):
    monkeypatch.setattr(score_sde, "RESAMPLES", 100)
    held_out, base = toy_windows([60, 62, 64, 65], 300), toy_windows([60, 62, 64, 65], 300, seed=1)
    alike = score_sde.worse_by(held_out, base, toy_windows([60, 62, 64, 65], 300, seed=2))
    foreign = score_sde.worse_by(held_out, base, toy_windows([61, 63, 66, 67], 300, seed=2))

    assert np.all(alike[:, 1] <= 0)
    assert score_sde.verdict(alike) == "yes"
    assert foreign[0, 0] > 0.2
    assert score_sde.verdict(foreign) == "no"
    assert score_sde.verdict(np.array([[0.0, -0.2, 0.2], [0.0, -0.01, 0.01]])) == "unsure"


def test_the_fewest_evaluations_are_those_below_which_one_is_worse():
    answers = {500: "unsure", 100: "yes", 50: "yes", 25: "no", 12: "yes"}
    assert "50 evaluations are not worse" in score_sde.conclusion("ode_fast", answers, 500)
    assert "10 times fewer" in score_sde.conclusion("ode_fast", answers, 500)
    assert "no number" in score_sde.conclusion("ode_fast", answers | {100: "unsure"}, 500)


def test_what_is_missing_is_what_its_passage_says():
    everything = make_roll(make_notes(np.arange(8) / SPEC.fs, np.full(8, 0.25), np.arange(60, 68)), SPEC)
    notes = roll_to_notes(everything, SPEC)
    for missing, passage in tasks.missing_parts(SPEC).values():
        assert missing.mean() == 0.25
        cells = missing[0, notes.pitch - SPEC.lowest, np.round(notes.onset * SPEC.fs).astype(int)]
        np.testing.assert_array_equal(passage.holds(notes), cells)
