"""The dataset card of a built MusicScore: `model_cards/musicscore.md`, filled with what lies in the folder.

Every number is counted from `data/*.parquet`, `manifest.csv` and `pages.csv`; images are never decoded. The
same folder gives the same card and figures.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from huggingface_hub import DatasetCardData

import scorehub
from scorehub.dataset_builders.musicscore import statistics
from scorehub.dataset_builders.musicscore.schema import FEATURES, SPLIT_SHARES, SPLITS, WorkMetadata

Row = dict[str, Any]

KINDS = ("1-bit", "8-bit", "born-digital")
# What is left after each stage of the filter, and the reasons that belong to it; a reason belongs to its first match.
STAGES = (
    ("right colour depth", r".*bits per component"),
    ("readable pages of music", r"(?!near-duplicate)"),
    ("kept", r"near-duplicate"),
)
SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"))


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
    template = Template(files("scorehub.model_cards").joinpath("musicscore.md").read_text(encoding="utf-8"))
    tables = {
        "filter_table": filter_table(folder),
        "split_table": _split_table(rows, folder),
        "coverage_table": _coverage_table(rows),
        "statistics_table": statistics.table(counted),
        "licence_table": _licence_table(rows),
    }
    front_matter = DatasetCardData(**_front_matter(folder, rows)).to_yaml()
    card = folder / "README.md"
    card.write_text(
        template.substitute(
            {name: table.rstrip("\n") for name, table in tables.items()},
            front_matter=front_matter,
            location=repo_id or ".",
            first_split=next(iter(_shards(folder)), SPLITS[0]),
            split_shares=" / ".join(f"{share:.0%}" for share in SPLIT_SHARES),
            version=scorehub.__version__,
            n_given=f"{len(_read_csv(folder / 'manifest.csv')):,}",
            **_numbers(rows),
        ),
        encoding="utf-8",
    )
    return card


def read_rows(folder: str | Path) -> Iterator[Row]:
    """The rows of a built dataset without their images, in the order of splits and files.

    Raises:
        ValueError: `folder` has no `data/`.
    """
    for paths in _shards(Path(folder)).values():
        for path in paths:
            file = pq.ParquetFile(path)
            columns = [name for name in file.schema_arrow.names if name != "image"]
            for batch in file.iter_batches(columns=columns):
                yield from batch.to_pylist()


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


def _shards(folder: Path) -> dict[str, list[Path]]:
    """split -> its Parquet files, of the splits that have any."""
    if not (folder / "data").is_dir():
        raise ValueError(f"folder must be a built dataset with data/, got {str(folder)!r}")
    found = {split: sorted((folder / "data").glob(f"{split}-*.parquet")) for split in SPLITS}
    return {split: paths for split, paths in found.items() if paths}


def _read_csv(path: Path) -> list[Row]:
    if not path.is_file():
        raise ValueError(f"a built dataset must hold {path.name}, got none in {str(path.parent)!r}")
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _front_matter(folder: Path, rows: Sequence[Row]) -> dict[str, Any]:
    shards = _shards(folder)
    metadata = {
        "pretty_name": "MusicScore",
        "language": ["en"],
        **_licence(rows),
        "task_categories": ["text-to-image", "image-classification"],
        "tags": ["music", "sheet-music", "optical-music-recognition"],
        "size_categories": [next((name for size, name in SIZES if len(rows) < size), "n>1M")],
    }
    if shards:
        data_files = [{"split": split, "path": f"data/{split}-*.parquet"} for split in shards]
        metadata["configs"] = [{"config_name": "default", "data_files": data_files}]
        metadata["dataset_info"] = _dataset_info(shards)
    return metadata


def _dataset_info(shards: dict[str, list[Path]]) -> dict[str, Any]:
    """The Hub's description of columns and splits; `num_bytes` are those of the uncompressed columns."""
    splits = []
    for split, paths in shards.items():
        files_metadata = [pq.read_metadata(path) for path in paths]
        groups = [metadata.row_group(group) for metadata in files_metadata for group in range(metadata.num_row_groups)]
        n_bytes, n_rows = (sum(getattr(group, name) for group in groups) for name in ("total_byte_size", "num_rows"))
        splits.append({"name": split, "num_bytes": n_bytes, "num_examples": n_rows})
    return {
        "config_name": "default",
        "features": FEATURES._to_yaml_list(),
        "splits": splits,
        "download_size": sum(path.stat().st_size for paths in shards.values() for path in paths),
        "dataset_size": sum(split["num_bytes"] for split in splits),
    }


def licence_id(text: str) -> str:
    """The Hub's identifier of a licence as IMSLP or others word it, `"other"` where it has none.

    >>> licence_id("Creative Commons Attribution-NonCommercial 4.0"), licence_id("Public Domain")
    ('cc-by-nc-4.0', 'other')
    """
    text = re.sub(r"[\s-]+", " ", text.casefold())
    if re.search(r"\bcc ?0|\bcc zero|creative commons zero", text):
        return "cc0-1.0"
    version = re.search(r"[1-4]\.[05]", text)
    if not version or not re.search(r"creative commons|\bcc by", text):
        return "other"
    terms = {"nc": r"non ?commercial|\bnc\b", "nd": r"no ?deriv|\bnd\b", "sa": r"share ?alike|\bsa\b"}
    return "-".join(["cc-by", *(term for term, words in terms.items() if re.search(words, text)), version[0]])


def _licence(rows: Sequence[Row]) -> dict[str, Any]:
    texts = sorted({row["license"] for row in rows})
    ids = sorted({licence_id(text) for text in texts}) or ["other"]
    if ids == ["other"]:
        # The Hub asks for a name of a licence that is not on its list.
        name = re.sub(r"\W+", "-", texts[0]).strip("-").casefold() if len(texts) == 1 else "per-page"
        return {"license": "other", "license_name": name or "unknown"}
    return {"license": ids}


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


def _table(header: str, rows: Iterable[tuple[str, str]]) -> str:
    """A Markdown table whose first column is text and whose others are numbers."""
    lines = [f"| {first.replace('|', '/')} | {rest} |" for first, rest in rows]
    ruler = "|---|" + "--:|" * (header.count("|") - 2)
    return "\n".join([header, ruler, *lines]) if lines else "No page was kept."


def _split_table(rows: Sequence[Row], folder: Path) -> str:
    lines = []
    for split, paths in _shards(folder).items():
        table = pa.concat_tables(pq.read_table(path, columns=["source", "split_group"]) for path in paths)
        pdfs, works = (len(set(column.to_pylist())) for column in table.columns)
        lines.append((split, f"{len(table):,} | {len(table) / len(rows):.1%} | {pdfs:,} | {works:,}"))
    return _table("| split | pages | share | PDFs | works |", lines)


def _coverage_table(rows: Sequence[Row]) -> str:
    counts = {name: sum(bool(row[name]) for row in rows) for name in WorkMetadata().fields()} if rows else {}
    lines = [(f"`{name}`", f"{count:,} | {count / len(rows):.1%}") for name, count in counts.items()]
    return _table("| column | pages | share |", lines)


def _licence_table(rows: Sequence[Row]) -> str:
    counts = Counter(row["license"] for row in rows).most_common()
    return _table("| licence | pages |", [(licence or "*not stated*", f"{count:,}") for licence, count in counts])
