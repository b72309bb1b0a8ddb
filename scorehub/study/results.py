"""Results of a study, summed up: error rates with intervals, over the folds of a scheme.

Rates are micro: all edits by all symbols, of the staves of all folds that a scheme takes. Intervals are 95 % of a
bootstrap over staves; of a difference, paired: the same staves are drawn for both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from scorehub.metrics.score_following.intervals import ROUNDS
from scorehub.study.files import read_json
from scorehub.study.methods import AUDIO, FUSIONS, OPTICAL
from scorehub.study.scenarios import Scenario, best_fold
from scorehub.study.settings import StudyConfig
from scorehub.study.steps import result_path

SCHEMES = ("original", "k-fold")
OMR, A2S, FUSION = "OMR alone", "A2S alone", "Fusion"  # each by the method that is best on validation
CHOSEN = {OMR: OPTICAL, A2S: AUDIO, FUSION: FUSIONS}


class Rate(NamedTuple):
    """Percent; `low` to `high` is the interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.1f} ({self.low:.1f} to {self.high:.1f})"


@dataclass(frozen=True)
class Errors:
    """Edit distances (N,) of methods on the same N staves, and how many symbols each staff has."""

    ids: list[str]
    lengths: np.ndarray
    distances: Mapping[str, np.ndarray]

    def rates(self, seed: int = 0) -> dict[str, Rate]:
        """Symbol error rate of each method; none where there are no staves."""
        return _rates({name: (100.0 * each, self.lengths) for name, each in self.distances.items()}, seed)

    def sequence_rates(self, seed: int = 0) -> dict[str, Rate]:
        """Percentage of staves with any error."""
        ones = np.ones(len(self.ids))
        return _rates({name: (100.0 * (each > 0), ones) for name, each in self.distances.items()}, seed)

    def difference(self, first: str, second: str, seed: int = 0) -> Rate | None:
        """Symbol error rate of `first` less that of `second`; below 0 where `first` is better."""
        edits = 100.0 * (self.distances[first] - self.distances[second])
        return _rates({"difference": (edits, self.lengths)}, seed).get("difference")

    def only(self, ids: Sequence[str]) -> "Errors":
        """Of those of some staves that are there, in their order."""
        place = {item: number for number, item in enumerate(self.ids)}
        chosen = [item for item in ids if item in place]
        kept = np.array([place[item] for item in chosen], np.int64)
        return Errors(chosen, self.lengths[kept], {name: each[kept] for name, each in self.distances.items()})


@dataclass(frozen=True)
class Result:
    """A comparison in one fold.

    Attributes:
        errors: of each method on test staves, and of those that are best on validation.
        validation: symbol error rates on validation staves, of the same.
        chosen: which method is best on validation, of each kind.
    """

    errors: Errors
    validation: dict[str, float]
    chosen: dict[str, str]


def read_result(content: Mapping[str, Any]) -> Result:
    """What `comparison.compare` made, with the methods that are best on validation."""
    distances = {name: np.array(each, np.int64) for name, each in content["distances"].items()}
    validation = dict(content["validation"])
    chosen = {kind: min(methods, key=validation.__getitem__) for kind, methods in CHOSEN.items()}
    distances |= {kind: distances[method] for kind, method in chosen.items()}
    validation |= {kind: validation[method] for kind, method in chosen.items()}
    return Result(Errors(content["ids"], np.array(content["lengths"], np.int64), distances), validation, chosen)


def load_results(config: StudyConfig, system: str, scenario: Scenario) -> dict[int, Result]:
    """Finished folds of a scenario."""
    output = Path(config.output_dir)
    contents = {fold: read_json(result_path(output, fold, system, scenario.number)) for fold in config.tested_folds()}
    return {fold: read_result(content) for fold, content in contents.items() if content is not None}


def scheme_folds(results: Mapping[int, Result], scheme: str) -> list[int]:
    """The folds that a scheme takes: all, or that with staves to test whose fusion is best on validation."""
    if scheme == "k-fold":
        return list(results)
    best = best_fold({fold: each.validation[FUSION] for fold, each in results.items() if each.errors.ids})
    return [] if best is None else [best]


def pool(parts: Sequence[Errors]) -> Errors:
    """Staves of several folds together; the methods are those of the first.

    Raises:
        ValueError: there are no parts.
    """
    if not parts:
        raise ValueError("parts must be at least 1, got 0")
    names = parts[0].distances
    return Errors(
        [item for part in parts for item in part.ids],
        np.concatenate([part.lengths for part in parts]),
        {name: np.concatenate([part.distances[name] for part in parts]) for name in names},
    )


def greedy_errors(folders: Mapping[str, Path]) -> Errors:
    """Greedily decoded test staves of trained networks, those that all of them read.

    Args:
        folders: of the trainings, by the names that their distances get.
    """
    errors = {name: read_json(folder / "errors.json")["test"] for name, folder in folders.items()}
    first, *others = errors.values()
    ids = [item for item in first if all(item in other for other in others)]
    distances = {name: np.array([each[item][0] for item in ids], np.int64) for name, each in errors.items()}
    return Errors(ids, np.array([first[item][1] for item in ids], np.int64), distances)


def _rates(ratios: Mapping[str, tuple[np.ndarray, np.ndarray]], seed: int) -> dict[str, Rate]:
    """Sums by counts, with intervals; the same staves are drawn for all."""
    columns = np.concatenate([np.stack(side, 1) for side in zip(*ratios.values(), strict=True)], 1, dtype=np.float64)
    n_staves = len(columns)
    if not n_staves:
        return {}
    rng = np.random.default_rng(seed)
    drawn = (np.bincount(rng.integers(0, n_staves, n_staves), minlength=n_staves) for _ in range(ROUNDS))
    sums, counts = np.split(np.stack([times.astype(np.float64) @ columns for times in drawn]), 2, axis=1)
    low, high = np.quantile(sums / np.maximum(counts, 1), (0.025, 0.975), axis=0)
    value = np.divide(*np.split(columns.sum(0), 2))
    return {name: Rate(*map(float, row)) for name, row in zip(ratios, np.stack([value, low, high], 1), strict=True)}
