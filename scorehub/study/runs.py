"""The trainings of a study, each in a folder of its own, `output_dir/fold0/grad_spsa` and so on.

For each fold: an optical network (OMR) for each share of its training part, and one of all of it; three networks that
hear (A2S): the baseline's, GradSPSA and the default one, which the thesis does not have. GradSPSA looks through an
optical network that was trained before. The thesis's table 4 has as many test items in scenario 2 as in 5 and 8, so it
has one GradSPSA for all scenarios, and its OMR must have learned from the whole part: `beside` all. With `beside`
scenario there is one for the OMR of each share.

A training is finished when its `results.json` is whole; one that was stopped goes on from its last whole checkpoint.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scorehub.study.corpus import Corpus
from scorehub.study.files import read_json, write_json
from scorehub.study.settings import SYSTEMS, StudyConfig

if TYPE_CHECKING:
    from scorehub.trainers.grad_spsa_settings import GradSPSAConfig

ABLATED = ("dense", "interaction", "third_block", "sharing")


@dataclass(frozen=True)
class Run:
    """A training.

    Attributes:
        network: paper_optical, baseline, grad_spsa or audio, the default one.
        share: of the training part that an optical network learns from, or the one that GradSPSA looks through.
        ablated: what GradSPSA lacks.
    """

    fold: int
    network: str
    share: float = 1.0
    ablated: str = ""

    @property
    def name(self) -> str:
        """Folder of its results, below that of the study."""
        parts = [self.network]
        parts += [f"{self.share:g}"] if self.share < 1 or self.network == "paper_optical" else []
        parts += [f"without_{self.ablated}"] if self.ablated else []
        return f"fold{self.fold}/{'_'.join(parts)}"

    def beside(self) -> "Run | None":
        """The optical training that must be finished before."""
        return Run(self.fold, "paper_optical", self.share) if self.network == "grad_spsa" else None


def audio_run(config: StudyConfig, fold: int, system: str, share: float) -> Run:
    """The training of the network that hears, for a scenario's share."""
    depends = system == "grad_spsa" and config.beside == "scenario"
    return Run(fold, SYSTEMS[system], share if depends else 1.0)


def list_runs(config: StudyConfig, fold: int) -> list[Run]:
    """Trainings of a fold, those first that others need; those without parts last, of the first fold alone."""
    shares = sorted({1.0} | {scenario.share for scenario in config.chosen_scenarios()}, reverse=True)
    runs = [Run(fold, "paper_optical", share) for share in shares]
    runs += dict.fromkeys(audio_run(config, fold, system, share) for system in SYSTEMS for share in shares[::-1])
    if config.ablations and fold == config.tested_folds()[0]:
        runs += [Run(fold, "grad_spsa", 1.0, part) for part in ABLATED]
    return runs


def trainer_config(config: StudyConfig, corpus: Corpus, run: Run) -> "GradSPSAConfig":
    """Settings of the trainer."""
    from scorehub.trainers.grad_spsa_settings import PRESETS, GradSPSAConfig

    output, beside = Path(config.output_dir), run.beside()
    is_optical, is_default = run.network == "paper_optical", run.network == "audio"
    preset = "default" if is_default else config.preset
    epochs = round(config.optical_epochs / run.share) if is_optical else config.epochs
    options: dict[str, Any] = PRESETS[preset] | {"preset": preset, "pictures": "distorted"}
    options |= {"epochs": epochs} if epochs else {}
    return GradSPSAConfig(
        output_dir=str(output / run.name),
        network=run.network,
        data_dir=corpus.data_dir,
        lists_dir=corpus.lists_dir,
        fold=run.fold,
        fraction=run.share if is_optical else 1.0,
        held_out=config.validation_staves,
        optical_model=str(output / beside.name / "model") if beside else "",
        ablate=run.ablated,
        batch_size=config.batch_size,
        seed=config.seed,
        bf16=config.bf16,
        width=1.0 if is_default else config.width,
        **options,
    )


def is_trained(config: StudyConfig, run: Run) -> bool:
    """Whether a training is finished."""
    return read_json(Path(config.output_dir) / run.name / "results.json") is not None


def train(config: StudyConfig, corpus: Corpus, run: Run) -> None:
    """Trains, or goes on; notes the error rate of each epoch in `history.json`, and drops the checkpoints."""
    folder = Path(config.output_dir) / run.name
    checkpoints = folder / "checkpoints"
    if not is_trained(config, run):
        from scorehub.trainers.grad_spsa import run as run_trainer

        drop_torn(folder)
        run_trainer(trainer_config(config, corpus, run))
    if checkpoints.is_dir():
        if read_json(folder / "history.json") is None:
            write_json(folder / "history.json", read_history(checkpoints))
        shutil.rmtree(checkpoints)


def drop_torn(folder: Path) -> None:
    """Drops what a training that was killed has half written: the Trainer writes a checkpoint's state last."""
    for checkpoint in (folder / "checkpoints").glob("checkpoint-*"):
        if read_json(checkpoint / "trainer_state.json") is None:
            shutil.rmtree(checkpoint)
    if read_json(folder / "settings.json") is None:
        (folder / "settings.json").unlink(missing_ok=True)


def read_history(checkpoints: Path) -> list[tuple[float, float]]:
    """Epoch and symbol error rate on the validation part, of the last checkpoint."""
    found = (read_json(path) for path in checkpoints.glob("checkpoint-*/trainer_state.json"))
    last: dict[str, Any] = max(
        filter(None, found), key=lambda state: state["global_step"], default={"log_history": []}
    )
    return [(entry["epoch"], entry["eval_ser"]) for entry in last["log_history"] if "eval_ser" in entry]
