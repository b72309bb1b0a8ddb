"""From noise to data: the samplers of a score model, as loops over `score_fn(x, t)`.

Conventions: x is (B, ...), score_fn takes x and times (B,) and gives the score, of x's shape. Time runs from 1 down to
`END`. A sample never depends on its batch mates: step sizes and errors are each sample's own, and whoever gives
`randn` a generator per sample gets the same sample in any batch, up to rounding in the network.

Sources: Song et al. 2021 (samplers, algorithms 2 to 5), Lu et al. 2022, DPM-Solver++ (fast ODE solver), Lugmayr et al.
2022, RePaint (inpainting), Dormand and Prince 1980 (Runge-Kutta coefficients).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

END = 1e-3  # time at which sampling stops
SNR = 0.16  # of the corrector, the paper's
TOLERANCE = 1e-5  # relative and absolute, of the adaptive solver
MAX_RK45_STEPS = 2000

ScoreFunction = Callable[[Tensor, Tensor], Tensor]
Callback = Callable[[int, float, Tensor], None]


@dataclass(frozen=True)
class Known:
    """What inpainting keeps: `values` where `mask` is true, both of the samples' shape.

    With `resamples` above 1 each step is gone back and taken again, so that what is new comes to fit what is known.
    """

    values: Tensor
    mask: Tensor
    resamples: int = 1


@dataclass
class Reversal:
    """A process to be run backwards, and how.

    `guidance` gives for the estimate of x_0 (B, ...) the gradient of a log-weight, by which the data's distribution
    is tilted. It is exact for linear weights of normal data with variance 1, and approximate else.
    """

    sde: Any  # an `SDEScheduler`
    score_fn: ScoreFunction
    randn: Callable[[Tensor], Tensor]  # standard normal noise like x
    known: Known | None = None
    guidance: Callable[[Tensor], Tensor] | None = None
    callback: Callback | None = None  # after each step: its number, the time reached, x
    evaluations: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))  # of the network, (B,)

    def start(self, like: Tensor) -> Tensor:
        """A draw from the prior, and the count of evaluations back to 0."""
        self.evaluations = torch.zeros(len(like), dtype=torch.int64)
        return self.sde.prior_std() * self.randn(like)

    def score(self, x: Tensor, t: Tensor, rows: Tensor | None = None) -> Tensor:
        """The score with guidance at t, a scalar or (B,); x may be some `rows` of the batch only."""
        t = _each(t, x)
        self.evaluations[slice(None) if rows is None else rows.cpu()] += 1
        score = self.score_fn(x, t)
        if self.guidance is None:
            return score
        gradient = self.guidance(self.sde.denoised(x, t, score))
        # d x_0 / d x by Tweedie's formula for data of variance 1.
        mean, variance = self.sde.mean_coefficient(t), self.sde.std(t) ** 2
        return score + _expand(mean / (mean**2 + variance), x) * gradient

    def denoised(self, x: Tensor, t: Tensor) -> Tensor:
        """E[x_0 | x_t] by the guided score."""
        return self.sde.denoised(x, _each(t, x), self.score(x, t))

    def run(self, step: Callable[..., tuple[Tensor, Tensor]], x: Tensor, times: Tensor) -> Tensor:
        """Takes `step(x, t, s) -> x at s, its mean` along falling times and returns the last mean."""
        mean = x
        for number, (t, s) in enumerate(pairwise(times)):
            for repeat in range(self.known.resamples if self.known else 1):
                if repeat:
                    x = self.sde.renoise(x, self.randn(x), _each(s, x), _each(t, x))
                x, mean = step(self._impose(x, t), t, s)
            if self.callback:
                self.callback(number, float(s), x)
        return mean

    def _impose(self, x: Tensor, t: Tensor) -> Tensor:
        """x with what is known in its place, as noisy as x is at t."""
        if self.known is None:
            return x
        noisy = self.sde.add_noise(self.known.values, self.randn(x), _each(t, x))
        return torch.where(self.known.mask, noisy, x)


def euler_maruyama(reversal: Reversal, x: Tensor, n_steps: int) -> Tensor:
    """Steps of the reverse SDE (the paper's first sampler); one evaluation each."""
    sde = reversal.sde

    def step(x: Tensor, t: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
        mean = x - sde.reverse_drift(x, _each(t, x), reversal.score(x, t)) * (t - s)
        return mean + sde.diffusion(t) * (t - s).sqrt() * reversal.randn(x), mean

    return reversal.run(step, x, _uniform_times(x, n_steps))


def predictor_corrector(reversal: Reversal, x: Tensor, n_steps: int) -> Tensor:
    """A Langevin step at the time reached, then a step of the reverse SDE; two evaluations each.

    The paper's step size 2 (snr |noise| / |score|)^2, averaged over the batch, ties samples together, and by each
    sample's own score the steps would no longer lead to p(x_t). |noise| / |score| is std(t) for noise that hides the
    data or is finer than its detail; this is what is used here, the same for all samples.
    """
    sde = reversal.sde

    def step(x: Tensor, t: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
        # 1. Corrector
        size = 2 * (SNR * sde.std(t)) ** 2
        x = x + size * reversal.score(x, t) + (2 * size).sqrt() * reversal.randn(x)
        # 2. Predictor
        mean = x - sde.reverse_drift(x, _each(t, x), reversal.score(x, t)) * (t - s)
        return mean + sde.diffusion(t) * (t - s).sqrt() * reversal.randn(x), mean

    return reversal.run(step, x, _uniform_times(x, n_steps))


def ode_fast(reversal: Reversal, x: Tensor, n_steps: int) -> Tensor:
    """The probability flow by DPM-Solver++ (2M), exact in its linear part; one evaluation a step.

    Steps are equal in the logarithm of the signal-to-noise ratio. Any process with a Gaussian kernel will do. With
    known values steps are of first order, as the noise is new in each and nothing follows from the step before.
    """
    sde = reversal.sde
    before: tuple[Tensor, Tensor] | None = None  # half log SNR and estimate of x_0, a step ago

    def step(x: Tensor, t: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
        nonlocal before
        here, there = sde.half_log_snr(t), sde.half_log_snr(s)
        estimate = now = reversal.denoised(x, t)
        if before is not None:
            estimate = now + 0.5 * (there - here) / (here - before[0]) * (now - before[1])
        before = None if reversal.known else (here, now)
        x = sde.std(s) / sde.std(t) * x - sde.mean_coefficient(s) * torch.expm1(here - there) * estimate
        return x, x

    return reversal.run(step, x, _times_by_ratio(sde, x, n_steps))


def ode(reversal: Reversal, x: Tensor, n_steps: int) -> Tensor:
    """The probability flow by RK45 with step sizes of each sample's own; 50 to 200 evaluations.

    `n_steps` counts only with known values, which are put in that many times.
    """
    sde = reversal.sde

    def flow(x: Tensor, t: Tensor, rows: Tensor) -> Tensor:
        return sde.flow(x, t, reversal.score(x, t, rows))

    def step(x: Tensor, t: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
        x = rk45(flow, x, float(t), float(s), reversal.callback if reversal.known is None else None)
        return x, x

    if reversal.known:
        return reversal.run(step, x, _times_by_ratio(sde, x, n_steps))
    return step(x, *x.new_tensor([1.0, END], dtype=torch.float64))[0]


SAMPLERS: dict[str, Callable[[Reversal, Tensor, int], Tensor]] = {
    "ode_fast": ode_fast,
    "ode": ode,
    "euler_maruyama": euler_maruyama,
    "predictor_corrector": predictor_corrector,
}

# Dormand-Prince: nodes, rows of the tableau (the last is the fifth-order solution), fifth less fourth order.
_NODES = (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
_TABLEAU = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
_ERROR = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)


def rk45(
    slope: Callable[[Tensor, Tensor, Tensor], Tensor],
    x: Tensor,
    start: float,
    end: float,
    callback: Callback | None = None,
    tolerance: float = TOLERANCE,
) -> Tensor:
    """Solves dx/dt = slope from `start` to `end`, with a time and a step size for each sample.

    Args:
        slope: Takes x (A, ...), times (A,) and the samples' numbers (A,), of those that are not finished.
        callback: Called after each round of steps with its number, the time that the last sample has reached, and x.

    Raises:
        ValueError: The slope is no finite number, or too rough.
    """
    dtype, x = x.dtype, x.to(torch.float64, copy=True)
    time, size = x.new_full((len(x),), start), x.new_full((len(x),), 0.01 * (end - start))
    rows = torch.arange(len(x), device=x.device)
    first = slope(x.to(dtype), time.to(dtype), rows).double()
    for number in range(MAX_RK45_STEPS):
        rest = end - time[rows]
        step = torch.where(size[rows].abs() < rest.abs(), size[rows], rest)
        slopes, reached = [first[rows]], x[rows]
        for node, row in zip(_NODES[1:], _TABLEAU, strict=True):
            reached = x[rows] + _expand(step, x) * sum(a * k for a, k in zip(row, slopes, strict=True))
            slopes.append(slope(reached.to(dtype), (time[rows] + node * step).to(dtype), rows).double())
        error = _expand(step, x) * sum(a * k for a, k in zip(_ERROR, slopes, strict=True))
        scale = tolerance * (1 + torch.maximum(x[rows].abs(), reached.abs()))
        ratio = (error / scale).flatten(1).square().mean(1).sqrt()
        good = ratio <= 1
        x[rows[good]], first[rows[good]] = reached[good], slopes[-1][good]  # the last slope is the next step's first
        time[rows[good]] = torch.where(step == rest, end, time[rows] + step)[good]
        size[rows] = step * (0.9 * ratio.clamp(min=1e-10) ** -0.2).clamp(0.2, 10.0)
        if callback:
            callback(number, float(time.max() if end < start else time.min()), x.to(dtype))
        rows = rows[time[rows] != end]
        if not len(rows):
            return x.to(dtype)
        if not torch.isfinite(ratio).all():
            break
    raise ValueError(f"score must be finite and smooth, got none that RK45 can follow at time {float(time[rows][0])}")


def _uniform_times(x: Tensor, n_steps: int) -> Tensor:
    return torch.linspace(1.0, END, n_steps + 1, dtype=torch.float64, device=x.device)


def _times_by_ratio(sde: Any, x: Tensor, n_steps: int) -> Tensor:
    """Times between which the logarithm of the signal-to-noise ratio grows by equal steps."""
    ratios = sde.half_log_snr(x.new_tensor([1.0, END], dtype=torch.float64))
    times: Tensor = sde.time_of(torch.lerp(ratios[0], ratios[1], torch.linspace(0, 1, n_steps + 1).to(ratios)))
    return times


def _each(t: Tensor, x: Tensor) -> Tensor:
    """A time, 0-dimensional and exact, for each sample of x, (B,)."""
    return t.to(x.dtype).expand(len(x))


def _expand(values: Tensor, x: Tensor) -> Tensor:
    return values.reshape(-1, *[1] * (x.ndim - 1))
