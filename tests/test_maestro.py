"""The builder `maestro` on small archives in MAESTRO's layout and folders of MIDI files, and on its own sample."""

import csv
import hashlib
import io
import json
import os
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise
from multiprocessing import get_context

import datasets
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorehub.dataset_builders import note_files as source
from scorehub.dataset_builders import note_rows
from scorehub.dataset_builders.failures import read_failures
from scorehub.dataset_builders.maestro.index import read_index
from scorehub.dataset_builders.maestro.maestro import FEATURES, Maestro
from scorehub.dataset_builders.musicscore.schema import split_of
from scorehub.dataset_builders.note_files import batches, open_files
from scorehub.notes import make_notes, read_midi, write_midi

COLUMNS = ["canonical_composer", "canonical_title", "split", "year", "midi_filename", "audio_filename", "duration"]
SPLITS = ("train", "train", "validation", "test")
VERSION = "maestro-v3.0.0"


def midi(n=8, seed=0):
    rng = np.random.default_rng(seed)
    onset = np.round(rng.uniform(0, 4, n), 2)
    return write_midi(make_notes(onset, np.full(n, 0.5), rng.integers(30, 90, n), rng.integers(1, 128, n)))


def table():
    names = [f"2018/piece{i}.midi" for i in range(len(SPLITS))]
    rows = [
        ["Anon", f"Étude {i}", split, 2018, name, name.replace("midi", "wav"), 4.5]
        for i, (split, name) in enumerate(zip(SPLITS, names, strict=True))
    ]
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def as_csv(rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_json(rows):
    return json.dumps({name: {str(i): row[name] for i, row in enumerate(rows)} for name in COLUMNS}).encode()


def maestro_files(prefix=f"{VERSION}/"):
    files = {row["midi_filename"]: midi(seed=i) for i, row in enumerate(table())}
    files |= {f"{VERSION}.csv": as_csv(table()), f"{VERSION}.json": as_json(table()), "LICENSE": b"CC BY-NC-SA 4.0"}
    return {prefix + name: data for name, data in files.items()}


def write_folder(folder, files):
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def write_zip(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def write_tar(path, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def load(tmp_path, name="v3", num_proc=None, **options):
    """All rows by id, with their split."""
    builder = Maestro(cache_dir=str(tmp_path / "cache"), config_name=name, **options)
    builder.download_and_prepare(num_proc=num_proc)
    splits = [split for split, info in builder.info.splits.items() if info.num_examples]
    return {row["id"]: row | {"split": split} for split in splits for row in builder.as_dataset(split)}


def pieces(tmp_path, files=None, **options):
    """A folder of MIDI files, loaded."""
    files = files or {f"{i}.mid": midi(seed=i) for i in range(12)}
    return load(tmp_path, "folder", data_dir=str(write_folder(tmp_path / "midi", files)), **options)


def test_a_row_holds_notes_and_what_the_table_says(tmp_path):
    row = load(tmp_path, data_dir=str(write_zip(tmp_path / "maestro.zip", maestro_files())))[f"{VERSION}/2018/piece2"]

    assert (row["title"], row["composer"], row["year"]) == ("Étude 2", "Anon", "2018")
    assert (row["split"], row["split_group"]) == ("validation", "Anon Étude 2")
    assert (row["source"], row["license"]) == (f"{VERSION} 2018/piece2.midi", "CC BY-NC-SA 4.0")
    assert row["audio_filename"] == "2018/piece2.wav"
    assert row["midi"] == midi(seed=2)
    notes = note_rows.columns_to_notes(row)
    expected = read_midi(midi(seed=2))
    assert all(np.array_equal(getattr(notes, name), getattr(expected, name)) for name in note_rows.NOTE_COLUMNS)
    assert row["seconds"] == notes.end


@pytest.mark.parametrize("kind", ["folder", "parent", "zip", "tar", "csv", "json"])
def test_every_form_of_the_published_files_has_the_published_splits(kind, tmp_path):
    files = maestro_files("" if kind in ("folder", "csv", "json") else f"{VERSION}/")
    if kind in ("csv", "json"):
        del files[f"{VERSION}.{'json' if kind == 'csv' else 'csv'}"]
    write = {"zip": write_zip, "tar": write_tar}.get(kind, write_folder)
    rows = load(tmp_path, data_dir=str(write(tmp_path / "maestro", files)))
    assert {row["title"]: row["split"] for row in rows.values()} == {
        row["canonical_title"]: row["split"] for row in table()
    }


def test_missing_and_broken_files_are_reported_and_the_rest_is_there(tmp_path):
    files = maestro_files("")
    del files["2018/piece0.midi"]
    files["2018/piece2.midi"] = b"MThd"
    files["2018/piece3.midi"] = midi(0)
    (tmp_path / "failures").mkdir()

    rows = load(tmp_path, data_dir=str(write_folder(tmp_path / "m", files)), failures_dir=str(tmp_path / "failures"))

    assert list(rows) == ["2018/piece1"]
    reasons = dict(read_failures(tmp_path / "failures"))
    assert sorted(reasons) == ["2018/piece0.midi", "2018/piece2.midi", "2018/piece3.midi"]
    assert "got none" in reasons["2018/piece0.midi"]
    assert "well formed" in reasons["2018/piece2.midi"]
    assert reasons["2018/piece3.midi"] == "piece must have a note, got none"


def test_a_split_whose_files_are_all_missing_is_none(tmp_path):
    files = maestro_files("")
    del files["2018/piece2.midi"]
    (tmp_path / "failures").mkdir()
    builder = Maestro(
        cache_dir=str(tmp_path / "cache"),
        config_name="v3",
        data_dir=str(write_folder(tmp_path / "m", files)),
        failures_dir=str(tmp_path / "failures"),
    )
    builder.download_and_prepare()
    assert {split: len(rows) for split, rows in builder.as_dataset().items()} == {"train": 2, "test": 1}
    assert [item for item, _ in read_failures(tmp_path / "failures")] == ["2018/piece2.midi"]


def test_a_damaged_member_of_a_zip_costs_only_itself(tmp_path):
    path = write_zip(tmp_path / "maestro.zip", maestro_files())
    with zipfile.ZipFile(path) as archive:
        place = archive.getinfo(f"{VERSION}/2018/piece1.midi").header_offset + 80
    data = bytearray(path.read_bytes())
    data[place : place + 4] = b"\xff" * 4
    path.write_bytes(data)
    assert {row["title"] for row in load(tmp_path, data_dir=str(path)).values()} == {"Étude 0", "Étude 2", "Étude 3"}


def test_an_index_opens_no_file_outside_of_its_folder(tmp_path):
    (tmp_path / "secret.midi").write_bytes(midi())
    rows = table()
    rows[0]["midi_filename"], rows[1]["midi_filename"] = "../secret.midi", str(tmp_path / "secret.midi")
    files = maestro_files("") | {f"{VERSION}.csv": as_csv(rows)}
    assert len(load(tmp_path, data_dir=str(write_folder(tmp_path / "m", files)))) == 2


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


def test_a_file_stays_in_its_split_and_a_group_can_be_its_folder(tmp_path):
    files = {f"{piece}/{take}.mid": midi(seed=take) for piece in "abcdef" for take in range(3)}
    by_file = pieces(tmp_path, files)
    by_folder = pieces(tmp_path, files, group="(.*)/")
    assert all(row["split"] == split_of(row["title"]) for row in by_file.values())
    assert {row["split_group"]: row["split"] for row in by_folder.values()} == {g: split_of(g) for g in "abcdef"}


def test_only_files_that_have_a_group_are_taken(tmp_path):
    files = {f"{kind}/{piece}_{take}.mid": midi() for kind in ("score", "played") for piece in "ab" for take in "12"}
    rows = pieces(tmp_path, files, group="played/(.)_")
    assert {name: row["split_group"] for name, row in rows.items()} == {
        f"played/{piece}_{take}": piece for piece in "ab" for take in "12"
    }


def test_streams_are_dealt_by_file_and_processes_give_the_same_rows(tmp_path):
    rows = pieces(tmp_path)
    again = pieces(tmp_path / "again", num_proc=2)
    assert {name: row["notes"] for name, row in again.items()} == {name: row["notes"] for name, row in rows.items()}

    builder = Maestro(cache_dir=str(tmp_path / "s"), config_name="folder", data_dir=str(tmp_path / "midi"))
    stream = builder.as_streaming_dataset()["train"]
    train = [name for name, row in rows.items() if row["split"] == "train"]
    assert stream.num_shards == len(train) >= 3
    dealt = [row["id"] for index in range(3) for row in stream.shard(3, index)]
    assert sorted(dealt) == sorted(train)


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


def test_the_sample_has_all_splits_and_voices(tmp_path):
    rows = load(tmp_path, "sample")
    assert {row["split"] for row in rows.values()} == {"train", "validation", "test"}
    assert {row["license"] for row in rows.values()} == {"CC0 1.0"}
    canon = note_rows.columns_to_notes(rows["pachelbel_canon"])
    assert set(canon.track) == {0, 1, 2, 3}
    assert canon.pitch[:8].tolist() == [62, 57, 59, 54, 55, 50, 55, 57]


def test_v3_without_data_is_downloaded_and_checked(tmp_path, monkeypatch):
    path = write_zip(tmp_path / "maestro.zip", maestro_files())
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(ValueError, match=r"data_dir must be .* where downloads are off, got None"):
        load(tmp_path, url=str(path))
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    assert len(load(tmp_path, url=str(path), sha256=sha256)) == 4
    with pytest.raises(ValueError, match=f"must have the sha256 {'0' * 64}, got {sha256}"):
        load(tmp_path, url=str(path), sha256="0" * 64)
    stream = Maestro(cache_dir=str(tmp_path / "s"), config_name="v3", url=str(path), sha256=sha256)
    assert len(list(stream.as_streaming_dataset(split="train"))) == 2
    with pytest.raises(ValueError, match=r"data_dir must be .* unreachable, got None"):
        load(tmp_path, url="http://127.0.0.1:9/maestro.zip")


@pytest.mark.parametrize(
    ("files", "name", "message"),
    [
        ({"a.txt": b""}, "folder", "data_dir must have MIDI files in it that .* finds, got none"),
        ({"a.mid": b""}, "v3", r"data_dir must have a maestro-v3\.0\.0\.csv or \.json"),
        ({f"{VERSION}.csv": b"a,b\n1,2\n"}, "v3", r"MAESTRO's columns, got none named \['audio_filename', "),
        ({f"{VERSION}.csv": b"\xff\xfe"}, "v3", "must be a table in CSV"),
        ({f"{VERSION}.json": b"{"}, "v3", "must be a table in JSON"),
        ({f"{VERSION}.json": b"[" * 100_000}, "v3", "must be a table in JSON"),
        ({f"{VERSION}.json": b"[1]"}, "v3", "MAESTRO's columns"),
        ({f"{VERSION}.csv": as_csv([table()[0] | {"split": "dev"}])}, "v3", "row 1 must have a split .* got 'dev'"),
        ({f"{VERSION}.csv": as_csv(table()[:1] * 2)}, "v3", "row 2 must have .* a file of its own"),
    ],
)
def test_folders_that_are_something_else_are_refused(files, name, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        load(tmp_path, name, data_dir=str(write_folder(tmp_path / "m", files)))


def test_options_say_what_they_must_be(tmp_path):
    with pytest.raises(ValueError, match="data_dir must be a folder or an archive, got"):
        load(tmp_path, data_dir=str(tmp_path / "nothing"))
    with pytest.raises(
        ValueError, match="data_dir must be a folder or an archive of MAESTRO or of MIDI files, got None"
    ):
        load(tmp_path, "folder")
    with pytest.raises(ValueError, match=r"group must be a regular expression, got '\('"):
        pieces(tmp_path, group="(")


def test_a_zip_of_too_many_members_is_refused_before_they_are_read(tmp_path, monkeypatch):
    path = write_zip(tmp_path / "a.zip", {f"{i}.mid": b"" for i in range(50)})
    monkeypatch.setattr(source, "MAX_DIRECTORY_BYTES", 1000)
    with pytest.raises(ValueError, match="directory must have at most 1000 bytes"):
        open_files(path)


@pytest.mark.parametrize("seed", range(60))
def test_damaged_files_are_left_out_or_read_and_never_crash(seed, tmp_path):
    rng = np.random.default_rng(seed)

    def damaged(data):
        data = bytearray(data)
        for place in rng.integers(len(data), size=int(rng.integers(1, 20))):
            data[place] = rng.integers(256)
        return bytes(data[: int(rng.integers(len(data) // 2, len(data) + 1))])

    files = {f"{i}.mid": damaged(midi(40, seed=i)) for i in range(4)}
    for row in pieces(tmp_path, files).values():
        assert note_rows.columns_to_notes(row).end == row["seconds"]
    archive = (write_zip, write_tar)[seed % 2](tmp_path / "archive", maestro_files())
    archive.write_bytes(damaged(archive.read_bytes()))
    try:
        rows = load(tmp_path, data_dir=str(archive))
    except (ValueError, datasets.exceptions.DatasetGenerationError):
        return
    assert len(rows) <= len(SPLITS)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text(max_size=300) | st.binary(max_size=300), st.sampled_from(["csv", "json"]))
def test_a_table_of_anything_is_refused_or_read(text, kind):
    data = text.encode() if isinstance(text, str) else text
    try:
        splits = read_index(f"{VERSION}.{kind}", data, "")
    except ValueError:
        return
    assert not any(splits.values())


def test_batches_are_bounded_and_lose_nothing():
    sizes = {str(i): i for i in range(20)}
    found = list(batches([*sizes, "missing"], sizes, 32))
    assert [name for batch in found for name in batch] == [*sizes, "missing"]
    assert all(sum(sizes.get(name, 0) for name in batch) <= 32 for batch in found)
    assert len(found) < 12
    assert list(batches("ab", {"a": 40}, 32)) == [["a"], ["b"]]


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.integers(0, 2**32), st.integers(0, 50))
def test_notes_come_back_from_their_columns(seed, n):
    rng = np.random.default_rng(seed)
    integers = [rng.integers(low, high, n) for low, high in ((0, 128), (1, 128), (0, 129), (0, 4))]
    notes = make_notes(rng.uniform(0, 9, n), rng.uniform(0, 9, n), *integers)
    row = {"notes": note_rows.notes_to_columns(notes)}
    encoded = datasets.Dataset.from_list([row], features=datasets.Features({"notes": FEATURES["notes"]}))[0]
    for found in (note_rows.columns_to_notes(row), note_rows.columns_to_notes(encoded)):
        assert all(np.array_equal(getattr(found, name), getattr(notes, name)) for name in note_rows.NOTE_COLUMNS)


def test_chosen_notes_keep_all_their_columns_and_their_order():
    notes = make_notes([0, 1, 2], [4, 5, 6], [60, 61, 62], [7, 8, 9], [10, 11, 128], [13, 14, 15])
    chosen = notes.choose(np.array([True, False, True]))
    columns = [getattr(chosen, name).tolist() for name in note_rows.NOTE_COLUMNS]
    assert columns == [[0, 2], [4, 6], [60, 62], [7, 9], [10, 128], [13, 15]]
    assert len(notes.choose(np.zeros(3, bool))) == 0


def test_columns_that_are_no_notes_are_refused():
    columns = note_rows.notes_to_columns(make_notes(np.zeros(2), np.ones(2), np.array([60, 61])))
    with pytest.raises(ValueError, match=r"got none named \['track'\]"):
        note_rows.columns_to_notes({"notes": {name: columns[name] for name in note_rows.NOTE_COLUMNS[:-1]}})
    with pytest.raises(ValueError, match="columns must have one length"):
        note_rows.columns_to_notes({"notes": columns | {"pitch": [60]}})
    with pytest.raises(ValueError, match="pitch must be 0 to 127"):
        note_rows.columns_to_notes({"notes": columns | {"pitch": [60, 200]}})
