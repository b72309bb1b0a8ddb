"""The samplers of the paper's code, transcribed: what `score_sde.py` measures ours against.

They are those of the tutorial by the authors of Song et al. 2021, which the paper of the piano rolls takes over: 500
uniform times from 1 to 1e-3, a loop over the whole batch, noise from torch's global generator, no step at the end that
takes noise away. The tutorial knows only processes without drift; here f(x, t) = `drift(t) x` stands beside it, so
that the loops run any process. All else is as it is there, its habits included: the corrector's step size is averaged
over the batch, and the batch is one system of equations for RK45.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy import integrate
from torch import Tensor

EPS = 1e-3
SNR = 0.16
TOLERANCE = 1e-5

OfTime = Callable[[Tensor], Tensor]  # (B,) -> (B,)


@dataclass
class Process:
    """A process and the score of its marginals, as the tutorial's functions take them."""

    score_model: Callable[[Tensor, Tensor], Tensor]  # x (B, C, H, W) and times (B,) -> the score
    marginal_prob_std: OfTime
    diffusion_coeff: OfTime
    drift: OfTime

    def start(self, shape: tuple[int, ...]) -> Tensor:
        """A draw from the prior."""
        return torch.randn(shape) * _wide(self.marginal_prob_std(torch.ones(shape[0])))

    def reverse_step(self, x: Tensor, time: Tensor, step_size: Tensor) -> tuple[Tensor, Tensor]:
        """An Euler-Maruyama step backwards: x, and its mean."""
        g = self.diffusion_coeff(time)
        mean_x = x - (_wide(self.drift(time)) * x - _wide(g**2) * self.score_model(x, time)) * step_size
        return mean_x + torch.sqrt(step_size) * _wide(g) * torch.randn_like(x), mean_x


def _wide(values: Tensor) -> Tensor:
    return values[:, None, None, None]


@torch.no_grad()
def euler_maruyama(process: Process, shape: tuple[int, ...], num_steps: int = 500) -> tuple[Tensor, int]:
    """Samples of `shape`, and how often the score was evaluated: once a step."""
    x = mean_x = process.start(shape)
    time_steps = torch.linspace(1.0, EPS, num_steps)
    step_size = time_steps[0] - time_steps[1]
    for time_step in time_steps:
        x, mean_x = process.reverse_step(x, torch.ones(shape[0]) * time_step, step_size)
    return mean_x, num_steps  # no noise in the last step


@torch.no_grad()
def predictor_corrector(process: Process, shape: tuple[int, ...], num_steps: int = 500) -> tuple[Tensor, int]:
    """Samples of `shape`, and how often the score was evaluated: twice a step."""
    x = mean_x = process.start(shape)
    time_steps = torch.linspace(1.0, EPS, num_steps)
    step_size = time_steps[0] - time_steps[1]
    noise_norm = float(np.sqrt(np.prod(shape[1:])))
    for time_step in time_steps:
        batch_time_step = torch.ones(shape[0]) * time_step
        # 1. Corrector
        grad = process.score_model(x, batch_time_step)
        grad_norm = torch.norm(grad.reshape(shape[0], -1), dim=-1).mean()
        langevin_step_size = 2 * (SNR * noise_norm / grad_norm) ** 2
        x = x + langevin_step_size * grad + torch.sqrt(2 * langevin_step_size) * torch.randn_like(x)
        # 2. Predictor
        x, mean_x = process.reverse_step(x, batch_time_step, step_size)
    return mean_x, 2 * num_steps


@torch.no_grad()
def ode(process: Process, shape: tuple[int, ...], tolerance: float = TOLERANCE) -> tuple[Tensor, int]:
    """Samples of `shape`, and how often the score was evaluated: as often as the tolerance asks."""

    def slope(t: float, flat: np.ndarray) -> np.ndarray:
        x = torch.tensor(flat, dtype=torch.float32).reshape(shape)
        time = torch.ones(shape[0]) * t
        flow = _wide(process.drift(time)) * x
        flow = flow - 0.5 * _wide(process.diffusion_coeff(time) ** 2) * process.score_model(x, time)
        return flow.numpy().reshape(-1).astype(np.float64)

    start = process.start(shape).reshape(-1).numpy()
    result = integrate.solve_ivp(slope, (1.0, EPS), start, rtol=tolerance, atol=tolerance, method="RK45")
    return torch.tensor(result.y[:, -1], dtype=torch.float32).reshape(shape), int(result.nfev)
