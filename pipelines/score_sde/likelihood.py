"""Exact log-likelihood of a score model, by the change of variables along its probability flow.

log p(x) = log prior(x(1)) + integral of div(dx/dt) dt from `END` to 1 (Song et al. 2021, equation 39), with the
divergence by Hutchinson's estimator, unbiased, or by the whole trace where there are few dimensions.

Units: nats of the density of the data as they are given; `bits_per_dim` turns them round.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .samplers import END, TOLERANCE, ScoreFunction, rk45


def log_likelihood(
    sde: Any,
    score_fn: ScoreFunction,
    x: Tensor,
    probes: int | None = 1,
    generator: torch.Generator | None = None,
    tolerance: float = TOLERANCE,
) -> Tensor:
    """log p(x) in nats, (B,), of x (B, ...).

    Args:
        sde: An `SDEScheduler`.
        probes: Random directions per sample, one backward pass a step each; None for the exact trace, which takes
            one per dimension.
    """
    shape, dims = x.shape, x[0].numel()
    if probes is None:
        directions = torch.eye(dims, dtype=x.dtype, device=x.device)[:, None].expand(dims, len(x), dims)
        weight = 1.0
    else:
        device = generator.device if generator else None
        signs = torch.randint(0, 2, (probes, len(x), dims), generator=generator, dtype=torch.int64, device=device)
        directions, weight = (2 * signs - 1).to(x), 1 / probes

    def slope(state: Tensor, t: Tensor, rows: Tensor) -> Tensor:
        with torch.enable_grad():
            at = state[:, :-1].detach().requires_grad_()
            shaped = at.reshape(-1, *shape[1:])
            flow = sde.flow(shaped, t, score_fn(shaped, t)).flatten(1)
            traces = [_directional(flow, at, direction) for direction in directions[:, rows]]
            divergence = weight * torch.stack(traces).sum(0)
        return torch.cat([flow.detach(), divergence[:, None]], dim=1)

    state = torch.cat([x.flatten(1), x.new_zeros(len(x), 1)], dim=1)
    state = rk45(slope, state, END, 1.0, tolerance=tolerance)
    prior: Callable[[Tensor], Tensor] = sde.prior_log_density
    return prior(state[:, :-1].reshape(shape)) + state[:, -1]


def _directional(flow: Tensor, at: Tensor, direction: Tensor) -> Tensor:
    """direction^T (d flow / d at) direction of each sample, (B,)."""
    (product,) = torch.autograd.grad(flow, at, direction, retain_graph=True)
    return (product * direction).sum(1)


def bits_per_dim(log_density: Tensor, dims: int, levels: int | None = None) -> Tensor:
    """Negative log-likelihood in bits per dimension, (B,).

    Args:
        dims: Values per sample.
        levels: None for continuous data. For `dequantise`d data the number of levels, whose bins are 2 / levels wide
            on [-1, 1]: then log2(levels / 2) is added, and the result bounds the code length of the discrete values.
            The offset is 0 for binary rolls and the familiar 7 for 256 levels.
    """
    bits = -log_density / (dims * math.log(2))
    return bits if levels is None else bits + math.log2(levels / 2)


def dequantise(x: Tensor, levels: int = 2, generator: torch.Generator | None = None) -> Tensor:
    """Discrete values, equally spaced from -1 to 1, each spread evenly over its bin: [-1, 0) and [0, 1) for binary."""
    number = torch.round((x + 1) / 2 * (levels - 1))
    device = generator.device if generator else None
    return (number + torch.rand(x.shape, generator=generator, device=device).to(x)) / levels * 2 - 1
