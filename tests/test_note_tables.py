"""Tables beside pieces: large ones are read line by line, and what can't be had is said, never passed over."""

import json
import tracemalloc
from itertools import chain

import pytest
from folders_and_archives import write_folder, write_tar, write_zip
from test_note_corpora import LAYOUTS, giantmidi_files, js_fakes_files, metamidi_files, midi

from scorehub.dataset_builders import load_hook, note_files, note_tables
from scorehub.dataset_builders.failures import read_failures
from scorehub.dataset_builders.metamidi import TITLES, read_titles
from scorehub.dataset_builders.note_files import open_files

LARGEST = 1000  # of what is loaded whole, in these tests
WRITERS = [write_folder, write_zip, write_tar]


@pytest.fixture
def small(monkeypatch):
    """Bounds that small files exceed."""
    for module in (note_files, note_tables):
        monkeypatch.setattr(module, "MAX_FILE_BYTES", LARGEST)


def planned(name, config, path, tmp_path):
    builder = load_hook.builder_class(name)(config_name=config, data_dir=str(path), cache_dir=str(tmp_path / "cache"))
    return {split: [piece.title for piece in pieces] for split, pieces in builder.plan(open_files(path)).items()}


@pytest.mark.parametrize("write", WRITERS)
def test_titles_come_from_a_table_larger_than_any_piece(write, small, tmp_path):
    names = [f"{number:032x}" for number in range(24)]
    lines = [json.dumps({"md5": name, "title_artist": [[f"Tune {name}", "A Band"]]}) for name in names]
    files = metamidi_files() | {TITLES: "\n".join(["{" * 900, *lines]).encode()}
    assert len(files[TITLES]) > 2 * LARGEST
    titles = planned("metamidi", "files", write(tmp_path / "data", files), tmp_path)
    assert sorted(chain.from_iterable(titles.values())) == [f"Tune {name}" for name in names]


@pytest.mark.parametrize("write", WRITERS)
def test_published_splits_come_from_a_table_larger_than_any_piece(write, small, tmp_path):
    files = giantmidi_files()
    table = next(name for name in files if name.endswith(".csv"))
    files[table] += b"Nobody\tAt all\tNothing\t\t\n" * 99
    titles = planned("giantmidi", "full", write(tmp_path / "data", files), tmp_path)
    assert [len(titles[split]) for split in ("train", "validation", "test")] == [2, 1, 1]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    ("name", "config", "table"),
    [
        ("metamidi", "files", TITLES),
        ("giantmidi", "full", next(name for name in giantmidi_files() if name.endswith(".csv"))),
        ("js_fakes", "annotated", "metadata.json"),
        ("nottingham", "tunes", "ABC_cleaned/jigs.abc"),
        ("jsb_chorales", "16th", "Jsb16thSeparated.json"),
        ("maestro", "v3", "maestro-v3.0.0.csv"),
    ],
)
def test_a_table_that_is_too_large_is_an_error(write, name, config, table, small, tmp_path, monkeypatch):
    monkeypatch.setattr(note_tables, "MAX_TABLE_BYTES", 2 * LARGEST)
    files = LAYOUTS.get((name, config), dict)() | {table: b"\n" * (2 * LARGEST + 1)}
    path = write(tmp_path / "data", files)
    with pytest.raises(ValueError, match=rf"{table} must have at most \d+ bytes, got 2001"):
        planned(name, config, path, tmp_path)


def test_a_damaged_table_is_an_error(tmp_path):
    path = write_zip(tmp_path / "a.zip", js_fakes_files())
    data = path.read_bytes()
    place = data.index(b"metadata.json") + len("metadata.json")
    path.write_bytes(data[:place] + bytes(8) + data[place + 8 :])
    with pytest.raises(ValueError, match=r"metadata\.json must be a whole file"):
        planned("js_fakes", "annotated", path, tmp_path)


def test_a_line_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(note_tables, "MAX_LINE_BYTES", 100)
    files = open_files(write_folder(tmp_path / "data", {TITLES: b"{" * 101}))
    with pytest.raises(ValueError, match="lines of less than 100 bytes"):
        read_titles(files)


def test_a_file_of_pieces_that_is_too_large_is_reported(small, tmp_path):
    files = {"train.txt": b"NOTE_ON=60 " * 100, "valid.txt": b"NOTE_ON=60"}
    builder = load_hook.builder_class("js_fakes_4bars")(
        data_dir=str(write_folder(tmp_path / "data", files)),
        cache_dir=str(tmp_path / "cache"),
        failures_dir=str(tmp_path / "failures"),
    )
    splits = builder.plan(builder.files(None))
    assert [len(pieces) for pieces in splits.values()] == [0, 1, 0]
    assert read_failures(tmp_path / "failures") == [("train.txt", "train.txt must have at most 1000 bytes, got 1100")]


@pytest.mark.parametrize("write", WRITERS)
def test_a_piece_that_is_too_large_is_reported(write, small, tmp_path):
    files = {"a/large.mid": bytes(LARGEST + 1), "a/small.mid": midi()}
    builder = load_hook.builder_class("maestro")(
        config_name="folder",
        data_dir=str(write(tmp_path / "data", files)),
        cache_dir=str(tmp_path / "cache"),
        failures_dir=str(tmp_path / "failures"),
    )
    rows = [row for stream in builder.as_streaming_dataset().values() for row in stream]
    assert [row["id"] for row in rows] == ["a/small"]
    ((item, reason),) = read_failures(tmp_path / "failures")
    assert item == "a/large.mid"
    assert "at most" in reason


def test_a_large_table_takes_little_memory(tmp_path):
    line = json.dumps({"md5": "0" * 32, "title_artist": [["A Tune", "A Band"]]}) + "\n"
    files = open_files(write_folder(tmp_path / "data", {TITLES: line.encode() * 50_000}))
    assert files.members[TITLES][1] > 3 * 2**20
    tracemalloc.start()
    try:
        assert read_titles(files) == {"0" * 32: ("A Tune", "A Band")}
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("line", ["[" * 100_000, '{"md5": "1", "title_artist": [["\\ud800", "x"]]}', "{}", "7"])
def test_a_line_of_titles_that_says_nothing_costs_only_itself(line, tmp_path):
    whole = json.dumps({"md5": "0", "title_artist": [["A Tune", "A Band"]]})
    files = open_files(write_folder(tmp_path / "data", {TITLES: f"{line}\n{whole}\n".encode()}))
    assert read_titles(files) == {"0": ("A Tune", "A Band")}


@pytest.mark.parametrize("column", ["surname", "music", "split"])
def test_a_table_that_lacks_a_column_is_refused(column, tmp_path):
    files = giantmidi_files()
    table = next(name for name in files if name.endswith(".csv"))
    files[table] = files[table].replace(column.encode(), b"other", 1)
    with pytest.raises(ValueError, match=rf"must have columns surname, .*, got none named \['{column}'\]"):
        planned("giantmidi", "full", write_folder(tmp_path / "data", files), tmp_path)
