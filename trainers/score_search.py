"""Hyperparameter search of the score-SDE trainer, by `Trainer.hyperparameter_search` and Optuna (extra `search`).

    grid      `LEVELS` values of each setting, all combinations; the first `trials` of them in a seeded order
    random    uniform in the space
    qmc       Sobol's points, which fill the space evenly
    latin     a Latin hypercube: each setting takes `trials` values, one in each of as many equal parts of its range

All ranges are taken by their logarithms. A process's own settings, such as `sigma`, change what the held-out loss
measures: compare those of one search by samples too.
"""

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats.qmc import LatinHypercube
from transformers.trainer_utils import BestRun

from scorehub.trainers.roll_strips import Strips
from scorehub.trainers.score_config import ScoreSDEConfig
from scorehub.trainers.score_matching import ScoreMatching
from scorehub.trainers.score_sde import build_model, make_trainer

if TYPE_CHECKING:
    import optuna

SEARCHES = ("grid", "random", "qmc", "latin")
LEVELS = 3
# Settings of the Trainer, and of the model; lowest and highest value.
ARGUMENTS = {"learning_rate": (1e-5, 1e-3), "weight_decay": (1e-4, 1e-1)}
STRUCTURE = {"default": {"beta_max": (10.0, 40.0)}, "paper": {"sigma": (5.0, 50.0)}}


def search(config: ScoreSDEConfig, training: Strips, held_out: Strips) -> BestRun:
    """Trains `config.trials` models below `config.output_dir`, and returns the best by its least held-out loss.

    A search that was stopped begins anew.

    Raises:
        ValueError: the search is none of `SEARCHES`, or several processes are to share it.
        ImportError: Optuna is not installed.
    """
    if config.search not in SEARCHES:
        raise ValueError(f"search must be one of {SEARCHES}, got {config.search!r}")
    if (processes := int(os.environ.get("WORLD_SIZE", "1"))) > 1:
        raise ValueError(f"processes of a search must be 1, got {processes}")
    import optuna

    structure = STRUCTURE[config.preset]
    space = ARGUMENTS | structure

    least = math.inf  # held-out loss of a trial: a training keeps its best weights, not its last

    def build(trial: "optuna.Trial | None" = None) -> ScoreMatching:
        nonlocal least
        least = math.inf
        return build_model(config, **(_suggest(trial, structure) if trial else {}))

    def objective(metrics: dict[str, float]) -> float:
        nonlocal least
        least = min(least, metrics["eval_loss"])
        return least

    trainer = make_trainer(config, Path(config.output_dir), training, held_out, build)
    storage = optuna.storages.InMemoryStorage()
    study = optuna.create_study(storage=storage, study_name="search", direction="minimize")
    if config.search == "latin":
        for point in LatinHypercube(len(space), rng=config.seed).random(config.trials):
            study.enqueue_trial({name: _at(share, *space[name]) for name, share in zip(space, point, strict=True)})
    best = trainer.hyperparameter_search(
        hp_space=lambda trial: _suggest(trial, ARGUMENTS),
        compute_objective=objective,
        n_trials=config.trials,
        direction="minimize",
        backend="optuna",
        sampler=_sampler(config, space),
        pruner=optuna.pruners.NopPruner(),
        storage=storage,
        study_name="search",
        load_if_exists=True,
    )
    assert isinstance(best, BestRun)
    return best


def _sampler(config: ScoreSDEConfig, space: dict[str, tuple[float, float]]) -> Any:
    import optuna

    if config.search == "grid":
        grid = {name: [_at(share, *ends) for share in np.linspace(0, 1, LEVELS)] for name, ends in space.items()}
        return optuna.samplers.GridSampler(grid, seed=config.seed)
    if config.search == "qmc":
        return optuna.samplers.QMCSampler(qmc_type="sobol", scramble=True, seed=config.seed)
    return optuna.samplers.RandomSampler(seed=config.seed)  # of `latin`, whose points wait in the queue, none is asked


def _suggest(trial: "optuna.Trial", space: dict[str, tuple[float, float]]) -> dict[str, float]:
    return {name: trial.suggest_float(name, low, high, log=True) for name, (low, high) in space.items()}


def _at(share: float, low: float, high: float) -> float:
    """The value at a `share` of the way from `low` to `high`, by logarithms, and never beyond them by rounding."""
    return min(high, max(low, math.exp(math.log(low) + float(share) * math.log(high / low))))
