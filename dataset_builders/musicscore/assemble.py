"""From the shards of all tasks to the dataset: near-duplicates out, works to splits, Parquet, manifest and card.

A page that several files have stays where it came first (by file name, intact files first); the works that share it
become one split group, so that no page is on both sides of a split. Memory holds the page index, never the images.
"""

import json
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from datatrove.data import DocumentsPipeline

from scorehub.dataset_builders.musicscore import manifest
from scorehub.dataset_builders.musicscore.card import write_card
from scorehub.dataset_builders.musicscore.config import CurationConfig
from scorehub.dataset_builders.musicscore.duplicates import near_duplicates, tied_groups
from scorehub.dataset_builders.musicscore.schema import FEATURES
from scorehub.dataset_builders.musicscore.steps import CurationStep
from scorehub.dataset_builders.parquet_shards import ShardWriter, read_shards
from scorehub.dataset_builders.splits import SPLITS, split_of

ROWS_PER_SHARD = 5000  # pages of 100 kB: files of 500 MB, the size that the Hub recommends

Row = dict[str, Any]


class Assemble(CurationStep):
    """One task, after all others: writes `data/`, `manifest.csv`, `pages.csv` and the card into the output folder."""

    name, type = "dataset", "7 WRITE"

    def __init__(self, config: CurationConfig, parts: Path):
        super().__init__(config)
        self.parts = parts
        self.written = parts.parent / "assembled"  # names the parts whose dataset the folder has

    def is_done(self) -> bool:
        """Whether the output folder has the dataset of these parts."""
        told = self.written.read_text() if self.written.exists() else ""
        return told == self.parts.name and (self.config.out_dir / "data").is_dir()

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        """Writes the dataset; yields nothing."""
        self.written.unlink(missing_ok=True)
        pages, pdfs = _read_lines(self.parts, "*.pages.jsonl"), _read_lines(self.parts, "*.manifest.jsonl")
        drop_duplicates(pages)
        assign_splits(pages)
        recount(pdfs, pages)
        out = self.config.out_dir
        _write_shards(self.parts, pages, out / "data")
        manifest.write_csv(out / "manifest.csv", pdfs, manifest.PDF_COLUMNS)
        manifest.write_csv(out / "pages.csv", pages, manifest.PAGE_COLUMNS)
        write_card(out)
        self.written.write_text(self.parts.name)
        yield from ()


def drop_duplicates(pages: Sequence[Row]) -> None:
    """Rejects each kept page that an earlier one resembles, and gives their works one group."""
    kept = [page for page in pages if page["verdict"] == "kept"]
    kept.sort(key=lambda page: page["repaired"])  # an intact file's page stays rather than a damaged one's
    pairs = [(kept[first], kept[later]) for first, later in near_duplicates([page["phash"] for page in kept])]
    whole = tied_groups((page["group"] for page in pages), ((a["group"], b["group"]) for a, b in pairs))
    for page in pages:
        page["group"] = whole[page["group"]]
    for first, later in pairs:
        reason = f"near-duplicate of {first['source']} page {first['page']}"
        later |= {"verdict": "rejected", "reason": reason}


def assign_splits(pages: Sequence[Row]) -> None:
    """Gives each kept page the split of its group."""
    for page in pages:
        page["split"] = split_of(page["group"]) if page["verdict"] == "kept" else ""


def recount(pdfs: Sequence[Row], pages: Sequence[Row]) -> None:
    """Brings the PDFs' rows up to date with pages that were rejected as duplicates."""
    duplicates: dict[str, list[Row]] = defaultdict(list)
    for page in pages:
        if page["reason"].startswith("near-duplicate"):
            duplicates[page["source"]].append(page)
    for pdf in pdfs:
        if lost := duplicates[pdf["source"]]:
            pdf["n_kept"] -= len(lost)
            pdf["status"] = manifest.status(pdf["n_kept"], pdf["n_pages"])
            note = f"{len(lost)} of {pdf['n_pages']} pages: near-duplicate"
            pdf["reason"] = "; ".join(filter(None, [pdf["reason"], note]))


def _write_shards(parts: Path, pages: Sequence[Row], folder: Path) -> None:
    """Fills a new folder and puts it in the old one's place."""
    places = {(page["source"], page["page"]): page for page in pages if page["verdict"] == "kept"}
    totals = Counter(page["split"] for page in places.values())
    draft = folder.with_name("data.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    with ExitStack() as stack:
        writers = {split: _writers(draft, split, totals[split], stack) for split in SPLITS if totals[split]}
        for row in read_shards(sorted(parts.glob("*.parquet"))):
            if page := places.get((row["source"], row["page"])):
                next(writers[page["split"]]).add(row | {"split_group": page["group"]})
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)


def _writers(folder: Path, split: str, total: int, stack: ExitStack) -> Iterator[ShardWriter]:
    """The writer for each row of a split in turn; `stack` closes its files."""
    shards = -(-total // ROWS_PER_SHARD)
    for shard in range(shards):
        path = folder / f"{split}-{shard:05d}-of-{shards:05d}.parquet"
        writer = stack.enter_context(ShardWriter(path, FEATURES))
        for _ in range(ROWS_PER_SHARD):
            yield writer


def _read_lines(parts: Path, pattern: str) -> list[Row]:
    return [json.loads(line) for path in sorted(parts.glob(pattern)) for line in path.read_text().splitlines()]
