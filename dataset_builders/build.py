"""Any builder's dataset as Parquet with a card: what the Hub takes, and what loads without our code.

    scorehub build camera_primus --config engraved --data-dir incipits.tsv --out dataset/
    scorehub build msmd --config rebuilt --data-dir msmd/ --out dataset/ --executor slurm --slurm-partition cpu

The builder's sources are dealt to tasks as a stream deals its shards. A run that was stopped goes on when it is
started again with the same settings, and ends with the same bytes. `failures.csv` says what was left out, and why.
"""

import csv
import hashlib
import importlib
import importlib.util
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
from datatrove.data import DocumentsPipeline
from datatrove.pipeline.base import PipelineStep

import scorehub
from scorehub.dataset_builders import load_hook, note_card
from scorehub.dataset_builders.failures import read_failures
from scorehub.dataset_builders.fingerprint import stamp_files
from scorehub.dataset_builders.machines import ONE_WORKER, Machines, Progress, run_tasks
from scorehub.dataset_builders.parquet_shards import ShardWriter, read_shards

MAX_TASKS = 256  # each lists all sources first, of which there may be hundreds of thousands
SHARD_BYTES = 500 * 2**20  # the size that the Hub recommends
INPUTS = ("data_dir", "lists_dir", "splits_file", "soundfont")  # the options that name files


@dataclass(frozen=True)
class Build:
    """What to build.

    Raises:
        ValueError: no such dataset, or no source a task.
    """

    dataset: str
    config: str
    out_dir: Path
    sources_per_task: int  # staves or pieces; more where there would be over `MAX_TASKS` tasks
    options: dict[str, Any] = field(default_factory=dict)  # of the configuration, `data_dir` among them

    def __post_init__(self) -> None:
        if self.dataset not in load_hook.BUILDERS:
            raise ValueError(f"dataset must be one of {', '.join(load_hook.BUILDERS)}, got {self.dataset!r}")
        if self.sources_per_task < 1:
            raise ValueError(f"sources_per_task must be 1 or more, got {self.sources_per_task}")

    def streams(self, parts: Path) -> dict[str, datasets.IterableDataset]:
        """The splits that have sources, as streams of encoded rows; what is left out is reported below `parts`."""
        load_hook.install()
        options = self.options | {"failures_dir": str(parts / "failures")}
        streams = datasets.load_dataset(self.dataset, self.config, streaming=True, **options)
        return {split: stream.decode(False) for split, stream in streams.items()}

    def parts_dir(self) -> Path:
        """Where finished tasks lie: another folder for other inputs or settings, so that a resumed run never mixes.

        All input files are looked at: a run asks once, before its first task, and tells its tasks.
        """
        settings = [self.dataset, self.config, self.sources_per_task, self.options]
        stamps = stamp_files((self.options[name] for name in INPUTS if self.options.get(name)), self.out_dir / "parts")
        facts = json.dumps([scorehub.__version__, settings, stamps], default=str)
        return self.out_dir / "parts" / hashlib.sha256(facts.encode()).hexdigest()[:16]


def build(plan: Build, machines: Machines = ONE_WORKER) -> Path:
    """Builds the dataset and returns its folder; under Slurm the jobs are queued and the call returns at once.

    Raises:
        ValueError: the builder can't work with the options.
        RuntimeError: a task failed; what the others did is kept for the next run.
    """
    parts = plan.parts_dir()
    if (parts / "logs" / "last" / "completions").exists():  # of a run that was queued, and has finished since
        shutil.rmtree(parts)
    sources = {split: stream.num_shards for split, stream in plan.streams(parts).items()}
    parts.mkdir(parents=True, exist_ok=True)
    tasks = min(MAX_TASKS, -(-max(sources.values()) // plan.sources_per_task))
    progress = Progress(plan.dataset, "task", tasks, lambda: len(list(parts.glob("*.done"))))
    run_tasks([WriteParts(plan, parts)], tasks, WriteDataset(plan, parts), parts / "logs", machines, progress)
    if machines.executor != "slurm":
        shutil.rmtree(plan.out_dir / "parts")
    return plan.out_dir


class WriteParts(PipelineStep):
    """Task `rank` writes its share of each split as `<split>-<rank>.parquet`."""

    name, type = "rows", "1 WRITE"

    def __init__(self, plan: Build, parts: Path):
        super().__init__()
        self.plan, self.parts = plan, parts

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        """Writes the task's files, each under another name until it is whole; yields nothing."""
        for split, stream in self.plan.streams(self.parts).items():
            shares = min(world_size, stream.num_shards)
            if rank >= shares:
                continue
            path = self.parts / f"{split}-{rank:05d}.parquet"
            draft = path.with_suffix(".draft")
            with ShardWriter(draft, stream.features) as shard:
                for row in stream.shard(shares, rank):
                    shard.add(row)
            draft.replace(path)
        (self.parts / f"{rank:05d}.done").touch()
        yield from ()


class WriteDataset(PipelineStep):
    """One task, after all others: `data/`, `failures.csv` and the card in the output folder."""

    name, type = "dataset", "2 WRITE"

    def __init__(self, plan: Build, parts: Path):
        super().__init__()
        self.plan, self.parts = plan, parts

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        """Writes the dataset; yields nothing."""
        parts, out = self.parts, self.plan.out_dir
        draft = out / "data.draft"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        for split, stream in self.plan.streams(parts).items():
            _join(sorted(parts.glob(f"{split}-*.parquet")), draft, split, stream.features)
        _write_failures(parts / "failures", out / "failures.csv")
        shutil.rmtree(out / "data", ignore_errors=True)
        draft.rename(out / "data")
        _write_card(self.plan.dataset, out)
        yield from ()


def _write_card(dataset: str, folder: Path) -> None:
    """A dataset's own card, or that of all notes."""
    own = f"{load_hook.BUILDERS[dataset].rpartition('.')[0]}.card"
    if importlib.util.find_spec(own):
        importlib.import_module(own).write_card(folder)
    else:
        note_card.write_card(load_hook.builder_class(dataset), "notes", folder)


def _join(parts: list[Path], folder: Path, split: str, features: datasets.Features) -> None:
    """The rows of all parts, in files of about `SHARD_BYTES`; a split that has no row has no file."""
    rows = sum(pq.read_metadata(part).num_rows for part in parts)
    shards = -(-sum(part.stat().st_size for part in parts) // SHARD_BYTES)
    if not rows:
        return
    for writer, row in zip(_writers(folder / split, rows, shards, features), read_shards(parts), strict=True):
        writer.add(row)


def _writers(stem: Path, rows: int, shards: int, features: datasets.Features) -> Iterator[ShardWriter]:
    """The writer for each row in turn."""
    for shard in range(shards):
        path = stem.with_name(f"{stem.name}-{shard:05d}-of-{shards:05d}.parquet")
        with ShardWriter(path, features) as writer:
            for _ in range(rows * shard // shards, rows * (shard + 1) // shards):
                yield writer


def _write_failures(folder: Path, path: Path) -> None:
    """Items and reasons; file names that are no UTF-8 are escaped."""
    with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("item", "reason"))
        writer.writerows(read_failures(folder))
