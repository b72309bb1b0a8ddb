"""One kind of work on many tasks, in one process or several."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from tqdm import tqdm

Common = TypeVar("Common")
Task = TypeVar("Task")
Result = TypeVar("Result")

_held: tuple[Callable[[Any, Any], Any], Any] | None = None
_CHUNK = 8


def each(
    work: Callable[[Common, Task], Result], common: Common, tasks: Sequence[Task], jobs: int, title: str
) -> Iterator[Result]:
    """`work(common, task)` of all tasks, in their order; `common` goes to each process once.

    Args:
        work: a function at the top level of a module.
        jobs: processes; this one alone does the work if 1.
        title: of the progress bar.
    """
    bar = tqdm(total=len(tasks), desc=title, disable=None)
    if jobs == 1 or len(tasks) < 2 * _CHUNK:
        for task in tasks:
            yield work(common, task)
            bar.update()
    else:
        # Spawned, as this process may have threads, with which it can't be copied.
        with multiprocessing.get_context("spawn").Pool(jobs, _hold, (work, common)) as pool:
            for result in pool.imap(_do, tasks, _CHUNK):
                yield result
                bar.update()
    bar.close()


def _hold(work: Callable[[Any, Any], Any], common: Any) -> None:
    global _held
    _held = work, common


def _do(task: Any) -> Any:
    assert _held is not None
    return _held[0](_held[1], task)
