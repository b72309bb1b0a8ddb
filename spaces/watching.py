"""Work of a network in a thread of its own, watched while it goes on, stopped when nobody watches any more."""

import threading
import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

import torch

MAX_SECONDS = 600.0  # of a job
_NEWS_SECONDS = 0.2  # between two news, at least
_NEWS_SHARE = 0.2  # of the time that news may take: pictures need networks
_NETWORK = threading.Lock()  # a job that was stopped may still be in its last evaluation

News = TypeVar("News")
T = TypeVar("T")


class _Stopped(Exception):  # noqa: N818 - it is no error
    """Nobody watches any more."""


class WatchedJob(Generic[News, T]):
    """A job to be iterated over while it runs; `result` is there afterwards, and `evaluations` counts the network's.

        job = WatchedJob(pipe.unet, lambda tell: pipe(callback=lambda step, x: tell(lambda: (step, x.mean()))))
        for step, mean in job:
            ...
        job.result

    Args:
        network: Its evaluations are counted; before each the job may end.
        work: Gets a function to which it offers news, as functions that make them: not all are asked for.
    """

    result: T

    def __init__(self, network: torch.nn.Module, work: Callable[[Callable[[Callable[[], News]], None]], T]):
        self._network, self._work = network, work
        self._news: SimpleQueue[tuple[News] | None] = SimpleQueue()
        self._stopped = threading.Event()
        self._error: Exception | None = None
        self._deadline = self._next_news = 0.0
        self.evaluations = 0

    def __iter__(self) -> Iterator[News]:
        """The news, a few times a second.

        Raises:
            ValueError: as the work does, or it takes too long.
        """
        threading.Thread(target=self._run, daemon=True).start()
        try:
            while (news := self._news.get()) is not None:
                yield news[0]
        finally:
            self._stopped.set()
        if self._error:
            raise self._error

    def _run(self) -> None:
        with _NETWORK:
            self._deadline = time.monotonic() + MAX_SECONDS
            hook = self._network.register_forward_pre_hook(self._count)
            try:
                self.result = self._work(self._tell)
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

    def _tell(self, make: Callable[[], News]) -> None:
        begun = time.monotonic()
        if begun < self._next_news:
            return
        evaluations = self.evaluations
        news = make()
        self.evaluations = evaluations  # those that sampling takes
        self._news.put((news,))
        done = time.monotonic()
        self._next_news = done + max(_NEWS_SECONDS, (done - begun) / _NEWS_SHARE)
