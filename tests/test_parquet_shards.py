"""Files of rows: groups are bounded by rows and by bytes, and what is read back is what was written."""

import datasets
import numpy as np
import pyarrow.parquet as pq
import pytest

from scorehub.dataset_builders import parquet_shards
from scorehub.dataset_builders.parquet_shards import ROWS_PER_GROUP, ShardWriter, read_shards

FEATURES = datasets.Features(
    {
        "id": datasets.Value("int64"),
        "audio": {"bytes": datasets.Value("binary"), "path": datasets.Value("string")},
        "pages": datasets.List({"bytes": datasets.Value("binary")}),
        "onset": datasets.List(datasets.Value("float64")),
    }
)


def rows(count, **large):
    small = {"audio": None, "pages": [], "onset": []}
    return [{"id": number, **small, **large} for number in range(count)]


def written(path, rows):
    with ShardWriter(path, FEATURES) as shard:
        for row in rows:
            shard.add(row)
    metadata = pq.read_metadata(path)
    return [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]


@pytest.mark.parametrize(
    "large",
    [
        {"audio": {"bytes": bytes(1000), "path": "a.flac"}},
        {"pages": [{"bytes": bytes(500)}] * 2},
        {"onset": np.arange(125.0).tolist()},
    ],
)
def test_large_rows_make_small_groups(large, tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_shards, "BYTES_PER_GROUP", 4000)
    large_rows = rows(10, **large)
    assert written(tmp_path / "a.parquet", large_rows) == [4, 4, 2]
    assert list(read_shards([tmp_path / "a.parquet"])) == large_rows


def test_groups_of_small_rows_have_as_many_as_ever(tmp_path):
    assert written(tmp_path / "a.parquet", rows(2 * ROWS_PER_GROUP + 1)) == [ROWS_PER_GROUP, ROWS_PER_GROUP, 1]
    found = [row["id"] for row in read_shards([tmp_path / "a.parquet"], ["id"])]
    assert found == list(range(2 * ROWS_PER_GROUP + 1))


def test_a_group_is_read_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_shards, "BYTES_PER_GROUP", 1)
    written(tmp_path / "a.parquet", rows(4))
    read, held = pq.ParquetFile.iter_batches, []

    def recorded(*arguments, **options):
        for batch in read(*arguments, **options):
            held.append(batch.num_rows)
            yield batch

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", recorded)
    assert len(list(read_shards([tmp_path / "a.parquet"]))) == 4
    assert held == [1, 1, 1, 1]
