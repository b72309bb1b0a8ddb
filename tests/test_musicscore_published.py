"""The published MusicScore loads with its text: folders, archives, streams; what is broken is counted, not fatal."""

import io
import json
import tarfile

import datasets
import numpy as np
import pytest
from datasets import load_dataset
from PIL import Image

import scorehub.dataset_builders
from scorehub.dataset_builders.musicscore import published
from scorehub.dataset_builders.musicscore.metadata import load_metadata

assert scorehub.dataset_builders

# Records as published: keys are IMSLP's table headers with the abbreviation glued on.
METADATA = [
    {
        "Work Title": "Partita for Violin",
        "Composer": "Bach, Johann Sebastian",
        "Key": "A major",
        "Opus/Catalogue NumberOp./Cat. No.": "BWV 1006",
        "Year/Date of CompositionY/D of Comp.": "1720",
        "Composer Time PeriodComp. Period": "Baroque",
        "Piece Style": "Baroque",
        "Instrumentation": "violin",
        "ID": "IMSLP100",
    },
    {"Work Title": "Étude", "Composer": "Chopin, Frédéric", "Instrumentation": "piano", "ID": "IMSLP200"},
    {"Work Title": "Nowhere to be seen", "ID": "IMSLP999"},
]
SPLITS = {
    "train": ["IMSLP100_1.jpg", "IMSLP100_3.jpg", "IMSLP300_2.jpg"],
    "val": ["IMSLP200_1.jpg"],
    "test": ["IMSLP200_12.jpg"],
}


def jpeg(seed=0, size=(48, 64)):
    pixels = np.random.default_rng(seed).integers(0, 255, size=size[::-1], dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


def write_folders(folder):
    for split, names in SPLITS.items():
        (folder / split).mkdir(parents=True)
        for number, name in enumerate(names):
            (folder / split / name).write_bytes(jpeg(number))
    (folder / "metadata.json").write_text(json.dumps(METADATA, ensure_ascii=False), encoding="utf-8")


def write_archives(folder, extra=()):
    folder.mkdir(parents=True)
    for split, names in SPLITS.items():
        with tarfile.open(folder / f"{split}.tar.gz", "w:gz") as archive:
            for name, data in [(name, jpeg(number)) for number, name in enumerate(names)] + list(extra):
                member = tarfile.TarInfo(f"{split}/{name}")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    (folder / "metadata_all.json").write_text(json.dumps(METADATA))


@pytest.fixture
def hub_copy(tmp_path):
    """The whole repository in small."""
    write_folders(tmp_path / "MisicScore-400")
    write_archives(tmp_path / "MusicScore-14K")
    write_archives(tmp_path / "MusicScore-200k")
    return tmp_path


@pytest.mark.parametrize("config", ["400", "14k", "200k"])
def test_each_size_loads_with_text_and_published_splits(hub_copy, config):
    dataset = load_dataset("musicscore", config, data_dir=str(hub_copy))
    assert {split: rows.num_rows for split, rows in dataset.items()} == {"train": 3, "validation": 1, "test": 1}
    row = dataset["train"][1]
    assert row["text"] == (
        "a music score, composer is Bach, Johann Sebastian, instrumentation is violin, key is A major, "
        "piece style is Baroque"
    )
    assert (row["imslp_id"], row["page"], row["year"], row["image"].size) == ("IMSLP100", 3, "1720", (48, 64))
    assert json.loads(row["general_information"])["Opus/Catalogue NumberOp./Cat. No."] == "BWV 1006"


def test_a_size_loads_from_its_own_folder_too(hub_copy):
    rows = load_dataset("musicscore", "14k", data_dir=str(hub_copy / "MusicScore-14K"), split="validation")
    assert rows[0]["composer"] == "Chopin, Frédéric"


@pytest.mark.parametrize("config", ["400", "14k"])
def test_streaming_gives_the_same_rows(hub_copy, config):
    whole = load_dataset("musicscore", config, data_dir=str(hub_copy), split="train")
    stream = load_dataset("musicscore", config, data_dir=str(hub_copy), split="train", streaming=True)
    assert [row["sha256"] for row in stream] == whole["sha256"][:]


def test_several_processes_give_the_same_rows(hub_copy):
    one = load_dataset("musicscore", "400", data_dir=str(hub_copy), split="train")
    two = load_dataset("musicscore", "400", data_dir=str(hub_copy), num_proc=2, split="train", keep_in_memory=True)
    assert sorted(two["source"]) == sorted(one["source"])


def test_data_files_name_archives_and_metadata_directly(hub_copy):
    folder = hub_copy / "MusicScore-14K"
    files = {"train": [str(folder / "val.tar.gz"), str(folder / "metadata_all.json")]}
    rows = load_dataset("musicscore", "14k", data_files=files, split="train")
    assert rows["title"][:] == ["Étude"]


def test_metadata_named_apart_from_the_pages_makes_no_split(hub_copy):
    folder = hub_copy / "MusicScore-14K"
    files = {"test": [str(folder / "test.tar.gz")], "metadata": [str(folder / "metadata_all.json")]}
    splits = load_dataset("musicscore", "14k", data_files=files)
    assert {split: rows["instrumentation"][:] for split, rows in splits.items()} == {"test": ["piano"]}


def test_a_folder_of_another_kind_is_named(tmp_path):
    (tmp_path / "holiday.txt").write_text("")
    with pytest.raises(ValueError, match=r"data_dir must hold train, val, test .* holiday.txt"):
        load_dataset("musicscore", "14k", data_dir=str(tmp_path))


def test_an_audit_counts_what_a_split_alone_cannot_know(hub_copy):
    folder = hub_copy / "MisicScore-400"
    (folder / "metadata.json").write_text(json.dumps([*METADATA, METADATA[0]]))
    (folder / "test" / "IMSLP200_13.jpg").write_bytes(b"not a jpg")
    report = published.audit(str(hub_copy), "400")
    assert (report.pages, report.without_images, report.double_records) == (5, ["IMSLP999"], 1)
    assert report.lines() == [
        "1 pages without metadata, such as IMSLP300_2.jpg",
        "1 broken pages, left out, such as IMSLP200_13.jpg",
        "1 metadata records without pages, such as IMSLP999",
        "1 metadata records for ids that have one",
    ]


def members(files):
    return [(f"train/{name}", io.BytesIO(data)) for name, data in files]


@pytest.fixture
def table(tmp_path):
    (tmp_path / "metadata.json").write_text(json.dumps(METADATA))
    return load_metadata([tmp_path / "metadata.json"])


def test_broken_and_double_pages_are_counted_and_left_out(table):
    report = published.Report()
    files = [
        ("IMSLP100_1.jpg", jpeg()),
        ("IMSLP100_1.jpg", jpeg(1)),
        ("IMSLP100_2.jpg", jpeg()[:-200]),
        ("IMSLP100_4.jpg", b""),
        ("IMSLP100_5.jpg", b"GIF89a"),
        ("IMSLP555_1.jpg", jpeg()),
        ("readme.txt", b"not a page"),
    ]
    rows = list(published.read_pages(members(files), table, report))
    assert [row["source"] for row in rows] == ["IMSLP100_1.jpg", "IMSLP555_1.jpg"]
    assert report.broken == ["IMSLP100_2.jpg", "IMSLP100_4.jpg", "IMSLP100_5.jpg"]
    assert report.duplicate_ids == ["IMSLP100_1.jpg"]
    assert report.without_metadata == ["IMSLP555_1.jpg"]
    assert len(report.lines()) == 3


def test_metadata_without_images_is_counted(table):
    report = published.Report()
    list(published.read_pages(members([("IMSLP100_1.jpg", jpeg())]), table, report))
    assert set(table.unmatched(report.ids)) == {"IMSLP200", "IMSLP999"}


def test_an_image_beyond_the_size_limit_is_broken(table, monkeypatch):
    monkeypatch.setattr(published, "MAX_IMAGE_BYTES", 100)
    report = published.Report()
    assert not list(published.read_pages(members([("IMSLP100_1.jpg", jpeg())]), table, report))
    assert report.broken == ["IMSLP100_1.jpg"]


def test_names_in_an_archive_never_reach_the_disk(tmp_path):
    write_archives(tmp_path / "copy" / "MusicScore-14K", extra=[("../../IMSLP100_9.jpg", jpeg(9))])
    before = sorted(tmp_path.rglob("*"))
    rows = load_dataset("musicscore", "14k", data_dir=str(tmp_path / "copy"), split="train", streaming=True)
    assert "IMSLP100_9.jpg" in [row["source"] for row in rows]
    assert sorted(tmp_path.rglob("*")) == before


STREAM = """
import sys
from datasets import load_dataset
import scorehub.dataset_builders
for split in ("train", "test"):
    rows = list(load_dataset("musicscore", sys.argv[1], split=split, streaming=True))
    print(split, [(row["source"], row["instrumentation"], row["image"].size) for row in rows])
"""


@pytest.mark.parametrize("config", ["400", "14k"])
def test_the_hub_is_read_as_a_stream_without_a_local_copy(hub_copy, config, loopback_hub, run_python):
    upload = (
        "import sys; from huggingface_hub import HfApi; api = HfApi();"
        "api.create_repo('ZheqiDAI/MusicScore', repo_type='dataset');"
        "api.upload_folder(repo_id='ZheqiDAI/MusicScore', repo_type='dataset', folder_path=sys.argv[1])"
    )
    run_python(upload, hub_copy, env=loopback_hub.env)
    lines = run_python(STREAM, config, env=loopback_hub.env).splitlines()
    assert lines[-2].startswith("train [('IMSLP100_1.jpg', 'violin', (48, 64))")
    assert lines[-1] == "test [('IMSLP200_12.jpg', 'piano', (48, 64))]"


def test_the_published_rows_have_the_columns_of_curated_ones(hub_copy):
    rows = load_dataset("musicscore", "400", data_dir=str(hub_copy), split="train")
    assert isinstance(rows.features["image"], datasets.Image)
    assert rows[0]["license"].startswith("CC BY 4.0")
