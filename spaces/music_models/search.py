"""Tables that are searched: rows that have all words of a search and all values that are chosen.

A row is found by any of its fields. Case and accents don't matter: `mousai` finds Moûsai.
"""

import csv
import json
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

ANY = "any"
MAX_SEARCH = 200  # characters

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Wanted:
    """What a visitor looks for.

    Attributes:
        choices: field -> value; `ANY` chooses nothing.
        years: the first and the last that are wanted.
    """

    search: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)
    years: tuple[int, int] | None = None


class Table:
    """Rows of the same fields, each with an `id`; values are texts, numbers, lists of texts, or None."""

    def __init__(self, rows: Sequence[Row]):
        self.rows = rows
        self._texts = [fold("\n".join(flat(value) for value in row.values())) for row in rows]

    def select(self, wanted: Wanted) -> list[Row]:
        """The rows that are wanted, in their order.

        Raises:
            ValueError: the search is too long.
        """
        if len(wanted.search) > MAX_SEARCH:
            raise ValueError(f"search must have at most {MAX_SEARCH} characters, got {len(wanted.search):,}")
        words = fold(wanted.search).split()
        found = [row for row, text in zip(self.rows, self._texts, strict=True) if all(word in text for word in words)]
        return [row for row in found if _is_chosen(row, wanted)]

    def count(self, name: str, wanted: Wanted) -> dict[str, int]:
        """Rows by value of a field, as the rest of what is wanted leaves them: `ANY` first, then by the alphabet.

        Values without a row are left out, except the one that is chosen.
        """
        left = self.select(replace(wanted, choices={**wanted.choices, name: ANY}))
        sizes = Counter(row[name] for row in left)
        values = {*sizes, wanted.choices.get(name, ANY)} - {ANY}
        return {ANY: len(left)} | {value: sizes[value] for value in sorted(values, key=str.casefold)}

    def write(self, rows: Sequence[Row], stem: str, folder: Path) -> list[Path]:
        """Writes some rows as `stem.csv`, in which `; ` sets the parts of a list apart, and as `stem.json`."""
        paths = [folder / f"{stem}.csv", folder / f"{stem}.json"]
        with paths[0].open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(self.rows[0]))
            writer.writeheader()
            writer.writerows({name: flat(value) for name, value in row.items()} for row in rows)
        paths[1].write_text(json.dumps(rows, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        return paths


def fold(text: str) -> str:
    """Small letters without accents."""
    parts = unicodedata.normalize("NFKD", text)
    return "".join(part for part in parts if not unicodedata.combining(part)).casefold()


def flat(value: Any) -> str:
    """A value as text."""
    if isinstance(value, list):
        return "; ".join(value)
    return "" if value is None else str(value)


def _is_chosen(row: Row, wanted: Wanted) -> bool:
    if wanted.years and not wanted.years[0] <= row["year"] <= wanted.years[1]:
        return False
    return all(value in (ANY, row[name]) for name, value in wanted.choices.items())
