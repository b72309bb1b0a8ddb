"""What the cards of all built datasets share: front matter, and tables that are counted from the Parquet files.

A template `model_cards/<dataset>.md` has `$front_matter`, `$version`, `$location`, and the tables that it shows.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from datasets import Features
from huggingface_hub import DatasetCardData

import scorehub
from scorehub.card_checks import LICENCE
from scorehub.cards import write_card
from scorehub.dataset_builders.parquet_shards import find_shards, read_shards

Row = dict[str, Any]

SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"))


def fill_card(name: str, folder: Path, front_matter: dict[str, Any], texts: dict[str, str]) -> Path:
    """Writes `folder/README.md` from `model_cards/<name>.md`; tables lose their last line feed.

    Raises:
        KeyError: the template asks for what `texts` lacks.
    """
    header = DatasetCardData(**front_matter).to_yaml()
    stripped = {key: text.rstrip("\n") for key, text in texts.items()}
    return write_card(name, folder, stripped | {"front_matter": header, "version": scorehub.__version__})


def front_matter(folder: Path, features: Features, licences: Iterable[str], about: dict[str, Any]) -> dict[str, Any]:
    """The card's YAML: `about` (name, tasks, tags), licence, size, and how `load_dataset` finds the splits.

    Args:
        licences: the texts that stand in the rows.
    """
    shards = find_shards(folder)
    n_rows = sum(pq.read_metadata(path).num_rows for paths in shards.values() for path in paths)
    header = about | licence_fields(licences)
    header["size_categories"] = [next((name for size, name in SIZES if n_rows < size), "n>1M")]
    if shards:
        data_files = [{"split": split, "path": f"data/{split}-*.parquet"} for split in shards]
        header["configs"] = [{"config_name": "default", "data_files": data_files}]
        header["dataset_info"] = _dataset_info(shards, features)
    return header


def _dataset_info(shards: dict[str, list[Path]], features: Features) -> dict[str, Any]:
    """The Hub's description of columns and splits; `num_bytes` are those of the uncompressed columns."""
    splits = []
    for split, paths in shards.items():
        files_metadata = [pq.read_metadata(path) for path in paths]
        groups = [metadata.row_group(group) for metadata in files_metadata for group in range(metadata.num_row_groups)]
        n_bytes, n_rows = (sum(getattr(group, name) for group in groups) for name in ("total_byte_size", "num_rows"))
        splits.append({"name": split, "num_bytes": n_bytes, "num_examples": n_rows})
    return {
        "config_name": "default",
        "features": features._to_yaml_list(),
        "splits": splits,
        "download_size": sum(path.stat().st_size for paths in shards.values() for path in paths),
        "dataset_size": sum(split["num_bytes"] for split in splits),
    }


def licence_id(text: str) -> str:
    """The Hub's identifier of a licence as IMSLP or others word it, `"other"` where it has none.

    >>> licence_id("Creative Commons Attribution-NonCommercial 4.0"), licence_id("Public Domain"), licence_id("MIT")
    ('cc-by-nc-4.0', 'other', 'mit')
    """
    if LICENCE.fullmatch(identifier := text.strip().casefold()):
        return identifier
    text = re.sub(r"[\s-]+", " ", text.casefold())
    if re.search(r"\bcc ?0|\bcc zero|creative commons zero", text):
        return "cc0-1.0"
    version = re.search(r"[1-4]\.[05]", text)
    if not version or not re.search(r"creative commons|\bcc by", text):
        return "other"
    terms = {"nc": r"non ?commercial|\bnc\b", "nd": r"no ?deriv|\bnd\b", "sa": r"share ?alike|\bsa\b"}
    return "-".join(["cc-by", *(term for term, words in terms.items() if re.search(words, text)), version[0]])


def licence_fields(texts: Iterable[str]) -> dict[str, Any]:
    """The front matter's licence for rows with these licence texts."""
    known = sorted(set(texts))
    ids = sorted({licence_id(text) for text in known}) or ["other"]
    if ids == ["other"]:
        # The Hub asks for a name of a licence that is not on its list.
        name = re.sub(r"\W+", "-", known[0]).strip("-").casefold() if len(known) == 1 else "per-row"
        return {"license": "other", "license_name": name or "unknown"}
    return {"license": ids}


def table(header: str, rows: Iterable[tuple[str, str]], empty: str = "None.") -> str:
    """A Markdown table whose first column is text and whose others are numbers; `empty` without rows."""
    lines = [f"| {first.replace('|', '/')} | {rest} |" for first, rest in rows]
    ruler = "|---|" + "--:|" * (header.count("|") - 2)
    return "\n".join([header, ruler, *lines]) if lines else empty


def licence_table(rows: Sequence[Row], column: str, unit: str, empty: str = "None.") -> str:
    """How many rows have each licence."""
    counts = Counter(row[column] for row in rows).most_common()
    return table(f"| licence | {unit} |", [(text or "*not stated*", f"{count:,}") for text, count in counts], empty)


def split_table(folder: Path, unit: str) -> str:
    """Rows of each split, and the `split_group`s that they belong to."""
    lines = []
    shards = find_shards(folder)
    total = sum(pq.read_metadata(path).num_rows for paths in shards.values() for path in paths)
    for split, paths in shards.items():
        groups = [row["split_group"] for row in read_shards(paths, ["split_group"])]
        lines.append((split, f"{len(groups):,} | {len(groups) / total:.1%} | {len(set(groups)):,}"))
    return table(f"| split | {unit} | share | groups |", lines)


def failure_table(folder: Path) -> str:
    """What was left out, by reason; details that differ from item to item are cut off."""
    with (folder / "failures.csv").open(newline="", encoding="utf-8") as file:
        reasons = Counter(_kind(row["reason"]) for row in csv.DictReader(file))
    lines = [(reason, f"{count:,}") for reason, count in reasons.most_common()]
    return table("| left out because | items |", lines, "Nothing was left out.")


def _kind(reason: str) -> str:
    return re.sub(r"\d+", "N", re.sub(r",? got .*", "", reason, flags=re.DOTALL))


def summary(folder: Path) -> str:
    """What a build made, in a few lines."""
    lines = [
        f"{split}: {sum(pq.read_metadata(path).num_rows for path in paths):,} rows"
        for split, paths in find_shards(folder).items()
    ]
    return "\n".join([*lines, failure_table(folder), f"dataset and card: {folder}"])
