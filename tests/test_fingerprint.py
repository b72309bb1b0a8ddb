"""Datasets are built anew where their files or our source changed, and only there."""

import os

import pytest
from datasets import load_dataset_builder

import scorehub.dataset_builders
from scorehub.dataset_builders import fingerprint, load_hook
from scorehub.dataset_builders.fingerprint import files_fingerprint, source_fingerprint

assert scorehub.dataset_builders

INPUTS = {
    ("camera_primus", "engraved"): ("data_dir", "soundfont"),
    ("camera_primus", "full"): ("data_dir", "lists_dir", "soundfont"),
    ("camera_primus", "cleansed"): ("data_dir", "lists_dir"),
    ("msmd", "rebuilt"): ("data_dir", "soundfont"),
    ("msmd", "original"): ("data_dir", "splits_file"),
    ("performances", "asap"): ("data_dir",),
    ("maestro", "folder"): ("data_dir",),
}


@pytest.mark.parametrize(("name", "config"), INPUTS)
def test_the_cache_follows_every_file(name, config, tmp_path):
    options = {}
    for option in INPUTS[name, config]:
        (tmp_path / option / "below").mkdir(parents=True)
        (tmp_path / option / "below" / "a.mid").write_bytes(b"one")
        options[option] = str(tmp_path / option)
    found = [load_dataset_builder(name, config, **options).cache_dir]
    assert load_dataset_builder(name, config, **options).cache_dir == found[0]
    for option in options:
        (tmp_path / option / "below" / "a.mid").write_bytes(b"other")
        found.append(load_dataset_builder(name, config, **options).cache_dir)
    assert len(set(found)) == len(found)


def test_the_cache_follows_midi_beside_the_folder_of_the_game(tmp_path):
    (tmp_path / "score").mkdir()
    (tmp_path / "performance").mkdir()
    first = load_dataset_builder("msmd", "rl", data_dir=str(tmp_path / "score")).cache_dir
    (tmp_path / "performance" / "a.mid").write_bytes(b"one")
    assert load_dataset_builder("msmd", "rl", data_dir=str(tmp_path / "score")).cache_dir != first


def test_an_index_beside_an_archive_counts(tmp_path):
    (tmp_path / "asap.tar").write_bytes(b"")
    first = load_dataset_builder("performances", "asap", data_dir=str(tmp_path / "asap.tar")).cache_dir
    (tmp_path / "metadata.csv").write_text("composer")
    assert load_dataset_builder("performances", "asap", data_dir=str(tmp_path / "asap.tar")).cache_dir != first


def test_files_count_by_name_size_and_time(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"one")
    os.utime(path, ns=(0, 0))
    (tmp_path / "link to nothing").symlink_to(tmp_path / "nothing")
    found = [files_fingerprint(tmp_path), files_fingerprint(tmp_path / "nothing")]
    os.utime(path, ns=(0, 1))
    found.append(files_fingerprint(tmp_path))
    path.rename(tmp_path / "b")
    found.append(files_fingerprint(tmp_path))
    assert len(set(found)) == len(found)


def test_every_module_of_the_builders_names_their_version(tmp_path, monkeypatch):
    (tmp_path / "dadagp").mkdir()
    module = tmp_path / "dadagp" / "tokens.py"
    module.write_text("one")
    monkeypatch.setattr(fingerprint, "__file__", str(tmp_path / "fingerprint.py"))
    fresh = source_fingerprint.__wrapped__
    first = fresh()
    assert fresh() == first
    module.write_text("other")
    assert fresh() != first
    module.write_text("one")
    monkeypatch.setattr(scorehub, "__version__", "0.0.0")
    assert fresh() != first


def test_another_source_has_another_place_in_the_cache(monkeypatch):
    first = load_dataset_builder("camera_primus").cache_dir
    monkeypatch.setattr(load_hook, "source_fingerprint", lambda: "other")
    assert load_dataset_builder("camera_primus").cache_dir != first
