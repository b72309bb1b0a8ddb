"""The card of a built Camera-PrIMuS: counted from its Parquet files, with a sheet of its staves."""

import io
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from scorehub.contact_sheet import contact_sheet
from scorehub.dataset_builders import dataset_card
from scorehub.dataset_builders.camera_primus.schema import FEATURES
from scorehub.dataset_builders.parquet_shards import find_shards, read_shards
from scorehub.effects_sheet import effects_sheet

ABOUT = {
    "pretty_name": "Camera-PrIMuS with sound",
    "task_categories": ["image-to-text", "automatic-speech-recognition"],
    "tags": ["music", "sheet-music", "optical-music-recognition", "music-transcription"],
}
STAVES_SHOWN = 6  # each clean and distorted

_LARGE = {"image", "distorted", "mei", "midi", "audio", "notation", "agnostic"}

Row = dict[str, Any]


def write_card(folder: Path) -> Path:
    """Writes `README.md` and two figures into a built dataset folder."""
    rows = list(_read(folder, [name for name in FEATURES if name not in _LARGE]))
    with_audio = sum(row["audio"] is not None for row in _read(folder, ["audio.path"]))
    _draw_staves(folder)
    texts = {
        "location": ".",
        "first_split": next(iter(find_shards(folder)), "train"),
        "n_rows": f"{len(rows):,}",
        "n_groups": f"{len({row['split_group'] for row in rows}):,}",
        "n_audio": f"{with_audio:,}",
        "hours": f"{sum(row['seconds'] for row in rows) / 3600:.1f}",
        "split_table": dataset_card.split_table(folder, "staves"),
        "statistics_table": statistics_table(rows),
        "failure_table": dataset_card.failure_table(folder),
        "licence_table": dataset_card.licence_table(rows, "license", "staves"),
    }
    header = dataset_card.front_matter(folder, FEATURES, (row["license"] for row in rows), ABOUT)
    return dataset_card.fill_card("camera_primus", folder, header, texts)


def _read(folder: Path, columns: list[str]) -> Iterator[Row]:
    for paths in find_shards(folder).values():
        yield from read_shards(paths, columns)


def statistics_table(rows: Iterable[Row]) -> str:
    """What the staves hold: lengths, vocabulary, and their clefs, keys and meters, the commonest first."""
    texts = [row["semantic"].split("\t") for row in rows]
    tokens = Counter(token for text in texts for token in text)
    lengths = [len(text) for text in texts] or [0]
    seconds = [row["seconds"] for row in rows] or [0.0]
    lines = [
        ("tokens a staff: median, 5 % to 95 %", _range(lengths, "{:.0f}")),
        ("seconds a staff: median, 5 % to 95 %", _range(seconds, "{:.1f}")),
        ("different tokens", f"{len(tokens):,}"),
    ]
    for kind in ("clef", "keySignature", "timeSignature"):
        counts = Counter({token.partition("-")[2]: n for token, n in tokens.items() if token.startswith(f"{kind}-")})
        lines.append((kind, ", ".join(f"{name} {count:,}" for name, count in counts.most_common(8)) or "none"))
    return dataset_card.table("| | |", lines)


def _range(values: list[Any], form: str) -> str:
    low, middle, high = (form.format(value) for value in np.percentile(values, (5, 50, 95)))
    return f"{middle}, {low} to {high}"


def _draw_staves(folder: Path) -> None:
    """The first staves, each beside its distorted picture, and one with every effect."""
    columns = ["id", "image", "distorted"]
    images, captions = [], []
    for row in islice(_read(folder, columns), STAVES_SHOWN):
        for column in ("image", "distorted"):
            if row[column]:
                images.append(np.asarray(Image.open(io.BytesIO(row[column]["bytes"])).convert("L")))
                captions.append(row["id"] if column == "image" else "distorted")
    (folder / "figures").mkdir(exist_ok=True)
    if images:
        contact_sheet(images, captions).save(folder / "figures" / "staves.png", optimize=True)
        effects_sheet(images[0]).save(folder / "figures" / "effects.png", optimize=True)
