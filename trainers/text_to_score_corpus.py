"""The pages that the text-to-score model is trained on: engraved in every key, and pieces of scanned ones.

    python -m scorehub.trainers.text_to_score_corpus --excerpts polish_incipits.parquet --pages 10000 \\
        --scans score_pages --output pages

Writes Parquet with `image` and the fields of the prompt, which `load_dataset("pages")` reads. One work in 20 is held
out for validation. A run that was stopped goes on when it is started again.
"""

import argparse
import io
import os
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from tqdm import tqdm

from scorehub.dataset_builders.parquet_shards import ShardWriter
from scorehub.pipelines.text_to_score.prompt import FIELDS
from scorehub.trainers.run_settings import claim
from scorehub.trainers.text_to_score_pages import Work, draw_page, find_works
from scorehub.trainers.text_to_score_scans import Scan, cut_scan, find_scans

FEATURES = datasets.Features(
    {"image": datasets.Image(), **{name: datasets.Value("string") for name in (*FIELDS, "work", "kind")}}
)
PER_SHARD = 500  # pages tried
HELD_OUT = 20  # one work in so many

Row = dict[str, Any]
Draw = Callable[[], list[Row]]


def is_held_out(work: str) -> bool:
    """Whether a work's pages are for validation."""
    return zlib.crc32(work.encode()) % HELD_OUT == 0


def engraved_rows(work: Work, seed: int, number: int) -> list[Row]:
    """The page numbered so of a work, where there is one."""
    page = draw_page(work, np.random.default_rng([seed, number]))
    return [] if page is None else [{**page, "work": work.name, "kind": "engraved"}]


def scanned_rows(scan: Scan) -> list[Row]:
    """The pieces of a scanned page."""
    return [{**piece, "work": scan.work, "kind": "scan"} for piece in cut_scan(scan)]


def plan_pages(works: Sequence[Work], pages: int, scans: Sequence[Scan], seed: int) -> dict[str, list[Draw]]:
    """split -> what is to be drawn for it; works take turns."""
    plan: dict[str, list[Draw]] = {"train": [], "validation": []}
    for number in range(pages if works else 0):
        work = works[number % len(works)]
        plan["validation" if is_held_out(work.name) else "train"].append(partial(engraved_rows, work, seed, number))
    for scan in scans:
        plan["validation" if is_held_out(scan.work) else "train"].append(partial(scanned_rows, scan))
    return plan


def write_corpus(plan: dict[str, list[Draw]], output: Path, workers: int) -> int:
    """Draws what is planned into `output/data/SPLIT-NUMBER.parquet`, and returns how many pages were drawn now."""
    (output / "data").mkdir(parents=True, exist_ok=True)
    shards = [
        (output / "data" / f"{split}-{start // PER_SHARD:05d}.parquet", draws[start : start + PER_SHARD])
        for split, draws in plan.items()
        for start in range(0, len(draws), PER_SHARD)
    ]
    missing = [(path, draws) for path, draws in shards if not path.exists()]
    total = 0
    progress = tqdm(total=sum(len(draws) for _, draws in missing), unit="page", disable=None)
    with get_context("spawn").Pool(workers) as pool, progress:
        for path, draws in missing:
            part = path.with_suffix(".part")  # a run that is stopped leaves no half file
            with ShardWriter(part, FEATURES) as writer:
                for rows in pool.imap(_draw, draws, chunksize=8):
                    progress.update()
                    total += len(rows)
                    for row in rows:
                        writer.add(row)
            part.replace(path)
    return total


def _draw(draw: Draw) -> list[Row]:
    """The rows with their images as PNG."""
    torch.set_num_threads(1)
    rows = draw()
    for row in rows:
        file = io.BytesIO()
        row["image"].save(file, "PNG")
        row["image"] = {"bytes": file.getvalue(), "path": None}
    return rows


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--excerpts", type=Path, help="table of melodies to engrave")
    parser.add_argument("--pages", type=int, default=10_000, help="that are engraved, less those that are not filled")
    parser.add_argument("--scans", type=Path, help="folder of scanned pages with pages.csv")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    options = parser.parse_args()
    works = find_works(options.excerpts) if options.excerpts else []
    scans = find_scans(options.scans) if options.scans else []
    if not works and not scans:
        parser.error("--excerpts or --scans must name pages, got none")
    claim(options.output, {"pages": options.pages, "seed": options.seed})
    total = write_corpus(plan_pages(works, options.pages, scans, options.seed), options.output, options.workers)
    print(f"{total} pages drawn: {options.output}")


if __name__ == "__main__":
    main()
