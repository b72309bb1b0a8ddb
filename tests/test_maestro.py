"""The builder `maestro` on small archives in MAESTRO's layout and folders of MIDI files, and on its own sample."""

import hashlib
import zipfile

import datasets
import numpy as np
import pytest
from folders_and_archives import write_folder, write_tar, write_zip
from hypothesis import given, settings
from hypothesis import strategies as st
from maestro_files import SPLITS, VERSION, as_csv, load, maestro_files, midi, pieces, table

from scorehub.dataset_builders import note_rows
from scorehub.dataset_builders.failures import read_failures
from scorehub.dataset_builders.maestro.index import read_index
from scorehub.dataset_builders.maestro.maestro import Maestro
from scorehub.dataset_builders.splits import split_of
from scorehub.notes import read_midi


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
        ({f"{VERSION}.csv": as_csv(table())}, "v3", "files that its table names, got none, such as 2018/piece0.midi"),
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
