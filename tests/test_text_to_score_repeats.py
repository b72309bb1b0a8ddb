"""The text-to-score trainer repeats itself: after a stop, from a stream, on two processes, with less memory."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from short_text_to_score import are_equal, short_training, weights, write_source
from slow_parameters import some_slow

from scorehub.trainers import text_to_score


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write_source(tmp_path_factory.mktemp("source"))


@pytest.fixture
def config(source, tmp_path):
    return short_training(source, tmp_path / "run")


@pytest.mark.parametrize("preset", some_slow(["vae", "unet"], "unet"))
def test_a_training_stopped_and_resumed_ends_with_identical_weights(config, preset, tmp_path):
    config = dataclasses.replace(config, preset=preset, schedule="constant")
    other = dataclasses.replace(config, output_dir=str(tmp_path / "other"))
    text_to_score.run(config)
    text_to_score.run(dataclasses.replace(other, max_steps=3))
    text_to_score.run(other)
    assert are_equal(weights(Path(config.output_dir) / "model"), weights(tmp_path / "other" / "model"))


def test_a_streamed_training_is_resumed_as_well(config, tmp_path):
    config = dataclasses.replace(config, streaming=True)
    other = dataclasses.replace(config, output_dir=str(tmp_path / "other"))
    text_to_score.run(config)
    text_to_score.run(dataclasses.replace(other, max_steps=3))
    text_to_score.run(other)
    assert are_equal(weights(Path(config.output_dir) / "model"), weights(tmp_path / "other" / "model"))


@pytest.mark.parametrize("preset", some_slow(["vae", "unet"], "unet"))
def test_two_processes_train_as_one(config, preset, tmp_path):
    config = dataclasses.replace(config, preset=preset, max_steps=3)
    text_to_score.run(config)
    options = dataclasses.asdict(dataclasses.replace(config, output_dir=str(tmp_path / "two")))
    arguments = [f"--{name}={value}" for name, value in options.items() if value != "" and value != []]
    launch = ["-m", "accelerate.commands.launch", "--cpu", "--num_processes=2", "--main_process_port=0"]
    done = subprocess.run(
        [sys.executable, *launch, "-m", "scorehub.trainers.text_to_score", *arguments],
        capture_output=True, text=True, timeout=600,
        env=os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    one, two = (weights(Path(folder) / "model") for folder in (config.output_dir, tmp_path / "two"))
    assert are_equal(one, two, 2e-3)  # Adam's first steps enlarge differences in the last digit
    losses = [
        json.loads((Path(folder) / "results.json").read_text()) for folder in (config.output_dir, tmp_path / "two")
    ]
    assert losses[0]["loss"] == pytest.approx(losses[1]["loss"], rel=1e-3)


@pytest.mark.slow
def test_gradient_checkpointing_changes_no_weight(config, tmp_path):
    other = dataclasses.replace(config, gradient_checkpointing=True, output_dir=str(tmp_path / "other"))
    for each in (config, other):
        text_to_score.run(dataclasses.replace(each, max_steps=2))
    assert are_equal(weights(Path(config.output_dir) / "model"), weights(tmp_path / "other" / "model"), 1e-5)


@pytest.mark.slow
def test_bfloat16_trains_to_nearly_the_same_loss(config, tmp_path):
    results = [
        text_to_score.run(dataclasses.replace(config, bf16=bf16, output_dir=str(tmp_path / str(bf16))))["loss"]
        for bf16 in (False, True)
    ]
    assert results[1] == pytest.approx(results[0], rel=0.02)
