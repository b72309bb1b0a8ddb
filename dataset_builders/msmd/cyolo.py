"""The files of CYOLO (Henkel & Widmer 2021) and CODA: the pages of a piece in an .npz, its sound beside it.

    <split>/PIECE.npz    sheets       uint8 (pages, H, W)
                         coords       objects (N,): dicts with `onset` (seconds), `note_x`, `page_nr`, `system_idx`,
                                      and in the later version `bar_idx`; some have `note_y`, `pitch`
                         systems      objects (S,): dicts with `x`, `y` (the centre), `w`, `h`, `page_nr`
                         bars         the same, in the later version only
                         synthesized  bool (): rendered from MIDI, or played
    <split>/PIECE.wav    22,050 Hz; PIECE.mid where there is one

Folders are called msmd_train, msmd_valid, msmd_test. Numbers of systems and bars count through the piece. A note whose
`note_x` is not positive has no place on the page (CYOLO's loader keeps its onset only) and is left out; without
`note_y` a note lies in the middle of its system, which is where that loader puts every note.

Source: github CPJKU/cyolo_score_following, utils/data_utils.py (branches eusipco-2021 and main).
"""

from typing import Any

import numpy as np

from scorehub.dataset_builders.msmd.safe_npz import read_npz
from scorehub.dataset_builders.msmd.score import (
    BOX,
    MAX_PAGES,
    NOTEHEAD,
    Columns,
    Score,
    columns,
    no_boxes,
    write_image,
)

_NEEDED = {"sheets", "coords", "systems"}


def read_cyolo(data: bytes) -> Score:
    """The pages of a piece.

    Raises:
        ValueError: the .npz can't be read, or its tables contradict each other.
    """
    arrays = read_npz(data)
    if missing := _NEEDED - set(arrays):
        raise ValueError(f"npz of CYOLO must hold sheets, coords and systems, got no {', '.join(sorted(missing))}")
    sheets = arrays["sheets"]
    if sheets.ndim != 3 or len(sheets) > MAX_PAGES:
        raise ValueError(f"sheets must be (pages, H, W) of up to {MAX_PAGES} pages, got {sheets.shape}")
    systems, order = _systems(arrays["systems"])
    return Score(
        pages=[write_image(sheet) for sheet in sheets],
        systems=systems,
        noteheads=_noteheads(arrays["coords"], systems, order),
        bars=_bars(arrays["bars"], systems) if "bars" in arrays else no_boxes(),
    )


def _column(table: np.ndarray, key: str, default: float | None = None) -> np.ndarray:
    """A key of all dicts as float64 (N,)."""
    values: list[float] = []
    for entry in table.ravel().tolist():
        value = entry.get(key, default) if isinstance(entry, dict) else None
        if not isinstance(value, int | float):
            raise ValueError(f"entries must be dicts with a number {key!r}, got {type(value).__name__}")
        values.append(float(value))
    return np.array(values, np.float64)


def _indices(table: np.ndarray, key: str, count: int) -> np.ndarray:
    """A key of all dicts as whole numbers below `count`."""
    column = _column(table, key)
    if len(column) and not (column.min() >= 0 and column.max() < count and np.all(column % 1 == 0)):
        raise ValueError(f"{key} must be a whole number below {count}, got another")
    return column.astype(np.int64)


def _boxes(table: np.ndarray) -> dict[str, Any]:
    page = _indices(table, "page_nr", 10**6)
    return {"page": page} | {key: _column(table, key) for key in ("x", "y", "w", "h")}


def _systems(table: np.ndarray) -> tuple[Columns, np.ndarray]:
    """The systems in reading order, and the place (S,) in it of each entry."""
    boxes = _boxes(table)
    reading = np.lexsort((boxes["y"], boxes["page"]))
    order = np.argsort(reading)
    sorted_boxes = {name: column[reading] for name, column in boxes.items()}
    return columns(BOX, system=np.arange(len(reading)), **sorted_boxes), order


def _bars(table: np.ndarray, systems: Columns) -> Columns:
    """Bars lie in the system of their page whose centre is nearest."""
    boxes = _boxes(table)
    if not len(systems["x"]):
        raise ValueError(f"bars must lie in systems, got {len(boxes['x'])} bars without any")
    distance = np.abs(boxes["y"][:, None] - systems["y"])
    distance[boxes["page"][:, None] != systems["page"]] = np.inf
    return columns(BOX, system=distance.argmin(axis=1), **boxes)


def _noteheads(table: np.ndarray, systems: Columns, order: np.ndarray) -> Columns:
    x = _column(table, "note_x")
    placed = table.ravel()[x > 0]
    system = order[_indices(placed, "system_idx", len(order))]
    page = _indices(placed, "page_nr", 10**6)
    if np.any(systems["page"][system] != page):
        raise ValueError("page_nr of notes must be that of their systems, got another")
    y = _column(placed, "note_y", default=np.nan)
    pitch = _column(placed, "pitch", default=-1)
    if not np.all(pitch % 1 == 0):
        raise ValueError("pitch must be a whole number, got another")
    return columns(
        NOTEHEAD,
        page=page,
        system=system,
        x=x[x > 0],
        y=np.where(y > 0, y, systems["y"][system]),
        pitch=pitch.astype(np.int64),
        onset=_column(placed, "onset"),
    )
