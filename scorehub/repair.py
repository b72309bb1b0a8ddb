"""Passages of a piece made anew by a model of piano rolls: repairs of what is damaged, and continuations.

A passage is what begins between two times. It is filled from its beginning in parts of half a window at most, each
with all that is known around it in the window: what was there before, what has been made already, what comes after.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DiffusionPipeline

from scorehub.notes import DRUMS, Notes, make_notes
from scorehub.pipelines.score_sde.pipeline import ScoreSDEPipeline
from scorehub.pipelines.score_sde.roll_output import VELOCITY
from scorehub.pipelines.score_sde.samplers import Callback
from scorehub.rolls import RollSpec, make_roll, roll_to_notes

PRESETS = {"default": "", "paper": "paper"}  # folders of the embedded models
MAX_SECONDS = 120.0  # of a passage
NEIGHBOURS = 20  # notes whose loudness new ones take over


@dataclass(frozen=True)
class Sampling:
    """How a passage is made; see `ScoreSDEPipeline.__call__`."""

    sampler: str = "ode_fast"
    steps: int | None = None
    resamples: int = 5  # how often each step is taken, so that the new fits the old
    seed: int = 0
    callback: Callback | None = None


def load_pipeline(model: str | Path | None = None, preset: str = "default") -> ScoreSDEPipeline:
    """The embedded model of a preset, or the one of a folder or Hub repository, whose code is then run.

    Raises:
        ValueError: the preset is unknown.
        OSError: there is no such model.
    """
    if preset not in PRESETS:
        raise ValueError(f"preset must be one of {sorted(PRESETS)}, got {preset!r}")
    code = str(model or files("scorehub.pipelines.score_sde"))
    folder = code if model else str(Path(code, PRESETS[preset]))
    pipeline: Any = DiffusionPipeline.from_pretrained(folder, custom_pipeline=code, trust_remote_code=True)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.unet.to(memory_format=torch.channels_last)  # nearly twice as fast on a CPU
    return pipeline


def roll_spec(pipe: ScoreSDEPipeline) -> RollSpec:
    """The rolls that a pipeline makes."""
    _, pitches, frames = pipe.roll_shape
    meaning = pipe.meaning
    channels = {"channels": "program", "members": meaning.programs} if len(meaning.programs) > 1 else {}
    size = {"n_pitches": pitches, "seconds": frames / meaning.fs}
    reading = {"values": meaning.values, "articulation": meaning.articulation}
    return RollSpec(meaning.fs, meaning.lowest, **size, **channels, **reading)  # type: ignore[arg-type]


def repair_passage(
    pipe: ScoreSDEPipeline, notes: Notes, start: float, end: float, sampling: Sampling | None = None
) -> Notes:
    """The piece with new notes in place of all that begin from `start` to before `end` (seconds).

    A passage that reaches to the end of the piece or beyond continues it. New notes are as loud as those around them
    unless the model knows loudness; drums are left as they are. What lies outside of the passage is kept to the note,
    but notes that sounded into it end where the model lets them end.

    Raises:
        ValueError: the passage is empty, too long, or begins after the piece has ended.
    """
    if not 0 <= start < end <= start + MAX_SECONDS:
        raise ValueError(f"passage must be 0 <= start < end, at most {MAX_SECONDS:g} s long, got {start} to {end} s")
    if start > notes.end:
        raise ValueError(f"passage must begin within the piece, which is {notes.end:.2f} s long, got {start} s")
    sampling = sampling or Sampling()
    gone = (notes.onset >= start) & (notes.onset < end) & (notes.program != DRUMS)
    piece = notes.choose(~gone)
    for number, (first, last) in enumerate(pairwise(_borders(start, end, roll_spec(pipe)))):
        seeds = torch.Generator().manual_seed(sampling.seed + number)
        piece = _fill(pipe, piece, (first, last, end if end < notes.end else np.inf), sampling, seeds)
    return piece


def _borders(start: float, end: float, spec: RollSpec) -> Iterator[float]:
    """Where the parts of a passage begin, and its end."""
    parts = max(1, int(np.ceil(2 * (end - start) / spec.seconds - 1e-9)))
    return iter(np.linspace(start, end, parts + 1).tolist())


def _fill(
    pipe: ScoreSDEPipeline,
    piece: Notes,
    span: tuple[float, float, float],
    sampling: Sampling,
    generator: torch.Generator,
) -> Notes:
    """The piece with new notes from the first to the second time of `span`; up to the third nothing is known."""
    spec = roll_spec(pipe)
    first, last, known_again = span
    begin = max(0.0, (first + last - spec.seconds) / 2)
    edges = begin + np.arange(spec.n_frames + 1) / spec.fs
    mask = (edges[1:] <= first + 1e-6) | (edges[:-1] >= known_again - 1e-6)
    made: Any = pipe(
        known=make_roll(piece, spec, begin),
        mask=mask[None, None, None],
        sampler=sampling.sampler,
        num_inference_steps=sampling.steps,
        resamples=sampling.resamples,
        generator=generator,
        callback=sampling.callback,
    )
    new = roll_to_notes(made.rolls[0], spec)
    onset = new.onset + begin
    # The first new frame may begin a little before the passage, where the frames don't meet its beginning.
    inside = (new.onset * spec.fs + 0.5 >= mask.argmin()) & (onset < last)
    sounding_on = ~inside & (onset < first) & (onset + new.duration > first)
    held = dict(zip(new.pitch[sounding_on].tolist(), (onset + new.duration)[sounding_on].tolist(), strict=True))
    return _join(_hold(piece, first, held), new.choose(inside), begin, first)


def _hold(piece: Notes, first: float, held: dict[int, float]) -> Notes:
    """Notes that sound into the passage at `first` last until the times of `held` by pitch, or end there."""
    end = piece.onset + piece.duration
    crosses = (piece.onset < first) & (end > first) & (piece.program != DRUMS)
    wanted = np.array([held.get(pitch, first) for pitch in piece.pitch.tolist()])
    duration = np.where(crosses, wanted, end) - piece.onset
    return make_notes(piece.onset, duration, piece.pitch, piece.velocity, piece.program, piece.track)


def _join(piece: Notes, new: Notes, begin: float, first: float) -> Notes:
    """The piece and the new notes, whose times count from `begin`."""
    pitched = piece.choose(piece.program != DRUMS)
    near = pitched.velocity[np.argsort(np.abs(pitched.onset - first), kind="stable")[:NEIGHBOURS]]
    loudness = np.where(new.velocity == VELOCITY, np.median(near) if len(near) else VELOCITY, new.velocity)
    free = int(piece.track.max(initial=-1)) + 1
    program, track = np.array([_part(pitched, each, free) for each in new.program.tolist()]).reshape(-1, 2).T
    own = (np.maximum(new.onset + begin, first), new.duration, new.pitch, loudness, program, track)
    old = (piece.onset, piece.duration, piece.pitch, piece.velocity, piece.program, piece.track)
    return make_notes(*(np.concatenate(columns) for columns in zip(old, own, strict=True)))


def _part(notes: Notes, program: int, free: int) -> tuple[int, int]:
    """Program and track of most notes of a program, of most of all if none has it; track `free` without notes."""
    same = notes.program == program
    parts = np.stack([notes.program, notes.track])[:, same if same.any() else ...]
    if not parts.size:
        return program, free
    found, counts = np.unique(parts, axis=1, return_counts=True)
    return int(found[0, counts.argmax()]), int(found[1, counts.argmax()])
