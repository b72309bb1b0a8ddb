"""The two losses of text-to-score: of a VAE that draws pages again, and of a UNet that takes noise out of latents.

Conventions: pixels are (B, C, H, W) from -1 to 1, latents (B, c, h, w), their noise the same.

Source: Lin et al., MusicScore, 2024, section 4; min-SNR: Hang et al., Efficient Diffusion Training via Min-SNR
Weighting Strategy, 2023, equation 5 and section 3.4.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from scorehub.trainers.averaged_training import AveragedModule

BEGINNING = 0.25  # of a page's width


class PageReconstruction(AveragedModule):
    """Error of a VAE's pages, and divergence of its latents from a normal distribution.

    Both are sums over a page, divided by its pixels. Of absolute errors alone faint staff lines would be left out at
    first, of squared ones edges would be blurred: it is the sum of both.
    """

    def __init__(self, vae: Any, kl_weight: float, decay: float) -> None:
        super().__init__(vae, decay)
        self.kl_weight = kl_weight

    def forward(self, pixels: Tensor, noise: Tensor) -> dict[str, Tensor]:
        """The loss of a batch, `{"loss": ()}`; `noise` (B, c, h, w) draws the latents."""
        vae = self.net if self.training else self.averaged_net()
        posterior = vae.encode(pixels).latent_dist
        error = vae.decode(posterior.mean + posterior.std * noise).sample.float() - pixels
        divergence = posterior.kl().float().mean() * len(pixels) / pixels.numel()
        return {"loss": error.abs().mean() + error.square().mean() + self.kl_weight * divergence}


@dataclass(frozen=True)
class Weighting:
    """What errors of a UNet count.

    Attributes:
        snr_gamma: signal-to-noise ratio above which times no longer count more; 0: all count the same.
        beginning: weight of the left of a page, where clefs and key signatures stand: small as they are, a network
            would learn them late.
    """

    snr_gamma: float
    beginning: float = 1.0


class LatentDenoising(AveragedModule):
    """Error of what a UNet predicts, noise or v, in latents that noise was added to.

    Args:
        net: `unet`, and `text_encoder` if that is trained, too.
        scheduler: a diffusers scheduler, whose noise levels and kind of prediction count.
        weighting: what errors count.
    """

    alphas: Tensor

    def __init__(self, net: nn.ModuleDict, scheduler: Any, weighting: Weighting, decay: float) -> None:
        super().__init__(net, decay)
        self.scheduler, self.weighting = scheduler, weighting
        # Not in the state dict: they follow from the scheduler.
        self.register_buffer("alphas", scheduler.alphas_cumprod.float(), persistent=False)

    def forward(self, latents: Tensor, noise: Tensor, u: Tensor, text: Tensor) -> dict[str, Tensor]:
        """The loss of a batch, `{"loss": ()}`.

        Args:
            u: (B,) in [0, 1) that sets the time.
            text: (B, L) tokens where the text encoder is trained, its states (B, L, d) otherwise.
        """
        net = self.net if self.training else self.averaged_net()
        times = (u * len(self.alphas)).long()
        alpha = self.alphas[times].reshape(-1, 1, 1, 1)
        signal, level = alpha.sqrt(), (1 - alpha).sqrt()
        states = net["text_encoder"](text)[0] if text.dim() == 2 else text
        found = net["unet"](signal * latents + level * noise, times, states).sample.float()
        is_v = self.scheduler.config.prediction_type == "v_prediction"
        wanted = signal * noise - level * latents if is_v else noise
        errors = ((found - wanted).square() * self._columns(latents)).flatten(1).mean(1)
        return {"loss": (self._weights(alpha.flatten(), is_v) * errors).mean()}

    def _weights(self, alpha: Tensor, is_v: bool) -> Tensor:
        """What each time counts, (B,)."""
        gamma = self.weighting.snr_gamma
        if not gamma:
            return torch.ones_like(alpha)
        ratio = alpha / (1 - alpha)
        return ratio.clamp(max=gamma) / (ratio + 1 if is_v else ratio)

    def _columns(self, latents: Tensor) -> Tensor:
        """What each column counts, (w,), 1 in the mean."""
        columns = torch.ones(latents.shape[-1], device=latents.device)
        columns[: round(BEGINNING * len(columns))] = self.weighting.beginning
        return columns / columns.mean()
