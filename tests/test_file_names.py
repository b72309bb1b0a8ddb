"""Names of files that are no UTF-8: items that bear them are rows, or are reported, as any other."""

import csv
import os
import shutil

import pytest
from datasets import load_dataset
from folders_and_archives import write_folder, write_tar, write_zip
from msmd_files import write_game
from test_camera_primus import write_items
from test_note_corpora import midi

from scorehub.dataset_builders.build import Build, build
from scorehub.dataset_builders.failures import read_failures, report_failure
from scorehub.dataset_builders.file_names import as_text

NAME = os.fsdecode(b"caf\xe9")
KERN = "**kern\n*clefG2\n*k[]\n*M4/4\n1{}\n==\n*-\n"


def test_names_are_text():
    assert as_text(NAME) == r"caf\xe9"
    assert as_text("café") == "café"


def write_unmarked_zip(path, files):
    """As an old packer writes it: the name's bytes, and no word of what they mean."""
    write_zip(path, {name.replace(NAME, "cafZ"): data for name, data in files.items()})
    path.write_bytes(path.read_bytes().replace(b"cafZ", b"caf\xe9"))
    return path


@pytest.mark.parametrize(
    ("write", "id"), [(write_folder, r"a/caf\xe9"), (write_tar, r"a/caf\xe9"), (write_unmarked_zip, "a/cafΘ")]
)
def test_a_piece_whose_name_is_no_text_is_a_row(write, id, tmp_path):
    path = write(tmp_path / "data", {f"a/{NAME}.mid": midi(1), "a/b.mid": midi(2), f"{NAME}/c.mid": b"no MIDI"})
    options = {"data_dir": str(path), "failures_dir": str(tmp_path / "failures")}
    loaded = load_dataset("maestro", "folder", cache_dir=str(tmp_path / "cache"), **options)
    rows = {row["id"]: row for split in loaded.values() for row in split}
    assert rows.keys() == {id, "a/b"}
    assert rows[id]["midi"] == midi(1)
    ((item, _reason),) = read_failures(tmp_path / "failures")
    assert item == f"{id.removeprefix('a/')}/c.mid"


def test_incipits_may_have_such_names(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / f"{NAME}.krn").write_text(KERN.format("c"))
    loaded = load_dataset("camera_primus", "engraved", data_dir=str(tmp_path / "data"), audio=False, streaming=True)
    assert [row["id"] for split in loaded.values() for row in split] == [r"caf\xe9"]


def test_a_published_item_of_such_a_name_is_reported(tmp_path):
    write_items(tmp_path / "Corpus", ["000000001-1_1_1", NAME])
    options = {"data_dir": str(tmp_path / "Corpus"), "failures_dir": str(tmp_path / "failures"), "audio": False}
    loaded = load_dataset("camera_primus", "full", streaming=True, **options)
    assert [row["id"] for split in loaded.values() for row in split] == ["000000001-1_1_1"]
    ((item, reason),) = read_failures(tmp_path / "failures")
    assert item.endswith(r"Corpus/caf\xe9")
    assert "named after their folder" in reason


def test_a_piece_of_msmd_may_have_such_a_name(tmp_path):
    folder = write_game(tmp_path)
    for path in sorted(folder.rglob("*.*")):
        if path.suffix in (".npz", ".mid"):
            shutil.copy(path, path.with_name(f"{NAME}{path.suffix}"))
    loaded = load_dataset("msmd", "rl", data_dir=str(folder), audio=False, cache_dir=str(tmp_path / "cache"))
    assert r"caf\xe9" in {row["piece"] for split in loaded.values() for row in split}


def test_reports_of_such_names_come_into_the_table(tmp_path):
    report_failure(NAME, f"no {NAME}, nor half a pair \ud800", str(tmp_path))
    with (tmp_path / "failures.csv").open("w", encoding="utf-8") as file:
        csv.writer(file).writerows(read_failures(tmp_path))


def test_a_build_has_such_pieces(tmp_path):
    files = {f"{NAME}{number}.mid": midi(number) for number in range(12)} | {f"{NAME}.mid": b"no MIDI"}
    folder = write_folder(tmp_path / "data", files)
    built = build(Build("maestro", "folder", tmp_path / "built", 8, {"data_dir": str(folder)}))
    assert (built / "failures.csv").read_text().splitlines()[1].startswith(r"caf\xe9.mid,")
    rows = load_dataset(str(built), cache_dir=str(tmp_path / "cache"))
    assert sum(map(len, rows.values())) == 12
