"""Samplers of the score-SDE piano rolls: speed and quality, against the loops of the paper's code on the same network.

    python -m scorehub.trainers.roll_corpus --data_dir data --output rolls.npz
    python benchmarks/score_sde.py model rolls.npz --cache samplers > benchmarks/score_sde.md

The arguments are a pipeline's folder and the rolls that it was trained on. Samples go to the cache batch by batch, and
a run that was stopped goes on there. It takes about half an hour on two idle cores; stderr says more when it starts.
"""

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import score_sde_reference as reference
import torch
from score_sde_samples import (
    BATCH,
    REFERENCE,
    Windows,
    announce,
    draw,
    load_model,
    load_windows,
    process_of,
    sample,
)
from tqdm import tqdm

from scorehub.metrics import repair
from scorehub.metrics import rolls as roll_metrics
from scorehub.metrics.distributions import overlapping_area
from scorehub.metrics.roll_features import HISTOGRAMS, Grid
from scorehub.pipelines.score_sde.samplers import SAMPLERS

FAST = tuple(name for name in SAMPLERS if name.endswith("_fast"))  # of which the fewest evaluations are sought
SLOW = ("euler_maruyama", "predictor_corrector")
MARGIN = 0.05  # the gap that the project allows a feature
TIMED = 2  # samples at once where loops take turns
RESAMPLES = 1000

ABOUT_LOOPS = f"""\
## Loops

The reference's loops and ours take turns in one process, {TIMED} samples at once; best of {{rounds}} rounds. The
reference has none but these three; our other samplers stand beside its Euler-Maruyama.

| reference | evaluations | s a sample | ours | evaluations | s a sample | times faster |
|---|--:|--:|---|--:|--:|--:|"""
ABOUT_QUALITY = f"""
## Quality

`scorehub.metrics.rolls` against {{windows}} held-out windows of {{works}} works that went through the same rolls. Gap:
the overlap of held-out windows with those of other works, less that of generated windows with them; mean and worst of
the five features. Pooled notes don't show what a single window is like; intra overlap (Yang and Lerch; of held-out
windows {{intra:.3f}}) and scale consistency (held out {{scale:.3f}}) do. Worse by: the mean gap less that of
`{REFERENCE}`, and the same of the distance to held-out scale consistency, each with 95 % of a bootstrap that draws the
same works for both, and windows of each, as many of the one as there are of the other. Not worse: both intervals reach
0 and end below {MARGIN}, which is what the project allows a feature; unsure: they reach 0, and more samples would have
to tell. Evaluations include the one that takes the last noise away. Seconds are of batches of {BATCH}.

| sampler | evaluations | samples | s each | mean gap | worst gap | intra | scale | worse by: gap | scale | not worse |
|---|--:|--:|--:|--:|---|--:|--:|---|---|---|"""


def plan(evaluations: Sequence[int], samples: int) -> list[tuple[str, int, int]]:
    """Sampler, evaluations and number of windows of all that is generated; fewer where no decision hangs on them."""
    most = max(evaluations)
    kinds = [(REFERENCE, most, samples)]
    for name in (*FAST, *SLOW):
        for number in evaluations:
            share = 4 if number == most else 1 if name in FAST else 2
            kinds.append((name, number, max(3, samples // share)))
    return [*kinds, ("ode", 0, max(3, samples // 4))]


def speed_rows(pipe: Any, shape: tuple[int, ...], most: int, rounds: int) -> Iterator[str]:
    """Rows of the table of loops."""
    process, whole = process_of(pipe), (TIMED, *shape)
    theirs: dict[str, Callable[[], tuple[Any, int]]] = {
        "euler_maruyama": lambda: reference.euler_maruyama(process, whole, most),
        "predictor_corrector": lambda: reference.predictor_corrector(process, whole, most // 2),
        "ode": lambda: reference.ode(process, whole),
    }
    pairs = [("euler_maruyama", most), ("predictor_corrector", most), ("ode", 0)]
    pairs += [(name, most // share) for name in FAST for share in (5, 10, 20)]
    taken: dict[Any, tuple[float, int]] = {}
    for _ in range(rounds):
        for name, work in theirs.items():
            _keep_faster(taken, name, work)
        for pair in pairs:
            _keep_faster(taken, pair, lambda pair=pair: draw(pipe, *pair, range(TIMED), shape))
    for pair in pairs:
        name = pair[0] if pair[0] in theirs else "euler_maruyama"
        (slow, evaluations), (fast, fewer) = taken[name], taken[pair]
        yield f"| {name} | {evaluations} | {slow:.2f} | {pair[0]} | {fewer} | {fast:.2f} | {slow / fast:.2f} |"


def _keep_faster(taken: dict[Any, tuple[float, int]], key: Any, work: Callable[[], tuple[Any, int]]) -> None:
    """Runs `work`, and keeps seconds a sample and evaluations if no round before was faster."""
    torch.manual_seed(0)
    start = time.perf_counter()
    evaluations = work()[1]
    taken[key] = min(taken.get(key, (np.inf, 0)), ((time.perf_counter() - start) / TIMED, evaluations))


def judge(held_out: Windows, made: Windows) -> dict[str, Any]:
    """Mean and worst gap over the features, mean intra overlaps, scale consistencies."""
    scores = roll_metrics.evaluate(held_out.notes, made.notes, Grid(made.spec.fs), held_out.groups)
    gaps = {name: scores[f"{name}_gap"] for name in HISTOGRAMS}
    worst = max(HISTOGRAMS, key=lambda name: gaps[name])
    means = {
        key: float(np.mean([scores[f"{name}_{key}"] for name in HISTOGRAMS]))
        for key in ("gap", "intra_overlap", "intra_overlap_real")
    }
    scale = {key: scores[key] for key in ("scale_consistency", "scale_consistency_real")}
    return means | scale | {"worst": worst, "worst_gap": gaps[worst]}


def worse_by(held_out: Windows, base: Windows, other: Windows, seed: int = 0) -> np.ndarray:
    """How much larger the mean gap of `other` is than that of `base`, and its distance in scale consistency, (2, 3).

    Each with its 95 % interval. The overlap of held-out works with one another falls out of the difference of gaps.
    Each work counts once.
    """
    works = np.unique(np.array(held_out.groups), return_inverse=True)[1]
    share = np.eye(works.max() + 1)[:, works] / np.bincount(works)[:, None]  # (works, windows)
    real = {name: share @ counts for name, counts in held_out.counts.items()}
    scales = share @ held_out.scale, base.scale, other.scale
    sizes = [len(scale) for scale in scales]

    def difference(weights: Sequence[np.ndarray]) -> tuple[float, float]:
        overlaps = [
            [overlapping_area(weights[0] @ real[name], weights[side] @ windows.counts[name]) for name in HISTOGRAMS]
            for side, windows in ((1, base), (2, other))
        ]
        aim, *means = (np.average(scale, weights=weight) for scale, weight in zip(scales, weights, strict=True))
        return float(np.mean(overlaps[0]) - np.mean(overlaps[1])), abs(means[1] - aim) - abs(means[0] - aim)

    rng = np.random.default_rng(seed)
    drawn = [difference([rng.multinomial(n, np.full(n, 1 / n)) for n in sizes]) for _ in range(RESAMPLES)]
    whole = difference([np.ones(n) for n in sizes])
    return np.stack([whole, *np.nanquantile(drawn, (0.025, 0.975), axis=0)], axis=1)


def verdict(intervals: np.ndarray) -> str:
    """Whether a sampler with these intervals of `worse_by` is not worse."""
    if (intervals[:, 1] > 0).any():
        return "no"
    return "yes" if (intervals[:, 2] < MARGIN).all() else "unsure"


def quality_row(label: str, held_out: Windows, made: Windows, base: Windows) -> tuple[str, str]:
    """A row of the table of quality, and its verdict."""
    scores = judge(held_out, made)
    evaluations, seconds = (made.evaluations, f"{made.seconds:.2f}") if made.evaluations else ("", "")
    cells = [label, evaluations, len(made.rolls), seconds, f"{scores['gap']:.3f}"]
    cells += [f"{scores['worst_gap']:.3f} {scores['worst']}", f"{scores['intra_overlap']:.3f}"]
    cells += [f"{scores['scale_consistency']:.3f}"]
    if made is base:
        return f"| {' | '.join(map(str, cells))} | | | |", ""
    intervals = worse_by(held_out, base.choose(len(made.rolls)), made)  # few windows overlap less than many
    cells += [f"{middle:+.3f} ({low:+.3f} to {high:+.3f})" for middle, low, high in intervals]
    answer = verdict(intervals)
    return f"| {' | '.join(map(str, cells))} | {answer} |", answer


def conclusion(name: str, answers: dict[int, str], most: int) -> str:
    """What the verdicts on a sampler say of the fewest evaluations that do."""
    enough = None
    for evaluations in sorted((number for number in answers if number < most), reverse=True):
        if answers[evaluations] != "yes":
            break
        enough = evaluations
    if enough is None:
        return (
            f"- `{name}`: no number of evaluations below {most} is shown to be not worse than the reference's {most}."
        )
    return (
        f"- `{name}`: {enough} evaluations are not worse than the reference's {most}, {most / enough:.0f} times fewer."
    )


def agreement(made: Sequence[Windows]) -> str:
    """How much of the notes is the same with most evaluations and the same seeds: the solver's own error."""
    most = max(made, key=lambda windows: windows.evaluations)
    whole, parts = repair.Passage(0, most.spec.seconds), []
    for windows in sorted(made, key=lambda windows: -windows.evaluations)[1:]:
        pairs = list(zip(most.notes, windows.notes, strict=False))
        f1 = repair.evaluate(*map(list, zip(*pairs, strict=True)), [whole] * len(pairs))["f1"]
        parts.append(f"{windows.evaluations}: {f1:.2f}")
    return f"- Notes of `ode_fast` that {most.evaluations} evaluations make of the same noise, F1: {', '.join(parts)}."


def report(options: argparse.Namespace) -> Iterator[str]:
    """Yields the report, in Markdown."""
    pipe = load_model(options.model)
    held_out = load_windows(options.rolls, pipe, "validation")
    training = load_windows(options.rolls, pipe, "train").choose(options.samples)
    kinds, most = plan(options.evaluations, options.samples), max(options.evaluations)
    total = sum(evaluations * count for _, evaluations, count in kinds)
    announce(pipe, held_out.spec, total)
    options.cache.mkdir(parents=True, exist_ok=True)
    with tqdm(total=total, unit="evaluation", unit_scale=True, disable=None) as bar:
        made = {kind: sample(pipe, held_out.spec, options.cache, kind, bar) for kind in kinds}
    threads = torch.get_num_threads()
    asked = f"--samples {options.samples} --evaluations {' '.join(map(str, options.evaluations))}"
    yield "# Samplers of the piano rolls\n"
    yield f"`python benchmarks/score_sde.py model rolls.npz --cache samplers {asked}`, {threads} threads.\n"
    yield ABOUT_LOOPS.format(rounds=options.rounds)
    yield from speed_rows(pipe, held_out.spec.shape, most, options.rounds)
    base, ceiling = made[kinds[0]], judge(held_out, training)
    works, windows = len(set(held_out.groups)), len(held_out.rolls)
    intra, scale = ceiling["intra_overlap_real"], ceiling["scale_consistency_real"]
    yield ABOUT_QUALITY.format(windows=windows, works=works, intra=intra, scale=scale)
    yield quality_row("real training windows", held_out, training, base)[0]
    answers: dict[str, dict[int, str]] = {}
    for kind in kinds:
        row, answer = quality_row(kind[0], held_out, made[kind], base)
        answers.setdefault(kind[0], {})[kind[1]] = answer
        yield row
    yield "\n" + "\n".join(conclusion(name, answers[name], most) for name in FAST)
    yield agreement([made[kind] for kind in kinds if kind[0] == "ode_fast"])


def main() -> None:
    """Prints the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder of a pipeline")
    parser.add_argument("rolls", help="file of rolls, of trainers.roll_corpus")
    parser.add_argument("--cache", type=Path, required=True, help="folder for samples")
    parser.add_argument("--samples", type=int, default=100, help="windows of the reference and of few evaluations")
    parser.add_argument("--evaluations", type=int, nargs="+", default=[500, 100, 50, 25, 12])
    parser.add_argument("--rounds", type=int, default=3, help="in which loops take turns")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", "(?s).*have no notes")  # a silent window is a result, and counts as one
    for line in report(options):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
