"""Settings of a training run: presets on the command line, and a folder that belongs to one run."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar, cast

from transformers import HfArgumentParser

from scorehub.study.files import read_json, write_json

Config = TypeVar("Config")

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
    """Notes in `config.output_dir` what of `config` decides the result, all but the fields `free`, and returns it.

    Raises:
        ValueError: if the folder holds a training with other settings, which would be mixed with this one.
    """
    settings = {name: value for name, value in asdict(config).items() if name not in free}
    note = Path(config.output_dir) / "settings.json"
    if not note.exists():
        write_json(note, settings)
    if json.loads(note.read_text()) != settings:
        raise ValueError(f"output_dir must be new or of a training with the same settings, got {config.output_dir}")
    return settings


def last_checkpoint(folder: str | Path) -> str | None:
    """The last whole checkpoint in a folder; who kills a training can leave one half written, or half deleted."""
    found = sorted(Path(folder).glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    return next((str(path) for path in reversed(found) if _is_whole(path)), None)


def _is_whole(checkpoint: Path) -> bool:
    # The Trainer writes its state last.
    state = read_json(checkpoint / "trainer_state.json")
    return state is not None and all(any(checkpoint.glob(name)) for name in _OF_A_CHECKPOINT)
