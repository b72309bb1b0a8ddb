"""Curation: a folder of score PDFs to a dataset, on one machine or many.

    scorehub build musicscore --config pdf --data-dir pdfs/ --out dataset/            # every core of this machine
    scorehub build musicscore --config pdf --data-dir pdfs/ --out dataset/ --executor slurm --slurm-partition cpu
    scorehub build musicscore --config pdf --data-dir pdfs/ --out dataset/ --executor ray

Stages (seed section 3.4): colour depth -> pages -> classify -> metadata -> Parquet shards, then `assemble`. A run that
was stopped goes on when it is started again with the same settings, and ends with the same bytes.
"""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import multiprocess
from datasets.utils import tqdm
from datatrove.executor import LocalPipelineExecutor, RayPipelineExecutor, SlurmPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.utils.logging import logger

from scorehub.dataset_builders.musicscore.assemble import Assemble
from scorehub.dataset_builders.musicscore.config import CurationConfig
from scorehub.dataset_builders.musicscore.shard import WriteShard
from scorehub.dataset_builders.musicscore.steps import AddMetadata, ClassifyPages, ColorDepth, ReadPdfs, SplitPages

EXECUTORS = ("local", "slurm", "ray")

# datatrove prints a screen per task; the manifest and the progress bar say the same in a line.
logger.disable("datatrove")


def steps(config: CurationConfig) -> list[PipelineStep]:
    """The stages of one task."""
    stages = (ReadPdfs, ColorDepth, SplitPages, ClassifyPages, AddMetadata, WriteShard)
    return [stage(config) for stage in stages]


def curate(
    config: CurationConfig,
    workers: int = 1,
    executor: str = "local",
    slurm_partition: str = "",
    slurm_time: str = "24:00:00",
) -> Path:
    """Builds the dataset and returns its folder; under Slurm the jobs are queued and the call returns at once.

    Args:
        executor: `local`, `slurm` or `ray`.
        workers: tasks that run at a time; on one machine, more than one needs the caller's module to be importable
            (`if __name__ == "__main__":`), as always with processes.

    Raises:
        ValueError: unknown executor, no PDFs, Slurm without a partition, the paper preset without poppler.
        RuntimeError: a task failed; what the others did is kept for the next run.
    """
    if executor not in EXECUTORS:
        raise ValueError(f"executor must be one of {', '.join(EXECUTORS)}, got {executor!r}")
    if workers < 1:
        raise ValueError(f"workers must be 1 or more, got {workers}")
    if config.preset == "paper" and shutil.which("pdftoppm") is None:
        raise ValueError("preset paper must find pdftoppm (Debian: poppler-utils), got no such program")
    parts, tasks = config.parts_dir(), config.tasks()
    parts.mkdir(parents=True, exist_ok=True)
    logs = (str(parts / "logs" / "pages"), str(parts / "logs" / "dataset"))
    if executor == "slurm":
        _queue(config, workers, slurm_partition, slurm_time)
        return config.out_dir
    kind = LocalPipelineExecutor if executor == "local" else RayPipelineExecutor
    multiprocess.set_forkserver_preload([steps.__module__])  # PyTorch and friends are imported once for all workers
    with _progress(parts, len(config.sources())):
        _run(kind(steps(config), tasks=tasks, workers=min(workers, tasks), logging_dir=logs[0]))
    _run(kind([Assemble(config)], tasks=1, workers=1, logging_dir=logs[1]))
    return config.out_dir


def _run(executor: LocalPipelineExecutor | RayPipelineExecutor) -> None:
    """Runs all tasks; Ray's executor logs a task that failed and returns, which must not pass for success."""
    executor.run()
    if failed := executor.get_incomplete_ranks(skip_completed=True):
        raise RuntimeError(
            f"{len(failed)} of {executor.world_size} tasks failed, see {executor.logging_dir.path}/logs"
        )


def _queue(config: CurationConfig, workers: int, partition: str, time: str) -> None:
    if not partition:
        raise ValueError("slurm_partition must be named with executor 'slurm', got ''")
    logs = config.parts_dir() / "logs"
    pages = SlurmPipelineExecutor(
        steps(config),
        config.tasks(),
        time,
        partition,
        workers=workers,
        logging_dir=str(logs / "pages"),
        mem_per_cpu_gb=6,
    )
    SlurmPipelineExecutor(
        [Assemble(config)], 1, time, partition, depends=pages, logging_dir=str(logs / "dataset"), mem_per_cpu_gb=6
    ).run()


@contextmanager
def _progress(parts: Path, total: int) -> Iterator[None]:
    """A bar over PDFs for as long as the block runs, whichever process handles them."""
    done = threading.Event()

    def watch() -> None:
        with tqdm(total=total, unit="PDF", desc="curation") as bar:
            while not done.wait(0.5):
                bar.update(_finished(parts) - bar.n)
            bar.update(_finished(parts) - bar.n)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _finished(parts: Path) -> int:
    """PDFs whose manifest line is written; a draft may be renamed between listing and reading."""
    count = 0
    for path in parts.glob("*.manifest.jsonl*"):
        try:
            count += path.read_bytes().count(b"\n")
        except FileNotFoundError:
            continue
    return count
