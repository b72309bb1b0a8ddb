"""Curation: a folder of score PDFs to a dataset, on one machine or many.

    scorehub build musicscore --config pdf --data-dir pdfs/ --out dataset/            # every core of this machine
    scorehub build musicscore --config pdf --data-dir pdfs/ --out dataset/ --executor slurm --slurm-partition cpu
    scorehub build musicscore --config pdf --data-dir pdfs/ --out dataset/ --executor ray

Stages (seed section 3.4): colour depth -> pages -> classify -> metadata -> Parquet shards, then `assemble`. A run that
was stopped goes on when it is started again with the same settings, and ends with the same dataset; only the times
that `manifest.csv` has differ.
"""

import shutil
from dataclasses import replace
from pathlib import Path

from datatrove.pipeline.base import PipelineStep

from scorehub.dataset_builders.machines import ONE_WORKER, Machines, Progress, run_tasks
from scorehub.dataset_builders.musicscore.assemble import Assemble
from scorehub.dataset_builders.musicscore.config import CurationConfig
from scorehub.dataset_builders.musicscore.shard import WriteShard
from scorehub.dataset_builders.musicscore.steps import AddMetadata, ClassifyPages, ColorDepth, ReadPdfs, SplitPages


def steps(config: CurationConfig, parts: Path) -> list[PipelineStep]:
    """The stages of one task, which leaves its files in `parts`."""
    stages = (ReadPdfs, ColorDepth, SplitPages, ClassifyPages, AddMetadata)
    return [*(stage(config) for stage in stages), WriteShard(config, parts)]


def curate(config: CurationConfig, machines: Machines = ONE_WORKER) -> Path:
    """Builds the dataset and returns its folder; under Slurm the jobs are queued and the call returns at once.

    Raises:
        ValueError: no PDFs, the paper preset without poppler.
        RuntimeError: a task failed; what the others did is kept for the next run.
    """
    if config.preset == "paper" and shutil.which("pdftoppm") is None:
        raise ValueError("preset paper must find pdftoppm (Debian: poppler-utils), got no such program")
    config = replace(config, select=tuple(config.sources()))  # listed once: PDFs may come while the run goes on
    parts, tasks = config.parts_dir(), config.tasks()
    parts.mkdir(parents=True, exist_ok=True)
    assemble = Assemble(config, parts)
    if not assemble.is_done():  # the folder lost its data since, or has that of other inputs or settings
        shutil.rmtree(parts / "logs" / "last" / "completions", ignore_errors=True)
    progress = Progress("curation", "PDF", len(config.sources()), lambda: _finished(parts))
    run_tasks(steps(config, parts), tasks, assemble, parts / "logs", machines, progress)
    return config.out_dir


def _finished(parts: Path) -> int:
    """PDFs whose manifest line is written; a draft may be renamed between listing and reading."""
    count = 0
    for path in parts.glob("*.manifest.jsonl*"):
        try:
            count += path.read_bytes().count(b"\n")
        except FileNotFoundError:
            continue
    return count
