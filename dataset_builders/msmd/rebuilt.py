"""MSMD rebuilt from Mutopia's LilyPond sources: pages, MIDI, and a table of noteheads.

    pieces.csv       piece, split (train, valid, test), licence, dpi, ...: a line a piece
    notes.parquet    piece, page (from 0), x, y (centre, px), w, h, pitch, onset_quarter, onset_sec, in_midi, ...
    pages_midi.tar   PIECE/page_0.png ... and PIECE/score.mid; or these folders, unpacked, beside the tables

A notehead with `in_midi` 0 goes on with a tied note. The table names no systems: systems.py finds them.
"""

import csv
import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scorehub.dataset_builders.archives import MAX_FILE_BYTES, Archive, Folder, index_archive
from scorehub.dataset_builders.msmd.score import BOX, MAX_PAGES, NOTEHEAD, Score, columns, read_image
from scorehub.dataset_builders.msmd.systems import find_systems

ARCHIVE = "pages_midi.tar"
MAX_TABLE_BYTES = 2**28
MAX_ROWS = 20_000_000  # of notes.parquet

_NUMBERS = ("page", "x", "y", "w", "h", "pitch", "onset_quarter", "onset_sec", "in_midi")
_PIECE_COLUMNS = ("piece", "split", "licence", "dpi")

Columns = dict[str, np.ndarray]


def read_pieces(folder: Path) -> dict[str, dict[str, str]]:
    """Piece -> its line of `pieces.csv`, sorted.

    Raises:
        ValueError: the table is missing, lacks a column, or names a piece twice or in a way that no folder can have.
    """
    path = folder / "pieces.csv"
    if not path.is_file() or path.stat().st_size > MAX_TABLE_BYTES:
        raise ValueError(f"data_dir must hold pieces.csv, notes.parquet and {ARCHIVE}, got {folder}")
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"pieces.csv must be a table, got: {error}") from None
    if not lines:
        raise ValueError("pieces.csv must have a line for each piece, got none")
    pieces: dict[str, dict[str, str]] = {}
    for row in lines:
        if missing := [column for column in _PIECE_COLUMNS if row.get(column) is None]:
            raise ValueError(f"pieces.csv must have columns {', '.join(_PIECE_COLUMNS)}, got no {', '.join(missing)}")
        name = row["piece"]
        if name in pieces or name in ("", ".", "..") or set("/\\\0") & set(name):
            raise ValueError(f"pieces.csv must name each piece once, without slashes, got {name!r}")
        pieces[name] = row
    return dict(sorted(pieces.items()))


def read_notes(folder: Path) -> dict[str, Columns]:
    """Piece -> its noteheads, columns of float64 (N,).

    Raises:
        ValueError: the table is missing, damaged, or lacks a column.
    """
    path = folder / "notes.parquet"
    try:
        if pq.read_metadata(path).num_rows > MAX_ROWS:
            raise ValueError(f"notes.parquet must have at most {MAX_ROWS} rows, got more")
        # A name is kept once, as the file has it: a long one in millions of rows would fill any memory.
        table = pq.read_table(path, columns=["piece", *_NUMBERS], read_dictionary=["piece"])
        numbers = {name: np.asarray(table[name].cast(pa.float64())) for name in _NUMBERS}
        pieces = table["piece"].unify_dictionaries().combine_chunks()
        if not isinstance(pieces, pa.DictionaryArray) or pieces.null_count:
            raise pa.ArrowInvalid("pieces that are no text")
        known = pieces.dictionary.cast(pa.string()).to_pylist()
    except (pa.ArrowException, KeyError, OSError) as error:
        raise ValueError(f"notes.parquet must be a table of {', '.join(_NUMBERS)}, got: {error}") from None
    order = np.argsort(pieces.indices, kind="stable")
    names, starts = np.unique(np.asarray(pieces.indices)[order], return_index=True)
    parts = np.split(order, starts[1:])
    return {
        known[name]: {column: values[rows] for column, values in numbers.items()}
        for name, rows in zip(names, parts, strict=False)  # an empty table has one empty part
    }


def open_files(folder: Path) -> Folder | Archive:
    """The pages and MIDI files, in the archive or unpacked; no file stays open.

    Raises:
        ValueError: there is an archive that can't be read.
    """
    return index_archive(folder / ARCHIVE) if (folder / ARCHIVE).is_file() else Folder(folder)


class Source(NamedTuple):
    """All of a rebuilt MSMD: its tables, and access to its files."""

    pieces: dict[str, dict[str, str]]
    notes: dict[str, Columns]
    files: Folder | Archive


def open_rebuilt(folder: Path) -> Source:
    """Reads the tables, once a process: a stream asks for its pieces one by one.

    Raises:
        ValueError: a table or the archive is missing or damaged.
    """
    paths = [folder / name for name in ("pieces.csv", "notes.parquet", ARCHIVE)]
    return _open(folder, tuple(path.stat().st_mtime_ns if path.is_file() else 0 for path in paths))


@lru_cache(maxsize=1)
def _open(folder: Path, modified: tuple[int, ...]) -> Source:
    return Source(read_pieces(folder), read_notes(folder), open_files(folder))


def read_rebuilt(piece: str, source: Source) -> tuple[Score, bytes]:
    """A piece's score and MIDI.

    Raises:
        ValueError: a page, the MIDI or the noteheads are missing or damaged.
    """
    notes = source.notes.get(piece)
    if notes is None or not all(np.isfinite(column).all() for column in notes.values()):
        raise ValueError("notes.parquet must have rows of finite numbers for the piece, got none or others")
    n_pages = int(min(notes["page"].max(), MAX_PAGES)) + 1
    names = [*(f"{piece}/page_{number}.png" for number in range(n_pages)), f"{piece}/score.mid"]
    loaded = source.files.load(names)
    if missing := [name for name in names if name not in loaded]:
        raise ValueError(f"{missing[0]} must be a file of at most {MAX_FILE_BYTES} bytes, got none")
    *pages, midi = (loaded[name] for name in names)
    boxes, system = _systems(pages, notes)
    _check_order(system, notes["onset_quarter"])
    score = Score(
        pages=pages,
        systems=columns(BOX, **boxes),
        noteheads=columns(
            NOTEHEAD,
            **{name: notes[name] for name in ("page", "x", "y", "w", "h", "pitch", "onset_quarter")},
            system=system,
            onset=notes["onset_sec"],
            tied=notes["in_midi"] == 0,
        ),
        dpi=_positive(source.pieces[piece]["dpi"]),
    )
    return score, midi


def _systems(pages: list[bytes], notes: Columns) -> tuple[Columns, np.ndarray]:
    """The systems of all pages, and the number of the system of each notehead."""
    found: list[np.ndarray] = []
    system = np.zeros(len(notes["page"]), np.int64)
    first = 0
    for number, page in enumerate(pages):
        here = notes["page"] == number
        boxes, of_note = find_systems(read_image(page), *(notes[name][here] for name in ("x", "y", "onset_quarter")))
        found.append(np.column_stack([np.full(len(boxes), number), boxes]))
        system[here] = first + of_note
        first += len(boxes)
    table = np.concatenate(found)
    names = ("page", "x", "y", "w", "h")
    return dict(zip(names, table.T, strict=True)) | {"system": np.arange(len(table))}, system


def _check_order(system: np.ndarray, onset: np.ndarray) -> None:
    """Some files hold several movements, whose clocks begin anew while their MIDI plays all at once."""
    numbers = np.unique(system)
    middles = [np.median(onset[system == number]) for number in numbers]
    if np.any(np.diff(middles) <= 0):
        later = int(numbers[np.argmax(np.diff(middles) <= 0) + 1])
        raise ValueError(f"systems must follow each other in time, got system {later} before the one above it")


def _positive(text: str) -> float:
    if not re.fullmatch(r"\d{1,4}(\.\d{1,9})?", text) or not float(text):
        raise ValueError(f"dpi must be positive, got {text[:40]!r}")
    return float(text)
