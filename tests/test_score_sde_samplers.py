"""Processes, samplers and likelihood of the score-SDE pipeline, on distributions whose score is known."""

import math
from itertools import pairwise

import pytest
import torch

from scorehub.pipelines.score_sde.likelihood import bits_per_dim, dequantise, log_likelihood
from scorehub.pipelines.score_sde.samplers import END, SAMPLERS, Known, Reversal, rk45
from scorehub.pipelines.score_sde.scheduler.sde_scheduler import VESDE, VPSDE, SigmaPowerSDE, SubVPSDE, expand

SDES = {"sigma_power": SigmaPowerSDE(), "ve": VESDE(0.01, 20.0), "vp": VPSDE(), "sub_vp": SubVPSDE()}
STEPS = {"ode_fast": 40, "ode": 20, "euler_maruyama": 400, "predictor_corrector": 300}
MEAN, VARIANCE = 0.3, 0.25  # of the Gaussian
SHAPE = (1, 2, 2)
N = 3000

every_sde = pytest.mark.parametrize("sde", SDES.values(), ids=SDES)
every_sampler = pytest.mark.parametrize("sampler", SAMPLERS)


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def gaussian_score(sde):
    def score(x, t):
        mean, std = sde.mean_coefficient(t), sde.std(t)
        return -(x - expand(mean * MEAN, x)) / expand(mean**2 * VARIANCE + std**2, x)

    return score


WEIGHTS, CENTRES, WIDTH = torch.tensor([0.3, 0.7]), torch.tensor([0.8, -0.6]), 0.2


def mixture_score(sde):
    """Two round components, at CENTRES in all dimensions."""

    def score(x, t):
        mean, std = sde.mean_coefficient(t), sde.std(t)
        variance = expand(mean**2 * WIDTH**2 + std**2, x)
        pulls = [(expand(mean * centre, x) - x) / variance for centre in CENTRES]
        distances = torch.stack([-0.5 * (pull**2 * variance).flatten(1).sum(1) for pull in pulls])
        shares = torch.softmax(distances + WEIGHTS.log()[:, None], dim=0)
        return sum(expand(share, x) * pull for share, pull in zip(shares, pulls, strict=True))

    return score


def seeded(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return lambda like: torch.randn(like.shape, generator=generator).to(like)


def per_sample(seeds):
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    return lambda like: torch.stack([torch.randn(like.shape[1:], generator=own) for own in generators])


def sample(reversal, sampler, n=N):
    return SAMPLERS[sampler](reversal, reversal.start(torch.zeros(n, *SHAPE)), STEPS[sampler])


def flow_map(sde):
    """Of the Gaussian from t = 1 to END, where the probability flow is linear: slope, offset."""
    t = torch.tensor([END, 1.0])
    mean = sde.mean_coefficient(t) * MEAN
    spread = (sde.mean_coefficient(t) ** 2 * VARIANCE + sde.std(t) ** 2).sqrt()
    slope = float(spread[0] / spread[1])
    return slope, float(mean[0]) - slope * float(mean[1])


def test_the_papers_process_has_the_papers_numbers():
    sde, t = SigmaPowerSDE(sigma=25.0), torch.tensor([1e-5, 0.5, 1.0])

    assert sde.prior_std() == pytest.approx(9.845, abs=1e-3)
    assert sde.std(t).tolist() == pytest.approx([math.sqrt((25 ** (2 * u) - 1) / (2 * math.log(25))) for u in t], 1e-3)
    assert sde.diffusion(t).tolist() == pytest.approx([25**u for u in t.tolist()])
    assert (sde.drift(torch.ones(3, *SHAPE), t) == 0).all()


def test_the_other_processes_begin_with_data_and_end_in_their_priors():
    t = torch.tensor([0.0, 1.0])
    assert VPSDE().mean_coefficient(t).tolist() == pytest.approx([1, math.exp(-0.25 * 19.9 - 0.05)])
    assert VESDE(0.01, 50.0).std(t).tolist() == pytest.approx([0.01, 50.0], rel=1e-4)
    assert VPSDE().prior_std() == pytest.approx(1, abs=1e-4)
    assert SubVPSDE().std(t).tolist() == pytest.approx((VPSDE().std(t) ** 2).tolist())


@every_sde
def test_perturbation_kernels_match_the_simulated_process(sde):
    times, noise = torch.linspace(0.01, 0.7, 800), seeded()
    x = start = sde.add_noise(torch.ones(8000), noise(torch.zeros(8000)), times[:1].expand(8000))
    for t, s in pairwise(times):
        x = x + sde.drift(x, t.expand(8000)) * (s - t) + sde.diffusion(t) * (s - t).sqrt() * noise(x)

    end = times[-1:]
    assert float(x.mean()) == pytest.approx(float(sde.mean_coefficient(end)), abs=4 * float(x.std()) / 8000**0.5)
    assert float(x.std()) == pytest.approx(float(sde.std(end)), rel=0.04)
    again = sde.renoise(start, noise(start), times[:1], end)
    assert float(again.std()) == pytest.approx(float(sde.std(end)), rel=0.04)


@every_sde
def test_the_time_of_a_signal_to_noise_ratio_is_found_again(sde):
    t = torch.linspace(END, 1, 50, dtype=torch.float64)
    torch.testing.assert_close(sde.time_of(sde.half_log_snr(t)), t)
    assert (sde.half_log_snr(t).diff() < 0).all()


@every_sde
@every_sampler
def test_samplers_reach_the_mean_and_variance_of_a_gaussian(sde, sampler):
    x = sample(Reversal(sde, gaussian_score(sde), seeded()), sampler)

    # The prior is not quite p(x_1); what the exact flow makes of it is known.
    _, offset = flow_map(sde)
    mean = offset if sampler.startswith("ode") else MEAN
    assert float(x.mean()) == pytest.approx(mean, abs=4 * math.sqrt(VARIANCE / x.numel()) + 0.003)
    assert float(x.var()) == pytest.approx(VARIANCE + float(sde.std(torch.tensor(END))) ** 2, rel=0.06)


@every_sde
@pytest.mark.parametrize(("sampler", "error"), [("ode", 2e-3), ("ode_fast", 0.05)])
def test_the_flow_takes_each_sample_where_the_exact_one_takes_it(sde, sampler, error):
    reversal = Reversal(sde, gaussian_score(sde), seeded())
    slope, offset = flow_map(sde)
    exact = slope * reversal.start(torch.zeros(50, *SHAPE)) + offset
    torch.testing.assert_close(
        sample(Reversal(sde, gaussian_score(sde), seeded()), sampler, 50), exact, atol=error, rtol=0
    )


@every_sde
def test_the_fast_solver_is_of_second_order(sde):
    start = sde.prior_std() * seeded()(torch.zeros(50, *SHAPE))
    slope, offset = flow_map(sde)
    errors = []
    for steps in (40, 80):
        reversal = Reversal(sde, gaussian_score(sde), seeded())
        reversal.start(start)
        errors.append(float((SAMPLERS["ode_fast"](reversal, start, steps) - slope * start - offset).abs().max()))
    assert errors[1] < errors[0] / 2.8


@every_sde
@every_sampler
def test_samplers_reach_both_components_of_a_mixture(sde, sampler):
    x = sample(Reversal(sde, mixture_score(sde), seeded()), sampler, 2000).flatten(1)

    first = x.mean(1) > 0.1
    assert float(first.float().mean()) == pytest.approx(0.3, abs=0.05)
    for chosen, centre in zip((first, ~first), CENTRES.tolist(), strict=True):
        assert float(x[chosen].mean()) == pytest.approx(centre, abs=0.03)
        assert float(x[chosen].std()) == pytest.approx(WIDTH, rel=0.1)


@every_sde
@every_sampler
def test_a_sample_does_not_depend_on_its_batch_mates(sde, sampler):
    score = mixture_score(sde)
    together = sample(Reversal(sde, score, per_sample([5, 6, 7])), sampler, 3)
    alone = sample(Reversal(sde, score, per_sample([6])), sampler, 1)
    torch.testing.assert_close(together[1:2], alone, atol=1e-4, rtol=1e-4)


@every_sampler
def test_a_seed_makes_the_same_samples_again(sampler):
    sde = VPSDE()
    first, again, other = (sample(Reversal(sde, mixture_score(sde), seeded(seed)), sampler, 4) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_evaluations_are_counted_for_each_sample():
    sde = VPSDE()
    counts = {}
    for sampler in SAMPLERS:
        reversal = Reversal(sde, mixture_score(sde), seeded())
        sample(reversal, sampler, 5)
        counts[sampler] = reversal.evaluations.tolist()
    assert counts["ode_fast"] == [40] * 5
    assert counts["euler_maruyama"] == [400] * 5
    assert counts["predictor_corrector"] == [600] * 5
    assert len(set(counts["ode"])) > 1, "samples take steps of their own"
    assert all(40 < count < 400 and count % 6 == 1 for count in counts["ode"])


@pytest.mark.parametrize("sampler", ["ode_fast", "euler_maruyama"])
def test_callbacks_see_every_step(sampler):
    seen, sde = [], VPSDE()
    reversal = Reversal(sde, gaussian_score(sde), seeded(), callback=lambda *facts: seen.append(facts))
    sample(reversal, sampler, 2)
    assert [number for number, _, _ in seen] == list(range(STEPS[sampler]))
    assert seen[-1][1] == pytest.approx(END)
    assert all(x.shape == (2, *SHAPE) for _, _, x in seen)


CORRELATION = 0.8


@every_sde
@every_sampler
def test_inpainting_fits_what_is_known(sde, sampler):
    covariance = VARIANCE * ((1 - CORRELATION) * torch.eye(4) + CORRELATION)
    variances, axes = torch.linalg.eigh(covariance)

    def score(x, t):
        spread = sde.mean_coefficient(t)[:, None] ** 2 * variances + sde.std(t)[:, None] ** 2
        return -((x.flatten(1) @ axes / spread) @ axes.T).reshape(x.shape)

    values, mask = torch.zeros(800, *SHAPE), torch.zeros(800, *SHAPE, dtype=torch.bool)
    values[:, 0, 0], mask[:, 0, 0] = torch.tensor([1.0, 0.5]), True
    steps = {"ode_fast": 40, "ode": 12, "euler_maruyama": 100, "predictor_corrector": 60}[sampler]
    reversal = Reversal(sde, score, seeded(), Known(values, mask, resamples=8 if sampler == "ode" else 6))
    x = SAMPLERS[sampler](reversal, reversal.start(values), steps).flatten(1)

    transfer = covariance[2:, :2] @ torch.linalg.inv(covariance[:2, :2])
    mean = transfer @ torch.tensor([1.0, 0.5])
    spread = (covariance[2:, 2:] - transfer @ covariance[:2, 2:]).diag().sqrt()
    torch.testing.assert_close(x[:, 2:].mean(0), mean, atol=0, rtol=0.2)
    torch.testing.assert_close(x[:, 2:].std(0), spread, atol=0, rtol=0.2)


@every_sampler
def test_guidance_by_a_linear_weight_moves_a_standard_normal(sampler):
    sde = VPSDE()  # of which N(0, 1) stays as it is
    reversal = Reversal(sde, lambda x, t: -x, seeded(), guidance=lambda x_0: torch.full_like(x_0, 0.7))
    x = sample(reversal, sampler)
    assert float(x.mean()) == pytest.approx(0.7, abs=0.05)
    assert float(x.var()) == pytest.approx(1, abs=0.06)


def gaussian_log_density(x, mean=MEAN, variance=VARIANCE):
    return -0.5 * ((x - mean) ** 2 / variance + math.log(2 * math.pi * variance)).flatten(1).sum(1)


@every_sde
def test_the_likelihood_of_a_gaussian_is_the_closed_forms(sde):
    x = MEAN + math.sqrt(VARIANCE) * seeded()(torch.zeros(500, *SHAPE))
    density = log_likelihood(sde, gaussian_score(sde), x, probes=None)

    bits, exact = bits_per_dim(density, 4), bits_per_dim(gaussian_log_density(x), 4)
    assert float(bits.mean()) == pytest.approx(float(exact.mean()), abs=1e-2)
    # Sample by sample what the linear flow makes of the prior is the answer.
    slope, offset = flow_map(sde)
    linear = sde.prior_log_density((x - offset) / slope) - 4 * math.log(slope)
    torch.testing.assert_close(bits, bits_per_dim(linear, 4), atol=2e-3, rtol=0)


def test_the_likelihood_of_a_mixture_is_the_closed_forms():
    sde, generator = VPSDE(), torch.Generator().manual_seed(0)
    first = torch.rand(200, generator=generator) < WEIGHTS[0]
    x = expand(torch.where(first, *CENTRES), torch.zeros(1, *SHAPE)) + WIDTH * seeded()(torch.zeros(200, *SHAPE))
    parts = torch.stack([gaussian_log_density(x, centre, WIDTH**2) for centre in CENTRES.tolist()])
    exact = bits_per_dim(torch.logsumexp(parts + WEIGHTS.log()[:, None], 0), 4).mean()
    bits = bits_per_dim(log_likelihood(sde, mixture_score(sde), x, probes=None), 4).mean()
    assert float(bits) == pytest.approx(float(exact), abs=1e-2)


def test_random_probes_estimate_the_exact_trace():
    sde, x = VPSDE(), 0.5 * seeded()(torch.zeros(1, *SHAPE)).repeat(400, 1, 1, 1)
    exact = log_likelihood(sde, mixture_score(sde), x[:1], probes=None)
    estimates = [
        log_likelihood(sde, mixture_score(sde), x, probes, torch.Generator().manual_seed(0)) for probes in (1, 8)
    ]
    error = float(estimates[0].std()) / 20
    assert error > 0
    assert float(estimates[0].mean()) == pytest.approx(float(exact), abs=4 * error)
    assert float(estimates[1].std()) < 0.5 * float(estimates[0].std())


def test_bits_of_dequantised_rolls_have_the_offset_of_their_bins():
    rolls = torch.tensor([[-1.0, 1.0, 1.0, -1.0]]).repeat(1000, 1)
    spread = dequantise(rolls, levels=2, generator=torch.Generator().manual_seed(0))
    assert (spread[rolls < 0] < 0).all()
    assert (spread[rolls > 0] >= 0).all()
    assert spread.abs().max() <= 1
    # Uniform on [-1, 1]: 1 bit for a binary value, 8 bits for one of 256.
    uniform = torch.full((1,), -4 * math.log(2))
    assert [float(bits_per_dim(uniform, 4, levels)) for levels in (None, 2, 256)] == [1, 1, 8]


def test_rk45_leaves_what_it_starts_from_alone():
    for dtype in (torch.float32, torch.float64):
        x = torch.ones(2, 3, dtype=dtype)
        end = rk45(lambda x, t, rows: -x, x, 0.0, 1.0)
        assert (x == 1).all()
        torch.testing.assert_close(end, torch.full_like(x, math.exp(-1)), atol=1e-4, rtol=0)


def test_rk45_refuses_what_it_cannot_follow():
    with pytest.raises(ValueError, match="must be finite and smooth"):
        rk45(lambda x, t, rows: x * math.nan, torch.ones(2, 3), 0.0, 1.0)


def test_processes_refuse_values_out_of_range():
    for make in (
        lambda: SigmaPowerSDE(sigma=1.0),
        lambda: VESDE(2.0, 1.0),
        lambda: VPSDE(beta_min=0.0),
        lambda: SubVPSDE(prediction_type="velocity"),
    ):
        with pytest.raises(ValueError, match="must be"):
            make()
