"""The score-SDE trainer: its loss, its data, and that a training can be repeated, resumed and searched."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any, cast

import huggingface_hub
import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline, UNet2DModel
from slow_parameters import some_slow

from scorehub.notes import make_notes
from scorehub.pipelines.score_sde.scheduler.sde_scheduler import VESDE, VPSDE, SDEScheduler, SigmaPowerSDE, SubVPSDE
from scorehub.rolls import RollSpec, make_roll
from scorehub.trainers import score_sde
from scorehub.trainers.roll_strips import Piece, Strips, load_strips, make_strips, pack_strips, split_folds
from scorehub.trainers.roll_windows import NoisyWindows, RollWindows
from scorehub.trainers.score_matching import EPS, ScoreMatching

SPEC = RollSpec(fs=2, lowest=60, n_pitches=8, seconds=4.0, articulation=True)


def tiny_pieces() -> list[Piece]:
    rng = np.random.default_rng(0)
    return [
        Piece(
            make_notes(np.arange(20) * 0.5, np.full(20, 0.4), rng.integers(56, 72, 20)),
            f"piece {number}",
            f"work {number // 2}",
            "train" if number < 6 else "validation",
        )
        for number in range(8)
    ]


@pytest.fixture
def config(tmp_path: Path) -> score_sde.ScoreSDEConfig:
    """A training of seconds: a U-net of 4 and 8 channels on rolls of 8 x 8, in `tmp_path`."""
    unet = UNet2DModel(
        sample_size=(8, 8),
        in_channels=1,
        out_channels=1,
        block_out_channels=(4, 8),
        layers_per_block=1,
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
        add_attention=False,
    )
    cast(Any, unet).save_config(tmp_path / "pipeline" / "unet")
    VPSDE().save_config(tmp_path / "pipeline" / "scheduler")
    return score_sde.ScoreSDEConfig(
        output_dir=str(tmp_path / "run"),
        pipeline=str(tmp_path / "pipeline"),
        batch_size=4,
        epochs=0.5,
        hop=1.0,
        evaluate_every=4,
    )


def parts() -> tuple[Strips, Strips]:
    strips = make_strips(tiny_pieces(), SPEC, (1.0, 1.25))
    return strips.of_splits("train"), strips.of_splits("validation")


class GaussianScore(torch.nn.Module):
    """The exact score of data that is N(0, 1) in every cell, as a network that predicts it."""

    def __init__(self, sde: SDEScheduler) -> None:
        super().__init__()
        self.sde, self.shift = sde, torch.nn.Parameter(torch.zeros(()))

    def forward(self, x: torch.Tensor, t: torch.Tensor) -> "GaussianScore":
        variance = self.sde.mean_coefficient(t) ** 2 + self.sde.std(t) ** 2
        self.sample = -x / variance.reshape(-1, 1, 1, 1) + self.shift
        return self


def test_the_variance_loss_is_the_papers_formula() -> None:
    sde = SigmaPowerSDE()
    model = ScoreMatching(GaussianScore(sde), sde)
    roll, noise = torch.randn(2, 5, 1, 4, 6, generator=torch.Generator().manual_seed(0))
    u = torch.tensor([0.1, 0.4, 0.6, 0.8, 0.99])
    t = u * (1 - EPS) + EPS
    std = torch.sqrt((25 ** (2 * t) - 1) / (2 * math.log(25))).reshape(-1, 1, 1, 1)
    score = -(roll + std * noise) / (1 + std**2)
    wanted = (score * std + noise).square().sum((1, 2, 3)).mean()
    torch.testing.assert_close(model(roll, noise, u)["loss"], wanted)


class GaussianVelocity(torch.nn.Module):
    """The exact answer of a network that predicts a noise - s x_0 of N(0, 1) data: 0, for they are independent."""

    def forward(self, x: torch.Tensor, timestep: torch.Tensor) -> "GaussianVelocity":
        self.sample = torch.zeros_like(x)
        return self


@pytest.mark.parametrize("process", [VESDE, VPSDE, SubVPSDE, SigmaPowerSDE])
def test_a_network_that_predicts_velocity_means_the_same_score(process: type[SDEScheduler]) -> None:
    x, t = torch.randn(3, 1, 4, 6, generator=torch.Generator().manual_seed(0)), torch.tensor([0.01, 0.4, 1.0])
    of_velocity, of_score = process(prediction_type="v_prediction"), process(prediction_type="score")
    wanted = of_score.predict_score(GaussianScore(of_score), x, t)
    torch.testing.assert_close(of_velocity.predict_score(GaussianVelocity(), x, t), wanted)


def test_the_velocity_loss_is_the_error_of_what_such_a_network_says() -> None:
    sde = VPSDE(prediction_type="v_prediction")
    model = ScoreMatching(GaussianVelocity(), sde, "velocity")
    roll, noise = torch.randn(2, 5, 1, 4, 6, generator=torch.Generator().manual_seed(0))
    u = torch.tensor([0.1, 0.4, 0.6, 0.8, 0.99])
    alpha = sde.mean_coefficient(u * (1 - EPS) + EPS).reshape(-1, 1, 1, 1)
    velocity = alpha * noise - torch.sqrt(1 - alpha**2) * roll
    wanted = velocity.square().sum((1, 2, 3)).mean()
    torch.testing.assert_close(model(roll, noise, u)["loss"], wanted, rtol=1e-3, atol=0)


@pytest.mark.parametrize("sde", [VPSDE(prediction_type="score"), SubVPSDE(prediction_type="score")])
def test_importance_sampling_keeps_the_likelihood_weighted_integral(sde: SDEScheduler) -> None:
    # With the exact score of N(0, 1) the expected residual is m^2 / (m^2 + std^2) a cell, so the loss is an integral.
    model = ScoreMatching(GaussianScore(sde), sde, "likelihood")
    generator = torch.Generator().manual_seed(0)
    roll, noise = torch.randn(2, 4096, 1, 4, 4, generator=generator)
    u = (torch.arange(4096) + 0.5) / 4096
    t = torch.logspace(math.log10(EPS), 0, 20001, dtype=torch.float64)
    mean2, std2 = sde.mean_coefficient(t) ** 2, sde.std(t) ** 2
    wanted = 16 * torch.trapezoid(sde.diffusion(t) ** 2 / 2 / std2 * mean2 / (mean2 + std2), t)
    torch.testing.assert_close(model(roll, noise, u)["loss"].double(), wanted, rtol=0.02, atol=0)


@pytest.mark.parametrize("sde", [VESDE(), VPSDE(), SubVPSDE(), SigmaPowerSDE()])
def test_times_of_the_likelihood_weighting_rise_from_the_first_to_the_last(sde: SDEScheduler) -> None:
    times, _ = ScoreMatching(torch.nn.Identity(), sde, "likelihood")._times(torch.linspace(0, 0.999999, 1001))
    assert times[0] == pytest.approx(EPS)
    assert times[-1] == pytest.approx(1, rel=1e-3)
    assert (times.diff() > 0).all()


def test_the_average_follows_the_weights_and_is_what_evaluation_uses() -> None:
    sde = VPSDE(prediction_type="score")
    model = ScoreMatching(GaussianScore(sde), sde, decay=0.5)
    values = []
    for step in (1.0, 2.0, 3.0):
        with torch.no_grad():
            model.net.shift.fill_(step)
        model.update_average()
        values.append(float(model.averaged_net().shift))
    # The first update copies; then the average keeps 2/11 and 3/12, less than 0.5 while it is young.
    assert values == pytest.approx([1, 2 * 9 / 11 + 2 / 11, 3 * 0.75 + 0.25 * (2 * 9 / 11 + 2 / 11)])
    batch = (torch.zeros(2, 1, 4, 4), torch.ones(2, 1, 4, 4), torch.full((2,), 0.5))
    averaged = model.eval()(*batch)["loss"]
    model.net.shift.data.fill_(-9)
    assert model(*batch)["loss"] == averaged
    assert model.train()(*batch)["loss"] != averaged


def test_a_window_is_the_roll_of_the_notes_there_and_transposing_moves_its_pitches() -> None:
    piece = tiny_pieces()[0]
    windows = RollWindows(make_strips([piece], SPEC), SPEC, hop=1.0)
    number = next(i for i, (_, start) in enumerate(windows.index) if start == 4)
    np.testing.assert_array_equal(windows.cut(number), make_roll(piece.notes, SPEC, start=2.0))
    np.testing.assert_array_equal(windows.cut(number, shift=1), make_roll(piece.notes, SPEC, start=2.5))
    higher = dataclasses.replace(piece.notes, pitch=piece.notes.pitch + 3)
    np.testing.assert_array_equal(windows.cut(number, semitones=3), make_roll(higher, SPEC, start=2.0))


def test_packed_strips_come_back_equal(tmp_path: Path) -> None:
    strips = make_strips(tiny_pieces(), dataclasses.replace(SPEC, values="velocity"), (1.0, 0.8))
    pack_strips(strips, tmp_path / "rolls.npz")
    loaded = load_strips(tmp_path / "rolls.npz")
    for mine, other in zip(strips.codes, loaded.codes, strict=True):
        np.testing.assert_array_equal(mine, other)
    assert dataclasses.replace(loaded, codes=strips.codes) == strips


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test_a_damaged_file_of_rolls_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "rolls.npz").write_bytes(content)
    with pytest.raises(ValueError, match="rolls must be"):
        load_strips(tmp_path / "rolls.npz")


def test_only_training_pieces_are_played_at_other_tempos() -> None:
    training, held_out = parts()
    assert training.tempos.count(1.25) == training.tempos.count(1.0) == 6
    assert held_out.tempos == [1.0, 1.0]


def test_draws_depend_on_their_number_only_and_each_epoch_meets_every_window() -> None:
    windows = RollWindows(parts()[0], SPEC, hop=1.0)
    draws, again = (NoisyWindows(windows, 3 * len(windows), seed=1, augmented=True) for _ in range(2))
    for number in (5, 2 * len(windows) + 1, 0):
        for name, value in draws[number].items():
            assert torch.equal(value, again[number][name])
    for epoch in range(2):
        numbers = [draws._order[epoch * len(windows) + i] for i in range(len(windows))]
        assert sorted(numbers) == list(range(len(windows)))


def test_folds_keep_groups_whole_and_are_of_similar_size() -> None:
    groups = [f"work {number}" for number in (0, 0, 0, 1, 2, 2, 3, 4, 5)]
    folds = split_folds(groups, 3, seed=0)
    assert len(set(zip(groups, folds, strict=True))) == len(set(groups))
    assert sorted(np.bincount(folds)) == [3, 3, 3]


def test_a_training_stopped_and_resumed_ends_with_identical_weights(config: score_sde.ScoreSDEConfig) -> None:
    output = Path(config.output_dir)
    longer = dataclasses.replace(config, epochs=1)
    whole = score_sde.train(longer, output / "whole", *parts())
    score_sde.train(config, output / "stopped", *parts())
    resumed = score_sde.train(longer, output / "stopped", *parts())
    assert resumed.state.global_step == whole.state.global_step
    for name, value in whole.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[name], value), name


def test_the_held_out_loss_is_the_same_whenever_it_is_asked_for(config: score_sde.ScoreSDEConfig) -> None:
    trainer = score_sde.train(config, Path(config.output_dir), *parts())
    first = trainer.evaluate()["eval_loss"]
    torch.randn(7)
    assert trainer.evaluate()["eval_loss"] == first == pytest.approx(trainer.state.best_metric, rel=1e-6)


def test_training_stops_when_the_held_out_loss_no_longer_falls(config: score_sde.ScoreSDEConfig) -> None:
    hasty = dataclasses.replace(config, learning_rate=0.0, patience=2, epochs=4)
    trainer = score_sde.train(hasty, Path(config.output_dir), *parts())
    assert trainer.state.global_step == 12  # one evaluation that is the best, and two that are not better
    again = score_sde.train(hasty, Path(config.output_dir), *parts())
    assert again.state.global_step == 13  # begun again, it stops at once
    assert again.state.best_global_step == trainer.state.best_global_step


def test_the_network_learns(config: score_sde.ScoreSDEConfig) -> None:
    eager = dataclasses.replace(config, learning_rate=5e-3, epochs=4, ema_decay=0.9)
    trainer = score_sde.make_trainer(eager, Path(config.output_dir), *parts())
    before = trainer.evaluate()["eval_loss"]
    trainer.train()
    assert trainer.evaluate()["eval_loss"] < 0.7 * before


def test_bfloat16_trains_to_nearly_the_same_loss(config: score_sde.ScoreSDEConfig) -> None:
    losses = [
        score_sde.train(
            dataclasses.replace(config, bf16=bf16), Path(config.output_dir, str(bf16)), *parts()
        ).evaluate()
        for bf16 in (False, True)
    ]
    assert losses[0]["eval_loss"] != losses[1]["eval_loss"] == pytest.approx(losses[0]["eval_loss"], rel=0.05)


@pytest.mark.parametrize("method", some_slow(["grid", "random", "qmc", "latin"], "grid"))
def test_a_search_tries_its_points_and_returns_the_best(config: score_sde.ScoreSDEConfig, method: str) -> None:
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    from scorehub.trainers.score_search import search

    best = search(dataclasses.replace(config, search=method, trials=3, epochs=0.2), *parts())
    assert set(best.hyperparameters) == {"learning_rate", "weight_decay", "beta_max"}
    assert math.isfinite(best.objective)
    assert 10 <= best.hyperparameters["beta_max"] <= 40


def test_a_run_cross_validates_trains_and_saves_a_pipeline_that_loads(
    config: score_sde.ScoreSDEConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(score_sde.SPECS, "default", SPEC)
    pack_strips(make_strips(tiny_pieces(), SPEC, (1.0, 1.25)), tmp_path / "rolls.npz")
    config = dataclasses.replace(config, rolls=str(tmp_path / "rolls.npz"), folds=2)
    results = score_sde.run(config)
    folder = Path(config.output_dir) / "model"
    assert len(results["folds"]) == 2
    assert json.loads((Path(config.output_dir) / "results.json").read_text()) == results
    pipeline = DiffusionPipeline.from_pretrained(folder, custom_pipeline=str(folder), trust_remote_code=True)
    assert pipeline(num_inference_steps=2).rolls.shape == (1, 1, 8, 8)
    card = huggingface_hub.metadata_load(folder / "README.md") or {}
    value = card["model-index"][0]["results"][0]["metrics"][0]["value"]
    assert value == pytest.approx(results["loss"] / 64, abs=1e-5)
    with pytest.raises(ValueError, match="same settings"):
        score_sde.run(dataclasses.replace(config, seed=1))


def test_pieces_come_from_datasets_of_notes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    config = score_sde.parse_config(["--dataset", "maestro", "--output_dir", str(tmp_path / "run")])
    strips = score_sde.find_strips(config)
    assert {"train", "validation"} <= set(strips.splits)
    assert all(group.startswith("maestro:") for group in strips.groups)
    assert (tmp_path / "run" / "rolls.npz").exists()


def test_wrong_settings_are_refused(config: score_sde.ScoreSDEConfig) -> None:
    with pytest.raises(ValueError, match="preset must be one of"):
        score_sde.parse_config(["--output_dir", "run", "--preset", "other"])
    with pytest.raises(ValueError, match="dataset must name"):
        score_sde.find_strips(config)
    with pytest.raises(ValueError, match="weighting must be one of"):
        score_sde.build_model(dataclasses.replace(config, weighting="other"))
    with pytest.raises(ValueError, match="data_dir must be given for each"):
        score_sde.find_strips(dataclasses.replace(config, dataset=["maestro", "maestro"], data_dir=["x"]))
