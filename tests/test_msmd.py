"""`msmd`: each layout of files is written here as its authors have it, tiny, and read by the builder."""

import csv
import io
import shutil
import tarfile
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from datasets import DownloadManager
from PIL import Image

from scorehub.dataset_builders.failures import read_failures
from scorehub.dataset_builders.msmd.msmd import Msmd
from scorehub.dataset_builders.msmd.schema import FEATURES
from scorehub.notes import make_notes, read_midi, write_midi

WIDTH, HEIGHT, SPACING = 400, 480, 6
LEFT, RIGHT = 30, 370
STAVES = ((60, 120), (280, 340))  # top lines of the two staves of each system
CHORDS = 8  # of two noteheads, four in each system
PITCHES = (72, 48)


def draw_page():
    """Two systems of two staves, joined by a line at their left, with four chords each."""
    page = np.full((HEIGHT, WIDTH), 255, np.uint8)
    for system in STAVES:
        for top in system:
            page[top : top + 4 * SPACING + 1 : SPACING, LEFT : RIGHT + 1] = 0
        page[system[0] : system[1] + 4 * SPACING + 1, LEFT] = 0
    for chord in chords():
        for y in chord["y"]:
            page[int(y) - 2 : int(y) + 3, int(chord["x"]) - 3 : int(chord["x"]) + 4] = 0
    return page


def chords():
    """Place and time of each chord: upper and lower notehead at one x."""
    for number in range(CHORDS):
        system, place = divmod(number, CHORDS // 2)
        yield {
            "x": 80.0 + 70 * place,
            "y": [top + 2.0 * SPACING for top in STAVES[system]],
            "system": system,
            "onset": 0.25 + 0.5 * number,
        }


def png(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, format="PNG")
    return file.getvalue()


def midi():
    onset = np.repeat([chord["onset"] for chord in chords()], 2)
    return write_midi(make_notes(onset, np.full(len(onset), 0.2), np.tile(PITCHES, CHORDS)))


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


NOTE_COLUMNS = ("page", "x", "y", "w", "h", "pitch", "onset_quarter", "dur_quarter", "onset_sec", "in_midi")


def note_rows(page=0, quarters=0.0):
    for chord in chords():
        quarter = quarters + 2 * chord["onset"]
        for y, pitch in zip(chord["y"], PITCHES, strict=True):
            yield page, chord["x"], y, 7.0, 5.0, pitch, quarter, 0.5, chord["onset"], 1


PIECES = {
    "BachJS__BWV1__a": ("train", "Public Domain"),
    "BachJS__BWV1__b": ("train", "Creative Commons Attribution 3.0"),
    "Anonymous__x__c": ("valid", "Creative Commons Attribution-ShareAlike 3.0; Public Domain"),
    "SatieE__y__d": ("test", "Creative Commons Attribution-ShareAlike 4.0"),
}


@pytest.fixture
def rebuilt(tmp_path):
    """A rebuilt MSMD with its archive."""
    folder = tmp_path / "rebuilt"
    folder.mkdir()
    with (folder / "pieces.csv").open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["piece", "split", "licence", "mutopia_dir", "dpi"])
        lines.writerows([name, split, licence, f"ftp/{name}", "100"] for name, (split, licence) in PIECES.items())
    rows = [(name, *row) for name in PIECES for row in note_rows()]
    columns = dict(zip(("piece", *NOTE_COLUMNS), map(list, zip(*rows, strict=True)), strict=True))
    pq.write_table(pa.table(columns), folder / "notes.parquet")
    with tarfile.open(folder / "pages_midi.tar", "w") as archive:
        for name in PIECES:
            for member, data in (("page_0.png", png(draw_page())), ("score.mid", midi())):
                info = tarfile.TarInfo(f"{name}/{member}")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return folder


MUNG = (
    "<CropObject><Id>{id}</Id><ClassName>{kind}</ClassName><Top>{top}</Top><Left>{left}</Left><Width>{width}</Width>"
    "<Height>{height}</Height><Mask>0:0 1:63</Mask>{rest}</CropObject>"
)
ITEM = '<DataItem key="{}" type="{}">{}</DataItem>'


def mung(performances, staves=True):
    objects = []
    for number, (first, last) in enumerate(STAVES):
        box = {"top": first, "left": LEFT, "width": RIGHT - LEFT, "height": last + 4 * SPACING - first}
        objects += [MUNG.format(id=900 + number, kind="staff", rest="", **box)] if staves else []
    for number, chord in enumerate(chords()):
        for voice, (y, pitch) in enumerate(zip(chord["y"], PITCHES, strict=True)):
            data = ITEM.format("midi_pitch_code", "int", pitch) + ITEM.format("tied", "int", int(number == 3))
            for performance, factor in performances.items():
                data += ITEM.format(f"{performance}_onset_seconds", "float", factor * chord["onset"])
            rest = f"<Outlinks>{900 + chord['system']}</Outlinks><Data>{data}</Data>"
            box = {"top": y - 2.5, "left": chord["x"] - 3.5, "width": 7, "height": 5}
            objects.append(MUNG.format(id=2 * number + voice, kind="notehead-full", rest=rest, **box))
    return f"<?xml version='1.0' encoding='utf-8'?><CropObjects>{''.join(objects)}</CropObjects>".encode()


@pytest.fixture
def original(tmp_path):
    """Two pieces in MSMD's folders, with two performances each."""
    for piece in ("BachCPE__rondo__rondo", "BachJS__BWV1__a"):
        folder = tmp_path / "msmd" / piece
        performances = {f"{piece}_tempo-1000_grand": 1.0, f"{piece}_tempo-900_grand": 0.9}
        score = folder / "scores" / f"{piece}_ly"
        write(score / "img" / "01.png", png(draw_page()))
        write(score / "mung" / "01.xml", mung(performances))
        for name in performances:
            write(folder / "performances" / name / f"{name}.midi", midi())
            write(folder / "performances" / name / "features" / f"{name}_spec.npy", npy(np.zeros((92, 5), np.float32)))
    return tmp_path / "msmd"


@pytest.fixture
def game(tmp_path):
    """A strip of the game in its two folders."""
    page = draw_page()
    windows = [page[first - 30 : last + 60, LEFT : RIGHT + 1] for first, last in STAVES]
    strip = np.concatenate(windows, axis=1)
    coords = [
        (y - STAVES[c["system"]][0] + 30, c["x"] - LEFT + c["system"] * (RIGHT + 1 - LEFT))
        for c in chords()
        for y in c["y"]
    ]
    folder = tmp_path / "game"
    (folder / "score").mkdir(parents=True)
    mapping = {row: row for row in range(2 * CHORDS - 1)}  # the last notehead is not aligned
    arrays = {"sheet": strip, "coords": np.array(coords, np.float32), "coord2onset": np.array([mapping])}
    np.savez(folder / "score" / "BachJS__BWV1__a.npz", **arrays)
    write(folder / "performance" / "BachJS__BWV1__a.mid", midi())
    return folder


@pytest.fixture
def cyolo(tmp_path):
    """A piece of two pages in CYOLO's form, the systems not in reading order, with a recording at another rate."""
    middle = [(first + last + 4 * SPACING) / 2 for first, last in STAVES]
    size = {"x": (LEFT + RIGHT) / 2, "w": RIGHT - LEFT, "h": 84.0}
    systems = [{**size, "y": y, "page_nr": page} for page in (1, 0) for y in middle]
    coords = [
        {"onset": np.float64(4 * page + c["onset"]), "note_x": c["x"], "note_y": y, "page_nr": page, "bar_idx": 0}
        | {"system_idx": 2 * (1 - page) + c["system"]}
        for page in (0, 1)
        for c in chords()
        for y in c["y"]
    ]
    coords.append({"onset": 0.0, "note_x": -1.0, "note_y": -1.0, "page_nr": 0, "system_idx": 2, "bar_idx": 0})
    bars = [{"x": 100.0, "y": middle[0], "w": 80.0, "h": 84.0, "page_nr": 1}]
    folder = tmp_path / "cyolo" / "msmd_valid"
    folder.mkdir(parents=True)
    arrays = {"sheets": np.stack([draw_page()] * 2), "coords": coords, "systems": systems, "bars": bars}
    np.savez(folder / "BachJS__BWV1__a_synth.npz", synthesized=True, **arrays)
    sound = np.sin(np.arange(44100) / 20) * 0.5
    soundfile.write(folder / "BachJS__BWV1__a_synth.wav", sound, 44100)
    return tmp_path / "cyolo"


def builder(tmp_path, name, **options):
    (tmp_path / "failures").mkdir(exist_ok=True)
    folders = {"cache_dir": str(tmp_path / "cache"), "failures_dir": str(tmp_path / "failures")}
    data_dir = options.pop("data_dir", None)
    return Msmd(config_name=name, data_dir=data_dir and str(data_dir), **{"audio": False} | folders | options)


def rows(tmp_path, name, **options):
    """split -> rows, undecoded."""
    splits = builder(tmp_path, name, **options).as_streaming_dataset()
    return {split: list(stream.decode(False)) for split, stream in splits.items()}


def failures(tmp_path):
    return read_failures(tmp_path / "failures")


def image(row, number=0):
    return np.asarray(Image.open(io.BytesIO(row["pages"][number]["bytes"])))


def check_places(row):
    """Noteheads are where they were drawn, in systems that go from line to line."""
    heads, systems = row["noteheads"], row["systems"]
    expected = [(c["x"], y, c["system"]) for c in chords() for y in c["y"]]
    assert list(zip(heads["x"], heads["y"], heads["system"], strict=True)) == expected
    edges = [(y - h / 2, y + h / 2) for y, h in zip(systems["y"], systems["h"], strict=True)]
    assert np.allclose(edges, [(first, last + 4 * SPACING) for first, last in STAVES], atol=2)
    assert np.allclose(np.subtract(systems["x"], np.divide(systems["w"], 2)), LEFT, atol=2)


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
        assert row["licence"] == "CC0 1.0"


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


def replace_notes(folder, change):
    """Writes the noteheads anew, each piece's columns passed through `change`."""
    table = pq.read_table(folder / "notes.parquet").to_pydict()
    for number, piece in enumerate(table["piece"]):
        row = {name: column[number] for name, column in table.items()}
        for name, value in change(piece, row).items():
            table[name][number] = value
    pq.write_table(pa.table(table), folder / "notes.parquet")


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
    with pytest.raises(ValueError, match=f"{name} must|pieces.csv must"):
        rows(tmp_path, "rebuilt", data_dir=rebuilt)


@pytest.mark.parametrize("name", ["../evil", "a/b", "..", ""])
def test_no_piece_names_a_file_elsewhere(tmp_path, rebuilt, name):
    with (rebuilt / "pieces.csv").open("a") as file:
        file.write(f"{name},train,Public Domain,x,100\n")
    with pytest.raises(ValueError, match=r"pieces.csv must name each piece once, without slashes"):
        rows(tmp_path, "rebuilt", data_dir=rebuilt)


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


def test_pages_of_cyolo_come_in_reading_order_with_their_recording(tmp_path, cyolo):
    [row] = rows(tmp_path, "cyolo", data_dir=cyolo, audio=True)["validation"]
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
