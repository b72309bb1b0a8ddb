"""The dataset card of a built MusicScore: `model_cards/musicscore.md`, filled with what lies in the folder.

Every number is counted from `data/*.parquet`, `manifest.csv` and `pages.csv`; images are never decoded. The
same folder gives the same card and figures.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from scorehub.dataset_builders import dataset_card
from scorehub.dataset_builders.musicscore import statistics
from scorehub.dataset_builders.musicscore.schema import FEATURES, WorkMetadata
from scorehub.dataset_builders.parquet_shards import find_shards, read_shards
from scorehub.dataset_builders.splits import SPLIT_SHARES, SPLITS

Row = dict[str, Any]

KINDS = ("1-bit", "8-bit", "born-digital")
# What is left after each stage of the filter, and the reasons that belong to it; a reason belongs to its first match.
STAGES = (
    ("right colour depth", r".*bits per component"),
    ("readable pages of music", r"(?!near-duplicate)"),
    ("kept", r"near-duplicate"),
)
ABOUT = {
    "pretty_name": "MusicScore",
    "language": ["en"],
    "task_categories": ["text-to-image", "image-classification"],
    "tags": ["music", "sheet-music", "optical-music-recognition"],
}
EMPTY = "No page was kept."


def write_card(folder: str | Path, repo_id: str = "") -> Path:
    """Writes `README.md` and `figures/` into a built dataset folder.

    Args:
        folder: With `data/<split>-*.parquet`, `manifest.csv` and `pages.csv`; a build that kept no page has a card
            too, without anything to load.
        repo_id: Where the dataset will be published, for the card's example; this folder by default.

    Raises:
        ValueError: The folder is no built dataset, or its tables contradict each other.
    """
    folder = Path(folder)
    rows, pages = list(read_rows(folder)), _read_csv(folder / "pages.csv")
    n_kept = sum(page["verdict"] == "kept" for page in pages)
    if n_kept != len(rows):
        raise ValueError(f"data/ must hold the {n_kept} kept pages of pages.csv, got {len(rows)}")
    counted = statistics.count(rows)
    statistics.plot(counted, folder / "figures")
    texts = {
        "filter_table": filter_table(folder),
        "split_table": _split_table(rows, folder),
        "coverage_table": _coverage_table(rows),
        "statistics_table": statistics.table(counted),
        "licence_table": dataset_card.licence_table(rows, "license", "pages", EMPTY),
        "location": repo_id or ".",
        "first_split": next(iter(find_shards(folder)), SPLITS[0]),
        "split_shares": " / ".join(f"{share:.0%}" for share in SPLIT_SHARES),
        "n_given": f"{len(_read_csv(folder / 'manifest.csv')):,}",
    }
    header = dataset_card.front_matter(folder, FEATURES, (row["license"] for row in rows), ABOUT)
    return dataset_card.fill_card("musicscore", folder, header, texts | _numbers(rows))


def read_rows(folder: str | Path) -> Iterator[Row]:
    """The rows of a built dataset without their images, in the order of splits and files.

    Raises:
        ValueError: `folder` has no `data/`.
    """
    columns = [name for name in FEATURES if name != "image"]
    for paths in find_shards(folder).values():
        yield from read_shards(paths, columns)


def filter_table(folder: str | Path) -> str:
    """What went into a build, what each stage left out and why, and what came out, as a Markdown table."""
    manifest, pages = (_read_csv(Path(folder) / name) for name in ("manifest.csv", "pages.csv"))
    lines = [f"| | PDFs | pages | {' | '.join(KINDS)} |", "|---|--:|--:|" + "--:|" * len(KINDS)]
    blank = " |" * (len(KINDS) + 1)
    lines.append(f"| **PDFs given** | {len(manifest):,} |{blank}")
    failed = Counter(_head(pdf["reason"]) for pdf in manifest if pdf["status"] == "failed")
    lines += [f"| out: {reason} | {count:,} |{blank}" for reason, count in failed.most_common()]
    lines.append(_stage_line("read", pages))
    lost_at = [_stage(page["reason"]) if page["verdict"] == "rejected" else len(STAGES) for page in pages]
    for stage, (name, _) in enumerate(STAGES):
        lost: dict[str, list[Row]] = {}
        for page, lost_stage in zip(pages, lost_at, strict=True):
            if lost_stage == stage:
                lost.setdefault(_head(page["reason"]), []).append(page)
        for reason in sorted(lost, key=lambda reason: -len(lost[reason])):
            lines.append(f"| out: {reason} | | {_by_kind(lost[reason])} |")
        left = [page for page, lost_stage in zip(pages, lost_at, strict=True) if lost_stage > stage]
        lines.append(_stage_line(name, left))
    return "\n".join(lines) + "\n"


def _stage(reason: str) -> int:
    return next(number for number, (_, pattern) in enumerate(STAGES) if re.match(pattern, reason))


def _stage_line(name: str, pages: Sequence[Row]) -> str:
    pdfs = len({page["source"] for page in pages})
    return f"| **{name}** | {pdfs:,} | {_by_kind(pages)} |"


def _by_kind(pages: Sequence[Row]) -> str:
    kinds = Counter(page["page_kind"] for page in pages)
    return " | ".join(f"{count:,}" for count in [len(pages), *(kinds[kind] for kind in KINDS)])


def _head(reason: str) -> str:
    """The part of a reason that others share: no names of other files, no page numbers, no details."""
    return re.sub(r"(?:: | of (?:.+ )?page \d+$|, got ).*", "", reason).replace("|", "/")


def _read_csv(path: Path) -> list[Row]:
    if not path.is_file():
        raise ValueError(f"a built dataset must hold {path.name}, got none in {str(path.parent)!r}")
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _numbers(rows: Sequence[Row]) -> dict[str, str]:
    kinds = Counter(row["page_kind"] for row in rows)
    counts = {
        "n_pages": len(rows),
        "n_works": len({row["split_group"] for row in rows}),
        "n_pdfs": len({row["source"] for row in rows}),
        "n_composers": len({row["composer"] for row in rows} - {""}),
    }
    text = {name: f"{count:,}" for name, count in counts.items()}
    return text | {"n_kinds": ", ".join(f"{count:,} are {kind}" for kind, count in kinds.most_common()) or "none kept"}


def _split_table(rows: Sequence[Row], folder: Path) -> str:
    lines = []
    for split, paths in find_shards(folder).items():
        table = pa.concat_tables(pq.read_table(path, columns=["source", "split_group"]) for path in paths)
        pdfs, works = (len(set(column.to_pylist())) for column in table.columns)
        lines.append((split, f"{len(table):,} | {len(table) / len(rows):.1%} | {pdfs:,} | {works:,}"))
    return dataset_card.table("| split | pages | share | PDFs | works |", lines, EMPTY)


def _coverage_table(rows: Sequence[Row]) -> str:
    counts = {name: sum(bool(row[name]) for row in rows) for name in WorkMetadata().fields()} if rows else {}
    lines = [(f"`{name}`", f"{count:,} | {count / len(rows):.1%}") for name, count in counts.items()]
    return dataset_card.table("| column | pages | share |", lines, EMPTY)
