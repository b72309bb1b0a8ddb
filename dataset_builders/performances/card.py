"""The card of built performances: counted from their Parquet files, with the tempo of a few of them."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from scorehub.dataset_builders import dataset_card
from scorehub.dataset_builders.parquet_shards import find_shards, read_shards
from scorehub.dataset_builders.performances.schema import FEATURES

ABOUT = {
    "pretty_name": "Performances",
    "task_categories": ["audio-classification", "other"],
    "tags": ["music", "score-following", "symbolic-music", "expressive-performance"],
}
PIECES_SHOWN = 4

Row = dict[str, Any]


def write_card(folder: Path) -> Path:
    """Writes `README.md` and `figures/tempo.png` into a built dataset folder."""
    columns = ["piece", "composer", "performer", "performance", "beats", "notes.matched", "aligned", "license"]
    rows = [row for paths in find_shards(folder).values() for row in read_shards(paths, columns)]
    _plot_tempo(rows, folder)
    texts = {
        "location": ".",
        "n_rows": f"{len(rows):,}",
        "split_table": dataset_card.split_table(folder, "performances"),
        "statistics_table": statistics_table(rows),
        "failure_table": dataset_card.failure_table(folder),
        "licence_table": dataset_card.licence_table(rows, "license", "performances"),
    }
    header = dataset_card.front_matter(folder, FEATURES, (row["license"] for row in rows), ABOUT)
    return dataset_card.fill_card("performances", folder, header, texts)


def statistics_table(rows: Sequence[Row]) -> str:
    """How much music there is, by whom, and how well it is aligned."""
    kinds = Counter(kind for row in rows for kind in row["notes"]["matched"])
    hours = sum(_span(row["beats"]["performance_time"]) for row in rows) / 3600
    composers = Counter(row["composer"] for row in rows)
    lines = [
        ("pieces", f"{len({row['piece'] for row in rows}):,}"),
        ("hours from first to last beat", f"{hours:.2f}"),
        ("beats", f"{sum(len(row['beats']['label']) for row in rows):,}"),
        ("notes that match", f"{kinds['match']:,}"),
        ("notes played beside the score", f"{kinds['insertion']:,}"),
        ("notes left out by the performer", f"{kinds['deletion']:,}"),
        ("performances with a robust note alignment", f"{sum(row['aligned'] for row in rows):,}"),
        ("composers", ", ".join(f"{name} {count}" for name, count in composers.most_common(15))),
    ]
    return dataset_card.table("| | |", lines)


def _span(times: Sequence[float]) -> float:
    return times[-1] - times[0] if times else 0.0


def _plot_tempo(rows: Sequence[Row], folder: Path) -> None:
    """Tempo over the score, one line a performance, of the pieces with most performances."""
    pieces = [piece for piece, _ in Counter(row["piece"] for row in rows).most_common(PIECES_SHOWN)]
    figure = Figure(figsize=(9, 2.2 * max(1, len(pieces))), layout="constrained")
    for axes, piece in zip(figure.subplots(max(1, len(pieces)), squeeze=False)[:, 0], pieces, strict=False):
        for row in rows:
            if row["piece"] == piece:
                score, played = (np.asarray(row["beats"][name]) for name in ("score_time", "performance_time"))
                axes.plot(score[1:], np.diff(score) / np.diff(played), lw=0.8, label=row["performer"] or "unknown")
        axes.set(title=piece, ylabel="tempo, score = 1")
        axes.legend(fontsize="x-small", loc="upper right")
    figure.axes[-1].set_xlabel("score time in seconds")
    (folder / "figures").mkdir(exist_ok=True)
    figure.savefig(folder / "figures" / "tempo.png", dpi=110, metadata={"Software": None})
