"""The tempo that the follower shows beside the one that is played, and a moment of it as a picture.

    python benchmarks/score_following_tempo.py --picture pipelines/score_following/follower.png \\
        > benchmarks/score_following_tempo.md

Followed are the Space's examples, which are played as there: as a person might, by a seed. Nothing is read but what
the project holds. The picture is of the first one.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from scorehub.dataset_builders.maestro.sample import tune_midi
from scorehub.following import Run, follow, load_follower
from scorehub.following_video import Painter
from scorehub.notes import read_midi
from scorehub.pipelines.score_following.follower import Position
from scorehub.pipelines.score_following.spectrogram import FRAMES_PER_SECOND
from scorehub.spaces.score_following import piece
from scorehub.tempo import TempoCurve, humanise

WRITTEN = 2.0  # quarters a second of a tune as it is engraved: none has a tempo of its own
OVER = 1.0  # seconds over which the tempo that is played is taken, as heard so far
MOMENT = 21.1  # seconds

ABOUT = f"""\
# The tempo that the follower shows

`python benchmarks/score_following_tempo.py`, one thread. Tempo shown by tempo played, which is taken over {OVER:g} s,
at each 50 ms of the Space's examples. The follower reads how long a quarter is from the spacing of the pages.

| example | seconds | median | 10 % | 90 % |
|---|--:|--:|--:|--:|"""


def played_curve(tune: str) -> TempoCurve:
    """From seconds as written to seconds of `piece.example_recording`."""
    rng = np.random.default_rng(piece.EXAMPLES[tune].seed)
    return humanise(read_midi(tune_midi(tune)), rng)[1]


def tempo_ratios(positions: list[Position], curve: TempoCurve) -> np.ndarray:
    """Shown tempo by played tempo, at each position while the music goes on."""
    rows = [(position.time, position.tempo) for position in positions]
    times, shown = np.array([row for row in rows if OVER <= row[0] <= curve.performed_times[-1]]).T
    return np.asarray(shown / (WRITTEN * (curve.score(times) - curve.score(times - OVER)) / OVER))


def report(options: argparse.Namespace) -> Iterator[str]:
    """Yields the report, in Markdown."""
    model = load_follower(options.model)
    yield ABOUT
    for tune, example in piece.EXAMPLES.items():
        run = follow(model, piece.load_example(model, tune).pages, piece.example_recording(tune).read_bytes())
        ratios = tempo_ratios(run.positions, played_curve(tune))
        middle, low, high = np.quantile(ratios, (0.5, 0.1, 0.9))
        yield f"| {example.title} | {run.positions[-1].time:.0f} | {middle:.2f} | {low:.2f} | {high:.2f} |"
        if options.picture and tune == next(iter(piece.EXAMPLES)):
            save_moment(run, options.picture)


def save_moment(run: Run, path: Path) -> None:
    """Draws the page, what is heard and the numbers at `MOMENT`."""
    Painter(run).frame(round(MOMENT * FRAMES_PER_SECOND) - 1).save(path, optimize=True)


def main() -> None:
    """Prints the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="folder or Hub repository; the embedded one if none")
    parser.add_argument("--picture", type=Path, help="PNG to write")
    torch.set_num_threads(1)
    for line in report(parser.parse_args()):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
