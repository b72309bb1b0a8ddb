"""The pages of a dataset by composer, instrument, key and period, for browsing.

A facet is a column whose text names one or more values ("violin, piano"); a page belongs to each of them, or to
`NOT_STATED`. The counts of a facet are those of the pages that the choices in the other facets leave.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import datasets
from PIL import Image

from scorehub.dataset_builders.musicscore.schema import FEATURES
from scorehub.dataset_builders.musicscore.statistics import parse_instruments, parse_keys, parse_names

ANY = "any"
NOT_STATED = "not stated"
FACETS = {
    "composer": lambda text: [text] if text else [],
    "instrumentation": parse_instruments,
    "key": parse_keys,
    "period": parse_names,
}


def load_pages(dataset: Path | str | None = None) -> datasets.Dataset:
    """All splits in one table, with a column `split`.

    Args:
        dataset: built folder, or Hub id; without one, the sample that scorehub makes itself, offline.

    Raises:
        ValueError: no such folder, or a dataset of another form.
    """
    if isinstance(dataset, Path) and not dataset.is_dir():
        raise ValueError(f"dataset must be the folder of a built dataset, got {str(dataset)!r}")
    import scorehub.dataset_builders  # noqa: F401 - makes "musicscore" known to load_dataset

    splits = datasets.load_dataset(str(dataset or "musicscore"))
    missing = [name for rows in splits.values() for name in FEATURES if name not in rows.column_names]
    if missing:
        raise ValueError(f"dataset must have MusicScore's columns, got {str(dataset)!r} without {missing[0]}")
    named = [rows.add_column("split", [name] * len(rows)) for name, rows in splits.items()]
    return datasets.concatenate_datasets(named)


class Catalog:
    """An index of `rows`: for each facet and value the positions of its pages."""

    def __init__(self, rows: datasets.Dataset):
        self.rows, self.facts = rows, rows.remove_columns("image")
        self.index: dict[str, dict[str, set[int]]] = {facet: {} for facet in FACETS}
        for facet, parse in FACETS.items():
            for position, text in enumerate(self.facts.select_columns(facet)[:][facet]):
                for value in parse(text or "") or [NOT_STATED]:
                    self.index[facet].setdefault(value, set()).add(position)

    def select(self, choices: Mapping[str, str]) -> list[int]:
        """The positions of the pages that have every chosen value; `ANY` chooses nothing."""
        found = set(range(len(self.rows)))
        for facet, value in choices.items():
            if value != ANY:
                found &= self.index[facet].get(value, set())
        return sorted(found)

    def counts(self, facet: str, choices: Mapping[str, str]) -> dict[str, int]:
        """Pages by value of `facet`, in alphabetical order, `ANY` first and `NOT_STATED` last.

        Values without a page are left out, except the one that is chosen.
        """
        left = set(self.select({name: value for name, value in choices.items() if name != facet}))
        sizes = {value: len(pages & left) for value, pages in self.index[facet].items()}
        order = sorted(sizes, key=lambda value: (value == NOT_STATED, value.casefold()))
        return {ANY: len(left)} | {value: sizes[value] for value in order if sizes[value] or value == choices[facet]}

    def row(self, position: int) -> dict[str, Any]:
        """All that is known about a page, without its image."""
        return self.facts[position]

    def picture(self, position: int, width: int) -> Image.Image:
        """The page for a screen: grey or colour, at most `width` px wide; browsers don't show 1-bit TIFF."""
        page = self.rows[position]["image"]
        shown = page.convert("L" if page.mode in ("1", "L") else "RGB")
        shown.thumbnail((width, 2 * width), Image.Resampling.LANCZOS, reducing_gap=2)
        return shown
