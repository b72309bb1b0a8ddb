"""Where a build runs: datatrove's executors, for one machine or many.

A build is two stages: tasks that don't know of each other, and one last task that joins what they made. What a task
finished is not done again when a stopped run is started once more.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import multiprocess
from datasets.utils import tqdm
from datatrove.executor import LocalPipelineExecutor, RayPipelineExecutor, SlurmPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.utils.logging import logger

EXECUTORS = ("local", "slurm", "ray")

# datatrove prints a screen per task; the manifest and the progress bar say the same in a line.
logger.disable("datatrove")


@dataclass(frozen=True)
class Machines:
    """An executor, and how many tasks it runs at a time.

    On one machine, more than one worker needs the caller's module to be importable (`if __name__ == "__main__":`), as
    always with processes.

    Raises:
        ValueError: unknown executor, no worker, Slurm without a partition.
    """

    workers: int = 1
    executor: str = "local"
    slurm_partition: str = ""
    slurm_time: str = "24:00:00"

    def __post_init__(self) -> None:
        if self.executor not in EXECUTORS:
            raise ValueError(f"executor must be one of {', '.join(EXECUTORS)}, got {self.executor!r}")
        if self.workers < 1:
            raise ValueError(f"workers must be 1 or more, got {self.workers}")
        if self.executor == "slurm" and not self.slurm_partition:
            raise ValueError("slurm_partition must be named with executor 'slurm', got ''")


ONE_WORKER = Machines()


@dataclass(frozen=True)
class Progress:
    """What the bar counts."""

    name: str
    unit: str
    total: int
    done: Callable[[], int]


def run_tasks(
    steps: Sequence[PipelineStep], tasks: int, last: PipelineStep, logs: Path, machines: Machines, progress: Progress
) -> None:
    """Runs `steps` as `tasks` tasks, then `last` as one; under Slurm the jobs are queued and the call returns at once.

    Raises:
        RuntimeError: a task failed; what the others did is kept for the next run.
    """
    logs = logs.absolute()  # fsspec remembers where a relative path led to first
    folders = (str(logs / "tasks"), str(logs / "last"))
    if machines.executor == "slurm":
        _queue(steps, tasks, last, folders, machines)
        return
    kind = LocalPipelineExecutor if machines.executor == "local" else RayPipelineExecutor
    multiprocess.set_forkserver_preload([type(steps[0]).__module__])  # PyTorch is imported once for all workers
    with _bar(progress):
        _run(kind(list(steps), tasks=tasks, workers=min(machines.workers, tasks), logging_dir=folders[0]))
    _run(kind([last], tasks=1, workers=1, logging_dir=folders[1]))


def _run(executor: LocalPipelineExecutor | RayPipelineExecutor) -> None:
    """Runs all tasks; Ray's executor logs a task that failed and returns, which must not pass for success."""
    executor.run()
    if failed := executor.get_incomplete_ranks(skip_completed=True):
        raise RuntimeError(
            f"{len(failed)} of {executor.world_size} tasks failed, see {executor.logging_dir.path}/logs"
        )


def _queue(
    steps: Sequence[PipelineStep], tasks: int, last: PipelineStep, folders: tuple[str, str], machines: Machines
) -> None:
    time, partition = machines.slurm_time, machines.slurm_partition
    first = SlurmPipelineExecutor(
        list(steps), tasks, time, partition, workers=machines.workers, logging_dir=folders[0], mem_per_cpu_gb=6
    )
    SlurmPipelineExecutor([last], 1, time, partition, depends=first, logging_dir=folders[1], mem_per_cpu_gb=6).run()


@contextmanager
def _bar(progress: Progress) -> Iterator[None]:
    """A bar for as long as the block runs, whichever process does the work."""
    finished = threading.Event()

    def watch() -> None:
        with tqdm(total=progress.total, unit=progress.unit, desc=progress.name) as bar:
            while not finished.wait(0.5):
                bar.update(progress.done() - bar.n)
            bar.update(progress.done() - bar.n)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()
