"""Settings of a study of fusion."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from scorehub.study.scenarios import Scenario, choose_scenarios

FOLDS = 5
# What hears, and its network in `grad_spsa_settings`; OMR is the same for all.
SYSTEMS = {"baseline": "baseline", "grad_spsa": "grad_spsa", "default": "audio"}
FREE = ("output_dir", "folds", "scenarios", "ablations", "jobs")  # may differ when a study goes on

Number = TypeVar("Number", int, float)


@dataclass
class StudyConfig:
    """Settings of a study; lists are numbers with commas between."""

    output_dir: str = field(metadata={"help": "folder of trainings, posteriors, results and tables"})
    data_dir: str = field(default="", metadata={"help": "Camera-PrIMuS, or incipits to engrave; a sample if empty"})
    lists_dir: str = field(default="", metadata={"help": "published lists of the cleansed corpus"})
    folds: str = field(default="0,1,2,3,4", metadata={"help": "folds that are tested in turn"})
    scenarios: str = field(default="1,2,3,4,5,6,7,8,9", metadata={"help": "scenarios"})
    shares: str = field(default="", metadata={"help": "nine parts of the training fold for OMR; the published ones"})
    sample: float = field(default=1.0, metadata={"help": "part of each list that is used; the thesis takes 0.6"})
    beside: str = field(default="all", metadata={"help": "OMR beside which GradSPSA learns: of all, or of scenario"})
    ablations: bool = field(default=True, metadata={"help": "train GradSPSA without its parts, on the first fold"})
    preset: str = field(default="paper", metadata={"help": "of the thesis's networks: default or paper"})
    epochs: int = field(default=0, metadata={"help": "of networks that hear; 0 for the preset's"})
    optical_epochs: int = field(default=0, metadata={"help": "of OMR of all data, as many steps of less; 0: preset's"})
    batch_size: int = field(default=0, metadata={"help": "staves in a step; 0 for the thesis's 16, 4 and 2, and 8"})
    bf16: bool = field(default=False, metadata={"help": "convolutions in bfloat16"})
    width: float = field(default=1.0, metadata={"help": "multiplies channels and units of the thesis's networks"})
    validation_staves: int = field(default=500, metadata={"help": "at most, that choose epochs and weights; 0: all"})
    seed: int = field(default=0, metadata={"help": "of samples, weights, engraving and bootstrap"})
    jobs: int = field(default=1, metadata={"help": "processes that engrave and decode"})

    def check(self) -> None:
        """Raises a ValueError that names a setting out of its range."""
        if not 0 < self.sample <= 1:
            raise ValueError(f"sample must be above 0 to 1, got {self.sample}")
        if self.beside not in ("all", "scenario"):
            raise ValueError(f"beside must be all or scenario, got {self.beside!r}")
        if self.preset not in ("default", "paper"):
            raise ValueError(f"preset must be default or paper, got {self.preset!r}")
        if self.validation_staves < 0 or self.jobs < 1:
            given = f"{self.validation_staves} and {self.jobs}"
            raise ValueError(f"validation_staves must be from 0 and jobs from 1, got {given}")
        self.tested_folds()
        self.chosen_scenarios()

    def tested_folds(self) -> list[int]:
        """Numbers of folds, each once.

        Raises:
            ValueError: there is no such fold.
        """
        folds = list(dict.fromkeys(_numbers("folds", self.folds, int)))
        if not folds or not set(folds) <= set(range(FOLDS)):
            raise ValueError(f"folds must be some of 0 to {FOLDS - 1}, got {self.folds!r}")
        return folds

    def chosen_scenarios(self) -> list[Scenario]:
        """Scenarios with their shares; ValueError as `choose_scenarios`."""
        numbers = _numbers("scenarios", self.scenarios, int)
        return choose_scenarios(numbers, _numbers("shares", self.shares, float))


def _numbers(name: str, text: str, kind: Callable[[str], Number]) -> list[Number]:
    try:
        return [kind(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise ValueError(f"{name} must be numbers with commas between, got {text!r}") from None
