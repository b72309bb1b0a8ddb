"""All builders of note datasets on small copies of their published layouts: one set of promises for all."""

import gzip
import json
import re
import tarfile
from pathlib import Path
from types import SimpleNamespace

import datasets
import numpy as np
import pytest
from datasets import load_dataset
from folders_and_archives import write_folder

import scorehub.dataset_builders
from scorehub.dataset_builders import note_rows
from scorehub.dataset_builders.build import Build, build
from scorehub.dataset_builders.dadagp.tokens import read_tokens
from scorehub.dataset_builders.failures import read_failures
from scorehub.dataset_builders.js_fakes_4bars import read_text
from scorehub.dataset_builders.jsb_chorales import grid_to_notes, read_grids
from scorehub.dataset_builders.load_hook import BUILDERS
from scorehub.dataset_builders.note_corpus import NoteCorpus
from scorehub.dataset_builders.pop909 import Pop909
from scorehub.notes import make_notes, write_midi
from scorehub.trainers import score_sde

assert scorehub.dataset_builders

GRIDS = {
    "train": [[[67, 64, 60, 48]] * 4 + [[69, 64, 60, 48]] * 4] * 3,
    "valid": [[[60, 57, 53, 41]] * 8],
    "test": [[[-1, 60, 55, 48]] * 8],
}
TAB = (
    "artist:x downtune:-2 tempo:120 start new_measure distorted0:note:s6:f0 drums:note:36 wait:480 "
    "distorted0:rest wait:480 bass:note:s5:f0 wait:960 new_measure bass:note:s5:f0 nfx:tie wait:960 end"
)
TEXT = (
    "PIECE_START STYLE=JSFAKES TRACK_START INST=48 BAR_START NOTE_ON=68 TIME_DELTA=4 NOTE_OFF=68 BAR_END "
    "BAR_START NOTE_ON={} TIME_DELTA=8 NOTE_OFF={} BAR_END TRACK_END"
)


def midi(seed=0, n=12):
    rng = np.random.default_rng(seed)
    return write_midi(make_notes(np.arange(n) / 2, np.full(n, 0.5), rng.integers(48, 84, n)))


def songs(pattern, count=24):
    return {pattern.format(number, number=number): midi(number) for number in range(1, count + 1)}


def giantmidi_files():
    head = "surname\tfirstname\tmusic\tyoutube_id\tsplit\n"
    ids = {f"{number:011d}": split for number, split in enumerate(["train", "train", "validation", "test"])}
    rows = "".join(f"Satie\tErik\tPiece {name}\t{name}\t{split}\n" for name, split in ids.items())
    files = {f"midis/Satie, Erik, Piece {name}, {name}.mid": midi(int(name)) for name in ids}
    table = "full_music_pieces_youtube_similarity_pianosoloprob_split.csv"
    return {**files, table: (head + rows).encode()}


def pop909_files():
    files = songs("POP909/{number:03d}/{number:03d}.mid")
    files |= {f"POP909/{n:03d}/chord_midi.txt": b"0.0\t1.0\tN\n1.0\t2.5\tB:maj\n" for n in range(1, 25)}
    return files | {"POP909/001/versions/001-v1.mid": midi(99), "POP909/001/beat_midi.txt": b"0.5 1.0 1.0\n"}


def js_fakes_files():
    total = {"total": {"responses": 4.0, "correct": 1.0}}
    return {
        **songs("midi/{}.mid"),
        **songs("jsf-extended/{}.mid", 3),
        "metadata.json": json.dumps({"midi/1.mid": total}).encode(),
    }


def nottingham_files():
    tunes = "".join(f"X: {n}\nT:Tune {n}\nK:G\nGABc|\n\n" for n in range(1, 25))
    files = songs("MIDI/jigs{}.mid") | songs("MIDI/melody/jigs{}.mid") | songs("MIDI/chords/jigs{}.mid")
    return files | {"ABC_cleaned/jigs.abc": tunes.encode()}


def metamidi_files():
    names = [f"{number:032x}" for number in range(24)]
    line = json.dumps({"md5": names[0], "title_artist": [["A Tune", "A Band"]]})
    return {f"MMD_MIDI/{name[0]}/{name[1]}/{name}.mid": midi(n) for n, name in enumerate(names)} | {
        "MMD_scraped_title_artist.jsonl": line.encode()
    }


LAYOUTS = {
    ("maestro", "folder"): lambda: songs("{}.mid"),
    ("lakh", "full"): lambda: songs("lmd_full/0/{number:032x}.mid"),
    ("lakh", "matched"): lambda: songs("lmd_matched/A/B/C/TR{}/0a.mid"),
    ("jsb_chorales", "midi"): lambda: {f"JSB Chorales/{part}/{n}.mid": midi(n) for part in GRIDS for n in range(2)},
    ("jsb_chorales", "16th"): lambda: {"Jsb16thSeparated.json": json.dumps(GRIDS).encode()},
    ("jsb_chorales", "quarter"): lambda: {"jsb-chorales-quarter.json.gz": gzip.compress(json.dumps(GRIDS).encode())},
    ("js_fakes", "annotated"): js_fakes_files,
    ("js_fakes", "extended"): js_fakes_files,
    ("js_fakes_4bars", "excerpts"): lambda: {
        f"{part}.txt": "\n".join(TEXT.format(n, n) for n in range(50, 54)).encode() for part in ("train", "valid")
    },
    ("nottingham", "tunes"): nottingham_files,
    ("nottingham", "melody"): nottingham_files,
    ("pop909", "songs"): pop909_files,
    ("pop909", "versions"): pop909_files,
    ("dadagp", "songs"): lambda: {
        f"A/A Band/A Band - Song {n}.gp4.tokens.txt": TAB.replace(" ", "\n").encode() for n in range(24)
    },
    ("metamidi", "files"): metamidi_files,
    ("giantmidi", "full"): giantmidi_files,
    ("giantmidi", "evaluation"): lambda: (
        songs("midis_for_evaluation/ground_truth/{}.mid") | songs("midis_for_evaluation/maestro/{}.mid")
    ),
    ("crestmuse", "midi"): lambda: songs("pedb/{}/performance.mid"),
    ("rwc", "midi"): lambda: songs("AIST.RWC-MDB-P-2001.SMF_SYNC/RM-P{number:03d}.SMF_SYNC.MID"),
}
NAMES = sorted({name for name, _ in LAYOUTS})


@pytest.fixture(scope="module", params=LAYOUTS, ids=lambda pair: "-".join(pair))
def corpus(request, tmp_path_factory):
    """Name, configuration, folder, and what `load_dataset` makes of it."""
    name, config = request.param
    folder = write_folder(tmp_path_factory.mktemp(name), LAYOUTS[request.param]())
    cache = str(tmp_path_factory.mktemp("cache"))
    return name, config, folder, load_dataset(name, config, data_dir=str(folder), cache_dir=cache)


def rows_of(loaded):
    return [row for split in loaded.values() for row in split]


def test_rows_have_the_schema(corpus):
    *_, loaded = corpus
    for split in loaded.values():
        assert dict(note_rows.FEATURES).items() <= dict(split.features).items()
    rows = rows_of(loaded)
    assert len({row["id"] for row in rows}) == len(rows)
    for row in rows:
        notes = note_rows.columns_to_notes(row)
        assert len(notes)
        assert row["seconds"] == pytest.approx(notes.end)
        assert row["split_group"]
        assert not Path(row["source"]).is_absolute()


def test_a_group_lies_in_one_split(corpus):
    *_, loaded = corpus
    groups = [set(split["split_group"]) for split in loaded.values()]
    assert sum(map(len, groups)) == len(set().union(*groups))


def test_archive_stream_and_folder_have_the_same_rows(corpus, tmp_path):
    name, config, folder, loaded = corpus
    archive = tmp_path / "packed.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, ".")
    streamed = load_dataset(name, config, data_dir=str(archive), streaming=True)
    found = [row for split in streamed.values() for row in split]
    other = [{**row, "source": ""} for row in rows_of(loaded)]
    assert [{**row, "source": "", "id": row["id"].removeprefix("./")} for row in found] == other


@pytest.mark.parametrize("name", NAMES)
def test_what_is_known_of_it_is_said(name):
    (builder,) = [
        value
        for value in vars(__import__(BUILDERS[name], fromlist=["_"])).values()
        if isinstance(value, type) and issubclass(value, NoteCorpus) and value.__module__ == BUILDERS[name]
    ]
    facts = builder.FACTS
    assert re.match(r"@\w+\{\w+,", facts.citation)
    assert facts.homepage.startswith("http")
    assert all((facts.title, facts.license, facts.obtain))
    for config in builder.BUILDER_CONFIGS:
        assert config.description.endswith(".")
        assert not config.url or re.fullmatch(r"[0-9a-f]{64}", config.sha256)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "maestro"])
def test_without_data_it_says_what_to_get(name, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match=r"data_dir must be .*got None"):
        load_dataset(name)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("maestro", "jsb_chorales")])
def test_a_folder_of_something_else_is_refused(name, tmp_path):
    (tmp_path / "notes.csv").write_text("nothing")
    with pytest.raises(ValueError, match=r"data_dir must be .*with no such file"):
        load_dataset(name, data_dir=str(tmp_path))


@pytest.mark.parametrize("name", ["lakh", "pop909", "nottingham"])
def test_a_damaged_file_is_left_out_and_reported(name, tmp_path):
    config = next(config for each, config in LAYOUTS if each == name)
    folder = write_folder(tmp_path / "data", LAYOUTS[name, config]())
    broken = next(path for path in sorted(folder.rglob("*.mid")) if path.parent.name not in ("chords", "melody"))
    broken.write_bytes(b"MThd, and then nothing")
    options = {"data_dir": str(folder), "failures_dir": str(tmp_path / "failures")}
    loaded = load_dataset(name, config, cache_dir=str(tmp_path / "cache"), **options)
    ((item, reason),) = read_failures(tmp_path / "failures")
    assert item == broken.relative_to(folder).as_posix()
    assert "MIDI" in reason
    assert item.removesuffix(".mid") not in {row["id"] for row in rows_of(loaded)}


@pytest.mark.parametrize("name", ["jsb_chorales", "nottingham", "dadagp"])
def test_any_of_them_trains_the_rolls_by_name(name, tmp_path, monkeypatch):
    config = next(config for each, config in LAYOUTS if each == name)
    folder = write_folder(tmp_path / "data", LAYOUTS[name, config]())
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    arguments = [
        "--dataset",
        name,
        "--builder",
        config,
        "--data_dir",
        str(folder),
        "--output_dir",
        str(tmp_path / "run"),
    ]
    strips = score_sde.find_strips(score_sde.parse_config(arguments))
    assert len(strips.groups)
    assert all(group.startswith(f"{name}:") for group in strips.groups)


def test_songs_of_pop909_have_their_annotations(tmp_path):
    files = pop909_files()
    files["POP909/002/chord_midi.txt"] = b"# chords\n0.0\n0.0 1.0\n1.0 2.5  B:maj  (or so)\nx 3 C:min\n"
    files["POP909/002/key_audio.txt"] = b"0.5\t9.0\tGb:maj\n"
    loaded = load_dataset(
        "pop909", data_dir=str(write_folder(tmp_path / "data", files)), cache_dir=str(tmp_path / "cache")
    )
    rows = {row["title"]: row for row in rows_of(loaded)}
    assert rows["001"]["chords"] == {"start": [0, 1], "end": [1, 2.5], "label": ["N", "B:maj"]}
    assert rows["001"]["beats"] == [0.5]
    assert rows["001"]["keys"] == {"start": [], "end": [], "label": []}
    assert rows["002"]["chords"] == {"start": [0, 1], "end": [1, 2.5], "label": ["", "B:maj (or so)"]}
    assert rows["002"]["keys"] == {"start": [0.5], "end": [9], "label": ["Gb:maj"]}
    assert rows["002"]["beats"] == []


def test_other_arrangements_have_the_annotations_of_their_song(tmp_path):
    data = str(write_folder(tmp_path / "data", pop909_files()))
    loaded = load_dataset("pop909", "versions", data_dir=data, cache_dir=str(tmp_path / "cache"))
    rows = {row["title"]: row for row in rows_of(loaded)}
    assert rows["001-v1"]["chords"] == rows["001"]["chords"]
    assert rows["001-v1"]["beats"] == [0.5]


@pytest.mark.parametrize("config", ["songs", "versions"])
@pytest.mark.parametrize("below", ["", "POP909"])
def test_pop909_may_be_the_whole_checkout_or_its_folder_of_songs(config, below, tmp_path):
    folder = write_folder(tmp_path / "data", pop909_files()) / below
    loaded = load_dataset("pop909", config, data_dir=str(folder), cache_dir=str(tmp_path / "cache"))
    rows = {row["title"]: row for row in rows_of(loaded)}
    assert len(rows) == {"songs": 24, "versions": 25}[config]
    assert rows["001"]["beats"] == [0.5]


def test_two_copies_of_pop909_are_refused(tmp_path):
    files = {f"{copy}/{name}": data for copy in "ab" for name, data in pop909_files().items()}
    with pytest.raises(ValueError, match="data_dir must have one POP909 folder, got a/POP909/, b/POP909/"):
        load_dataset("pop909", data_dir=str(write_folder(tmp_path / "data", files)), cache_dir=str(tmp_path / "cache"))


def test_pieces_are_planned_before_any_file_of_theirs_is_read(tmp_path):
    unread = SimpleNamespace(members=dict.fromkeys(pop909_files(), (0, 0)))
    splits = Pop909(cache_dir=str(tmp_path), config_name="songs").plan(unread)
    assert sorted(piece.title for pieces in splits.values() for piece in pieces) == [f"{n:03d}" for n in range(1, 25)]


def test_a_build_has_every_row_and_a_card(tmp_path):
    folder = write_folder(tmp_path / "data", pop909_files())
    built = build(Build("pop909", "songs", tmp_path / "built", 8, {"data_dir": str(folder)}))
    loaded = load_dataset(str(built), cache_dir=str(tmp_path / "cache"))
    assert sorted(row["title"] for row in rows_of(loaded)) == [f"{n:03d}" for n in range(1, 25)]
    card = (built / "README.md").read_text(encoding="utf-8")
    assert "@inproceedings{wang2020pop909" in card
    assert not re.search(r"\$[a-z]", card)
    assert (built / "figures" / "rolls.png").stat().st_size > 10_000


def test_equal_pitches_of_a_voice_are_one_note():
    notes = grid_to_notes([[60, 55], [60, 57], [62], [62, 57]], quarters=0.25)
    assert notes.pitch.tolist() == [55, 60, 57, 62, 57]
    np.testing.assert_allclose(notes.onset, [0, 0, 0.125, 0.25, 0.375])
    np.testing.assert_allclose(notes.duration, [0.125, 0.25, 0.125, 0.25, 0.125])


@pytest.mark.parametrize("steps", [[[60] * 5], [["c"]], "steps", [60], [[2**80]]])
def test_grids_that_are_none_are_refused(steps):
    with pytest.raises(ValueError, match=r"must be .*, got"):
        grid_to_notes(steps, 0.25)


@pytest.mark.parametrize("data", [b"[]", b'{"train": []}', b"{"])
def test_tables_of_grids_that_are_none_are_refused(data):
    with pytest.raises(ValueError, match=r"grids must .*, got"):
        read_grids(data)


def test_tablature_becomes_pitches_and_ties_go_on():
    notes = read_tokens(TAB.split())
    assert notes.pitch.tolist() == [36, 38, 26]
    assert notes.program.tolist().count(128) == 1
    bass = notes.choose(notes.program == 33)
    np.testing.assert_allclose([bass.onset[0], bass.duration[0]], [0.5, 1.0])


@pytest.mark.parametrize(
    ("song", "order"),
    [
        ("open close:1", [0, 1, 0, 1]),
        ("- open close:2 -", [0, 1, 2, 1, 2, 1, 2, 3]),
        ("open alternative:1,close:1 alternative:2 -", [0, 1, 0, 2, 3]),
    ],
)
def test_repeats_are_played_out(song, order):
    tokens = ["tempo:60"]
    for number, marks in enumerate(song.split()):
        tokens += ["new_measure", *(f"measure:repeat_{mark}" for mark in marks.split(",") if mark != "-")]
        tokens += [f"leads:note:s1:f{number}", "wait:960"]
    notes = read_tokens(tokens)
    assert (notes.pitch - 64).tolist() == order
    np.testing.assert_allclose(notes.onset, np.arange(len(order)))


@pytest.mark.parametrize(
    "token",
    [
        *("wait:x", "wait:99999999", "kazoo:note:s1:f1", "leads:note:s9:f1", "downtune:x"),
        *(f"{long}{'9' * 400}" for long in ("downtune:", "downtune:-", "leads:note:s1:f", "drums:note:")),
    ],
)
def test_tokens_that_are_none_are_refused(token):
    head, body = ([token], []) if token.startswith("downtune") else ([], [token])
    with pytest.raises(ValueError, match="must be"):
        read_tokens([*head, "new_measure", "leads:note:s1:f0", *body, "wait:960"])


def test_bars_begin_where_they_should():
    notes = read_text(TEXT.format(70, 70))
    assert notes.pitch.tolist() == [68, 70]
    np.testing.assert_allclose(notes.onset, [0, 2])
    np.testing.assert_allclose(notes.duration, [0.5, 1])
    assert (
        read_text("INST=DRUMS TRACK_START INST=DRUMS BAR_START NOTE_ON=36 TIME_DELTA=1 NOTE_OFF=36").program[0] == 128
    )
