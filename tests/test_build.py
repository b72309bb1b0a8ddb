"""A build that was stopped goes on with what it was started with, or begins anew."""

import os

import pytest
from datasets import load_dataset
from folders_and_archives import write_folder
from maestro_files import midi

from scorehub.dataset_builders.build import Build, WriteDataset, WriteParts, build
from scorehub.dataset_builders.failures import report_failure
from scorehub.dataset_builders.fingerprint import stamp_files
from scorehub.dataset_builders.splits import SPLITS, split_of


@pytest.fixture
def stopped(tmp_path, monkeypatch):
    """The plan of a build of four pieces, by twos, that was stopped in its last stage."""
    folder = write_folder(tmp_path / "data", {f"sub/p{n}.mid": midi(seed=n) for n in range(4)})
    plan = Build("maestro", "folder", tmp_path / "built", 2, {"data_dir": str(folder)})
    with monkeypatch.context() as patch:
        patch.setattr(WriteDataset, "run", stop)
        with pytest.raises(KeyboardInterrupt):
            build(plan)
    return plan


def stop(*_arguments, **_named):
    raise KeyboardInterrupt


def rows_of(folder):
    splits = load_dataset(str(folder), cache_dir=str(folder / "cache")).values()
    return sorted((row["title"], row["midi"]) for split in splits for row in split)


def test_a_stopped_build_goes_on_where_it_was(stopped, monkeypatch):
    monkeypatch.setattr(WriteParts, "run", stop)  # they are written
    assert rows_of(build(stopped)) == [(f"p{n}", midi(seed=n)) for n in range(4)]


def test_a_build_that_goes_on_with_other_tasks_has_each_row_once(stopped):
    again = Build(stopped.dataset, stopped.config, stopped.out_dir, 1, stopped.options)
    assert rows_of(build(again)) == [(f"p{n}", midi(seed=n)) for n in range(4)]


def test_a_build_whose_files_changed_has_their_rows_as_they_are_now(stopped, tmp_path):
    write_folder(tmp_path / "data", {"sub/p0.mid": midi(seed=9), "sub/a_new.mid": midi(seed=8)})
    expected = [("a_new", midi(seed=8)), ("p0", midi(seed=9)), *((f"p{n}", midi(seed=n)) for n in range(1, 4))]
    assert rows_of(build(stopped)) == expected


@pytest.mark.parametrize("option", ["lists_dir", "splits_file", "soundfont"])
def test_all_input_files_tell_builds_apart(option, tmp_path):
    path = tmp_path / "input"
    path.write_bytes(b"1")
    plan = Build("camera_primus", "full", tmp_path, 8, {option: str(path)})
    before = plan.parts_dir()
    assert plan.parts_dir() == before
    path.write_bytes(b"22")
    assert plan.parts_dir() != before


def test_the_work_of_a_build_below_its_input_is_no_input(tmp_path):
    plan = Build("camera_primus", "full", tmp_path / "out", 8, {"data_dir": str(tmp_path)})
    before = plan.parts_dir()
    write_folder(before, {"train-00000.parquet": b"rows"})
    assert plan.parts_dir() == before


def test_failures_of_files_whose_names_are_no_utf_8_are_written(stopped):
    name = os.fsdecode(b"caf\xe9.mid")
    report_failure(name, "MIDI file must be whole", str(stopped.parts_dir() / "failures"))
    out = build(stopped)
    assert (out / "failures.csv").read_text() == "item,reason\ncaf\\udce9.mid,MIDI file must be whole\n"
    assert split_of(name) in SPLITS


def test_files_are_told_apart_by_name_size_and_time(tmp_path):
    write_folder(tmp_path, {"b/c.mid": b"12", "a.mid": b"1"})
    (tmp_path / "nowhere.mid").symlink_to(tmp_path / "gone")
    os.utime(tmp_path / "a.mid", ns=(5, 7))
    stamps = stamp_files([tmp_path, tmp_path / "a.mid"])
    names = [os.path.relpath(name, tmp_path) for name, _, _ in stamps]
    assert names == ["a.mid", "nowhere.mid", "b/c.mid", "a.mid"]
    assert [stamp[1:] for stamp in stamps[:2]] == [(1, 7), (0, 0)]
