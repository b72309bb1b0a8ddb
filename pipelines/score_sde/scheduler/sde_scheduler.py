"""The processes dx = f(x, t) dt + g(t) dw that turn data at t = 0 into noise at t = 1, as diffusers schedulers.

Conventions: x is (B, ...), times are (B,) in (0, 1]. Every process here has a Gaussian kernel
p(x_t | x_0) = N(mean_coefficient(t) x_0, std(t)^2), so all that samplers and losses need follows from two functions of
time, their inverse and the coefficients f, g.

Source: Song et al., Score-Based Generative Modeling through Stochastic Differential Equations, 2021 (equation numbers
below); the sigma^t process is that of its authors' tutorial and of Upton's piano rolls.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from torch import Tensor

PREDICTION_TYPES = ("score", "epsilon", "v_prediction")
TIMESTEPS = 999.0  # what t = 1 is called for networks that embed diffusion timesteps


def expand(values: Tensor, x: Tensor) -> Tensor:
    """(B,) as (B, 1, ...), to be multiplied with x (B, ...)."""
    return values.reshape(-1, *[1] * (x.ndim - 1))


class SDEScheduler(SchedulerMixin, ConfigMixin):
    """What all processes share. `config.prediction_type` says what the network puts out:

    - `"score"`: the score itself, from x and t as they are (the paper's network divides by std(t) within);
    - `"epsilon"`: the noise, from x brought to about unit variance and the timestep 999 t, as `UNet2DModel` likes it;
    - `"v_prediction"`: from the same, a noise - s x_0, where a and s are what the input holds of x_0 and of the noise
      (Salimans and Ho 2022): where there is little but noise, errors don't grow when x_0 is told from it.
    """

    config_name = "scheduler_config.json"  # type: ignore[assignment]
    order = 1

    def mean_coefficient(self, t: Tensor) -> Tensor:
        """What is left of the data at time t: the factor of x_0 in the mean of x_t, (B,)."""
        raise NotImplementedError

    def std(self, t: Tensor) -> Tensor:
        """Standard deviation of x_t given x_0, (B,)."""
        raise NotImplementedError

    def drift_coefficient(self, t: Tensor) -> Tensor:
        """f(x, t) / x, (B,); 0 in the processes whose variance explodes."""
        raise NotImplementedError

    def diffusion(self, t: Tensor) -> Tensor:
        """g(t), (B,)."""
        raise NotImplementedError

    def time_of(self, half_log_snr: Tensor) -> Tensor:
        """The time at which log(mean_coefficient / std) has the given values, (B,)."""
        raise NotImplementedError

    def drift(self, x: Tensor, t: Tensor) -> Tensor:
        """f(x, t), (B, ...)."""
        return expand(self.drift_coefficient(t), x) * x

    def reverse_drift(self, x: Tensor, t: Tensor, score: Tensor) -> Tensor:
        """Drift of the process run backwards, f - g^2 score (equation 6)."""
        return self.drift(x, t) - expand(self.diffusion(t) ** 2, x) * score

    def flow(self, x: Tensor, t: Tensor, score: Tensor) -> Tensor:
        """dx / dt of the probability flow, f - g^2 score / 2 (equation 13)."""
        return self.drift(x, t) - 0.5 * expand(self.diffusion(t) ** 2, x) * score

    def half_log_snr(self, t: Tensor) -> Tensor:
        """log(mean_coefficient / std), (B,); falls with t."""
        return self.mean_coefficient(t).log() - self.std(t).log()

    def add_noise(self, x_0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """x_t from data and standard normal noise of its shape."""
        return expand(self.mean_coefficient(t), x_0) * x_0 + expand(self.std(t), x_0) * noise

    def renoise(self, x: Tensor, noise: Tensor, start: Tensor, end: Tensor) -> Tensor:
        """From x at `start` forward to the later `end`: a draw from p(x_end | x_start)."""
        kept = self.mean_coefficient(end) / self.mean_coefficient(start)
        variance = self.std(end) ** 2 - (kept * self.std(start)) ** 2
        return expand(kept, x) * x + expand(variance.clamp(min=0).sqrt(), x) * noise

    def denoised(self, x: Tensor, t: Tensor, score: Tensor) -> Tensor:
        """E[x_0 | x_t] by Tweedie's formula."""
        return (x + expand(self.std(t) ** 2, x) * score) / expand(self.mean_coefficient(t), x)

    def prior_std(self) -> float:
        """Standard deviation of the normal distribution from which sampling starts."""
        return float(self.std(torch.ones(1, dtype=torch.float64)))

    def prior_log_density(self, x: Tensor) -> Tensor:
        """log density of x (B, ...) at t = 1 in nats, (B,)."""
        variance, dims = self.prior_std() ** 2, x[0].numel()
        return -0.5 * (x.flatten(1).square().sum(1) / variance + dims * math.log(2 * math.pi * variance))

    def predict_score(self, model: Callable[..., Any], x: Tensor, t: Tensor) -> Tensor:
        """The score of p(x_t) by a network, called as diffusers models are: `model(x, times).sample`."""
        if self.config["prediction_type"] == "score":
            score: Tensor = model(x, t).sample
            return score
        scaled = self.scale_model_input(x, t)
        answer: Tensor = model(scaled, TIMESTEPS * t).sample
        if self.config["prediction_type"] == "epsilon":
            return -answer / expand(self.std(t), x)
        size = self.input_size(t)
        noise = expand(self.std(t) / size, x) * scaled + expand(self.mean_coefficient(t) / size, x) * answer
        return -noise / expand(self.std(t), x)

    def input_size(self, t: Tensor) -> Tensor:
        """Root mean square of x_t for data of variance 1, (B,)."""
        return (self.mean_coefficient(t) ** 2 + self.std(t) ** 2).sqrt()

    def scale_model_input(self, x: Tensor, t: Tensor) -> Tensor:
        """x with about the variance of the data, whatever the process adds."""
        return x / expand(self.input_size(t), x)


class SigmaPowerSDE(SDEScheduler):
    """dx = sigma^t dw, the process of the paper's code; std(1) = 9.85 at sigma = 25."""

    @register_to_config
    def __init__(self, sigma: float = 25.0, prediction_type: str = "score") -> None:
        if not sigma > 1:
            raise ValueError(f"sigma must be above 1, got {sigma}")
        _check_prediction_type(prediction_type)

    def mean_coefficient(self, t: Tensor) -> Tensor:  # noqa: D102
        return torch.ones_like(t)

    def std(self, t: Tensor) -> Tensor:  # noqa: D102
        rate = 2 * math.log(self.config["sigma"])
        return (torch.expm1(rate * t) / rate).sqrt()

    def drift_coefficient(self, t: Tensor) -> Tensor:  # noqa: D102
        return torch.zeros_like(t)

    def diffusion(self, t: Tensor) -> Tensor:  # noqa: D102
        return torch.exp(math.log(self.config["sigma"]) * t)

    def time_of(self, half_log_snr: Tensor) -> Tensor:  # noqa: D102
        rate = 2 * math.log(self.config["sigma"])
        return torch.log1p(rate * torch.exp(-2 * half_log_snr)) / rate


class VESDE(SDEScheduler):
    """Variance exploding: std(t) = sigma_min (sigma_max / sigma_min)^t (equations 9 and 31).

    As in the paper x(0) is data with noise of sigma_min, too little to matter, so that std never vanishes.
    """

    @register_to_config
    def __init__(self, sigma_min: float = 0.01, sigma_max: float = 50.0, prediction_type: str = "epsilon") -> None:
        if not 0 < sigma_min < sigma_max:
            raise ValueError(f"sigmas must be 0 < sigma_min < sigma_max, got {sigma_min}, {sigma_max}")
        _check_prediction_type(prediction_type)

    def _rate(self) -> float:
        return math.log(self.config["sigma_max"] / self.config["sigma_min"])

    def mean_coefficient(self, t: Tensor) -> Tensor:  # noqa: D102
        return torch.ones_like(t)

    def std(self, t: Tensor) -> Tensor:  # noqa: D102
        return self.config["sigma_min"] * torch.exp(self._rate() * t)

    def drift_coefficient(self, t: Tensor) -> Tensor:  # noqa: D102
        return torch.zeros_like(t)

    def diffusion(self, t: Tensor) -> Tensor:  # noqa: D102
        return self.std(t) * math.sqrt(2 * self._rate())

    def time_of(self, half_log_snr: Tensor) -> Tensor:  # noqa: D102
        return (-half_log_snr - math.log(self.config["sigma_min"])) / self._rate()


class VPSDE(SDEScheduler):
    """Variance preserving: dx = -beta x / 2 dt + sqrt(beta) dw, beta from beta_min to beta_max (equation 11)."""

    @register_to_config
    def __init__(self, beta_min: float = 0.1, beta_max: float = 20.0, prediction_type: str = "epsilon") -> None:
        if not 0 < beta_min <= beta_max:
            raise ValueError(f"betas must be 0 < beta_min <= beta_max, got {beta_min}, {beta_max}")
        _check_prediction_type(prediction_type)

    def _beta(self, t: Tensor) -> Tensor:
        return self.config["beta_min"] + t * (self.config["beta_max"] - self.config["beta_min"])

    def _integral(self, t: Tensor) -> Tensor:
        """Integral of beta from 0 to t."""
        return self.config["beta_min"] * t + 0.5 * t**2 * (self.config["beta_max"] - self.config["beta_min"])

    def _time_at(self, integral: Tensor) -> Tensor:
        low, slope = self.config["beta_min"], self.config["beta_max"] - self.config["beta_min"]
        return 2 * integral / (low + (low**2 + 2 * slope * integral).sqrt())

    def mean_coefficient(self, t: Tensor) -> Tensor:  # noqa: D102
        return torch.exp(-0.5 * self._integral(t))

    def std(self, t: Tensor) -> Tensor:  # noqa: D102
        return (-torch.expm1(-self._integral(t))).sqrt()

    def drift_coefficient(self, t: Tensor) -> Tensor:  # noqa: D102
        return -0.5 * self._beta(t)

    def diffusion(self, t: Tensor) -> Tensor:  # noqa: D102
        return self._beta(t).sqrt()

    def time_of(self, half_log_snr: Tensor) -> Tensor:  # noqa: D102
        return self._time_at(torch.nn.functional.softplus(-2 * half_log_snr))


class SubVPSDE(VPSDE):
    """Sub-VP: VP's mean with the smaller std(t) = 1 - mean_coefficient^2 (equation 12); the best likelihoods."""

    def std(self, t: Tensor) -> Tensor:  # noqa: D102
        return -torch.expm1(-self._integral(t))

    def diffusion(self, t: Tensor) -> Tensor:  # noqa: D102
        return (self._beta(t) * -torch.expm1(-2 * self._integral(t))).sqrt()

    def time_of(self, half_log_snr: Tensor) -> Tensor:  # noqa: D102
        # With a = mean coefficient and k = a / (1 - a^2), a is the root of k a^2 + a - k = 0. In 1 / k, which stays
        # small where a is near 1.
        inverse = torch.exp(-half_log_snr)
        mean = 2 / (inverse + (inverse**2 + 4).sqrt())
        return self._time_at(-2 * mean.log())


def _check_prediction_type(prediction_type: str) -> None:
    if prediction_type not in PREDICTION_TYPES:
        raise ValueError(f"prediction_type must be one of {PREDICTION_TYPES}, got {prediction_type!r}")
