"""Work of the network in a thread of its own, watched step by step, stopped when nobody watches any more."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

import numpy as np
import torch

from scorehub.pipelines.score_sde.pipeline import ScoreSDEPipeline
from scorehub.pipelines.score_sde.samplers import Callback

MAX_SECONDS = 600.0  # of a job
_PICTURE_SECONDS = 0.2  # between two pictures, at least
_PICTURE_SHARE = 0.2  # of the time that pictures may take: each costs an evaluation of the network
_NETWORK = threading.Lock()  # a job that was stopped may still be in its last evaluation

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


class _Stopped(Exception):  # noqa: N818 - it is no error
    """Nobody watches any more."""


class Job(Generic[T]):
    """A job to be iterated over while it runs; `result` is there afterwards, and `evaluations` counts the network's.

        job = Job(pipe, lambda callback: pipe(callback=callback))
        for progress in job:
            ...
        job.result

    Args:
        work: Samples with the callback that it is given.
    """

    result: T

    def __init__(self, pipe: ScoreSDEPipeline, work: Callable[[Callback], T]):
        self._pipe, self._work = pipe, work
        self._news: SimpleQueue[Progress | None] = SimpleQueue()
        self._stopped = threading.Event()
        self._error: Exception | None = None
        self._part = self.evaluations = 0
        self._deadline = self._next_picture = 0.0

    def __iter__(self) -> Iterator[Progress]:
        """The progress, a few times a second.

        Raises:
            ValueError: as the work does, or it takes too long.
        """
        threading.Thread(target=self._run, daemon=True).start()
        try:
            while (progress := self._news.get()) is not None:
                yield progress
        finally:
            self._stopped.set()
        if self._error:
            raise self._error

    def _run(self) -> None:
        with _NETWORK:
            self._deadline = time.monotonic() + MAX_SECONDS
            hook = self._pipe.unet.register_forward_pre_hook(self._count)
            try:
                self.result = self._work(self._report)
            except _Stopped:
                pass
            except Exception as error:  # whatever it is, it belongs to the thread that watches
                self._error = error
            finally:
                hook.remove()
                self._news.put(None)

    def _count(self, *_: Any) -> None:
        if self._stopped.is_set():
            raise _Stopped
        if time.monotonic() > self._deadline:
            raise ValueError(f"sampling must end within {MAX_SECONDS:g} s, got none in time: take fewer steps")
        self.evaluations += 1

    def _report(self, number: int, t: float, x: torch.Tensor) -> None:
        self._part += number == 0
        begun = time.monotonic()
        if begun < self._next_picture:
            return
        times, evaluations = torch.full((len(x),), t, dtype=x.dtype, device=x.device), self.evaluations
        rolls = self._pipe.scheduler.denoised(x, times, self._pipe.score(x, times)).float().cpu().numpy()
        self.evaluations = evaluations  # those that sampling takes
        self._news.put(Progress(self._part, number + 1, t, evaluations, rolls))
        done = time.monotonic()
        self._next_picture = done + max(_PICTURE_SECONDS, (done - begun) / _PICTURE_SHARE)
