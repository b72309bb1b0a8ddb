"""`msmd`: its sample, the rebuilt corpus, and what holds for all of its configurations."""

import io
import tarfile
from itertools import chain

import numpy as np
import pytest
import soundfile
from datasets import DownloadManager
from msmd_files import (
    PIECES,
    builder,
    check_places,
    chords,
    draw_page,
    failures,
    image,
    midi,
    mung,
    png,
    replace_notes,
    rows,
    write_cyolo,
    write_original,
    write_rebuilt,
)
from test_msmd_npz import mutations

from scorehub.dataset_builders.msmd.mung import parse_mung
from scorehub.dataset_builders.msmd.rebuilt import open_files, read_notes, read_pieces
from scorehub.dataset_builders.msmd.schema import FEATURES
from scorehub.dataset_builders.msmd.score import read_image
from scorehub.notes import read_midi

rebuilt = pytest.fixture(write_rebuilt)
original = pytest.fixture(write_original)
cyolo = pytest.fixture(write_cyolo)


def test_the_sample_needs_nothing_and_its_noteheads_are_the_midi(tmp_path):
    found = rows(tmp_path, "sample", audio=True)
    assert sorted(found) == ["test", "train", "validation"]
    for row in chain(*found.values()):
        heads, notes = row["noteheads"], read_midi(row["midi"])
        columns = zip(heads["onset"], heads["pitch"], heads["tied"], strict=True)
        struck = sorted((onset, pitch) for onset, pitch, tied in columns if not tied)
        assert np.allclose(struck, sorted(zip(notes.onset.tolist(), notes.pitch.tolist(), strict=True)), atol=2e-3)
        assert row["audio"]["bytes"].startswith(b"fLaC")
        assert soundfile.info(io.BytesIO(row["audio"]["bytes"])).samplerate == 22050
        assert len(row["bars"]["x"]) > 1
        assert row["license"] == "CC0 1.0"


def test_noteheads_of_the_sample_lie_on_ink(tmp_path):
    for layout in ("pages", "strip"):
        for row in chain(*rows(tmp_path, "sample", layout=layout).values()):
            pages = [image(row, number) for number in range(len(row["pages"]))]
            heads = row["noteheads"]
            places = zip(heads["page"], heads["x"], heads["y"], strict=True)
            # A half or whole note is hollow, but never in a whole row of five pixels.
            dark = [
                pages[page][round(y) - 3 : round(y) + 4, round(x) - 5 : round(x) + 6].min() for page, x, y in places
            ]
            assert max(dark) < 128
            assert row["layout"] == layout
            assert len(pages) == 1 or layout == "pages"


def test_rebuilt_pieces_get_their_systems_from_the_page(tmp_path, rebuilt):
    found = rows(tmp_path, "rebuilt", data_dir=rebuilt)
    assert {split: [row["piece"] for row in part] for split, part in found.items()} == {
        "train": ["BachJS__BWV1__a", "BachJS__BWV1__b"],
        "validation": ["Anonymous__x__c"],
        "test": ["SatieE__y__d"],
    }
    for row in chain(*found.values()):
        check_places(row)
        assert row["noteheads"]["onset"] == [c["onset"] for c in chords() for _ in range(2)]
        assert row["midi"] == midi()
    row = found["train"][0]
    assert (row["composer"], row["split_group"], row["dpi"]) == ("BachJS", "BachJS__BWV1", 100)
    assert found["validation"][0]["composer"] == ""


def test_unpacked_folders_give_the_same_rows(tmp_path, rebuilt):
    packed = rows(tmp_path, "rebuilt", data_dir=rebuilt)
    with tarfile.open(rebuilt / "pages_midi.tar") as archive:
        archive.extractall(rebuilt, filter="data")
    (rebuilt / "pages_midi.tar").unlink()
    assert rows(tmp_path, "rebuilt", data_dir=rebuilt) == packed


def test_streams_and_processes_and_shards_give_the_same_rows(tmp_path, rebuilt):
    streamed = rows(tmp_path, "rebuilt", data_dir=rebuilt)
    built = builder(tmp_path, "rebuilt", data_dir=rebuilt)
    built.download_and_prepare(num_proc=2, dl_manager=DownloadManager())
    loaded = built.as_dataset(split="train")
    assert loaded.features == FEATURES
    assert list(loaded.with_format("arrow")[:]["piece"].to_pylist()) == [row["piece"] for row in streamed["train"]]
    assert loaded[1]["noteheads"] == streamed["train"][1]["noteheads"]
    stream = builder(tmp_path, "rebuilt", data_dir=rebuilt).as_streaming_dataset(split="train").decode(False)
    assert stream.num_shards == 2
    assert [row for part in range(2) for row in stream.shard(2, part)] == streamed["train"]


@pytest.mark.parametrize(
    ("licences", "kept"),
    [
        (("Public Domain",), ["BachJS__BWV1__a"]),
        (("Public Domain", "Creative Commons Attribution"), ["BachJS__BWV1__a", "BachJS__BWV1__b"]),
        (("Public Domain", "Creative Commons Attribution-ShareAlike 3.0"), ["Anonymous__x__c", "BachJS__BWV1__a"]),
    ],
)
def test_licences_choose_pieces_and_all_of_a_piece_must_be_allowed(tmp_path, rebuilt, licences, kept):
    found = rows(tmp_path, "rebuilt", data_dir=rebuilt, licences=licences)
    assert sorted(row["piece"] for part in found.values() for row in part) == kept


def test_no_allowed_piece_is_an_error(tmp_path, original):
    with pytest.raises(ValueError, match="must have pieces that the options allow, got none"):
        builder(tmp_path, "original", data_dir=original, licences=("Public Domain",)).as_streaming_dataset()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"x": float("nan")}, "finite"),
        ({"page": 3}, "page_1.png must be a file"),
        ({"page": 10**6}, "page_1.png must be a file"),
        ({"page": -1}, "page of noteheads must be"),
        ({"pitch": 500}, "pitch must be -1 to 127"),
        ({"onset_sec": 1e5}, "noteheads must sound before the MIDI's end"),
        ({"onset_sec": -1.0}, "onset must be 0 to"),
        ({"y": 1e9}, "y of noteheads must be"),
    ],
)
def test_a_bad_notehead_costs_its_piece_only(tmp_path, rebuilt, change, reason):
    replace_notes(rebuilt, lambda piece, row: change if piece == "BachJS__BWV1__a" and row["pitch"] == 72 else {})
    found = rows(tmp_path, "rebuilt", data_dir=rebuilt)
    assert [row["piece"] for row in found["train"]] == ["BachJS__BWV1__b"]
    [(item, message)] = failures(tmp_path)
    assert item == "BachJS__BWV1__a"
    assert reason in message


def test_movements_whose_clocks_begin_anew_are_reported(tmp_path, rebuilt):
    replace_notes(rebuilt, lambda piece, row: {"onset_quarter": row["onset_quarter"] % 4} if piece[0] == "S" else {})
    assert rows(tmp_path, "rebuilt", data_dir=rebuilt)["test"] == []
    assert "systems must follow each other in time, got system 1" in failures(tmp_path)[0][1]


@pytest.mark.parametrize("name", ["page_0.png", "score.mid"])
@pytest.mark.parametrize("damage", [lambda data: data[:60], lambda data: b"", lambda data: b"\0" * 999, None])
def test_a_damaged_file_costs_its_piece_only(tmp_path, rebuilt, name, damage):
    with tarfile.open(rebuilt / "pages_midi.tar") as archive:
        archive.extractall(rebuilt, filter="data")
    (rebuilt / "pages_midi.tar").unlink()
    path = rebuilt / "BachJS__BWV1__a" / name
    if damage:
        path.write_bytes(damage(path.read_bytes()))
    else:
        path.unlink()
    assert [row["piece"] for row in rows(tmp_path, "rebuilt", data_dir=rebuilt)["train"]] == ["BachJS__BWV1__b"]
    assert [item for item, _ in failures(tmp_path)] == ["BachJS__BWV1__a"]


@pytest.mark.parametrize("name", ["pieces.csv", "notes.parquet", "pages_midi.tar"])
def test_damaged_tables_and_archives_are_value_errors(tmp_path, rebuilt, name):
    (rebuilt / name).write_bytes((rebuilt / name).read_bytes()[:30])
    with pytest.raises(ValueError, match=f"{name} must|pieces.csv must|must be a whole tar, got {name}"):
        rows(tmp_path, "rebuilt", data_dir=rebuilt)


@pytest.mark.parametrize("name", ["../evil", "a/b", "..", ""])
def test_no_piece_names_a_file_elsewhere(tmp_path, rebuilt, name):
    with (rebuilt / "pieces.csv").open("a") as file:
        file.write(f"{name},train,Public Domain,x,100\n")
    with pytest.raises(ValueError, match=r"pieces.csv must name each piece once, without slashes"):
        rows(tmp_path, "rebuilt", data_dir=rebuilt)


BOMB = b"<!DOCTYPE a [<!ENTITY b 'cc'><!ENTITY d '&b;&b;'>]><CropObjects>&d;</CropObjects>"


@pytest.mark.parametrize("name", ["rebuilt", "original", "cyolo"])
def test_a_strip_has_every_notehead_where_its_ink_went(tmp_path, request, name):
    folder = request.getfixturevalue(name)
    for row in chain(*rows(tmp_path, name, data_dir=folder, layout="strip").values()):
        strip, heads = image(row), row["noteheads"]
        assert 0 <= strip.shape[1] - sum(row["systems"]["w"]) <= 30 * len(row["systems"]["w"])
        places = zip(heads["x"], heads["y"], strict=True)
        assert all((strip[int(y) - 2 : int(y) + 3, int(x) - 3 : int(x) + 4] == 0).all() for x, y in places)
        assert np.all(np.diff(heads["x"][::2]) > 0)
        assert set(heads["page"]) == {0}


def test_a_strip_without_bounds_is_refused(tmp_path, rebuilt):
    replace_notes(rebuilt, lambda piece, row: {"y": 9e5} if piece[0] == "S" and row["pitch"] == 48 else {})
    assert rows(tmp_path, "rebuilt", data_dir=rebuilt, layout="strip")["test"] == []
    assert "noteheads must lie by their systems" in failures(tmp_path)[0][1]


def test_synthesised_sound_begins_where_noteheads_say(tmp_path, rebuilt):
    [row] = rows(tmp_path, "rebuilt", data_dir=rebuilt, audio=True)["test"]
    audio, rate = soundfile.read(io.BytesIO(row["audio"]["bytes"]))
    first = np.flatnonzero(np.abs(audio) > 0.02 * np.abs(audio).max())[0] / rate
    assert abs(first - row["noteheads"]["onset"][0]) < 0.02
    # Each chord ends before the next: the power of 10 ms rises most at an onset.
    step = rate // 100
    power = np.log(1e-4 + (audio[: len(audio) // step * step].reshape(-1, step) ** 2).mean(axis=1))
    for onset in sorted(set(row["noteheads"]["onset"]))[1:]:
        near = np.arange(int((onset - 0.15) * 100), int((onset + 0.15) * 100))
        assert abs(near[np.argmax(np.diff(power[near]))] + 1 - onset * 100) <= 2


@pytest.mark.parametrize("name", ["rebuilt", "original", "rl", "cyolo"])
def test_a_missing_folder_is_an_error(tmp_path, name):
    for data_dir in (None, tmp_path / "nowhere"):
        with pytest.raises(ValueError, match=f"data_dir must be a folder of msmd '{name}', got"):
            builder(tmp_path, name, data_dir=data_dir).as_streaming_dataset()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("sample", {"layout": "book"}, "layout must be one of pages, strip, got 'book'"),
        ("rl", {"layout": "pages"}, "layout must be strip for msmd 'rl'"),
        ("original", {"performances": "some"}, "performances must be natural or all, got 'some'"),
    ],
)
def test_bad_options_are_errors(tmp_path, name, options, message):
    with pytest.raises(ValueError, match=message):
        builder(tmp_path, name, **options)


def read_archive(folder, data):
    (folder / "pages_midi.tar").write_bytes(data)
    names = [f"{piece}/score.mid" for piece in PIECES]
    if len(open_files(folder).load(names)) < len(names):
        raise ValueError("a file is missing")


def read_table(folder, data):
    (folder / "pieces.csv").write_bytes(data)
    return read_pieces(folder)


def read_parquet(folder, data):
    (folder / "notes.parquet").write_bytes(data)
    return read_notes(folder)


READERS = {
    "image": (lambda folder: png(draw_page()), lambda folder, data: read_image(data)),
    "MuNG": (lambda folder: mung({"a": 1.0}), lambda folder, data: parse_mung(data)),
    "archive": (lambda folder: (folder / "pages_midi.tar").read_bytes(), read_archive),
    "table": (lambda folder: (folder / "pieces.csv").read_bytes(), read_table),
    "parquet": (lambda folder: (folder / "notes.parquet").read_bytes(), read_parquet),
}


@pytest.mark.parametrize("name", READERS)
def test_200_mutated_files_are_read_or_refused(rebuilt, name):
    whole, read = READERS[name]
    refused = 0
    for data in mutations(whole(rebuilt), 200, seed=3):
        try:
            read(rebuilt, data)
        except ValueError:
            refused += 1
    assert 50 < refused < 200
