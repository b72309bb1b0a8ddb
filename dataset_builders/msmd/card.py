"""The card of a built MSMD: counted from its Parquet files, with pages on which the noteheads are marked."""

import io
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from scorehub.contact_sheet import contact_sheet
from scorehub.dataset_builders import dataset_card
from scorehub.dataset_builders.msmd.schema import FEATURES
from scorehub.dataset_builders.parquet_shards import find_shards, read_shards
from scorehub.strip import draw_boxes

ABOUT = {
    "pretty_name": "MSMD: sheet music and sound, note by note",
    "task_categories": ["audio-classification", "object-detection"],
    "tags": ["music", "sheet-music", "score-following", "optical-music-recognition"],
}
PAGES_SHOWN = 4
STRIP_SHOWN = 2400  # pixels of a strip

Row = dict[str, Any]


def write_card(folder: Path) -> Path:
    """Writes `README.md` and `figures/pages.png` into a built dataset folder."""
    columns = ["piece", "composer", "layout", "license", "noteheads.page", "noteheads.onset", "noteheads.tied"]
    shards = [path for paths in find_shards(folder).values() for path in paths]
    rows = list(read_shards(shards, columns))
    _draw_pages(list(islice(read_shards(shards, ["piece", "pages", "noteheads", "systems"]), PAGES_SHOWN)), folder)
    texts = {
        "location": ".",
        "first_split": next(iter(find_shards(folder)), "train"),
        "n_rows": f"{len(rows):,}",
        "n_notes": f"{sum(len(row['noteheads']['page']) for row in rows):,}",
        "split_table": dataset_card.split_table(folder, "scores"),
        "statistics_table": statistics_table(rows),
        "failure_table": dataset_card.failure_table(folder),
        "licence_table": dataset_card.licence_table(rows, "license", "scores"),
    }
    header = dataset_card.front_matter(folder, FEATURES, (row["license"] for row in rows), ABOUT)
    return dataset_card.fill_card("msmd", folder, header, texts)


def statistics_table(rows: Sequence[Row]) -> str:
    """How much music there is."""
    onsets = [[onset for onset in row["noteheads"]["onset"] if onset is not None] for row in rows]
    lines = [
        ("pieces", f"{len({row['piece'] for row in rows}):,}"),
        ("composers", f"{len({row['composer'] for row in rows} - {''}):,}"),
        ("pages", f"{sum(len(set(row['noteheads']['page'])) for row in rows):,}"),
        ("noteheads, each time that they sound", f"{sum(map(len, onsets)):,}"),
        ("of these, tied to the one before", f"{sum(sum(map(bool, row['noteheads']['tied'])) for row in rows):,}"),
        ("hours from first to last onset", f"{sum(max(times) - min(times) for times in onsets if times) / 3600:.2f}"),
    ]
    return dataset_card.table("| | |", lines)


def _boxes(table: dict[str, list[Any]]) -> list[Row]:
    """The boxes on the first page, of a table that is columns."""
    rows = (dict(zip(table, values, strict=True)) for values in zip(*table.values(), strict=True))
    return [row for row in rows if row["page"] == 0 and row["w"] is not None]


def _draw_pages(rows: Sequence[Row], folder: Path) -> None:
    """The first page of each of the first scores, systems and noteheads in boxes."""
    images, captions = [], []
    for row in rows:
        page = np.asarray(Image.open(io.BytesIO(row["pages"][0]["bytes"])).convert("L"))
        boxes = {"blue": _boxes(row["systems"]), "red": _boxes(row["noteheads"])}
        images.append(np.asarray(draw_boxes(page, boxes))[:, :STRIP_SHOWN])
        captions.append(row["piece"])
    (folder / "figures").mkdir(exist_ok=True)
    if images:
        contact_sheet(images, captions).save(folder / "figures" / "pages.png", optimize=True)
