"""Parquet files of dataset rows, written and read a row group at a time."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Features

ROWS_PER_GROUP = 100  # rows of 100 kB: groups of 10 MB, which the Hub's viewer reads one at a time
ROWS_PER_TABLE = 10  # what a stream holds in memory


class ShardWriter:
    """A Parquet file of rows; images and audio as `{"bytes", "path"}`."""

    def __init__(self, path: Path, features: Features):
        self.path = path
        self.schema = features.arrow_schema
        self.rows: list[dict[str, Any]] = []

    def __enter__(self) -> "ShardWriter":
        self.file = pq.ParquetWriter(self.path, self.schema, write_page_index=True)
        return self

    def add(self, row: dict[str, Any]) -> None:
        """Adds a row."""
        self.rows.append(row)
        if len(self.rows) == ROWS_PER_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self.rows:
            self.file.write_table(pa.Table.from_pylist(self.rows, schema=self.schema))
            self.rows.clear()

    def __exit__(self, *_: object) -> None:
        self._flush()
        self.file.close()


def read_shards(paths: Iterable[str | Path], columns: list[str] | None = None) -> Iterator[dict[str, Any]]:
    """The rows of Parquet files one after the other, images as `{"bytes", "path"}`, a row group in memory."""
    for path in paths:
        for batch in pq.ParquetFile(path).iter_batches(batch_size=ROWS_PER_GROUP, columns=columns):
            yield from batch.to_pylist()


def find_shards(folder: str | Path) -> dict[str, list[Path]]:
    """split -> its files in `folder/data`, of the splits that have any, train first.

    Raises:
        ValueError: `folder` has no `data/`.
    """
    if not (Path(folder) / "data").is_dir():
        raise ValueError(f"folder must be a built dataset with data/, got {str(folder)!r}")
    found: dict[str, list[Path]] = {"train": [], "validation": [], "test": []}
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
