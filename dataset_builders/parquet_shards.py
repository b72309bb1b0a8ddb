"""Parquet files of dataset rows, written and read a row group at a time."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Features

from scorehub.dataset_builders.splits import SPLITS

ROWS_PER_GROUP = 100  # rows of 100 kB: groups of 10 MB, which the Hub's viewer reads one at a time
BYTES_PER_GROUP = 64 * 2**20  # rows with audio have 10 MB
ROWS_PER_TABLE = 10  # what a stream holds in memory


class ShardWriter:
    """A Parquet file of rows; images and audio as `{"bytes", "path"}`."""

    def __init__(self, path: Path, features: Features):
        self.path = path
        self.schema = features.arrow_schema
        self.rows: list[dict[str, Any]] = []
        self.n_bytes = 0  # of these rows

    def __enter__(self) -> "ShardWriter":
        self.file = pq.ParquetWriter(self.path, self.schema, write_page_index=True)
        return self

    def add(self, row: dict[str, Any]) -> None:
        """Adds a row."""
        self.rows.append(row)
        self.n_bytes += _n_bytes(row)
        if len(self.rows) == ROWS_PER_GROUP or self.n_bytes >= BYTES_PER_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self.rows:
            self.file.write_table(pa.Table.from_pylist(self.rows, schema=self.schema))
            self.rows.clear()
            self.n_bytes = 0

    def __exit__(self, *_: object) -> None:
        self._flush()
        self.file.close()


def _n_bytes(value: Any) -> int:
    """About as many as Parquet has to hold at once; a list of numbers is not looked through."""
    if isinstance(value, dict):
        return sum(map(_n_bytes, value.values()))
    if isinstance(value, (bytes, str)):
        return len(value)
    if isinstance(value, list):
        return 8 * len(value) if value and isinstance(value[0], (int, float)) else sum(map(_n_bytes, value))
    return 8


def read_shards(paths: Iterable[str | Path], columns: list[str] | None = None) -> Iterator[dict[str, Any]]:
    """The rows of Parquet files one after the other, images as `{"bytes", "path"}`, a row group in memory."""
    for path in paths:
        file = pq.ParquetFile(path)
        for group in range(file.num_row_groups):  # a batch would go on into the next group
            for batch in file.iter_batches(ROWS_PER_GROUP, row_groups=[group], columns=columns):
                yield from batch.to_pylist()


def find_shards(folder: str | Path) -> dict[str, list[Path]]:
    """split -> its files in `folder/data`, of the splits that have any, train first.

    Raises:
        ValueError: `folder` has no `data/`.
    """
    if not (Path(folder) / "data").is_dir():
        raise ValueError(f"folder must be a built dataset with data/, got {str(folder)!r}")
    found: dict[str, list[Path]] = {split: [] for split in SPLITS}
    for path in sorted((Path(folder) / "data").glob("*-*.parquet")):
        found.setdefault(path.name.split("-")[0], []).append(path)
    return {split: paths for split, paths in found.items() if paths}


def tables(rows: Iterable[dict[str, Any]], features: Features) -> Iterator[tuple[int, pa.Table]]:
    """Rows as the numbered tables that an `ArrowBasedBuilder` generates.

    A builder of single rows would encode them once more, which `datasets` does for audio only where torchcodec is
    installed, although the files are encoded already.
    """
    for number, batch in enumerate(batched(rows, ROWS_PER_TABLE)):
        yield number, pa.Table.from_pylist(batch, schema=features.arrow_schema)


def batched(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Lists of `size` rows, the last one shorter."""
    iterator = iter(rows)
    while batch := list(islice(iterator, size)):
        yield batch
