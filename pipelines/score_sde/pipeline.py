"""Piano rolls from noise: `ScoreSDEPipeline`, with three families of samplers, inpainting and likelihood.

    from diffusers import DiffusionPipeline

    pipe = DiffusionPipeline.from_pretrained(folder, custom_pipeline=folder, trust_remote_code=True)
    midi = pipe(batch_size=4, output_type="midi").outputs  # a list of MIDI files, as bytes

Rolls are float32 (B, C, P, T) in [-1, 1]: channels of instruments, pitches from the lowest, frames. What they mean is
in the pipeline's configuration (see `RollMeaning`), so that notes, sound and pictures are right.
"""

import inspect
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from diffusers.utils.outputs import BaseOutput
from torch import Tensor

from .likelihood import bits_per_dim, log_likelihood
from .roll_output import RollMeaning, to_audio, to_image, to_midi
from .samplers import END, SAMPLERS, TOLERANCE, Callback, Known, Reversal

OUTPUT_TYPES = ("array", "midi", "audio", "image")
# Network evaluations by default; of `ode`, how often known values are put in.
STEPS = {"ode_fast": 40, "ode": 20, "euler_maruyama": 500, "predictor_corrector": 500}
_CODE = ("pipeline.py", "samplers.py", "likelihood.py", "roll_output.py")


@dataclass
class ScoreSDEOutput(BaseOutput):
    """What a call makes.

    Attributes:
        outputs: As `output_type` says: the rolls again, or a list of MIDI files (bytes), of audio (mono float32,
            22,050 Hz) or of PIL pictures.
        rolls: (B, C, P, T) float32.
        evaluations: How often the network saw each sample, (B,).
    """

    outputs: Any
    rolls: np.ndarray
    evaluations: np.ndarray


class ScoreSDEPipeline(DiffusionPipeline):
    """A score network and the process that it reverses.

    Args:
        unet: A diffusers model of rolls; its `config.sample_size` is the shape of rolls by default.
        scheduler: An `SDEScheduler`.
        fs, lowest, values, articulation, programs: What rolls mean, see `RollMeaning`.
    """

    model_cpu_offload_seq = "unet"  # type: ignore[assignment]
    unet: Any
    scheduler: Any

    def __init__(
        self,
        unet: Any,
        scheduler: Any,
        fs: float = 8.0,
        lowest: int = 33,
        values: str = "binary",
        articulation: bool = False,
        programs: list[int] | None = None,
    ) -> None:
        super().__init__()
        self.register_modules(unet=unet, scheduler=scheduler)
        programs = [0] if programs is None else list(programs)
        self.register_to_config(fs=fs, lowest=lowest, values=values, articulation=articulation, programs=programs)
        self.meaning = RollMeaning(fs, lowest, values, articulation, tuple(programs))

    @torch.no_grad()
    def __call__(
        self,
        batch_size: int = 1,
        shape: tuple[int, int, int] | None = None,
        sampler: str = "ode_fast",
        num_inference_steps: int | None = None,
        generator: torch.Generator | list[torch.Generator] | None = None,
        known: Tensor | np.ndarray | None = None,
        mask: Tensor | np.ndarray | None = None,
        resamples: int = 5,
        guidance: Callable[[Tensor], Tensor] | None = None,
        denoise: bool = True,
        output_type: str = "array",
        return_dict: bool = True,
        callback: Callback | None = None,
    ) -> ScoreSDEOutput | tuple[Any]:
        """Samples rolls, or fills in what is missing in known ones.

        Args:
            shape: (C, P, T); the network's own by default.
            sampler: `"ode_fast"` (DPM-Solver++), `"ode"` (adaptive RK45), `"euler_maruyama"` or
                `"predictor_corrector"`.
            num_inference_steps: `STEPS` by default.
            generator: One, or a list of one per sample. A sample is the same whatever it is sampled with.
            known: Rolls (C, P, T) or (B, C, P, T) of which `mask` is kept. A continuation is the beginning, and a
                mask that ends with it.
            mask: Of the shape of `known` or a part that broadcasts to it; 1 where `known` is kept, 0 where it is made.
            resamples: How often each step is taken where there is a mask (RePaint); more makes seams fit better.
            guidance: Gradient of a log-weight at the estimate of the roll (B, C, P, T), see `Reversal`.
            denoise: Whether the noise that is left at the end is taken away, by one more evaluation.
            output_type: `"array"`, `"midi"`, `"audio"` or `"image"`.
            callback: Called with the number of each step, the time reached and the noisy rolls.

        Raises:
            ValueError: An argument is not what it must be.
        """
        shape = self.roll_shape if shape is None else shape
        self._check(batch_size, shape, sampler, output_type)
        steps = STEPS[sampler] if num_inference_steps is None else num_inference_steps
        if steps < 1 or resamples < 1:
            raise ValueError(f"num_inference_steps and resamples must be 1 or more, got {steps} and {resamples}")
        # 1. What is given, in a shape that the network can halve; what is too much is cut off in the end.
        padded = (shape[0], *(-(-size // self._multiple()) * self._multiple() for size in shape[1:]))
        like = torch.zeros(batch_size, *padded, device=self.unet.device, dtype=self.unet.dtype)
        part = _known(known, mask, like, shape, resamples)
        randn = _randn(generator, batch_size)
        # 2. From noise back to rolls
        reversal = Reversal(self.scheduler, self.score, randn, part, guidance, callback)
        rolls = SAMPLERS[sampler](reversal, reversal.start(like), steps)
        if denoise:
            rolls = reversal.denoised(rolls, rolls.new_tensor(END))
        # 3. What they say
        if part:
            rolls = torch.where(part.mask, part.values, rolls)
        array = rolls[:, :, : shape[1], : shape[2]].float().cpu().numpy()
        outputs = self.convert(array, output_type)
        return ScoreSDEOutput(outputs, array, reversal.evaluations.numpy()) if return_dict else (outputs,)

    def score(self, x: Tensor, t: Tensor) -> Tensor:
        """The network's estimate of the score of noisy rolls x (B, C, P, T) at times (B,)."""
        return self.scheduler.predict_score(self.unet, x, t)

    @torch.no_grad()
    def log_likelihood(
        self,
        rolls: Tensor | np.ndarray,
        levels: int | None = None,
        probes: int | None = 1,
        generator: torch.Generator | None = None,
        tolerance: float = TOLERANCE,
    ) -> np.ndarray:
        """Negative log-likelihood of rolls (B, C, P, T) in bits per dimension, (B,); lower is better.

        Args:
            levels: Of `dequantise`d rolls, see `bits_per_dim`; None for the density of rolls as they are.
            probes: Random directions of Hutchinson's estimator; None for the exact trace (small rolls only).
            tolerance: Of the adaptive solver; the looser, the faster.
        """
        x = torch.as_tensor(rolls).to(self.unet.device, self.unet.dtype)
        if x.ndim != 4 or any(size % self._multiple() for size in x.shape[2:]) or not torch.isfinite(x).all():
            raise ValueError(f"rolls must be finite (B, C, P, T), multiples of {self._multiple()}, got {x.shape}")
        density = log_likelihood(self.scheduler, self.score, x, probes, generator, tolerance)
        return bits_per_dim(density, x[0].numel(), levels).float().cpu().numpy()

    def convert(self, rolls: np.ndarray, output_type: str) -> Any:
        """Rolls (B, C, P, T) as MIDI files, audio or pictures; see `ScoreSDEOutput`."""
        rolls = np.clip(rolls, -1, 1)
        if output_type == "midi":
            return [to_midi(roll, self.meaning) for roll in rolls]
        if output_type == "audio":
            return [to_audio(roll, self.meaning) for roll in rolls]
        return [to_image(roll) for roll in rolls] if output_type == "image" else rolls

    def save_pretrained(  # type: ignore[override]
        self, save_directory: str | os.PathLike[str], safe_serialization: bool = True, variant: str | None = None
    ) -> None:
        """Saves weights, configurations and the code, so that the folder loads where nothing of ours is installed."""
        super().save_pretrained(save_directory, safe_serialization=safe_serialization, variant=variant)
        folder = Path(save_directory)
        index = json.loads((folder / self.config_name).read_text(encoding="utf-8"))
        index["_class_name"] = ["pipeline", type(self).__name__]
        for name in _CODE:
            _copy(Path(__file__).with_name(name), folder / name)
        for name, component in self.components.items():
            source = Path(inspect.getfile(type(component)))
            if not type(component).__module__.startswith("diffusers."):
                index[name] = [source.stem, type(component).__name__]
                _copy(source, folder / name / source.name)
        (folder / self.config_name).write_text(json.dumps(index), encoding="utf-8")
        for path in (folder / self.config_name, *(folder / name / "config.json" for name in self.components)):
            if path.exists():
                content = json.loads(path.read_text(encoding="utf-8"))
                content.pop("_name_or_path", None)  # where it was loaded from on this machine
                path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

    @property
    def roll_shape(self) -> tuple[int, int, int]:
        """(C, P, T) of the rolls that the network was made for."""
        size = self.unet.config.sample_size
        pitches, frames = (size, size) if isinstance(size, int) else size
        return self.unet.config.in_channels, pitches, frames

    def _multiple(self) -> int:
        """What sizes must be multiples of: a `UNet2DModel` halves them between its blocks."""
        return 2 ** (len(self.unet.config.get("block_out_channels", (1,))) - 1)

    def _check(self, batch_size: int, shape: tuple[int, ...], sampler: str, output_type: str) -> None:
        channels = self.unet.config.in_channels
        if batch_size < 1:
            raise ValueError(f"batch_size must be 1 or more, got {batch_size}")
        if len(shape) != 3 or shape[0] != channels or min(shape) < 1:
            raise ValueError(f"shape must be ({channels}, pitches, frames), got {tuple(shape)}")
        if sampler not in SAMPLERS:
            raise ValueError(f"sampler must be one of {tuple(SAMPLERS)}, got {sampler!r}")
        if output_type not in OUTPUT_TYPES:
            raise ValueError(f"output_type must be one of {OUTPUT_TYPES}, got {output_type!r}")


def _known(known: Any, mask: Any, like: Tensor, shape: tuple[int, int, int], resamples: int) -> Known | None:
    """What inpainting keeps, broadcast to the batch and padded to the shape of `like`."""
    if (known is None) != (mask is None):
        raise ValueError("known and mask must be given together, got one of them")
    if known is None:
        return None
    values, kept = torch.zeros_like(like), torch.zeros_like(like, dtype=torch.bool)
    whole = (len(like), *shape)
    try:
        values[:, :, : shape[1], : shape[2]] = torch.as_tensor(known).to(like).expand(whole)
        kept[:, :, : shape[1], : shape[2]] = torch.as_tensor(mask).to(like.device).bool().expand(whole)
    except RuntimeError:
        sizes = tuple(torch.as_tensor(known).shape), tuple(torch.as_tensor(mask).shape)
        raise ValueError(f"known and mask must broadcast to {whole}, got {sizes}") from None
    if not torch.isfinite(values[kept]).all():
        raise ValueError("known must be finite where mask keeps it, got NaN or infinity")
    return Known(values, kept, resamples)


def _randn(generator: Any, batch_size: int) -> Callable[[Tensor], Tensor]:
    """Noise from a generator per sample; from one generator, or none, come the seeds of as many."""
    if not isinstance(generator, list):
        device = generator.device if generator else "cpu"
        seeds = torch.randint(2**62, (batch_size,), generator=generator, device=device).tolist()
        generator = [torch.Generator(device).manual_seed(seed) for seed in seeds]
    if len(generator) != batch_size:
        raise ValueError(f"generators must be one per sample, {batch_size}, got {len(generator)}")

    def randn(like: Tensor) -> Tensor:
        noise = [torch.randn(like.shape[1:], generator=own, device=own.device) for own in generator]
        return torch.stack(noise).to(like)

    return randn


def _copy(source: Path, target: Path) -> None:
    """Copies code; over itself, where a model is saved into the folder that its code came from, too."""
    code = source.read_bytes()
    target.write_bytes(code)
