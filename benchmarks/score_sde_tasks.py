"""Likelihood and repair by a score-SDE model of piano rolls: parts of the report of `score_sde_quality.py`."""

import argparse
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from score_sde_samples import BATCH, Windows
from tqdm import tqdm

from scorehub.metrics import repair
from scorehub.notes import Notes, make_notes
from scorehub.pipelines.score_sde.likelihood import dequantise
from scorehub.pipelines.score_sde.samplers import END
from scorehub.rolls import RollSpec, make_roll

FLIPPED = 0.01  # share of the cells

ABOUT_LIKELIHOOD = """
## Likelihood

Bits a cell of {count} held-out rolls of as many works; lower is likelier. Probability flow, one Hutchinson probe, the
same noise and probe for all; tolerance {tolerance:g}.

- Code length: a bound of what a cell of the discrete roll costs. Noise of the process at time {end:g} is added, which
  a receiver takes away by rounding; the noise's own density, with which rounding gives bits back, is divided out. It
  is what the weights were trained for, and comparable.
- Density: of the discrete values as they are, `log_likelihood(rolls)`. Points have no density, so that it falls
  without end as the process goes nearer to 0, and is good for comparisons only.
- Dequantised: values spread over bins, `levels={levels}`. A bound for weights that were trained on such values; these
  were not, and see noise of a strength that they take for another time.

Beside it codes without a network, by counts of training windows for each row: each cell by itself, or by the cell
before it. Likelihood does not rank music: what is simple is likelier, see silence.

| of held-out rolls | bits a cell | standard error | longer than the model's code |
|---|--:|--:|--:|"""
ABOUT_DAMAGE = """
| code length of | bits a cell | held out is likelier |
|---|--:|--:|"""
ABOUT_REPAIR = """
## Repair

`scorehub.metrics.repair` on held-out rolls, one of a work, {most} at most. A quarter is taken from the middle of each
and made anew by `ode_fast` with its default steps; F1 of the notes that begin there, with onsets in the same frame
(95 % of a bootstrap over rolls), and in the same or a neighbouring one. Last bar: what was as long before, again.
Marginal: notes drawn one by one, as often as training has them. A repair may be good music and not the notes that
were there.

| missing | repaired by | F1 | precision | recall | F1, neighbouring frame | notes made / there |
|---|---|--:|--:|--:|--:|--:|"""


def by_work(held_out: Windows, count: int, wanted: np.ndarray) -> Windows:
    """A wanted window of each of `count` works, by chance."""
    order = np.random.default_rng(0).permutation(np.flatnonzero(wanted))
    works = [held_out.groups[number] for number in order]
    firsts = sorted(works.index(work) for work in set(works))[:count]
    return Windows(held_out.rolls[order[firsts]], held_out.spec, tuple(works[first] for first in firsts))


def bits(pipe: Any, rolls: np.ndarray, tolerance: float, levels: int | None = None) -> np.ndarray:
    """`log_likelihood` of rolls, (N,); the same probe for whatever is compared."""
    generator = torch.Generator().manual_seed(0)
    found: np.ndarray = pipe.log_likelihood(rolls, levels, generator=generator, tolerance=tolerance)
    return found


def code_length(pipe: Any, rolls: np.ndarray, tolerance: float) -> np.ndarray:
    """Bound of -log2 P(roll) / cells, (N,), of discrete rolls.

    For any density q(z | x) from which x can be told, log P(x) >= E_q[log p(z) - log q(z | x)]. Here z is x_t at time
    `END`, whose noise is far finer than the levels of rolls are apart; if p is right, the two sides are equal.
    """
    x = torch.as_tensor(rolls)
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(1))
    noisy = pipe.scheduler.add_noise(x, noise, torch.full((len(x),), END))
    std = float(pipe.scheduler.std(torch.tensor([END], dtype=torch.float64)))
    # log2 q(z | x) a cell
    log_q = -(noise.square().mean((1, 2, 3)).numpy() / 2 + math.log(std * math.sqrt(2 * math.pi))) / math.log(2)
    return bits(pipe, noisy.numpy(), tolerance) + log_q


def table_code(training: np.ndarray, rolls: np.ndarray, order: int) -> np.ndarray:
    """Bits a cell of rolls (N, C, P, T), (N,), by counts of training rolls for each row.

    Args:
        order: 0, or 1 for counts that depend on the cell before.
    """
    levels = np.unique(training)

    def indices(values: np.ndarray) -> tuple[np.ndarray, ...]:
        codes = np.searchsorted(levels, values).reshape(len(values), -1, values.shape[-1])  # (N, rows, T)
        before = np.pad(codes, ((0, 0), (0, 0), (1, 0)))[..., :-1] * order  # off before the first frame
        return np.broadcast_to(np.arange(codes.shape[1])[:, None], codes.shape), before, codes

    counts = np.full((training[0, ..., 0].size, len(levels), len(levels)), 0.5)
    np.add.at(counts, indices(training), 1)
    shares = counts / counts.sum(-1, keepdims=True)
    found: np.ndarray = -np.log2(shares[indices(rolls)]).mean((1, 2))
    return found


def damaged(held_out: Windows, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """What held-out rolls (N, C, P, T) should be likelier than."""
    rolls, spec = held_out.rolls, held_out.spec
    flips, others = rng.random(rolls.shape) < FLIPPED, rng.permutation(rolls.ravel()).reshape(rolls.shape)
    backwards = []
    for notes in held_out.notes:
        onset = np.maximum(0, spec.seconds - notes.onset - notes.duration)
        turned = make_notes(onset, notes.duration, notes.pitch, notes.velocity, notes.program, notes.track)
        backwards.append(make_roll(turned, spec))
    half = rolls.shape[-1] // 2
    return {
        f"{FLIPPED:.0%} of the cells taken from elsewhere": np.where(flips, others, rolls),
        "the rows in another order": rolls[:, :, rng.permutation(rolls.shape[2])],
        "the frames in another order": rolls[..., rng.permutation(rolls.shape[3])],
        "a second half of another work": np.concatenate([rolls[..., :half], np.roll(rolls, 1, 0)[..., half:]], -1),
        "the notes backwards": np.stack(backwards),
    }


def likelihood_lines(
    pipe: Any, held_out: Windows, made: Windows, training: Windows, options: argparse.Namespace
) -> Iterator[str]:
    """Bits a cell of held-out rolls by several readings, and of the same rolls damaged."""
    few, tolerance = by_work(held_out, options.likelihoods, np.ones(len(held_out.rolls), bool)), options.tolerance
    values_of = np.unique(training.rolls)
    levels = len(values_of)
    spread = dequantise(torch.as_tensor(few.rolls), levels, torch.Generator().manual_seed(1)).numpy()
    drawn = values_of[np.abs(made.rolls[: len(few.rolls), ..., None] - values_of).argmin(-1)]
    worse = damaged(few, np.random.default_rng(0))
    others = worse | {"generated rolls": drawn, "silence": np.full_like(few.rolls[:1], -1)}
    with tqdm(total=3 + len(others), desc="likelihoods", disable=None) as bar:
        real = code_length(pipe, few.rolls, tolerance)
        bar.update()
        readings = {
            "code length": real,
            "code by the cell before": table_code(training.rolls, few.rolls, 1),
            "code by single cells": table_code(training.rolls, few.rolls, 0),
            "density": bits(pipe, few.rolls, tolerance),
            f"dequantised, {levels} levels": bits(pipe, spread, tolerance, levels),
        }
        bar.update(2)
        yield ABOUT_LIKELIHOOD.format(count=len(few.rolls), tolerance=tolerance, end=END, levels=levels)
        for label, values in readings.items():
            error = values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else math.nan
            longer = f"{(values > real).sum()} of {len(real)}" if label.startswith("code by") else ""
            yield f"| {label} | {values.mean():.4f} | {error:.4f} | {longer} |"
        yield ABOUT_DAMAGE
        for label, rolls in others.items():
            values = code_length(pipe, rolls, tolerance)
            bar.update()
            pairs = f"{(real < values).sum()} of {len(real)}" if label in worse else ""
            yield f"| {label} | {values.mean():.4f} | {pairs} |"


def missing_parts(spec: RollSpec) -> dict[str, tuple[np.ndarray, repair.Passage]]:
    """What is taken away of a roll, (C, P, T), and the same as a passage: a quarter of the frames, of the pitches."""
    frames, rows = spec.n_frames // 4, spec.n_pitches // 4
    first, low = 3 * frames // 2, 3 * rows // 2  # in the middle
    some_time, some_rows = np.zeros(spec.shape, bool), np.zeros(spec.shape, bool)
    some_time[:, :, first : first + frames] = True
    some_rows[:, low : low + rows] = True
    passage = repair.Passage(first / spec.fs, (first + frames) / spec.fs)
    voice = repair.Passage(0, spec.seconds, spec.lowest + low, spec.lowest + low + rows - 1)
    return {
        f"{frames / spec.fs:g} s, all pitches": (some_time, passage),
        f"{rows} pitches, all the time": (some_rows, voice),
    }


def remake(pipe: Any, held_out: Windows, missing: np.ndarray, resamples: int) -> list[Notes]:
    """The notes of the rolls with what is missing made anew."""
    parts = []
    for first in tqdm(range(0, len(held_out.rolls), BATCH), desc=f"repairs, resamples {resamples}", disable=None):
        known = held_out.rolls[first : first + BATCH]
        generators = [torch.Generator().manual_seed(first + number) for number in range(len(known))]
        output = pipe(len(known), generator=generators, known=known, mask=~missing, resamples=resamples)
        parts.append(output.rolls)
    return Windows(np.concatenate(parts), held_out.spec).notes


def repair_row(chosen: Windows, repaired: list[Notes], passage: repair.Passage) -> str:
    """Cells of the table of repairs."""
    frame, passages = 1 / chosen.spec.fs, [passage] * len(repaired)
    exact = repair.evaluate(chosen.notes, repaired, passages, 0.4 * frame)
    near = repair.evaluate(chosen.notes, repaired, passages, 1.4 * frame)["f1"]
    made, there = (sum(int(passage.holds(notes).sum()) for notes in side) for side in (repaired, chosen.notes))
    f1 = f"{exact['f1']:.3f} ({exact['f1_low']:.3f} to {exact['f1_high']:.3f})"
    return f"{f1} | {exact['precision']:.3f} | {exact['recall']:.3f} | {near:.3f} | {made} / {there}"


def repair_lines(pipe: Any, held_out: Windows, training: Windows, options: argparse.Namespace) -> Iterator[str]:
    """How many of the notes of missing parts are found again, by the model and by baselines."""
    spec = held_out.spec
    marginal = repair.fit_marginal(training.notes, spec.fs)
    yield ABOUT_REPAIR.format(most=options.repairs)
    for label, (missing, passage) in missing_parts(spec).items():
        wanted = np.array([passage.holds(notes).any() for notes in held_out.notes])
        chosen = by_work(held_out, options.repairs, wanted)
        ways = {f"model, resamples {number}": remake(pipe, chosen, missing, number) for number in (5, 1)}
        if passage.start > 0:  # else there is nothing before it
            bar = passage.end - passage.start
            ways["last bar"] = [repair.copy_last_bar(notes, passage, bar) for notes in chosen.notes]
        rng = np.random.default_rng(0)
        ways["marginal"] = [marginal.repair(notes, passage, rng) for notes in chosen.notes]
        for way, repaired in ways.items():
            yield f"| {label} | {way} | {repair_row(chosen, repaired, passage)} |"
