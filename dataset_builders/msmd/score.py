"""A score between its source and its row: images with boxes, whatever layout the files had."""

import io
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

MAX_PAGES = 200
MAX_PIXELS = 64 * 2**20  # of one image

BOX = ("page", "system", "x", "y", "w", "h")
NOTEHEAD = (*BOX, "pitch", "onset", "onset_quarter", "tied")
_KINDS = {"page": np.int64, "system": np.int64, "pitch": np.int64, "tied": np.bool_}

Columns = dict[str, np.ndarray]


def columns(names: tuple[str, ...], **values: Any) -> Columns:
    """Columns (N,) of the given names; floating columns that are left out are NaN, and `pitch` is -1, for unknown.

    Raises:
        ValueError: a value is no number or too large.
    """
    size = len(values["x"])
    unknown: dict[str, Any] = {"pitch": np.full(size, -1), "tied": np.zeros(size, bool)}
    table = {name: values.get(name, unknown.get(name, np.full(size, np.nan))) for name in names}
    try:
        return {name: np.asarray(column, _KINDS.get(name, np.float64)) for name, column in table.items()}
    except (TypeError, OverflowError) as error:
        raise ValueError(f"columns must hold numbers, got: {error}") from None


def no_boxes() -> Columns:
    """A table of no boxes."""
    return columns(BOX, **{name: [] for name in BOX})


@dataclass(frozen=True)
class Score:
    """Images with systems, bars and noteheads; columns as in `schema.py`, unknown numbers NaN and unknown pitch -1.

    Raises:
        ValueError: tables contradict each other or the number of pages, or hold impossible numbers.
    """

    pages: list[bytes]  # PNG
    systems: Columns
    noteheads: Columns
    bars: Columns = field(default_factory=no_boxes)
    dpi: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.pages) <= MAX_PAGES:
            raise ValueError(f"score must have 1 to {MAX_PAGES} pages, got {len(self.pages)}")
        n_systems = len(self.systems["x"])
        if not np.array_equal(self.systems["system"], np.arange(n_systems)):
            raise ValueError("systems must be numbered from 0 in their order, got other numbers")
        for name, table in (("systems", self.systems), ("bars", self.bars), ("noteheads", self.noteheads)):
            self._check_table(name, table, n_systems)
        if not len(self.noteheads["x"]):
            raise ValueError("score must have noteheads, got none")
        _check_range("pitch", self.noteheads["pitch"], -1, 127)
        for column in ("onset", "onset_quarter"):
            known = self.noteheads[column][~np.isnan(self.noteheads[column])]
            _check_range(column, known, 0, 1e6)
        if np.isnan(self.noteheads["onset"]).all():
            raise ValueError("score must have noteheads with onsets, got none")

    def _check_table(self, name: str, table: Columns, n_systems: int) -> None:
        if len({column.shape for column in table.values()}) != 1 or table["x"].ndim != 1:
            raise ValueError(f"{name} must have columns of one length, got {[c.shape for c in table.values()]}")
        _check_range(f"page of {name}", table["page"], 0, len(self.pages) - 1)
        _check_range(f"system of {name}", table["system"], 0, n_systems - 1)
        for column in ("x", "y"):
            _check_range(f"{column} of {name}", table[column], -1e5, 1e6)
        for column in ("w", "h"):
            _check_range(f"{column} of {name}", table[column][~np.isnan(table[column])], 0, 1e6)


def _check_range(name: str, column: np.ndarray, low: float, high: float) -> None:
    if len(column) and not (column.min() >= low and column.max() <= high):  # false for NaN too
        raise ValueError(f"{name} must be {low:g} to {high:g}, got {column.min():g} to {column.max():g}")


def table_row(table: Columns) -> dict[str, list[Any]]:
    """Columns as lists, with None for what is unknown."""
    row = {}
    for name, column in table.items():
        unknown = column < 0 if name == "pitch" else np.isnan(column) if column.dtype.kind == "f" else None
        values = column.tolist()
        missing = [] if unknown is None else np.flatnonzero(unknown).tolist()
        for index in missing:
            values[index] = None
        row[name] = values
    return row


def read_image(data: bytes) -> np.ndarray:
    """A grey uint8 image (H, W) from the bytes of a PNG.

    Raises:
        ValueError: it is no PNG, damaged, or too large.
    """
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"image must have at most {MAX_PIXELS} pixels, got {image.width} x {image.height}")
            return np.asarray(image.convert("L"))
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"image must be a whole PNG, got: {error}") from None


def write_image(image: np.ndarray) -> bytes:
    """A grey uint8 image (H, W) as PNG.

    Raises:
        ValueError: it is no such image, empty or too large.
    """
    if image.ndim != 2 or image.dtype != np.uint8 or not 0 < image.size <= MAX_PIXELS:
        raise ValueError(f"image must be uint8 (H, W) of up to {MAX_PIXELS} pixels, got {image.dtype} {image.shape}")
    file = io.BytesIO()
    Image.fromarray(image).save(file, format="PNG")
    return file.getvalue()
