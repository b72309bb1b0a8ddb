"""The card of any built dataset of notes: what its builder knows of it, and what is counted from its Parquet files."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from scorehub.dataset_builders import dataset_card
from scorehub.dataset_builders.note_corpus import NoteCorpus
from scorehub.dataset_builders.note_rows import columns_to_notes
from scorehub.dataset_builders.parquet_shards import find_shards, read_shards
from scorehub.notes import DRUMS
from scorehub.rolls import RollSpec, make_roll

PIECES_SHOWN = 4

_SHOWN = RollSpec(fs=20.0, lowest=21, n_pitches=88, seconds=20.0, values="velocity")

Row = dict[str, Any]


def write_card(builder: type[NoteCorpus], template: str, folder: Path) -> Path:
    """Writes `README.md` and `figures/rolls.png` into a built dataset folder."""
    facts = builder.FACTS
    about = {
        "pretty_name": facts.title,
        "task_categories": ["other"],
        "tags": ["music", "midi", "symbolic-music", "piano-roll"],
    }
    rows = list(_rows(folder, ["composer", "notes.pitch", "notes.program", "seconds", "license"]))
    _plot_rolls(list(islice(_rows(folder, ["id", "notes"]), PIECES_SHOWN)), folder)
    texts = {
        "location": ".",
        "title": facts.title,
        "homepage": facts.homepage,
        "obtain": facts.obtain,
        "citation": facts.citation,
        "about": (builder.__doc__ or "").strip(),
        "n_rows": f"{len(rows):,}",
        "split_table": dataset_card.split_table(folder, "pieces"),
        "statistics_table": statistics_table(rows),
        "failure_table": dataset_card.failure_table(folder),
        "licence_table": dataset_card.licence_table(rows, "license", "pieces"),
    }
    header = dataset_card.front_matter(folder, builder.COLUMNS, (row["license"] for row in rows), about)
    return dataset_card.fill_card(template, folder, header, texts)


def _rows(folder: Path, columns: list[str]) -> Iterator[Row]:
    return chain.from_iterable(read_shards(paths, columns) for paths in find_shards(folder).values())


def statistics_table(rows: Sequence[Row]) -> str:
    """How much music there is, in which range, and by whom."""
    pitches: Counter[int] = Counter()
    for row in rows:
        columns = zip(row["notes"]["pitch"], row["notes"]["program"], strict=True)
        pitches.update(pitch for pitch, program in columns if program != DRUMS)
    composers = Counter(row["composer"] or "unknown" for row in rows)
    lines = [
        ("hours", f"{sum(row['seconds'] for row in rows) / 3600:.2f}"),
        ("notes", f"{sum(len(row['notes']['pitch']) for row in rows):,}"),
        ("lowest and highest pitch", f"{min(pitches, default=0)} to {max(pitches, default=0)}"),
        ("notes within the paper's 56 to 83", f"{_share(pitches, 56, 83):.1%}"),
        ("notes within 33 to 96", f"{_share(pitches, 33, 96):.1%}"),
        ("composers", ", ".join(f"{name} {count}" for name, count in composers.most_common(15))),
    ]
    return dataset_card.table("| | |", lines)


def _share(pitches: Counter[int], low: int, high: int) -> float:
    inside = sum(count for pitch, count in pitches.items() if low <= pitch <= high)
    return inside / max(1, pitches.total())


def _plot_rolls(rows: Sequence[Row], folder: Path) -> None:
    """The beginnings of the first pieces; the louder, the darker."""
    figure = Figure(figsize=(9, 2.2 * max(1, len(rows))), layout="constrained")
    extent = (0.0, _SHOWN.seconds, _SHOWN.lowest - 0.5, _SHOWN.lowest + _SHOWN.n_pitches - 0.5)
    for axes, row in zip(figure.subplots(max(1, len(rows)), squeeze=False)[:, 0], rows, strict=False):
        roll = make_roll(columns_to_notes(row), _SHOWN)[0]
        axes.imshow(roll, cmap="Greys", vmin=-0.3, vmax=1, origin="lower", aspect="auto", extent=extent)
        axes.set(title=row["id"], ylabel="MIDI pitch")
    figure.axes[-1].set_xlabel("seconds")
    (folder / "figures").mkdir(exist_ok=True)
    figure.savefig(folder / "figures" / "rolls.png", dpi=110, metadata={"Software": None})
