"""Camera-PrIMuS: published folders and archives, published and grouped folds, incipits of any source."""

import csv
import gzip
import io
import random
import tarfile
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from datasets import load_dataset
from PIL import Image

import scorehub.dataset_builders
from scorehub.dataset_builders import archives
from scorehub.dataset_builders.camera_primus import splits
from scorehub.dataset_builders.camera_primus.engraved import engrave_incipit
from scorehub.dataset_builders.camera_primus.incipits import Incipit, read_incipits
from scorehub.dataset_builders.camera_primus.items import Sound, make_row
from scorehub.dataset_builders.camera_primus.published import item_ids, read_source
from scorehub.dataset_builders.camera_primus.sample import sample_incipits
from scorehub.dataset_builders.failures import read_failures

assert scorehub.dataset_builders

SEMANTIC = "clef-G2\tkeySignature-DM\ttimeSignature-3/4\tnote-D5_quarter\trest-half\tbarline\t"
AGNOSTIC = "clef.G-L2\taccidental.sharp-L5\taccidental.sharp-S3\tdigit.3-L4\tdigit.4-L2\tnote.quarter-L4\t"
PAE = "@clef:G-2\n@keysig:xFC\n@timesig:3/4\n@data:4''D2-/\n"


def picture(form):
    buffer = io.BytesIO()
    Image.fromarray(np.full((20, 50), 255, np.uint8)).save(buffer, form)
    return buffer.getvalue()


FILES = {
    ".png": picture("PNG"),
    "_distorted.jpg": picture("JPEG"),
    ".semantic": SEMANTIC.encode(),
    ".agnostic": AGNOSTIC.encode(),
    ".mei": b"<mei/>",
    ".pae": PAE.encode(),
}


def write_items(folder, ids, files=FILES):
    for item in ids:
        (folder / item).mkdir(parents=True)
        for suffix, data in files.items():
            (folder / item / f"{item}{suffix}").write_bytes(data)


def ids_of(dataset):
    return {split: sorted(rows["id"]) for split, rows in dataset.items()}


@pytest.fixture
def corpus(tmp_path):
    """Forty items of twenty sources, two each, as they are published."""
    ids = [f"{source:09d}-1_{number}_1" for source in range(20) for number in (1, 2)]
    write_items(tmp_path / "Corpus", ids)
    return tmp_path / "Corpus"


def test_a_published_item_becomes_a_row_with_all_its_files(corpus):
    row = load_dataset("camera_primus", "full", data_dir=str(corpus), split="train")[0]
    assert (row["image"].size, row["distorted"].size) == ((50, 20), (50, 20))
    assert (row["semantic"], row["agnostic"]) == (SEMANTIC.strip(), AGNOSTIC.strip())
    assert (row["mei"], row["notation"], row["notation_format"]) == ("<mei/>", PAE, "pae")
    assert (row["n_tokens"], row["seconds"], row["split_group"]) == (6, 1.5, row["id"].split("-")[0])


def test_audio_is_the_tokens_at_the_tempo(corpus):
    row = load_dataset("camera_primus", "full", data_dir=str(corpus), split="train", tempo=60.0)[0]
    audio, rate = soundfile.read(io.BytesIO(row["audio"]["bytes"]))
    spectrum = np.abs(np.fft.rfft(audio[:rate]))  # one second: bins of 1 Hz
    assert (rate, row["seconds"]) == (22050, 3.0)
    assert 0.01 < np.abs(audio[: rate // 10]).max() <= 1
    assert abs(500 + np.argmax(spectrum[500:700]) - 587) <= 2  # D5


def test_what_would_sound_too_long_has_no_audio(corpus):
    row = load_dataset("camera_primus", "full", data_dir=str(corpus), split="train", max_seconds=1.0)[0]
    assert (row["audio"], row["midi"]) == (None, None)


@pytest.mark.parametrize("archive", ["corpus.tgz", "corpus.zip"])
def test_an_archive_gives_the_same_rows_as_its_folder(corpus, tmp_path, archive):
    if archive.endswith("zip"):
        with zipfile.ZipFile(tmp_path / archive, "w") as file:
            for path in sorted(corpus.rglob("*.*")):
                file.write(path, path.relative_to(tmp_path))
    else:
        with tarfile.open(tmp_path / archive, "w:gz") as file:
            file.add(corpus, "Corpus")
    packed = load_dataset("camera_primus", "full", data_dir=str(tmp_path / archive), audio=False)
    folder = load_dataset("camera_primus", "full", data_dir=str(corpus), audio=False)
    assert ids_of(packed) == ids_of(folder)
    assert packed["train"].sort("id")["semantic"][:] == folder["train"].sort("id")["semantic"][:]


def test_grouped_folds_keep_sources_together_and_test_every_item_once(corpus):
    tested = []
    for fold in range(5):
        ids = ids_of(load_dataset("camera_primus", "full", data_dir=str(corpus), fold=fold, audio=False))
        groups = [{item.split("-")[0] for item in part} for part in ids.values()]
        assert sum(map(len, groups)) == 20
        tested += ids.get("test", [])
    assert len(tested) == len(set(tested)) == 40


@pytest.fixture
def lists(corpus, tmp_path):
    """Published lists for the corpus: a fold in which the two items of each source are torn apart."""
    ids = sorted(path.name for path in corpus.iterdir())
    folder = tmp_path / "lists"
    folder.mkdir()
    parts = {
        "clean_samples": ids,
        "train_gt_fold0": ids[::2],
        "val_gt_fold0": ids[1:20:2],
        "test_gt_fold0": ids[21::2],
    }
    for name, part in parts.items():
        with gzip.open(folder / f"{name}.dat.gz", "wt") as file:
            file.write("\n".join(part))
    (folder / "train_ids.txt").write_text("\n".join(ids[:30]) + "\n")
    (folder / "test_ids.txt").write_text("\n".join(ids[30:]) + "\n")
    return folder, parts


def test_the_published_folds_are_taken_as_they_are(corpus, lists):
    folder, parts = lists
    options = {"data_dir": str(corpus), "lists_dir": str(folder), "audio": False}
    ids = ids_of(load_dataset("camera_primus", "cleansed", **options))
    assert ids == {
        "train": parts["train_gt_fold0"],
        "validation": parts["val_gt_fold0"],
        "test": parts["test_gt_fold0"],
    }
    grouped = ids_of(load_dataset("camera_primus", "cleansed", grouped=True, **options))
    assert sum(len({item.split("-")[0] for item in part}) for part in grouped.values()) == 20


def test_a_seeded_part_of_each_split_is_taken(corpus, lists):
    folder, parts = lists
    options = {"data_dir": str(corpus), "lists_dir": str(folder), "audio": False, "fraction": 0.6}
    first, again, other = (
        ids_of(load_dataset("camera_primus", "cleansed", seed=seed, **options)) for seed in (0, 0, 1)
    )
    assert {split: len(ids) for split, ids in first.items()} == {"train": 12, "validation": 6, "test": 6}
    assert first == again != other
    assert set(first["train"]) < set(parts["train_gt_fold0"])


def test_the_thesis_counts_come_out():
    assert [len(splits.sample(map(str, range(n)), 0.6, 0)) for n in (13_371, 4_457)] == [8_023, 2_674]


def test_the_whole_corpus_has_its_published_test_set(corpus, lists):
    folder, _ = lists
    options = {"data_dir": str(corpus), "lists_dir": str(folder), "grouped": False, "audio": False}
    ids = ids_of(load_dataset("camera_primus", "full", **options))
    assert ids["test"] == (folder / "test_ids.txt").read_text().split()
    assert [len(ids[split]) for split in ("train", "validation")] == [27, 3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fold": 7}, "fold must be 0 to 4, got 7"),
        ({"camera": "fax"}, "camera must be one of primus, photo, got 'fax'"),
        ({"tempo": 0.0}, "tempo must be 20 to 400 quarters a minute, got 0.0"),
        ({"fraction": 1.5}, "fraction must be more than 0 and at most 1, got 1.5"),
    ],
)
def test_options_out_of_range_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        load_dataset("camera_primus", **options)


def test_missing_lists_are_named(corpus):
    with pytest.raises(ValueError, match=r"lists_dir must hold train_gt_fold0.dat"):
        load_dataset("camera_primus", "cleansed", data_dir=str(corpus))


BAD = {
    "no_png": {".png": None},
    "half_a_png": {".png": FILES[".png"][:40]},
    "no_tokens": {".semantic": b""},
    "bad_token": {".semantic": b"clef-G2\tnote-H4_quarter\t"},
    "not_text": {".semantic": b"\xff\xfe"},
    "bad_agnostic": {".agnostic": b"note.quarter-Q9"},
}


def test_bad_items_are_reported_and_the_others_built(tmp_path):
    good = [f"good{number}-1" for number in range(20)]  # enough for every split
    write_items(tmp_path / "corpus", good)
    for name, change in BAD.items():
        files = {suffix: data for suffix, data in (FILES | change).items() if data is not None}
        write_items(tmp_path / "corpus", [f"{name}-1"], files)
    options = {"data_dir": str(tmp_path / "corpus"), "failures_dir": str(tmp_path / "failures"), "audio": False}
    loaded = load_dataset("camera_primus", "full", **options)
    assert [item for ids in ids_of(loaded).values() for item in ids if item not in good] == []
    failures = dict(read_failures(tmp_path / "failures"))
    assert failures.keys() == {f"{name}-1" for name in BAD}
    assert "H4" in failures["bad_token-1"]
    assert "must have no_png-1.png" in failures["no_png-1"]


def test_a_broken_archive_gives_what_comes_before_the_break(corpus, tmp_path):
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as file:
        file.add(corpus, "Corpus")
    (tmp_path / "half.tgz").write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    options = {"data_dir": str(tmp_path / "half.tgz"), "failures_dir": str(tmp_path / "failures"), "audio": False}
    loaded = load_dataset("camera_primus", "full", **options)
    assert 5 <= sum(map(len, loaded.values())) < 40
    assert any("whole archive" in reason for _, reason in read_failures(tmp_path / "failures"))


@pytest.mark.parametrize("form", ["tar", "zip"])
def test_a_damaged_archive_of_lzma_is_reported(form, corpus, tmp_path):
    path = tmp_path / f"a.{form}"
    if form == "tar":
        with tarfile.open(path, "w:xz") as file:
            file.add(corpus, "Corpus")
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as file:
            for item in corpus.rglob("*.*"):
                file.write(item, item.relative_to(corpus))
    data = path.read_bytes()
    path.write_bytes(data[:200] + bytes(200) + data[400:])
    found = list(read_source(str(path), {item.name for item in corpus.iterdir()}))
    assert isinstance(found[-1][1], ValueError)
    assert "whole archive" in str(found[-1][1])
    assert item_ids(str(path)) == [] or form == "zip"


def test_a_zip_of_too_many_files_is_refused_before_they_are_listed(corpus, tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        for item in corpus.rglob("*.*"):
            file.write(item, item.relative_to(corpus))
    monkeypatch.setattr(archives, "MAX_DIRECTORY_BYTES", 1000)
    ((_, error),) = read_source(str(tmp_path / "a.zip"), {"a"})
    assert "directory must have at most 1000 bytes" in str(error)
    assert item_ids(str(tmp_path / "a.zip")) == []


RISM = {"rism_id": "100", "incipit": "1.1.1", "clef": "G-2", "keysig": "xFC", "timesig": "3/4", "pae": "4''DEF/2.A/"}


def write_rism(path, rows):
    with gzip.open(path, "wt", newline="") as file:
        writer = csv.DictWriter(file, RISM, delimiter="\t", quoting=csv.QUOTE_NONE, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def test_incipits_come_from_tables_and_files_each_text_once(tmp_path):
    write_rism(tmp_path / "rism.tsv.gz", [RISM, RISM | {"rism_id": "101"}, RISM | {"pae": "2.A/"}])
    kern = "**kern\n*clefG2\n*k[]\n*M4/4\n1c\n==\n*-\n"
    table = {"file": ["a/b.krn"], "spine": [0], "first_measure": [3], "kern": [kern], "composer": ["Anon"]}
    pq.write_table(pa.table(table), tmp_path / "kern.parquet")
    (tmp_path / "own.krn").write_text(kern.replace("1c", "1d"))
    (tmp_path / "notes.txt").write_text("not an incipit")
    found = read_incipits(tmp_path)
    assert sorted(found) == ["100-1_1_1", "100-1_1_1_2", "b-0_3", "own"]
    assert found["b-0_3"].composer == "Anon"


def test_engraved_incipits_say_the_same_on_paper_in_tokens_and_in_sound(tmp_path):
    write_rism(tmp_path / "rism.tsv.gz", [RISM])
    loaded = load_dataset("camera_primus", "engraved", data_dir=str(tmp_path / "rism.tsv.gz"))
    (row,) = (row for rows in loaded.values() for row in rows)
    assert row["semantic"].split("\t")[:4] == ["clef-G2", "keySignature-DM", "timeSignature-3/4", "note-D5_quarter"]
    assert [t.split("-")[0] for t in row["agnostic"].split("\t")][:3] == [
        "clef.G",
        "accidental.sharp",
        "accidental.sharp",
    ]
    assert np.asarray(row["image"]).min() < 50
    assert row["notation_format"] == "pae"
    assert row["license"].startswith("CC BY 3.0")


def test_the_seed_decides_how_a_staff_looks():
    incipit = next(iter(sample_incipits().values()))
    first, again, other = (engrave_incipit(incipit, "primus", seed) for seed in (0, 0, 1))
    assert first == again
    assert first.semantic == other.semantic
    assert (first.image, first.distorted) != (other.image, other.distorted)


@pytest.mark.parametrize(
    ("notation", "message"),
    [("@clef:G-2\n@keysig:\n@timesig:c\n@data:4C(6DEF)/", "tuplet"), ("@clef:G-2\n@data:", "must have")],
)
def test_what_primus_can_not_say_is_no_item(notation, message):
    with pytest.raises(ValueError, match=message):
        engrave_incipit(Incipit("x", notation, "pae", "x"), "primus", 0)


def test_two_hundred_mutilated_incipits_are_rows_or_reasons():
    rng, characters = random.Random(0), "ABC#b'/4{}()^*=%$@;\n\t\x00é0"
    texts = [PAE + "4'DEF/{8GABc}/" * 2, sample_incipits()["auld_lang_syne-1"].notation]
    rows, reasons = 0, []
    for number in range(200):
        text = list(texts[number % 2])
        for _ in range(rng.randint(1, 6)):
            text[rng.randrange(len(text)) :][:1] = []
            text.insert(rng.randrange(len(text)), rng.choice(characters))
        incipit = Incipit(str(number), "".join(text), ("pae", "kern")[number % 2], "x")
        try:
            rows += make_row(engrave_incipit(incipit, "primus", 0), Sound(wanted=False))["id"] == str(number)
        except ValueError as error:
            reasons.append(str(error))
    assert 0 < rows < 200
    assert min(map(len, reasons)) > 10


def test_a_part_that_leaves_nothing_is_refused(tmp_path):
    write_rism(tmp_path / "rism.tsv.gz", [RISM])
    with pytest.raises(ValueError, match=r"fraction must leave one of 1 incipits, got 0\.1"):
        load_dataset("camera_primus", "engraved", data_dir=str(tmp_path / "rism.tsv.gz"), fraction=0.1)


def test_a_table_is_read_once_for_all_items_and_anew_when_it_changes(tmp_path):
    write_rism(tmp_path / "rism.tsv.gz", [RISM])
    first = read_incipits(tmp_path)
    assert read_incipits(tmp_path) is first
    write_rism(tmp_path / "rism.tsv.gz", [RISM, RISM | {"incipit": "2.1.1", "pae": "2.D/"}])
    assert len(read_incipits(tmp_path)) == 2
