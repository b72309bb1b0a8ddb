"""Real and generated windows for the benchmarks of the score-SDE piano rolls, and the cache of the generated ones."""

import os
import sys
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import score_sde_reference as reference
import torch
from diffusers import DiffusionPipeline

from scorehub.metrics.roll_features import Grid, scale_consistency, to_steps
from scorehub.metrics.rolls import stack_counts
from scorehub.notes import Notes
from scorehub.rolls import RollSpec, roll_to_notes
from scorehub.trainers.roll_strips import load_strips
from scorehub.trainers.roll_windows import RollWindows

REFERENCE = "reference EM"  # the paper's first sampler, in the reference's loop
BATCH = 16


@dataclass(frozen=True)
class Windows:
    """Rolls (N, C, P, T), float32; of real ones the work that each is of, of generated ones what they took."""

    rolls: np.ndarray
    spec: RollSpec
    groups: tuple[str, ...] = ()
    seconds: float = float("nan")  # for a sample, in the fastest batch
    evaluations: int = 0  # of the network for a sample

    @cached_property
    def notes(self) -> list[Notes]:
        """The notes of each roll."""
        return [roll_to_notes(roll, self.spec) for roll in self.rolls]

    @cached_property
    def counts(self) -> dict[str, np.ndarray]:
        """Histograms (N, bins) of each feature."""
        return stack_counts(self.notes, Grid(self.spec.fs))

    @cached_property
    def scale(self) -> np.ndarray:
        """Scale consistency of each, (N,), 0 for silent ones."""
        steps = [to_steps(notes, Grid(self.spec.fs)).pitched() for notes in self.notes]
        return np.nan_to_num([scale_consistency(each) for each in steps])

    def choose(self, count: int, seed: int = 0) -> "Windows":
        """As many of them by chance, or all."""
        chosen = np.random.default_rng(seed).permutation(len(self.rolls))[:count]
        groups = tuple(self.groups[number] for number in chosen) if self.groups else ()
        return Windows(self.rolls[chosen], self.spec, groups, self.seconds, self.evaluations)


def load_model(folder: str) -> Any:
    """The pipeline in `folder`, its network laid out as CPUs like it best."""
    pipe = DiffusionPipeline.from_pretrained(folder, custom_pipeline=folder, trust_remote_code=True)
    pipe.unet.to(memory_format=torch.channels_last)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def load_windows(path: str, pipe: Any, split: str, hop: float | None = None) -> Windows:
    """The windows of a split that begin every `hop` seconds, by default side by side.

    Raises:
        ValueError: the model makes rolls of another kind.
    """
    strips = load_strips(path)
    spec = strips.spec
    made, held = (vars(meaning) for meaning in (pipe.meaning, spec.meaning))  # classes of two copies of the module
    if made | {"programs": ()} != held | {"programs": ()}:
        raise ValueError(f"rolls must be what the model makes, {made}, got {held}")
    windows = RollWindows(strips.of_splits(split).at_tempo(), spec, hop or spec.seconds)
    groups = tuple(windows.strips.groups[strip] for strip, _ in windows.index)
    return Windows(np.stack([windows.cut(number) for number in range(len(windows))]), spec, groups)


def process_of(pipe: Any) -> reference.Process:
    """The model as the reference takes it."""
    sde = pipe.scheduler
    return reference.Process(pipe.score, sde.std, sde.diffusion, sde.drift_coefficient)


def draw(
    pipe: Any, name: str, evaluations: int, seeds: Sequence[int], shape: tuple[int, ...]
) -> tuple[np.ndarray, int]:
    """A batch of rolls (B, C, P, T) by one of our samplers or the reference, and how many evaluations it took.

    Args:
        evaluations: The most that it may take, that of the last denoising included; `ode` takes what it needs.
    """
    if name == REFERENCE:
        torch.manual_seed(seeds[0])
        rolls, used = reference.euler_maruyama(process_of(pipe), (len(seeds), *shape), evaluations)
        return rolls.numpy(), used
    steps = {"ode": None, "predictor_corrector": (evaluations - 1) // 2}.get(name, evaluations - 1)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    output = pipe(len(seeds), shape, name, steps, generators)
    return output.rolls, int(output.evaluations.max())


def sample(pipe: Any, spec: RollSpec, cache: Path, kind: tuple[str, int, int], bar: Any) -> Windows:
    """Windows of a kind: sampler, evaluations, how many. Those that the cache does not hold are made.

    Args:
        bar: A progress bar of evaluations.
    """
    name, evaluations, count = kind
    path = cache / f"{name.replace(' ', '_')}_{evaluations}_{fingerprint(pipe):08x}.npz"
    made: dict[str, Any] = {"rolls": np.zeros((0, *spec.shape), np.float32), "seconds": np.inf, "evaluations": 0}
    if path.exists():
        with np.load(path, allow_pickle=False) as stored:
            made = {key: stored[key] for key in stored.files}
    bar.update(evaluations * min(count, len(made["rolls"])))
    for first in range(len(made["rolls"]), count, BATCH):
        seeds = range(first, min(first + BATCH, count))
        start = time.perf_counter()
        rolls, used = draw(pipe, name, evaluations, seeds, spec.shape)
        seconds = min(float(made["seconds"]), (time.perf_counter() - start) / len(seeds))
        made = {"rolls": np.concatenate([made["rolls"], rolls]), "seconds": seconds, "evaluations": used}
        part = path.with_suffix(".part.npz")  # a run that is stopped leaves no half file
        np.savez_compressed(part, **made)
        os.replace(part, path)
        bar.update(evaluations * len(seeds))
    return Windows(made["rolls"][:count], spec, (), float(made["seconds"]), int(made["evaluations"]))


def fingerprint(pipe: Any) -> int:
    """A number that changes with the weights and the process."""
    tensors = (tensor.contiguous().numpy().tobytes() for tensor in pipe.unet.state_dict().values())
    return zlib.crc32(b"".join((pipe.scheduler.to_json_string().encode(), *tensors)))


def announce(pipe: Any, spec: RollSpec, evaluations: int) -> None:
    """Says on stderr how long so many evaluations of the network will take."""
    x, t = torch.zeros(BATCH, *spec.shape), torch.full((BATCH,), 0.5)
    seconds = np.inf
    for _ in range(4):
        start = time.perf_counter()
        with torch.no_grad():
            pipe.score(x, t)
        seconds = min(seconds, (time.perf_counter() - start) / BATCH)
    sys.stderr.write(f"{1000 * seconds:.1f} ms for the network to see a roll; without the cache and `ode`, ")
    sys.stderr.write(f"{evaluations:,} evaluations take {seconds * evaluations / 60:.0f} minutes\n")
