"""Work of the network, watched step by step."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
import torch

from scorehub.pipelines.score_sde.pipeline import ScoreSDEPipeline
from scorehub.pipelines.score_sde.samplers import Callback
from scorehub.spaces.watching import WatchedJob

T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """How far a job has come.

    Attributes:
        part: Of a passage that is made in several, from 1.
        step: The steps that are done in this part.
        time: That of the process, from 1 (noise) to 0 (music).
        evaluations: How often the network has been called.
        rolls: E[x_0 | x_t], the network's idea so far of what will be, (B, C, P, T).
    """

    part: int
    step: int
    time: float
    evaluations: int
    rolls: np.ndarray


class Job(WatchedJob[Progress, T]):
    """A job of sampling.

        job = Job(pipe, lambda callback: pipe(callback=callback))
        for progress in job:
            ...
        job.result

    Args:
        work: Samples with the callback that it is given.
    """

    def __init__(self, pipe: ScoreSDEPipeline, work: Callable[[Callback], T]):
        super().__init__(pipe.unet, lambda tell: work(partial(self._report, tell)))
        self._pipe = pipe
        self._part = 0

    def _report(self, tell: Callable[[Callable[[], Progress]], None], number: int, t: float, x: torch.Tensor) -> None:
        self._part += number == 0
        tell(lambda: self._progress(number, t, x))

    def _progress(self, number: int, t: float, x: torch.Tensor) -> Progress:
        times, evaluations = torch.full((len(x),), t, dtype=x.dtype, device=x.device), self.evaluations
        rolls = self._pipe.scheduler.denoised(x, times, self._pipe.score(x, times)).float().cpu().numpy()
        return Progress(self._part, number + 1, t, evaluations, rolls)
