"""What holds for every dataset builder: samples offline, streams, processes, Parquet with a card, the Hub.

`musicscore` has tests of its own for the same promises; its builds are curation runs.
"""

import hashlib
import os
import re
import signal
import subprocess
import sys
import time

import datasets
import pytest
from datasets import get_dataset_config_names, get_dataset_default_config_name, load_dataset, load_dataset_builder
from slow_parameters import some_slow

import scorehub.dataset_builders
from scorehub import hub
from scorehub.dataset_builders.build import Build, build
from scorehub.dataset_builders.failures import read_failures, report_failure
from scorehub.dataset_builders.machines import Machines

assert scorehub.dataset_builders

BUILT = ["camera_primus", "msmd", "performances", "maestro"]  # those with a sample


@pytest.fixture(scope="module", params=BUILT)
def sample(request):
    """The sample of each dataset, loaded by its bare name."""
    return request.param, load_dataset(request.param)


@pytest.fixture(scope="module", params=BUILT)
def built(request, tmp_path_factory):
    """The sample of each dataset as a folder of Parquet with its card."""
    plan = Build(request.param, "sample", tmp_path_factory.mktemp(request.param), 8)
    return request.param, build(plan)


def rows_of(split):
    """Everything in a split, files as bytes."""
    return {repr(row) for row in split}


def undecoded(split):
    plain = datasets.Image(decode=False)
    for name, feature in split.features.items():
        if isinstance(feature, datasets.Image):
            split = split.cast_column(name, plain)
        elif isinstance(feature, datasets.List) and isinstance(feature.feature, datasets.Image):
            split = split.cast_column(name, datasets.List(plain))
    return split


def test_the_sample_is_the_default_and_needs_nothing(sample):
    name, loaded = sample
    assert get_dataset_default_config_name(name) == "sample"
    assert "sample" in get_dataset_config_names(name)
    assert 1 <= sum(len(split) for split in loaded.values()) <= 100


def test_rows_have_the_features_of_the_schema(sample):
    name, loaded = sample
    features = load_dataset_builder(name).info.features
    assert all(split.features == features for split in loaded.values())


def test_no_group_is_in_two_splits(sample):
    _name, loaded = sample
    groups = [group for split in loaded.values() for group in set(split["split_group"])]
    assert len(groups) == len(set(groups))


def test_a_stream_gives_the_same_rows(sample):
    name, loaded = sample
    for split, stream in load_dataset(name, streaming=True).items():
        assert rows_of(stream.decode(False)) == rows_of(undecoded(loaded[split]))


def test_two_processes_give_the_same_rows(sample, tmp_path):
    name, loaded = sample
    split = max(loaded, key=lambda split: len(loaded[split]))
    again = load_dataset(name, split=split, num_proc=2, cache_dir=str(tmp_path))
    assert rows_of(undecoded(again)) == rows_of(undecoded(loaded[split]))


def test_options_that_no_config_has_are_refused(sample):
    with pytest.raises(ValueError, match="colour"):
        load_dataset(sample[0], "sample", colour="sepia")


def test_other_configs_ask_for_their_data():
    for name in BUILT:
        for config in get_dataset_config_names(name):
            if config != "sample":
                with pytest.raises(ValueError, match=r"data_dir must be .*, got None"):
                    load_dataset(name, config)


def test_a_build_has_every_row_of_the_sample(built):
    name, folder = built
    for split, rows in load_dataset(name).items():
        loaded = load_dataset(str(folder), split=split)
        assert rows_of(undecoded(loaded)) == rows_of(undecoded(rows))


def test_a_build_leaves_no_working_files(built):
    _name, folder = built
    assert {path.name for path in folder.iterdir()} <= {"README.md", "data", "failures.csv", "figures"}
    assert (folder / "failures.csv").read_text() == "item,reason\n"


@pytest.mark.parametrize("built", some_slow(BUILT, "maestro"), indirect=True)
def test_two_workers_build_the_same_bytes(built, tmp_path):
    name, folder = built
    build(Build(name, "sample", tmp_path, 8), Machines(workers=2))
    assert contents(tmp_path) == contents(folder)


BUILD = """
import sys
from pathlib import Path
from scorehub.dataset_builders.build import Build, build
build(Build("camera_primus", "sample", Path(sys.argv[1]), 8))
"""


@pytest.mark.parametrize("built", ["camera_primus"], indirect=True)  # all are built by the same steps
def test_a_killed_build_goes_on_to_the_same_bytes(built, tmp_path):
    name, folder = built
    options = {"stderr": subprocess.DEVNULL, "start_new_session": True}
    process = subprocess.Popen([sys.executable, "-c", BUILD, str(tmp_path)], **options)
    while not list(tmp_path.glob("parts/*/*.done")):
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)  # its workers, too
    process.wait()
    assert not (tmp_path / "data").exists()
    build(Build(name, "sample", tmp_path, 8))
    assert contents(tmp_path) == contents(folder)


def test_a_card_has_no_empty_section_and_explains_every_column(built):
    name, folder = built
    card = (folder / "README.md").read_text()
    assert not re.search(r"^#+ .*\n+#", card.partition("# ")[2], re.MULTILINE)
    assert "$" not in re.sub(r"\$ ", "", card)
    columns = load_dataset_builder(name).info.features
    assert [column for column in columns if f"`{column}`" not in card] == []


def test_a_card_shows_its_figures(built):
    _name, folder = built
    shown = re.findall(r"!\[[^\]]*\]\((figures/[^)]+)\)", (folder / "README.md").read_text())
    assert shown
    assert all((folder / figure).stat().st_size > 1000 for figure in shown)


def test_a_pushed_dataset_loads_where_scorehub_is_not(built, run_python, loopback_hub):
    _name, folder = built
    code = "import sys; from scorehub import hub; hub.push_dataset(sys.argv[1], 'tester/rows')"
    run_python(code, folder, env=loopback_hub.env)
    code = """
from datasets import load_dataset
loaded = load_dataset("tester/rows")
print({split: len(rows) for split, rows in loaded.items()}, sum(len(repr(row)) > 99 for row in loaded["train"]))
"""
    printed = run_python(code, env=loopback_hub.env, without_scorehub=True).strip()
    lengths = {split: len(rows) for split, rows in load_dataset(str(folder)).items()}
    assert printed == f"{lengths} {lengths['train']}"


def test_everything_that_a_build_makes_is_pushed(built):
    _name, folder = built
    assert {path for path, _ in hub.push_dataset(folder, "tester/rows", dry_run=True)} == set(contents(folder))


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_failures_are_joined_once_each(tmp_path):
    for _ in range(2):
        report_failure("b", "no clef", str(tmp_path))
    report_failure("a", "no staff", str(tmp_path))
    os.rename(next(tmp_path.glob("*.jsonl")), tmp_path / "other.jsonl")
    report_failure("a", "no staff", str(tmp_path))
    assert read_failures(tmp_path) == [("a", "no staff"), ("b", "no clef")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dataset": "primus"}, "dataset must be one of musicscore, .*, got 'primus'"),
        ({"sources_per_task": 0}, "sources_per_task must be 1 or more, got 0"),
    ],
)
def test_a_build_that_can_not_be_is_refused(options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        Build(**{"dataset": "camera_primus", "config": "sample", "out_dir": tmp_path, "sources_per_task": 1} | options)
