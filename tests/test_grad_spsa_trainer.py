"""Training of the transcription networks on a few staves of the sample."""

import json
import math

import numpy as np
import pyarrow as pa
import pytest
import torch
from datasets import Dataset, load_dataset
from slow_parameters import some_slow
from transformers import TrainerCallback

import scorehub.dataset_builders  # noqa: F401 - makes the name known to load_dataset
from scorehub.pipelines.music_transcription.modeling_music_transcription import MusicTranscriptionModel
from scorehub.pipelines.music_transcription.processing_music_transcription import MusicTranscriptionProcessor
from scorehub.trainers.grad_spsa import FREE, build_model, make_trainer, run, transcribe
from scorehub.trainers.grad_spsa_data import Collator, Inputs, find_vocabulary, from_bytes, load_parts, make_staves
from scorehub.trainers.grad_spsa_settings import PRESETS, GradSPSAConfig
from scorehub.trainers.run_settings import claim_folder, parse_preset


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    return (
        load_dataset("camera_primus", cache_dir=str(tmp_path_factory.mktemp("cache")))["train"]
        .select(range(4))
        .flatten_indices()
    )


def config(folder, **options):
    """A training of seconds, on five staves."""
    few = {"width": 0.05, "epochs": 2, "batch_size": 4, "fraction": 0.15, "pictures": "distorted"}
    return GradSPSAConfig(str(folder), **few | options)


@pytest.fixture(scope="module")
def paper_optical(tmp_path_factory):
    folder = tmp_path_factory.mktemp("paper")
    run(config(folder, preset="paper", network="paper_optical", epochs=1))
    return str(folder / "model")


def test_a_staff_comes_with_each_of_its_pictures_and_its_width(rows):
    staves = make_staves(rows, Inputs())
    assert len(staves) == 2 * len(rows)
    assert list(staves["semantic"]) == 2 * list(rows["semantic"])
    for staff, row in zip(staves, rows, strict=False):
        picture = from_bytes(staff["picture"], 64)
        assert picture.shape == (64, staff["length"])
        assert staff["length"] == 64 * row["image"].width // row["image"].height
        assert 0.02 < picture.mean() < 0.4  # ink is dark, and not most of a staff


def test_a_photo_shows_the_staff_with_more_around_it(rows):
    """Wider in the frame of 64 rows it can't be; the same rows give the same photos."""
    images, photos = (list(make_staves(rows, Inputs((name,)))) for name in ("image", "photo"))
    assert [photo["semantic"] for photo in photos] == [image["semantic"] for image in images]
    assert sum(photo["length"] for photo in photos) < 0.9 * sum(image["length"] for image in images)
    assert photos == list(make_staves(rows.flatten_indices(), Inputs(("photo",))))


def test_as_many_staves_are_held_out_as_said(tmp_path):
    counts = [len(load_parts(config(tmp_path, held_out=count))[1]) for count in (0, 3)]
    assert counts[0] > counts[1] == 3


def test_sound_has_the_rows_that_are_asked_for(rows):
    staves = make_staves(rows, Inputs((), 120))
    assert "picture" not in staves.column_names
    assert len(staves) == len(rows)
    for staff, row in zip(staves, rows, strict=True):
        assert len(staff["sound"]) == 120 * staff["length"]
        assert staff["length"] == pytest.approx(row["seconds"] * 22_050 / 512, rel=0.2)


def test_a_row_whose_picture_is_refused_is_left_out(rows):
    table = rows.data.table
    broken = pa.array([None if number == 1 else value for number, value in enumerate(table["distorted"].to_pylist())])
    place = table.column_names.index("distorted")
    broken_rows = Dataset(table.set_column(place, "distorted", broken.cast(table["distorted"].type)), rows.info)
    staves = make_staves(broken_rows, Inputs(("distorted",)))
    assert list(staves["id"]) == [rows["id"][number] for number in (0, 2, 3)]


def test_inputs_must_be_pictures_or_sound():
    with pytest.raises(ValueError, match="pictures must be some of"):
        Inputs((), 0)


def test_a_batch_has_the_classes_of_the_tokens(rows):
    staves = make_staves(rows, Inputs(("image",)))
    vocabulary = find_vocabulary(staves)
    assert vocabulary[0] == "<blank>"
    batch = Collator(MusicTranscriptionProcessor(vocabulary))(list(staves))
    assert batch["image"].shape == (4, 64, 64 * math.ceil(max(staves["length"]) / 64))
    assert batch["image_widths"].tolist() == list(staves["length"])
    named = [vocabulary[number] for number in batch["labels"][2][: batch["label_lengths"][2]]]
    assert named == rows["semantic"][2].split()


def test_the_transcriptions_of_staves_are_in_their_order(rows, tmp_path):
    """Each is what the network alone makes of that staff."""
    staves = make_staves(rows, Inputs(("image",)))
    model = build_model(config(tmp_path), find_vocabulary(staves))
    collator = Collator(MusicTranscriptionProcessor(model.config.vocabulary))
    together = transcribe(model, staves, collator)
    assert together == [transcribe(model, staves.select([number]), collator)[0] for number in range(len(staves))]


class StopAt(TrainerCallback):
    """As a machine that is switched off when a checkpoint has been written."""

    def __init__(self, step):
        self.step = step

    def on_save(self, args, state, control, **kwargs):
        control.should_training_stop = state.global_step == self.step


@pytest.mark.parametrize("steps", some_slow([1, 3], 3))  # within the first epoch of two steps, and within the second
def test_a_run_that_was_stopped_ends_as_one_that_was_not(tmp_path, steps):
    often = {"eval_steps": 1, "batch_size": 3}
    run(config(tmp_path / "whole", **often))
    claim_folder(config(tmp_path / "stopped", **often), FREE)
    trainer = make_trainer(config(tmp_path / "stopped", **often))
    trainer.add_callback(StopAt(steps))
    trainer.train()
    assert trainer.state.epoch == steps / 2
    run(config(tmp_path / "stopped", **often))
    models = [MusicTranscriptionModel.from_pretrained(tmp_path / name / "model") for name in ("whole", "stopped")]
    for whole, stopped in zip(models[0].parameters(), models[1].parameters(), strict=True):
        torch.testing.assert_close(whole, stopped)


def test_a_pair_keeps_the_optical_network_that_it_began_with(tmp_path):
    run(config(tmp_path / "optical", epochs=1))
    results = run(
        config(tmp_path / "pair", network="audio", optical_model=str(tmp_path / "optical" / "model"), epochs=1)
    )
    optical, pair = (
        MusicTranscriptionModel.from_pretrained(tmp_path / name / "model") for name in ("optical", "pair")
    )
    assert optical.audio is None
    for name, weights in optical.state_dict().items():
        torch.testing.assert_close(pair.state_dict()[name], weights)
    assert results["eval_ser"] > 0
    assert json.loads((tmp_path / "pair" / "results.json").read_text()) == results


def test_a_training_begins_with_the_weights_of_another(paper_optical, tmp_path):
    options = {"preset": "paper", "network": "paper_optical", "start": paper_optical}
    begun, earlier = (
        build_model(config(tmp_path, **options), ["<blank>"]),
        MusicTranscriptionModel.from_pretrained(paper_optical),
    )
    for name, weights in earlier.state_dict().items():
        torch.testing.assert_close(begun.state_dict()[name], weights)
    assert all(parameter.requires_grad for parameter in begun.parameters())
    for network in ("optical", "grad_spsa"):
        with pytest.raises(ValueError, match=f"start must be a training of {network}, got one of paper and None"):
            build_model(config(tmp_path, **options | {"network": network, "optical_model": paper_optical}), [])


@pytest.mark.parametrize("ablate", ["", "sharing", "dense,third_block", "interaction"])
def test_grad_spsa_learns_beside_a_fixed_optical_network(ablate, paper_optical, tmp_path):
    options = {"network": "grad_spsa", "optical_model": paper_optical, "ablate": ablate, "gamma": 0.1, "epochs": 1}
    trainer = make_trainer(config(tmp_path, preset="paper", **options))
    before = {name: weights.clone() for name, weights in trainer.model.state_dict().items()}
    trainer.train()
    after = trainer.model.state_dict()
    changed = {name for name in before if not torch.equal(before[name].to(after[name].device), after[name])}
    assert changed
    assert all(name.startswith("audio") for name in changed)
    batch = next(iter(trainer.get_train_dataloader()))
    shared = float(trainer.compute_loss(trainer.model.eval(), batch)) - float(trainer.model(**batch).loss)
    assert (shared > 1e-3) == (ablate != "sharing")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"network": "both"}, "network must be one of"),
        ({"pictures": "none"}, "pictures must be some of"),
        ({"network": "grad_spsa", "pictures": "image"}, "optical_model must be a finished training"),
        ({"ablate": "everything"}, "ablate must be some of"),
    ],
)
def test_what_can_not_be_trained_is_refused(options, reason, tmp_path):
    with pytest.raises(ValueError, match=reason):
        make_trainer(config(tmp_path, **options))


def test_the_papers_preset_is_the_papers():
    found = parse_preset(GradSPSAConfig, PRESETS, ["--preset", "paper", "--output_dir", "x", "--epochs", "3"])
    assert (found.learning_rate, found.pictures, found.epochs) == (1e-3, "distorted", 3)
    assert np.isclose(found.gamma, 1e-7)
