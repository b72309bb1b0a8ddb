"""MAESTRO's table of performances: `maestro-v3.0.0.csv`, or the JSON of the same name, which has the same columns.

The JSON is an object of columns, each an object from row numbers to values. Versions 1 and 2 have tables of this form
too. Paths start where the table lies.

Source: https://magenta.tensorflow.org/datasets/maestro.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from scorehub.dataset_builders.note_pieces import Piece
from scorehub.dataset_builders.splits import SPLITS

MAX_ROWS = 100_000  # v3.0.0 has 1,276

_NAME = re.compile(r"(?:[^/]+/)?(maestro-v\d+\.\d+\.\d+)\.(csv|json)")
_COLUMNS = ("canonical_composer", "canonical_title", "split", "year", "midi_filename", "audio_filename")


def find_index(names: Iterable[str]) -> str:
    """The table among the names of files, at most one folder deep; the CSV where there are both.

    Raises:
        ValueError: there is none.
    """
    found = [name for name in names if _NAME.fullmatch(name)]
    if not found:
        raise ValueError("data_dir must have a maestro-v3.0.0.csv or .json in it, got none")
    return min(found, key=lambda name: (name.count("/"), name.endswith(".json"), name))


def read_index(name: str, data: bytes, licence: str) -> dict[str, list[Piece]]:
    """split -> its performances, sorted by path.

    Raises:
        ValueError: it is no table of this form; a split is unknown; a file is in it twice.
    """
    match = _NAME.fullmatch(name)
    assert match
    try:
        text = data.decode("utf-8-sig")
        rows = list(_json_rows(text) if match[2] == "json" else _csv_rows(text))
    except (csv.Error, json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{name} must be a table in {match[2].upper()}, got: {error}") from None
    splits: dict[str, list[Piece]] = {split: [] for split in SPLITS}
    prefix = name[: match.start(1)]
    seen: set[str] = set()
    for number, row in enumerate(rows, 1):
        path = prefix + row["midi_filename"]
        if row["split"] not in SPLITS or path in seen or not row["midi_filename"]:
            raise ValueError(f"row {number} must have a split and a file of its own, got {row['split']!r}, {path!r}")
        seen.add(path)
        splits[row["split"]].append(_piece(row, path, match[1], licence))
    return {split: sorted(pieces, key=lambda piece: piece.path) for split, pieces in splits.items()}


def _piece(row: Mapping[str, str], path: str, version: str, licence: str) -> Piece:
    composer, title = row["canonical_composer"], row["canonical_title"]
    return Piece(
        path=path,
        title=title,
        group=f"{composer} {title}",
        source=f"{version} {row['midi_filename']}",
        composer=composer,
        year=row["year"],
        license=licence,
        more={"audio_filename": row["audio_filename"]},
    )


def _csv_rows(text: str) -> Iterator[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(text), strict=True)
    _check_columns(reader.fieldnames or ())
    for number, row in enumerate(reader):
        _check_length(number)
        yield {column: row[column] or "" for column in _COLUMNS}


def _json_rows(text: str) -> Iterator[dict[str, str]]:
    table: Any = json.loads(text)
    fields = table.items() if isinstance(table, dict) else ()
    columns = {name: column for name, column in fields if isinstance(column, dict)}
    _check_columns(columns)
    for number, key in enumerate(columns["midi_filename"]):
        _check_length(number)
        values = [columns[column].get(key) for column in _COLUMNS]
        yield {column: "" if value is None else str(value) for column, value in zip(_COLUMNS, values, strict=True)}


def _check_columns(names: Iterable[str]) -> None:
    missing = set(_COLUMNS) - set(names)
    if missing:
        raise ValueError(f"table must have MAESTRO's columns, got none named {sorted(missing)}")


def _check_length(number: int) -> None:
    if number >= MAX_ROWS:
        raise ValueError(f"table must have at most {MAX_ROWS} rows, got more")
