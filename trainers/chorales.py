"""Trains the four models of `pipelines/chorales`.

    python -m scorehub.trainers.chorales --preset tonicnet --data_dir Jsb16thSeparated.json --output_dir runs/tonicnet
    python -m scorehub.trainers.chorales --preset coconet --data_dir jsb/ --output_dir runs/coconet

Data are any dataset of notes whose pieces have four tracks, soprano to bass, on a grid of sixteenths. Saved in
`output_dir/model` are the averaged weights of the best evaluation, in `output_dir/results.json` the likelihood of
whole held-out and test pieces. A killed run goes on when its command is given again, and ends as it would have.

Source: see the networks in `pipelines/chorales`.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from transformers import AutoModel, TrainingArguments, pipeline, set_seed
from transformers.pipelines import PIPELINE_REGISTRY

from scorehub import cards, hub
from scorehub.pipelines.chorales.configuration_chorales import NETWORKS, ChoralesConfig
from scorehub.pipelines.chorales.modeling_chorales import ChoralesModel
from scorehub.pipelines.chorales.pipeline_chorales import ChoralesPipeline
from scorehub.trainers.averaged_training import AveragedModule, AverageWeights, LossTrainer, Schedule, loss_arguments
from scorehub.trainers.chorales_data import Crops, load_grids
from scorehub.trainers.half_weights import half_weights
from scorehub.trainers.run_settings import claim_folder, last_checkpoint, parse_preset

ORDERS_HEARD = 4  # of an orderless network's estimated likelihood


@dataclass
class ChoralesTraining:
    """Settings of a training; presets are the networks."""

    output_dir: str = field(metadata={"help": "folder for checkpoints, likelihoods and what is trained"})
    preset: str = field(default="tonicnet", metadata={"help": ", ".join(NETWORKS)})
    dataset: str = field(default="jsb_chorales", metadata={"help": "dataset of notes, by load_dataset"})
    builder: str = field(default="16th", metadata={"help": "its configuration"})
    data_dir: str = field(default="", metadata={"help": "its files"})
    step_seconds: float = field(default=0.125, metadata={"help": "a sixteenth's, in the dataset's rows"})
    width: int = field(default=256, metadata={"help": "of hidden states, or filters"})
    layers: int = field(default=3, metadata={"help": "of the network"})
    heads: int = field(default=4, metadata={"help": "of attention"})
    embedding: int = field(default=128, metadata={"help": "width of a token's, of recurrent networks"})
    dropout: float = field(default=0.3, metadata={"help": "share of what is dropped"})
    crop: int = field(default=128, metadata={"help": "sixteenths in a draw"})
    ema_decay: float = field(default=0.998, metadata={"help": "what averaged weights keep of themselves a step"})
    epochs: float = field(default=150, metadata={"help": "crops drawn, as a multiple of the chorales"})
    batch_size: int = field(default=16, metadata={"help": "crops in a step, over all processes"})
    learning_rate: float = field(default=2e-3, metadata={"help": "peak learning rate"})
    warmup: int = field(default=200, metadata={"help": "steps until the peak"})
    weight_decay: float = field(default=0.01, metadata={"help": "of AdamW"})
    evaluate_every: int = field(default=200, metadata={"help": "steps between evaluations, and checkpoints"})
    bf16: bool = field(default=False, metadata={"help": "compute in bfloat16, on hardware that has it"})
    seed: int = field(default=0, metadata={"help": "seeds weights, order, crops, keys and masks"})
    push_to: str = field(default="", metadata={"help": "Hub repository for what is trained; none if empty"})


PRESETS: dict[str, dict[str, Any]] = {
    # In bfloat16, and in longer crops, the LSTM did not get beyond how often each note is sung.
    "bachbot": {"embedding": 32, "layers": 2, "dropout": 0.1, "crop": 48, "learning_rate": 3e-3},
    "tonicnet": {"embedding": 256},
    "coconet": {"width": 64, "layers": 8, "dropout": 0.0, "crop": 64, "learning_rate": 1e-3},
    "music_transformer": {"width": 128, "layers": 4, "dropout": 0.1, "crop": 64},
}
FREE = ("output_dir", "data_dir", "push_to", "epochs")


class ChoralesLoss(AveragedModule):
    """The model's loss; of evaluations that of its averaged weights."""

    def forward(self, grid: Tensor, noise: Tensor) -> dict[str, Tensor]:
        """See `ChoralesModel.forward`."""
        model = self.net if self.training else self.averaged_net()
        found: dict[str, Tensor] = model(grid, noise)
        return found


def build_model(config: ChoralesTraining) -> ChoralesModel:
    """A model with seeded random weights."""
    set_seed(config.seed)
    sizes = {name: getattr(config, name) for name in ("width", "layers", "heads", "embedding", "dropout")}
    return ChoralesModel(ChoralesConfig(network=config.preset, context=config.crop, **sizes))


def training_arguments(config: ChoralesTraining, steps: int) -> TrainingArguments:
    """Translates `config` into the Trainer's arguments."""
    schedule = Schedule("cosine", min(config.warmup, steps // 2), config.weight_decay, max_grad_norm=1.0)
    return loss_arguments(config, Path(config.output_dir) / "checkpoints", steps, schedule)


def train(config: ChoralesTraining, module: ChoralesLoss, grids: dict[str, list[np.ndarray]]) -> LossTrainer:
    """Trains, from the last checkpoint if there is one; the best averaged weights are then the module's."""
    steps = max(1, round(config.epochs * len(grids["train"]) / config.batch_size))
    held_out = len(grids["validation"])
    held_out -= held_out % config.batch_size if held_out > config.batch_size else 0
    trainer = LossTrainer(
        model=module,
        args=training_arguments(config, steps),
        train_dataset=Crops(grids["train"], config.crop, steps * config.batch_size, config.seed),
        eval_dataset=Crops(grids["validation"], config.crop, held_out, config.seed + 1, fixed=True),
        callbacks=[AverageWeights()],
    )
    folder = Path(str(trainer.args.output_dir))
    trainer.train(resume_from_checkpoint=last_checkpoint(folder))
    return trainer


def likelihoods(model: ChoralesModel, grids: Iterable[np.ndarray], seed: int) -> dict[str, float]:
    """Negative log-likelihood in nats of whole pieces: a mean over all cells, and over all tokens."""
    generator = torch.Generator().manual_seed(seed)
    sums, cells = {"cell": 0.0, "token": 0.0}, 0
    for grid in grids:
        found = model.estimate_nll(torch.from_numpy(grid), ORDERS_HEARD, generator)
        sums = {name: total + found[name] * grid.size for name, total in sums.items()}
        cells += grid.size
    return {name: total / cells for name, total in sums.items()}


def run(config: ChoralesTraining) -> dict[str, Any]:
    """Trains, saves, writes the card, and returns likelihoods and settings.

    Raises:
        ValueError: the data, a setting or the folder is not what it must be.
    """
    settings = claim_folder(config, FREE)
    grids = load_grids(config.dataset, config.builder, config.data_dir, config.step_seconds)
    module = ChoralesLoss(build_model(config), config.ema_decay)
    trainer = train(config, module, grids)
    loss = trainer.evaluate()["eval_loss"]  # before the averaged weights leave the device of its batches
    model = module.averaged_net().eval().cpu()
    measured = [split for split in ("validation", "test") if split in grids]
    results = {
        "loss": loss,
        "steps": trainer.state.best_global_step or trainer.state.global_step,
        "weights": sum(weight.numel() for weight in model.parameters()),
        "nll": {split: likelihoods(model, grids[split], config.seed) for split in measured},
        "config": settings,
    }
    if trainer.is_world_process_zero():
        output = Path(config.output_dir)
        model.config.held_out_nll = results["nll"]["validation"]["cell"]
        save(model, output / "model")
        cards.write_card("chorales", output / "model", card_values(results))
        (output / "results.json").write_text(json.dumps(results, indent=2))
        if config.push_to:
            hub.push_model(output / "model", config.push_to)
    return results


def save(model: ChoralesModel, folder: Path) -> None:
    """Saves all that a Hub repository needs but its card; weights in half precision, single when they are loaded.

    Raises:
        ValueError: a weight is too large for half precision.
    """
    type(model.config).register_for_auto_class()
    ChoralesModel.register_for_auto_class("AutoModel")
    PIPELINE_REGISTRY.register_pipeline("chorales", ChoralesPipeline, pt_model=AutoModel)
    cast(Any, pipeline)("chorales", model=model).save_pretrained(folder, state_dict=half_weights(model))


def card_values(results: Mapping[str, Any]) -> dict[str, str]:
    """Formats `results` (see `run`) for the placeholders of the card."""
    config = results["config"]
    rows = [f"| {split} | {nll['cell']:.3f} | {nll['token']:.3f} |" for split, nll in results["nll"].items()]
    return {
        "network": config["preset"],
        "weights": f"{results['weights'] / 1e6:.2f}",
        "steps": str(results["steps"]),
        "loss": f"{results['loss']:.4f}",
        "nll": f"{results['nll']['validation']['cell']:.4f}",
        "rows": "\n".join(rows),
        "settings": json.dumps(config, indent=2),
    }


def main() -> None:
    """Runs the command line."""
    run(parse_preset(ChoralesTraining, PRESETS, sys.argv[1:]))


if __name__ == "__main__":
    main()
