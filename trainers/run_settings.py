"""Settings of a training run: presets on the command line, and a folder that belongs to one run."""

import json
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from transformers import HfArgumentParser

from scorehub.study.files import read_json

Config = TypeVar("Config")

_OWN = ("output_dir", "push_to")  # what a stranger could not use
_OF_A_CHECKPOINT = ("*.safetensors", "optimizer.pt", "scheduler.pt", "rng_state*.pth")


def parse_preset(kind: type[Config], presets: Mapping[str, Mapping[str, Any]], arguments: Sequence[str]) -> Config:
    """Parses a command line into `kind`, in which `--preset` sets the defaults of all other settings.

    Raises:
        ValueError: if the preset is unknown.
    """
    parser = HfArgumentParser(cast(Any, kind))
    preset = parser.parse_known_args(list(arguments))[0].preset
    if preset not in presets:
        raise ValueError(f"preset must be one of {sorted(presets)}, got {preset}")
    parser.set_defaults(**presets[preset])
    return cast(Config, parser.parse_args_into_dataclasses(list(arguments))[0])


def claim_folder(config: Any, free: Collection[str]) -> dict[str, Any]:
    """Notes in `config.output_dir` what of `config` decides the result, all but the fields `free`.

    Returns:
        all settings but `_OWN`, for a card.

    Raises:
        ValueError: if the folder holds a training with other settings, which would be mixed with this one.
    """
    settings = {name: value for name, value in asdict(config).items() if name not in free}
    claim(Path(config.output_dir), settings)
    return {name: value for name, value in asdict(config).items() if name not in _OWN}


def claim(folder: Path, settings: Mapping[str, Any]) -> None:
    """Notes in a folder by which settings its content is made.

    Raises:
        ValueError: it is made by others.
    """
    note = folder / "settings.json"
    if not note.exists():
        folder.mkdir(parents=True, exist_ok=True)
        draft = note.with_name(f"{note.name}.{os.getpid()}")  # all processes of a launch write it
        draft.write_text(json.dumps(settings))
        draft.replace(note)
    if json.loads(note.read_text()) != json.loads(json.dumps(settings)):
        raise ValueError(f"output_dir must be new or made with the same settings, got {folder}")


def batch_of_process(batch_size: int) -> int:
    """What one process takes of a batch of all.

    Raises:
        ValueError: the processes can't share the batch evenly, or one would drive several GPUs, whose batch the
            Trainer would multiply.
    """
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if batch_size < 1 or batch_size % processes:
        raise ValueError(f"batch_size must be a multiple of the {processes} processes, got {batch_size}")
    if processes == 1 and torch.cuda.device_count() > 1:
        raise ValueError(
            "GPUs of a process must be 1, by `accelerate launch` or CUDA_VISIBLE_DEVICES, "
            f"got {torch.cuda.device_count()}"
        )
    return batch_size // processes


def last_checkpoint(folder: str | Path) -> str | None:
    """The last whole checkpoint in a folder; who kills a training can leave one half written, or half deleted."""
    found = sorted(Path(folder).glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    return next((str(path) for path in reversed(found) if _is_whole(path)), None)


def _is_whole(checkpoint: Path) -> bool:
    # The Trainer writes its state last.
    state = read_json(checkpoint / "trainer_state.json")
    return state is not None and all(any(checkpoint.glob(name)) for name in _OF_A_CHECKPOINT)
