"""How pages are sampled: presets, what is kept on the way, and a generator for each page."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from PIL import Image


@dataclass(frozen=True)
class Preset:
    """How pages are sampled.

    Attributes:
        steps: calls of the network.
        guidance: scale of classifier-free guidance.
        scheduler: class of the scheduler; None for the folder's own.
    """

    steps: int
    guidance: float
    scheduler: type[Any] | None = None


PRESETS = {"fast": Preset(20, 3.0), "paper": Preset(250, 4.0, DDIMScheduler)}


class Watcher:
    """Counts steps, and keeps some of the unfinished pages."""

    def __init__(self, every: int, callback: Callable[..., dict[str, Any]] | None) -> None:
        self.every, self.callback = every, callback
        self.kept: list[list[Image.Image]] = []
        self.calls = 0

    def __call__(self, pipe: Any, step: int, time: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        """As `callback_on_step_end` of diffusers is called."""
        self.calls += 1
        if self.every and self.calls % self.every == 0:
            self.kept.append(pipe.decode(tensors["latents"]))
        return tensors if self.callback is None else self.callback(pipe, step, time, tensors)


def page_generators(given: torch.Generator | list[torch.Generator] | None, n_pages: int) -> list[torch.Generator]:
    """One per page; from one generator, or none, come the seeds of as many."""
    if isinstance(given, list):
        if len(given) != n_pages:
            raise ValueError(f"generators must be one per page, {n_pages}, got {len(given)}")
        return given
    device = given.device if given else "cpu"
    seeds = torch.randint(2**62, (n_pages,), generator=given, device=device).tolist()
    return [torch.Generator(device).manual_seed(seed) for seed in seeds]
