"""Judgement of a score-SDE model of piano rolls: what it draws, how likely it finds music, what it repairs.

    python -m scorehub.trainers.roll_corpus --data_dir data --output rolls.npz
    python benchmarks/score_sde_quality.py model rolls.npz --cache quality --figure rolls.png \\
        > benchmarks/score_sde_quality.md

The arguments are a pipeline's folder and the rolls that it was trained on, of which the split `validation` is held
out. Likelihood and repair are in `score_sde_tasks.py`. Generated rolls go to the cache; about ten minutes on two idle
cores. The picture has the first generated rolls, unchosen, beside held-out ones.
"""

import argparse
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import score_sde_tasks as tasks
from PIL import Image, ImageDraw, ImageFont
from score_sde_samples import Windows, load_model, load_windows, sample
from tqdm import tqdm

from scorehub.metrics import framewise, memorising, repair
from scorehub.metrics import rolls as roll_metrics
from scorehub.metrics.roll_features import HISTOGRAMS, MEASURES, Grid
from scorehub.notes import make_notes
from scorehub.rolls import make_roll
from scorehub.trainers.roll_strips import load_strips
from scorehub.trainers.roll_windows import RollWindows

ALLOWED, GOAL = 0.05, 0.02  # gap of a feature that the project allows, and that it hopes for
TRAINING = 2000  # windows of training for baselines
NEIGHBOURS = 64  # rolls whose neighbours are sought
HOP = 0.5  # seconds between the training windows among which they are sought
KEYS = 6  # semitones
SOUNDED = 4
NEAR = 0.05  # seconds between the beginning of a note and an onset that is heard
RATE = 22_050
ROWS, COLUMNS, SCALE, GAP, TITLE = 4, 3, 3, 6, 30  # of the picture; pixels

ABOUT_FEATURES = """\
## Features

`scorehub.metrics.rolls`: {generated} generated windows against {windows} held-out ones of {works} works that went
through the same rolls. Gap: overlap of held-out windows with those of other works, less that of generated ones with
them; 95 % of a bootstrap over works and generated windows. KL in nats. Intra: Yang and Lerch's overlap of distances
between single windows. In brackets what held-out windows of other works have. For scale, the gaps of {training} real
training windows, which no model of them can be expected to beat, and of as many windows of noise: every pitch drawn in
every frame as often as training has it there, which pooled notes can't tell from music, and intra and scale
consistency can.

| feature | overlap | gap | KL | intra | gap: training | gap: noise | intra: training | intra: noise |
|---|--:|--:|--:|--:|--:|--:|--:|--:|"""


def noise_windows(training: Windows, count: int, seed: int = 0) -> Windows:
    """Windows of notes that are drawn one by one, as often as training has them."""
    spec, rng = training.spec, np.random.default_rng(seed)
    marginal = repair.fit_marginal(training.notes, spec.fs)
    empty, whole = make_notes(*np.zeros((3, 0))), repair.Passage(0, spec.seconds)
    rolls = [make_roll(marginal.repair(empty, whole, rng), spec) for _ in range(count)]
    return Windows(np.stack(rolls), spec)


def feature_lines(held_out: Windows, made: Windows, training: Windows) -> Iterator[str]:
    """Features, measures and self-similarity."""
    grid = Grid(made.spec.fs)
    few = training.choose(len(made.rolls))
    sets = {"generated": made, "training": few, "noise": noise_windows(training, len(made.rolls))}
    scores = {
        name: roll_metrics.evaluate(held_out.notes, each.notes, grid, held_out.groups) for name, each in sets.items()
    }
    ours, real, noise = scores.values()
    works = len(set(held_out.groups))
    sizes = {"generated": len(made.rolls), "windows": len(held_out.rolls), "training": len(few.rolls)}
    yield ABOUT_FEATURES.format(works=works, **sizes)
    for name in HISTOGRAMS:
        of = {key.removeprefix(f"{name}_"): value for key, value in ours.items()}
        cells = [f"{of[key]:.3f} ({of[f'{key}_real']:.3f})" for key in ("overlap", "kl", "intra_overlap")]
        cells.insert(1, f"{of['gap']:.3f} ({of['gap_low']:.3f} to {of['gap_high']:.3f})")
        cells += [f"{each[f'{name}_{key}']:.3f}" for key in ("gap", "intra_overlap") for each in (real, noise)]
        yield f"| {name} | {' | '.join(cells)} |"
    for limit in (ALLOWED, GOAL):
        within = [name for name in HISTOGRAMS if ours[f"{name}_gap"] <= limit]
        beyond = ", ".join(f"{name}" for name in HISTOGRAMS if name not in within) or "none"
        yield f"\nGap at most {limit}: {len(within)} of {len(HISTOGRAMS)} features; beyond: {beyond}."
    yield "\n| mean of windows (MusPy) | generated | held out | training | noise |\n|---|--:|--:|--:|--:|"
    for name in MEASURES:
        values = (ours[name], ours[f"{name}_real"], real[name], noise[name])
        yield f"| {name} | {' | '.join(f'{value:.3f}' for value in values)} |"
    yield from framewise_lines(held_out, sets, grid)


def framewise_lines(held_out: Windows, sets: dict[str, Windows], grid: Grid) -> Iterator[str]:
    """Self-similarity of each set, beside that of held-out windows."""
    measure = grid.steps_per_measure / grid.fs
    yield f"\nOverlap of neighbouring measures ({measure:g} s; `scorehub.metrics.framewise`), and how near its mean"
    yield "and variance are to those of held-out windows, 1 at best:\n"
    yield "| | pitch (held out) | consistency | variance | duration (held out) | consistency | variance |"
    yield "|---|--:|--:|--:|--:|--:|--:|"
    for label, windows in sets.items():
        scores = framewise.consistency(held_out.notes, windows.notes, grid, width=1, hop=1)
        cells = [label]
        for name in ("pitch", "duration"):
            cells.append(f"{scores[f'{name}_overlap']:.3f} ({scores[f'{name}_overlap_real']:.3f})")
            cells += [f"{scores[f'{name}_{key}']:.3f}" for key in ("consistency", "variance")]
        yield f"| {' | '.join(cells)} |"


def neighbour_lines(held_out: Windows, made: Windows, rolls: str) -> Iterator[str]:
    """Nearest training neighbours, in the same key and in any."""
    spec = made.spec
    training = RollWindows(load_strips(rolls).of_splits("train").at_tempo(), spec, HOP)
    sides = [windows.choose(NEIGHBOURS).rolls > spec.meaning.threshold for windows in (made, held_out)]
    sides.append(np.stack([training.cut(number) > spec.meaning.threshold for number in range(len(training))]))
    yield f"\n## Nearest training neighbours\n\n`scorehub.metrics.memorising`, Jaccard distance, {len(sides[0])}"
    yield f"generated and {len(sides[1])} held-out rolls among {len(sides[2]):,} training windows, {HOP} s apart."
    yield f"Memorised: nearer than 19 of 20 held-out rolls; in keys up to {KEYS} semitones off.\n"
    yield "| keys | distance (held out) | memorised (held out) | copied | nearer than held out (0.5 as real) |"
    yield "|---|--:|--:|--:|--:|"
    for label, semitones in (("same", 0), ("any", KEYS)):
        found = memorising.evaluate(*sides, semitones=semitones)
        yield (
            f"| {label} | {found['distance']:.3f} ({found['distance_real']:.3f}) | {found['memorised_share']:.1%} "
            f"({found['memorised_share_real']:.1%}) | {found['copied_share']:.1%} | {found['nearer_than_real']:.2f} |"
        )


def sound_lines(pipe: Any, held_out: Windows, made: Windows) -> Iterator[str]:
    """Whether the audio of rolls sounds, and where notes begin."""
    yield "\n## Sound\n\nAudio of the pipeline, and the onsets that `librosa.onset.onset_detect` hears in it."
    yield f"Beginnings: times at which notes begin; heard: with an onset within {1000 * NEAR:.0f} ms. At a beginning:"
    yield "onsets that are so near to one. Chance: the share of all times that are so near to an onset.\n"
    yield "| roll | notes | loudness | beginnings | heard | onsets | at a beginning | chance |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|"
    for label, windows in (("generated", made), ("held out", held_out.choose(SOUNDED))):
        audible = [number for number, notes in enumerate(windows.notes) if len(notes)][:SOUNDED]
        for number, audio in zip(audible, pipe.convert(windows.rolls[audible], "audio"), strict=True):
            begins, onsets = np.unique(windows.notes[number].onset), heard_onsets(audio)
            near = np.abs(begins[:, None] - onsets[None]) <= NEAR
            times = np.arange(0, windows.spec.seconds, 0.001)
            chance = (np.abs(times[:, None] - onsets[None]) <= NEAR).any(1).mean()
            loudness = 20 * np.log10(max(1e-9, float(np.sqrt(np.mean(audio**2)))))
            found = f"{near.any(1).mean():.0%} | {len(onsets)} | {near.any(0).mean() if len(onsets) else 0:.0%}"
            cells = f"{len(windows.notes[number])} | {loudness:.1f} dB | {len(begins)} | {found} | {chance:.0%}"
            yield f"| {label} {number} | {cells} |"


def heard_onsets(audio: np.ndarray) -> np.ndarray:
    """Seconds of the onsets in audio."""
    found: np.ndarray = librosa.onset.onset_detect(y=audio, sr=RATE, hop_length=256, units="time")
    return found


def save_picture(pipe: Any, made: Windows, held_out: Windows, path: Path) -> None:
    """Generated rolls on the left, held-out ones on the right."""
    count, (_, pitches, frames) = ROWS * COLUMNS, made.spec.shape
    width, height = frames * SCALE + GAP, pitches * SCALE + GAP
    sheet = Image.new("RGB", (2 * COLUMNS * width + 3 * GAP, ROWS * height + GAP + TITLE), (225, 225, 225))
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    for side, (title, windows) in enumerate((("generated", made), ("real, held out", held_out.choose(count)))):
        left = GAP + side * (COLUMNS * width + GAP)
        pen.text((left, 5), f"{title}: {made.spec.seconds:g} s each, dark where a note begins", (0, 0, 0), font)
        for number, picture in enumerate(pipe.convert(windows.rolls[:count], "image")):
            row, column = divmod(number, COLUMNS)
            small = picture.resize((frames * SCALE, pitches * SCALE), Image.Resampling.NEAREST)
            sheet.paste(small, (left + column * width, TITLE + row * height))
    sheet.quantize(32).save(path, optimize=True)


def report(options: argparse.Namespace) -> Iterator[str]:
    """Yields the report, in Markdown."""
    pipe = load_model(options.model)
    held_out = load_windows(options.rolls, pipe, "validation")
    training = load_windows(options.rolls, pipe, "train").choose(TRAINING)
    options.cache.mkdir(parents=True, exist_ok=True)
    kind = ("ode_fast", options.evaluations, options.samples)
    with tqdm(total=kind[1] * kind[2], desc="samples", unit_scale=True, disable=None) as bar:
        made = sample(pipe, held_out.spec, options.cache, kind, bar)
    if options.figure:
        save_picture(pipe, made, held_out, options.figure)
    asked = " ".join(f"--{name} {getattr(options, name)}" for name in ("samples", "repairs", "likelihoods"))
    yield "# Piano rolls: judgement of a model\n"
    yield f"`python benchmarks/score_sde_quality.py model rolls.npz --cache quality {asked}`"
    yield f"\nGenerated: `ode_fast`, {made.evaluations} evaluations, seeds from 0.\n"
    yield from feature_lines(held_out, made, training)
    yield from neighbour_lines(held_out, made, options.rolls)
    yield from tasks.likelihood_lines(pipe, held_out, made, training, options)
    yield from tasks.repair_lines(pipe, held_out, training, options)
    yield from sound_lines(pipe, held_out, made)


def main() -> None:
    """Prints the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder of a pipeline")
    parser.add_argument("rolls", help="file of rolls, of trainers.roll_corpus")
    parser.add_argument("--cache", type=Path, required=True, help="folder for samples")
    parser.add_argument("--figure", type=Path, help="PNG to write")
    parser.add_argument("--samples", type=int, default=256)
    parser.add_argument("--evaluations", type=int, default=41, help="of ode_fast for a sample")
    parser.add_argument("--likelihoods", type=int, default=8, help="held-out rolls whose likelihood is taken")
    parser.add_argument("--tolerance", type=float, default=1e-3, help="of the likelihood's solver")
    parser.add_argument("--repairs", type=int, default=50, help="held-out rolls that are repaired")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", "(?s).*have no notes")  # a silent window is a result, and counts as one
    for line in report(options):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
