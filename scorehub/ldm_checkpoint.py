"""Checkpoints of latent diffusion in CompVis's naming: read without unpickling, sorted by component, and measured.

The published weights of MusicScore (`RozenWhite/ScoreDiffusion`) are such a file, `{model_state_dict, global_step}`.
Every key goes to a component, or is known to be needed no more; one that is neither is an error.
"""

import contextlib
import pickletools
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

import torch
from torch import Tensor

Weights = dict[str, Tensor]

UNET, VAE, OPEN_CLIP = "model.diffusion_model.", "first_stage_model.", "cond_stage_model.model."
_EMA = "model_ema."
_WRAPPERS = ("state_dict", "model_state_dict", "module")  # of Lightning, of ScoreDiffusion, of DeepSpeed
_DISTRIBUTED = "module."
_OLD_PICKLES = 5  # of a file as PyTorch wrote it before 1.6: a number, a version, sizes, the content, keys of storages
_LONGEST_NAME = 1000  # characters
# What DDPM registers as buffers.
_SCHEDULE = re.compile(
    r"betas|(sqrt_)?alphas_cumprod(_prev)?|(sqrt|log)_one_minus_alphas_cumprod|sqrt_recip(m1)?_alphas_cumprod"
    r"|posterior_(variance|log_variance_clipped|mean_coef[12])|lvlb_weights|logvar|scale_factor"
)
# Of the text encoder: what compares texts with pictures, and what is the same in each.
_UNUSED_TEXT = ("logit_scale", "text_projection", "attn_mask")
_LOSS = "first_stage_model.loss."  # discriminator and perceptual network of the VAE's training


@dataclass
class Checkpoint:
    """What is in a checkpoint.

    Attributes:
        unet, vae, text: weights, by their names within the component.
        averaged: of the UNet, exponential moving averages; empty without.
        schedule: betas, scale_factor and what follows of them.
        left: names that a pipeline needs no more.
    """

    unet: Weights = field(default_factory=dict)
    vae: Weights = field(default_factory=dict)
    text: Weights = field(default_factory=dict)
    averaged: Weights = field(default_factory=dict)
    schedule: Weights = field(default_factory=dict)
    left: list[str] = field(default_factory=list)


def read_checkpoint(path: Path) -> Checkpoint:
    """Reads `.ckpt`, `.pt`, `.pth`, `.bin` or `.safetensors`.

    Raises:
        ValueError: it is none of these, holds more than tensors, or keys that latent diffusion does not have.
    """
    return sort_weights(_unwrap(_load(path)))


def _load(path: Path) -> Any:
    if not path.is_file():
        raise ValueError(f"checkpoint must be a file, got {path}")
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except SafetensorError as error:
            raise ValueError(f"checkpoint must be a whole safetensors file, got {path.name}: {error}") from None
    try:
        _check_names(path)
        return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except MemoryError:
        raise
    except Exception as error:  # the unpickler raises whatever a damaged file leads it to
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"checkpoint must hold tensors alone, and be whole, got {path.name}: {reason}") from None


def _check_names(path: Path) -> None:
    """Looks for names of classes that are too long: PyTorch would search such a one for hours before it refuses it.

    Raises:
        ValueError: there is one, or what is pickled is not whole.
    """
    with contextlib.ExitStack() as stack:
        stream: IO[bytes] = stack.enter_context(path.open("rb"))
        pickles = _OLD_PICKLES
        if zipfile.is_zipfile(path):
            archive = stack.enter_context(zipfile.ZipFile(stream))
            (member,) = (info for info in archive.infolist() if PurePosixPath(info.filename).name == "data.pkl")
            if member.compress_type != zipfile.ZIP_STORED:
                raise ValueError("what is pickled is packed")
            stream, pickles = stack.enter_context(archive.open(member)), 1
        for _ in range(pickles):
            for opcode, argument, _ in pickletools.genops(stream):
                if opcode.name == "GLOBAL" and len(str(argument)) > _LONGEST_NAME:
                    raise ValueError(f"the name of a class has {len(str(argument))} characters")


def _unwrap(content: Any) -> Weights:
    """The weights, out of what a training wrapped them in."""
    for _ in _WRAPPERS:  # no more often, as a dict can hold itself
        if isinstance(content, Mapping):
            content = next((content[wrapper] for wrapper in _WRAPPERS if wrapper in content), content)
    if not isinstance(content, Mapping) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items()
    ):
        raise ValueError(f"checkpoint must hold weights by name, got {type(content).__name__}")
    if content and all(name.startswith(_DISTRIBUTED) for name in content):
        content = {name.removeprefix(_DISTRIBUTED): value for name, value in content.items()}
    return dict(content)


def sort_weights(weights: Weights) -> Checkpoint:
    """Each key to its place.

    Raises:
        ValueError: a key has none, or a component is missing.
    """
    found, unknown = Checkpoint(), []
    averages = _averages(weights)
    for name, value in weights.items():
        if _SCHEDULE.fullmatch(name):
            found.schedule[name] = value
        elif name.startswith(UNET):
            found.unet[name.removeprefix(UNET)] = value
        elif name in averages:
            found.averaged[averages[name].removeprefix(UNET)] = value
        elif name.startswith(_LOSS) or name in (f"{_EMA}decay", f"{_EMA}num_updates"):
            found.left.append(name)
        elif name.startswith(VAE):
            found.vae[name.removeprefix(VAE)] = value
        elif name.startswith(OPEN_CLIP):
            _sort_text(found, name, value)
        else:
            unknown.append(name)
    if unknown:
        raise ValueError(
            f"checkpoint must have keys of latent diffusion alone, got {len(unknown)} others: {unknown[:5]}"
        )
    for part in ("unet", "vae", "text"):
        if not getattr(found, part):
            raise ValueError(f"checkpoint must have {UNET}*, {VAE}* and {OPEN_CLIP}*, got no {part}")
    _drop_last_layer(found)
    return found


def _averages(weights: Weights) -> dict[str, str]:
    """Names of moving averages, without the dots of the weights' names that they are of."""
    own = {_EMA + name.removeprefix("model.").replace(".", ""): name for name in weights if name.startswith(UNET)}
    return {average: name for average, name in own.items() if average in weights}


def _sort_text(found: Checkpoint, name: str, value: Tensor) -> None:
    if (own := name.removeprefix(OPEN_CLIP)) in _UNUSED_TEXT:
        found.left.append(name)
    else:
        found.text[own] = value


def _drop_last_layer(found: Checkpoint) -> None:
    """Stable Diffusion 2 takes the text encoder's last layer but one (seed, appendix B: penultimate)."""
    layers = [int(match[1]) for name in found.text if (match := re.match(r"transformer\.resblocks\.(\d+)\.", name))]
    if not layers:
        raise ValueError(f"checkpoint must have layers of a text encoder, got {list(found.text)[:5]}")
    last = max(layers)
    dropped = [name for name in found.text if name.startswith(f"transformer.resblocks.{last}.")]
    found.left += [OPEN_CLIP + name for name in dropped]
    for name in dropped:
        del found.text[name]
