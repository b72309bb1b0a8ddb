"""`msmd` from the published files: folders of the original, strips of the game, pages of CYOLO."""

import io
import shutil

import numpy as np
import pytest
import soundfile
from msmd_files import (
    CHORDS,
    LEFT,
    PITCHES,
    RIGHT,
    SPACING,
    STAVES,
    check_places,
    chords,
    failures,
    image,
    mung,
    npy,
    rows,
    write,
    write_cyolo,
    write_game,
    write_original,
)

original = pytest.fixture(write_original)
game = pytest.fixture(write_game)
cyolo = pytest.fixture(write_cyolo)


def test_folders_of_msmd_give_places_and_times_of_the_natural_performance(tmp_path, original):
    found = rows(tmp_path, "original", data_dir=original)["train"]
    assert [row["piece"] for row in found] == ["BachCPE__rondo__rondo", "BachJS__BWV1__a"]
    for row in found:
        check_places(row)
        assert row["performance"] == f"{row['piece']}_tempo-1000_grand"
        assert row["noteheads"]["onset"] == [c["onset"] for c in chords() for _ in range(2)]
        assert row["noteheads"]["pitch"] == list(PITCHES) * CHORDS
        assert row["noteheads"]["tied"] == [number == 3 for number in range(CHORDS) for _ in range(2)]
        assert row["noteheads"]["onset_quarter"] == [None] * 2 * CHORDS
        assert np.load(io.BytesIO(row["features"]["spec"])).shape == (92, 5)
        assert row["features"]["midi"] is None


def test_all_performances_have_their_own_times(tmp_path, original):
    found = rows(tmp_path, "original", data_dir=original, performances="all")["train"]
    assert len(found) == 4
    slower = next(row for row in found if "tempo-900" in row["performance"])
    assert slower["noteheads"]["onset"][2] == pytest.approx(0.9 * 0.75)


def test_published_lists_decide_and_what_they_lack_is_reported(tmp_path, original):
    lists = tmp_path / "split.yaml"
    lists.write_text("train: []\nvalid:\n- BachJS__BWV1__a\ntest:\n- Other__x__y\n")
    found = rows(tmp_path, "original", data_dir=original, splits_file=str(lists))
    assert {split: [row["piece"] for row in part] for split, part in found.items()} == {
        "validation": ["BachJS__BWV1__a"]
    }
    assert failures(tmp_path) == [("BachCPE__rondo__rondo", "in no list of splits_file")]


@pytest.mark.parametrize(
    "text", ["[", "- a", "other: [a]", "train: a", "train: [1]", "train: [a]\ntest: [a]", "!!python/object:os.x {}"]
)
def test_bad_lists_are_value_errors(tmp_path, original, text):
    lists = tmp_path / "split.yaml"
    lists.write_text(text)
    with pytest.raises(ValueError, match="splits_file must"):
        rows(tmp_path, "original", data_dir=original, splits_file=str(lists))


def test_systems_that_mung_lacks_come_from_the_coordinates(tmp_path, original):
    piece = "BachJS__BWV1__a"
    score = original / piece / "scores" / f"{piece}_ly"
    write(score / "mung" / "01.xml", mung({f"{piece}_tempo-1000_grand": 1.0}, staves=False))
    ends = [(first, last + 4 * SPACING) for first, last in STAVES]
    corners = [[(top, LEFT), (top, RIGHT), (bottom, RIGHT), (bottom, LEFT)] for top, bottom in ends]
    write(score / "coords" / "systems_01.npy", npy(np.array(corners)))
    check_places(rows(tmp_path, "original", data_dir=original)["train"][1])


BOMB = b"<!DOCTYPE a [<!ENTITY b 'cc'><!ENTITY d '&b;&b;'>]><CropObjects>&d;</CropObjects>"


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("mung/01.xml", BOMB, "MuNG must have no DOCTYPE"),
        ("mung/01.xml", BOMB.decode().encode("utf-16"), "MuNG must have no DOCTYPE"),
        ("mung/01.xml", b"<CropObjects>", "MuNG must be well-formed"),
        ("mung/01.xml", b"<?xml version='1.0' encoding='klingon'?><a/>", "MuNG must be"),
        ("mung/01.xml", b"<a/>", "coords/systems_01.npy"),
        ("mung/01.xml", b"<a><CropObject><Id>x</Id></CropObject></a>", "of a MuNG object must be a number"),
        ("mung/01.xml", mung({}), "noteheads with onsets"),
        ("img/01.png", b"GIF89a", "image must be a whole PNG"),
    ],
)
def test_a_bad_file_of_msmd_costs_its_piece_only(tmp_path, original, name, data, reason):
    piece = "BachJS__BWV1__a"
    (original / piece / "scores" / f"{piece}_ly" / name).write_bytes(data)
    assert len(rows(tmp_path, "original", data_dir=original)["train"]) == 1
    [(item, message)] = failures(tmp_path)
    assert item == f"{piece}_ly/{piece}_tempo-1000_grand"
    assert reason in message


def test_a_piece_without_performances_is_reported(tmp_path, original):
    shutil.rmtree(original / "BachJS__BWV1__a" / "performances")
    assert len(rows(tmp_path, "original", data_dir=original)["train"]) == 1
    assert failures(tmp_path) == [("BachJS__BWV1__a", "no page images or no performances")]


def test_features_with_objects_are_refused(tmp_path, original):
    piece = "BachJS__BWV1__a"
    path = original / piece / "performances" / f"{piece}_tempo-1000_grand" / "features"
    path = path / f"{piece}_tempo-1000_grand_spec.npy"
    path.write_bytes(npy(np.array([{}])))
    assert len(rows(tmp_path, "original", data_dir=original)["train"]) == 1
    assert "npy must hold numbers or text, got objects" in failures(tmp_path)[0][1]


def test_numbers_of_the_game_count_notes_from_the_highest_of_each_chord(tmp_path, game):
    [row] = rows(tmp_path, "rl", data_dir=game)["train"]
    assert row["noteheads"]["pitch"] == (list(PITCHES) * CHORDS)[:-1]
    assert row["noteheads"]["onset"] == pytest.approx([c["onset"] for c in chords() for _ in range(2)][:-1], abs=1e-3)
    assert row["layout"] == "strip"
    assert image(row).dtype == np.uint8
    assert all(
        image(row)[round(y), round(x)] == 0 for x, y in zip(row["noteheads"]["x"], row["noteheads"]["y"], strict=True)
    )
    assert row["noteheads"]["w"][0] is None


def test_a_hostile_npz_costs_its_piece_only(tmp_path, game):
    shutil.copy(game / "performance" / "BachJS__BWV1__a.mid", game / "score" / "b.mid")
    np.savez(game / "score" / "b.npz", sheet=np.zeros((2, 2), np.uint8), coords=np.array([print]))
    assert len(rows(tmp_path, "rl", data_dir=game)["train"]) == 1
    [(item, message)] = failures(tmp_path)
    assert item == "score/b.npz"
    assert "'builtins.print'" in message or "'__builtin__.print'" in message


@pytest.mark.parametrize(
    "change",
    [
        {"coord2onset": np.array([{0: 99}])},
        {"coord2onset": np.array([{99: 0}])},
        {"coord2onset": np.array([{0: -1}])},
        {"coord2onset": np.array([{"a": 0}])},
        {"coord2onset": np.array([{0: 0.5}])},
        {"coord2onset": np.array([[1]], object)},
        {"coord2onset": np.array([{}])},
        {"coords": np.zeros(3, np.float32)},
        {"coords": np.zeros((9, 2), np.int64)},
        {"coords": np.full((16, 2), np.nan)},
        {"sheet": np.zeros((3, 4, 5), np.uint8)},
        {"sheet": np.zeros((3, 4))},
        {"sheet": np.zeros((0, 4), np.uint8)},
    ],
)
def test_arrays_of_the_game_that_do_not_fit_are_reported(tmp_path, game, change):
    path = game / "score" / "BachJS__BWV1__a.npz"
    arrays = dict(np.load(path, allow_pickle=True))
    np.savez(path, **arrays | change)
    assert rows(tmp_path, "rl", data_dir=game)["train"] == []
    assert "must" in failures(tmp_path)[0][1]


@pytest.mark.parametrize("folder", [".", "msmd_valid"])
def test_pages_of_cyolo_come_in_reading_order_with_their_recording(tmp_path, cyolo, folder):
    [row] = rows(tmp_path, "cyolo", data_dir=cyolo / folder, audio=True)["validation"]
    assert row["piece"] == "BachJS__BWV1__a"
    assert len(row["pages"]) == 2
    assert row["systems"]["page"] == [0, 0, 1, 1]
    assert np.all(np.diff(row["systems"]["y"])[[0, 2]] > 0)
    heads = row["noteheads"]
    assert len(heads["x"]) == 4 * CHORDS  # the one without a place is left out
    assert heads["system"] == [2 * page + c["system"] for page in (0, 1) for c in chords() for _ in range(2)]
    assert heads["onset"] == [4 * page + c["onset"] for page in (0, 1) for c in chords() for _ in range(2)]
    assert (row["bars"]["page"], row["bars"]["system"]) == ([1], [2])
    audio, rate = soundfile.read(io.BytesIO(row["audio"]["bytes"]))
    assert (len(audio), rate) == (22050, 22050)


@pytest.mark.parametrize(
    "change",
    [
        {"sheets": np.zeros((2, 3), np.uint8)},
        {"sheets": np.zeros((2, 3, 4))},
        {"coords": np.array([1, 2], object)},
        {"coords": np.array([{"onset": 0.0}])},
        {"coords": np.array([{"onset": "0", "note_x": 1, "page_nr": 0, "system_idx": 0}])},
        {"coords": np.array([{"onset": 0.0, "note_x": 1, "page_nr": 0, "system_idx": 99}])},
        {"coords": np.array([{"onset": 0.0, "note_x": 1, "page_nr": 0, "system_idx": 0}])},
        {"coords": np.array([{"onset": float("nan"), "note_x": 1, "page_nr": 1, "system_idx": 0}])},
        {"systems": np.array([], object)},
        {"bars": np.array([{"x": 1, "y": 1, "w": 1, "h": 1, "page_nr": 7}])},
    ],
)
def test_arrays_of_cyolo_that_do_not_fit_are_reported(tmp_path, cyolo, change):
    path = cyolo / "msmd_valid" / "BachJS__BWV1__a_synth.npz"
    np.savez(path, **dict(np.load(path, allow_pickle=True)) | change)
    assert rows(tmp_path, "cyolo", data_dir=cyolo)["validation"] == []
    assert "must" in failures(tmp_path)[0][1]
