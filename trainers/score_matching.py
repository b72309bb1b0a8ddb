"""Denoising score matching as a module: a network, the moving average of its weights, and the loss.

Conventions: rolls and noise are (B, C, P, T), `u` (B,) in [0, 1) sets the times, t runs over [EPS, 1]; the loss is a
sum over the cells of a roll and a mean over the batch.

    variance    lambda(t) = std(t)^2, t uniform: the paper's mean of sum((score * std + z)^2)
    velocity    lambda(t) = std(t)^2 (1 + std(t)^2 / mean_coefficient(t)^2), t uniform: the mean of |v - v_0|^2, with v
                of a network that predicts it (Salimans and Ho 2022), so that strong noise counts as much as weak
    likelihood  lambda(t) = g(t)^2 / 2, t drawn in proportion to g^2 / std^2, which varies less: in nats, a bound of
                -log p(x) up to a constant

Source: Song et al., Score-Based Generative Modeling through Stochastic Differential Equations, 2021 (equation 7), and
Maximum Likelihood Training of Score-Based Diffusion Models, 2021 (section 4 and appendix A.3).
"""

from typing import cast

import torch
from torch import Tensor, nn

from scorehub.pipelines.score_sde.scheduler.sde_scheduler import SDEScheduler
from scorehub.trainers.averaged_training import AveragedModule

EPS = 1e-5  # earliest time that is trained
WEIGHTINGS = ("variance", "velocity", "likelihood")
_GRID = 4001  # points of the table of times; they are dense near EPS, where g^2 / std^2 is steep


class ScoreMatching(AveragedModule):
    """Returns the loss of a batch: of `net` in training mode, of the averaged weights in evaluation mode."""

    def __init__(self, net: nn.Module, sde: SDEScheduler, weighting: str = "variance", decay: float = 0.999) -> None:
        if weighting not in WEIGHTINGS:
            raise ValueError(f"weighting must be one of {WEIGHTINGS}, got {weighting!r}")
        super().__init__(net, decay)
        self.sde, self.weighting = sde, weighting
        times, areas = _table(sde)
        # Not in the state dict: they follow from the process.
        self.register_buffer("times", times, persistent=False)
        self.register_buffer("areas", areas, persistent=False)

    def forward(self, roll: Tensor, noise: Tensor, u: Tensor) -> dict[str, Tensor]:
        """The loss of a batch, `{"loss": ()}`."""
        net = self.net if self.training else self.averaged_net()
        t, weight = self._times(u)
        score = self.sde.predict_score(net, self.sde.add_noise(roll, noise, t), t)
        std = self.sde.std(t).reshape(-1, 1, 1, 1)
        residual = (score.float() * std + noise).flatten(1)  # (B, C * P * T)
        return {"loss": (weight * residual.square().sum(1)).mean()}

    def _times(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """The times (B,) for `u`, and what the squared residual at them counts, (B,)."""
        if self.weighting != "likelihood":
            t = EPS + (1 - EPS) * u
            ratio = self.sde.std(t) / self.sde.mean_coefficient(t)
            return t, 1 + ratio**2 if self.weighting == "velocity" else torch.ones_like(t)
        areas, times = cast(Tensor, self.areas), cast(Tensor, self.times)
        total = float(areas[-1])
        wanted = u.double() * total
        right = torch.searchsorted(areas, wanted, right=True).clamp(1, len(areas) - 1)
        share = (wanted - areas[right - 1]) / (areas[right] - areas[right - 1])
        return (times[right - 1] + share * (times[right] - times[right - 1])).to(u.dtype), torch.full_like(
            u, total / 2
        )


def _table(sde: SDEScheduler) -> tuple[Tensor, Tensor]:
    """Times, and the integral of g^2 / std^2 from EPS to each, float64 (_GRID,), by the trapezoid rule in log t."""
    times = torch.logspace(float(torch.log10(torch.tensor(EPS, dtype=torch.float64))), 0, _GRID, dtype=torch.float64)
    density = times * (sde.diffusion(times) / sde.std(times)) ** 2  # dt = t d(log t)
    steps = (density[1:] + density[:-1]) / 2 * times.log().diff()
    return times, torch.cat([torch.zeros(1, dtype=torch.float64), steps.cumsum(0)])
