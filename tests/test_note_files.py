"""Folders and archives of MIDI files: each archive is read once, forward, by as many as want to."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise
from multiprocessing import get_context

import numpy as np
import pytest
from folders_and_archives import write_folder, write_tar, write_zip
from maestro_files import load, midi, pieces

from scorehub.dataset_builders import archives
from scorehub.dataset_builders import note_files as source
from scorehub.dataset_builders.maestro.maestro import Maestro
from scorehub.dataset_builders.note_files import batches, open_files


def test_folders_and_archives_of_midi_files_have_the_same_rows(tmp_path):
    files = {f"a/{i}.mid": midi(seed=i) for i in range(8)} | {"b/8.MIDI": midi(seed=8), "readme.txt": b"no music"}
    found = [
        load(tmp_path / f"cache-{path.name}", "folder", data_dir=str(path), license="CC0 1.0")
        for path in (
            write_folder(tmp_path / "folder", files),
            write_zip(tmp_path / "a.zip", files),
            write_tar(tmp_path / "a.tar.gz", files),
        )
    ]
    assert sorted(found[0]) == sorted([*(f"a/{i}" for i in range(8)), "b/8"])
    for rows in found:
        assert {name: (row["notes"], row["split"]) for name, row in rows.items()} == {
            name: (row["notes"], row["split"]) for name, row in found[0].items()
        }
    assert {row["license"] for row in found[0].values()} == {"CC0 1.0"}
    assert found[1]["b/8"]["source"] == "a.zip/b/8.MIDI"


def test_a_stream_unpacks_an_archive_once(tmp_path):
    path = write_tar(tmp_path / "midi.tar.gz", {f"{i}.mid": midi(seed=i) for i in range(12)})
    source._read_batch.cache_clear()
    builder = Maestro(cache_dir=str(tmp_path / "s"), config_name="folder", data_dir=str(path))
    assert sum(len(list(stream)) for stream in builder.as_streaming_dataset().values()) == 12
    assert source._read_batch.cache_info().misses == 1


def test_a_tar_in_any_order_is_read_forward_once_a_split(tmp_path, monkeypatch):
    names = [f"{i:02}.mid" for i in np.random.default_rng(0).permutation(40)]
    path = write_tar(tmp_path / "midi.tar.gz", {name: midi(seed=int(name[:2])) for name in names})
    monkeypatch.setattr(source, "BATCH_BYTES", 4 * len(midi()))
    read, batch = source._read_batch.__wrapped__, []
    recorded = lru_cache(source.CACHED_BATCHES)(lambda tar, number: batch.append(number) or read(tar, number))
    monkeypatch.setattr(source, "_read_batch", recorded)
    source._opened_tar.cache_clear()

    rows = load(tmp_path, "folder", data_dir=str(path))

    assert {name: row["midi"] for name, row in rows.items()} == {f"{i:02}": midi(seed=i) for i in range(40)}
    assert max(batch) >= 9
    assert sum(later <= earlier for earlier, later in pairwise(batch)) == 2  # where the next split begins
    assert source._opened_tar.cache_info().misses == 1


def test_rows_of_an_archive_that_is_read_at_once_are_in_the_order_of_names(tmp_path):
    path = write_tar(tmp_path / "midi.tar", {f"{i}.mid": midi(seed=i) for i in (3, 1, 0, 4, 2, 7, 5, 6)})
    rows = load(tmp_path, "folder", data_dir=str(path))
    for split in {row["split"] for row in rows.values()}:
        names = [name for name, row in rows.items() if row["split"] == split]
        assert names == sorted(names)


def test_an_archive_is_indexed_once_and_not_at_all_where_its_rows_are_cached(tmp_path, monkeypatch):
    path = write_tar(tmp_path / "midi.tar.gz", {f"{i}.mid": midi(seed=i) for i in range(12)})
    index, indexed = source.index_archive, []
    monkeypatch.setattr(source, "index_archive", lambda *arguments: indexed.append(path) or index(*arguments))
    for _ in range(2):
        source._open_tar.cache_clear()
        assert len(load(tmp_path, "folder", data_dir=str(path))) == 12
        assert len(indexed) == 1
    os.utime(path, ns=(0, 0))
    assert len(load(tmp_path, "folder", data_dir=str(path))) == 12
    assert len(indexed) == 2


def test_a_stream_opens_a_zip_once(tmp_path):
    path = write_zip(tmp_path / "midi.zip", {f"{i}.mid": midi(seed=i) for i in range(12)})
    source._opened_zip.cache_clear()
    builder = Maestro(cache_dir=str(tmp_path / "s"), config_name="folder", data_dir=str(path))
    rows = [row for stream in builder.as_streaming_dataset().values() for row in stream]
    assert {row["id"]: row["midi"] for row in rows} == {str(i): midi(seed=i) for i in range(12)}
    assert source._opened_zip.cache_info().misses == 1


def texts(n):
    """Files that no archive makes smaller, of some buffers each."""
    return {f"{i:02}.txt": np.random.default_rng(i).bytes(100_000) for i in range(n)}


@pytest.mark.parametrize(("write", "opened"), [(write_zip, source._opened_zip), (write_tar, source._opened_tar)])
def test_processes_do_not_move_an_archive_under_each_other(write, opened, tmp_path, monkeypatch):
    monkeypatch.setattr(source, "BATCH_BYTES", 1)
    opened.cache_clear()
    files = open_files(write(tmp_path / "archive", texts(6)))
    found = files.load(["00.txt"])  # from here on it is open
    fork = get_context("fork")
    theirs = fork.SimpleQueue()
    process = fork.Process(target=lambda: theirs.put((files.load(["05.txt"]), opened.cache_info().misses)))
    process.start()
    assert theirs._reader.poll(60)  # a child that fails never answers
    loaded, misses = theirs.get()
    process.join()
    assert misses == 2
    assert found | files.load(list(texts(5))) | loaded == texts(6)


@pytest.mark.parametrize("write", [write_zip, write_tar])
def test_threads_do_not_move_an_archive_under_each_other(write, tmp_path, monkeypatch):
    monkeypatch.setattr(source, "BATCH_BYTES", 1)
    contents = texts(12)
    files = open_files(write(tmp_path / "archive", contents))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda name: files.load([name])[name], [*contents] * 4))
    assert found == [*contents.values()] * 4


def test_changed_files_are_read_anew(tmp_path):
    first = pieces(tmp_path)
    second = pieces(tmp_path, {"0.mid": midi(20, seed=9)})
    assert len(second) == len(first)
    assert len(second["0"]["notes"]["onset"]) == 20


def test_a_zip_of_too_many_members_is_refused_before_they_are_read(tmp_path, monkeypatch):
    path = write_zip(tmp_path / "a.zip", {f"{i}.mid": b"" for i in range(50)})
    monkeypatch.setattr(archives, "MAX_DIRECTORY_BYTES", 1000)
    with pytest.raises(ValueError, match="directory must have at most 1000 bytes"):
        open_files(path)


def test_batches_are_bounded_and_lose_nothing():
    sizes = {str(i): i for i in range(20)}
    found = list(batches([*sizes, "missing"], sizes, 32))
    assert [name for batch in found for name in batch] == [*sizes, "missing"]
    assert all(sum(sizes.get(name, 0) for name in batch) <= 32 for batch in found)
    assert len(found) < 12
    assert list(batches("ab", {"a": 40}, 32)) == [["a"], ["b"]]
