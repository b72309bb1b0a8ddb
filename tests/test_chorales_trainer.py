"""The trainer of chorale models: data as grids, crops, stop and resume, a folder that loads without scorehub."""

import json
import subprocess
import sys

import numpy as np
import pytest

from scorehub.notes import make_notes
from scorehub.pipelines.chorales.configuration_chorales import NETWORKS
from scorehub.pipelines.chorales.grids import REST, VALUES, make_grid, to_pitches
from scorehub.trainers import chorales
from scorehub.trainers.chorales_data import Crops, load_grids, notes_to_grid, transpose
from scorehub.trainers.run_settings import parse_preset

TINY = ("--width", "16", "--layers", "1", "--heads", "2", "--embedding", "8", "--crop", "32", "--batch_size", "4")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A file of the published form with a few chorales of thirds and fifths."""
    rng = np.random.default_rng(0)
    roots = rng.integers(48, 60, (9, 12))
    pieces = [
        [[root + 19, root + 16, root + 12, root] for root in piece.tolist() for _ in range(4)] for piece in roots
    ]
    path = tmp_path_factory.mktemp("jsb") / "Jsb16thSeparated.json"
    path.write_text(json.dumps({"train": pieces[:5], "valid": pieces[5:7], "test": pieces[7:]}))
    return path


def run(data, folder, *arguments, preset="tonicnet"):
    given = ("--preset", preset, "--data_dir", str(data), "--output_dir", str(folder), *TINY, *arguments)
    return chorales.run(parse_preset(chorales.ChoralesTraining, chorales.PRESETS, given))


def test_a_dataset_gives_its_grids_back(data):
    grids = load_grids("jsb_chorales", "16th", str(data), 0.125)
    published = json.loads(data.read_text())
    for split, name in (("train", "train"), ("validation", "valid"), ("test", "test")):
        assert [to_pitches(grid).tolist() for grid in grids[split]] == published[name]


def test_other_music_is_no_chorale():
    with pytest.raises(ValueError, match=r"tracks must be 0 to 3, got \[7\]"):
        notes_to_grid(make_notes(np.zeros(1), np.ones(1), [60], track=7), 0.125)
    with pytest.raises(ValueError, match="pitches must be"):
        notes_to_grid(make_notes(np.zeros(1), np.ones(1), [100]), 0.125)


def test_crops_are_transposed_within_the_range_and_filled_up():
    grid = make_grid([[81, 60, 55, 36]] * 20 + [[-1, -1, -1, 48]] * 20)
    low = make_grid([[70, 60, 55, 40]] * 20)
    crops = Crops([grid, low], 32, 40, seed=0)
    seen = [crops[number]["grid"].numpy() for number in range(40)]
    assert all(crop.shape == (32, 4) for crop in seen)
    assert all(REST <= crop.min() <= crop.max() < VALUES for crop in seen)
    assert len({crop[0, 0] for crop in seen}) > 5  # keys of the one that has room
    np.testing.assert_array_equal(seen[3], Crops([grid, low], 32, 40, seed=0)[3]["grid"].numpy())
    assert transpose(grid, 2)[39].tolist() == [REST, REST, REST, grid[39, 3] + 2]


@pytest.mark.parametrize("preset", NETWORKS)
def test_each_network_is_trained_and_saved(data, tmp_path, preset):
    results = run(data, tmp_path, "--epochs", "4", "--evaluate_every", "2", preset=preset)
    assert set(results["nll"]) == {"validation", "test"}
    assert all(0 < value < 10 for nll in results["nll"].values() for value in nll.values())
    assert "$" not in (tmp_path / "model" / "README.md").read_text(encoding="utf-8")


def test_a_stopped_run_ends_as_it_would_have(data, tmp_path):
    whole = run(data, tmp_path / "whole", "--epochs", "8", "--evaluate_every", "5")
    first = ("--epochs", "8", "--evaluate_every", "5")
    run(data, tmp_path / "parts", *first)
    for path in (tmp_path / "parts" / "checkpoints").glob("checkpoint-10"):
        for file in path.iterdir():
            file.unlink()
        path.rmdir()
    again = run(data, tmp_path / "parts", *first)
    assert again["nll"] == whole["nll"]


LOADED = """
import sys
from transformers import pipeline
write = pipeline("chorales", model=sys.argv[1], trust_remote_code=True)
chorale, other = write(melody=[67] * 4 + [69] * 4, count=2, seed=3)
assert chorale["pitches"][:, 0].tolist() == [67] * 4 + [69] * 4
assert chorale["midi"][:4] == b"MThd"
assert (write(steps=8, seed=3)[0]["pitches"] == write(steps=8, seed=3)[0]["pitches"]).all()
wrong = {"steps": 0}, {"colour": 1}, {"tempo": 0}, {"melody": "la la"}, {"temperature": -1}
for options in ({"melody": [200]}, *wrong):
    try:
        write(**options)
    except ValueError as error:
        assert "must" in str(error), error
    else:
        raise AssertionError(options)
assert not [name for name in sys.modules if name.startswith("scorehub")]
"""


def test_the_folder_loads_where_nothing_of_ours_is(data, tmp_path):
    run(data, tmp_path, "--epochs", "2")
    done = subprocess.run(
        [sys.executable, "-c", LOADED, str(tmp_path / "model")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
