"""Unrolls the pages of a score, see `scorehub.strip`; the strip is as high as its noteheads need.

MSMD's own strips are 200 px high from pages 835 px wide, whatever lies beyond (github CPJKU/msmd, data_pools.py).
"""

from dataclasses import replace

import numpy as np

from scorehub.dataset_builders.msmd.score import Columns, Score, read_image, write_image
from scorehub.strip import unroll

MARGIN = 1.0  # rows above and below systems and noteheads, in heights of a notehead

_PLACE = np.dtype([("page", "i8"), ("system", "i8"), ("x", "f8"), ("y", "f8"), ("w", "f8"), ("h", "f8")])


def unroll_score(score: Score) -> Score:
    """The score as one strip; boxes and noteheads move with their systems.

    Raises:
        ValueError: the systems' sizes or places are unknown or not on their pages, or the strip would be too large.
    """
    tables = [score.systems, score.bars, score.noteheads]
    rows = [_rows(table) for table in tables]
    if not len(rows[0]) or np.isnan(rows[0]["w"] + rows[0]["h"]).any():
        raise ValueError("systems must be known for a strip, got none or some without size")
    pages = [read_image(page) for page in score.pages]
    height, highest = _height(score), max(map(len, pages))
    if height > 2 * highest:
        raise ValueError(f"noteheads must lie by their systems, on pages {highest} high, got a strip of {height}")
    strip = unroll(pages, rows[0], np.concatenate(rows), height)
    parts = np.split(strip.notes, np.cumsum([len(part) for part in rows])[:-1])
    systems, bars, noteheads = (_moved(table, part) for table, part in zip(tables, parts, strict=True))
    return replace(score, pages=[write_image(strip.image)], systems=systems, bars=bars, noteheads=noteheads)


def _rows(table: Columns) -> np.ndarray:
    rows = np.zeros(len(table["x"]), _PLACE)
    for name in _PLACE.names or ():
        rows[name] = table[name]
    return rows


def _height(score: Score) -> int:
    notes, systems = score.noteheads, score.systems
    size = notes["h"][~np.isnan(notes["h"])]
    reach = np.abs(notes["y"] - systems["y"][notes["system"]]).max(initial=systems["h"].max() / 2)
    return 2 * int(np.ceil(reach + (0.5 + MARGIN) * (np.median(size) if len(size) else 0)))


def _moved(table: Columns, rows: np.ndarray) -> Columns:
    return table | {"page": np.zeros_like(table["page"]), "x": rows["x"], "y": rows["y"]}
