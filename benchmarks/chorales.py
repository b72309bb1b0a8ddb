"""The networks of `pipelines/chorales`: likelihood beside the published ones, and how well parts are written.

    python benchmarks/chorales.py --data_dir Jsb16thSeparated.json.gz > benchmarks/chorales.md

Every network composes chorales, and harmonises the melodies of test chorales; the same rules are held against Bach.
With `--picture`, the beginning of the first test chorale, by Bach and by each network, is engraved.
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image
from tqdm import tqdm

from scorehub.chorales import load_writer, write_chorale
from scorehub.contact_sheet import contact_sheet
from scorehub.pipelines.chorales.configuration_chorales import NETWORKS
from scorehub.pipelines.chorales.grids import OTHER_CHORD, STEPS_PER_BAR, find_chords, make_grid, to_pitches
from scorehub.pipelines.chorales.pipeline_chorales import ChoralesPipeline
from scorehub.trainers.chorales import ORDERS_HEARD, likelihoods
from scorehub.trainers.chorales_data import load_grids
from scorehub.voice_leading import KINDS, find_faults

BARS = 8  # of a chorale that is composed
SHOWN_BARS, PICTURE_WIDTH = 5, 1600  # of each chorale in the picture; px
STEP_SECONDS = 0.125  # of a sixteenth in the dataset's rows
# Nats a token, or a hidden cell of Coconet's, as the papers report them for this corpus at sixteenths; each paper has
# tokens of its own, so that numbers of different rows are near each other, but not the same thing.
PUBLISHED = {
    "bachbot": "none in nats on this corpus",
    "tonicnet": "0.220 (Peracha 2019)",
    "coconet": "0.436 in the order of time, <= 0.238 orderless (as Huang et al. 2018 report)",
    "music_transformer": "0.335; 0.357 without relative pitch and time; 0.417 without relative attention "
    "(Huang et al. 2018, validation)",
}

ABOUT_LIKELIHOOD = """\
# Chorales: likelihood, and part-writing

`python benchmarks/chorales.py --data_dir Jsb16thSeparated.json.gz --count {count}`, on the split of
Boulanger-Lewandowski: 229, 76 and 77 chorales.

Negative log-likelihood of whole pieces, in nats. A cell is a voice's sixteenth, with all that a model writes beside
the voices (chords, ends) in the sum: by it, models compare. A token is what a paper's own sequence has. Coconet's are
the mean over orders of writing, estimated by {orders} a piece.

| network | million weights | validation, cell | token | test, cell | token | published, token |
|---|--:|--:|--:|--:|--:|---|"""
ABOUT_WRITING = """
## Part-writing

{count} chorales of {bars} bars composed, and the melodies of as many test chorales harmonised for {bars} bars, at
temperature 1, seeds 0 and on. Faults a hundred bars, as `scorehub.voice_leading` finds them; triads are the share of
sixteenths whose notes have all of a major, minor, diminished or augmented triad; seconds for one chorale. Bach's rows
are all test chorales, and those of all splits.

| who | {kinds} | triads, % | s |
|---|{rules}--:|--:|"""


@dataclass(frozen=True)
class Writing:
    """Chorales (T, 4), MIDI pitches, and the seconds that each took."""

    chorales: list[np.ndarray]
    seconds: float | None = None

    def row(self, who: str) -> str:
        """A row of the second table."""
        faults = Counter(fault.kind for chorale in self.chorales for fault in find_faults(chorale))
        bars = sum(len(chorale) for chorale in self.chorales) / STEPS_PER_BAR
        chords = np.concatenate([find_chords(make_grid(chorale)) for chorale in self.chorales])
        shares = " | ".join(f"{100 * faults[kind] / bars:.1f}" for kind in KINDS)
        took = "" if self.seconds is None else f"{self.seconds:.1f}"
        return f"| {who} | {shares} | {100 * np.mean(chords < OTHER_CHORD):.0f} | {took} |"


def write(pipe: ChoralesPipeline, melodies: Iterable[np.ndarray | None]) -> Writing:
    """A chorale for each melody, or without one, by the seeds 0 and on."""
    start, made = time.perf_counter(), []
    for seed, melody in enumerate(melodies):
        made.append(pipe(melody, steps=BARS * STEPS_PER_BAR, seed=seed)[0]["pitches"])
    return Writing(made, (time.perf_counter() - start) / len(made))


def draw(chorales: dict[str, np.ndarray], path: Path) -> None:
    """Engraves the beginnings of chorales below each other, under their names."""
    pictures = []
    with TemporaryDirectory() as folder:
        for pitches in chorales.values():
            write_chorale(pitches[: SHOWN_BARS * STEPS_PER_BAR], one := Path(folder, "chorale.png"))
            pictures.append(np.asarray(Image.open(one).convert("L")))
    contact_sheet(pictures, list(chorales), 1, PICTURE_WIDTH).save(path, optimize=True)


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=Path, required=True, help="the corpus")
    parser.add_argument("--count", type=int, default=8, help="chorales that each network writes")
    parser.add_argument("--picture", type=Path, help="PNG to write")
    options = parser.parse_args()
    grids = load_grids("jsb_chorales", "16th", str(options.data_dir), STEP_SECONDS)
    bach = [to_pitches(grid) for grid in grids["test"]]
    print(ABOUT_LIKELIHOOD.format(count=options.count, orders=ORDERS_HEARD))
    pipes = {network: load_writer(network) for network in NETWORKS}
    for network, pipe in tqdm(pipes.items(), "likelihood", disable=None):
        nll = {split: likelihoods(pipe.model, grids[split], seed=0) for split in ("validation", "test")}
        weights = sum(weight.numel() for weight in pipe.model.parameters()) / 1e6
        found = " | ".join(f"{nll[split][kind]:.3f}" for split in nll for kind in ("cell", "token"))
        print(f"| {network} | {weights:.2f} | {found} | {PUBLISHED[network]} |", flush=True)
    rules = {"kinds": " | ".join(KINDS), "rules": "--:|" * len(KINDS)}
    print(ABOUT_WRITING.format(count=options.count, bars=BARS, **rules))
    whole = [to_pitches(grid) for split in grids.values() for grid in split]
    print(Writing(bach).row("Bach"))
    print(Writing(whole).row(f"Bach, all {len(whole)}"))
    shown = {"Bach": bach[0]}
    for network, pipe in tqdm(pipes.items(), "writing", disable=None):
        print(write(pipe, [None] * options.count).row(f"{network}, composed"), flush=True)
        harmonised = write(pipe, [piece[: BARS * STEPS_PER_BAR, 0] for piece in bach[: options.count]])
        print(harmonised.row(f"{network}, harmonised"), flush=True)
        shown[network] = harmonised.chorales[0]
    if options.picture:
        draw(shown, options.picture)


if __name__ == "__main__":
    main()
