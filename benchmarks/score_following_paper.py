"""The paper's comparison of recurrent followers: SRN, GRU, LSTM, with and without jump penalty, short and whole songs.

    python benchmarks/score_following_paper.py --data_dir msmd_rebuilt --frames 150000 \\
        > benchmarks/score_following_paper.md

Every training gets the same songs, seed and number of frames. Seen songs are those of the training, unseen ones the
validation pieces, of which the training knows nothing: it runs to its end, as the paper's did. "short" songs are the
first 300 frames, with the strip that belongs to them. Beside the followers stand guesses that hear nothing. Scores
are those of `scorehub.trainers.recurrent_follower_evaluation`.

Two thirds of the paper's number of frames, on networks of a quarter of its width, take about 40 minutes on two idle
cores. Its size is `--frames 225000 --width 1 --hidden_size 1024`; `--excerpt own` takes some four times as long.
"""

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
import transformers
from datasets import disable_progress_bars

from scorehub.pipelines.score_following.paper.modeling_recurrent_follower import RecurrentFollowerModel
from scorehub.trainers.recurrent_follower import RecurrentFollowerTraining, train
from scorehub.trainers.recurrent_follower_data import Song, read_songs, shorten
from scorehub.trainers.recurrent_follower_evaluation import (
    follow,
    guess_at_speed,
    guess_middle,
    guess_steady,
    mean_scores,
    mean_speed,
)

CELLS = ("srn", "gru", "lstm")
JUMP_WEIGHTS = (0.0, 0.2)
LENGTHS = {"short": 300, "whole": 0}  # frames

HEAD = """\
| follower | songs | seen: error | near | in time | unseen: error | near | in time | spread |
|---|---|--:|--:|--:|--:|--:|--:|--:|"""
ABOUT = """
Error: mean |estimated - true| of the strip's length. Near: frames within 0.05 of it. In time: frames whose estimate
the performance passes within 0.5 s. Means over songs. Spread: the standard deviation of a song's estimates, mean over
unseen songs; the truth's is about that of the steady guess, that of a follower that settles in one place is 0."""


class Case(NamedTuple):
    """A training, and what it is scored on."""

    config: RecurrentFollowerTraining
    seen: list[Song]
    unseen: list[Song]


def parse_options() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", default="", help="MSMD rebuilt; the small sample if empty")
    parser.add_argument("--songs", type=int, default=15, help="training songs, the paper's cache")
    parser.add_argument("--unseen", type=int, default=16, help="unseen songs")
    parser.add_argument("--excerpt", default="whole", help="own or whole")
    parser.add_argument("--width", type=float, default=0.25, help="of Figure 3's layers; the paper's is 1")
    parser.add_argument("--hidden_size", type=int, default=256, help="of the recurrent layers; the paper's is 1024")
    parser.add_argument(
        "--frames", type=int, default=90_000, help="frames of a training; 50 epochs of 15 x 300: 225000"
    )
    parser.add_argument("--learning_rate", type=float, default=1e-3)
    parser.add_argument("--jobs", type=int, default=2, help="trainings at a time, a core each")
    return parser.parse_args()


def make_cases(options: argparse.Namespace, folder: Path) -> list[Case]:
    """All trainings of the table."""
    seen = read_songs(options.data_dir, "train", options.songs, 0)
    unseen = read_songs(options.data_dir, "validation", options.unseen, 0)
    cases = []
    for length, max_frames in LENGTHS.items():
        songs, others = ([shorten(song, max_frames) for song in part] for part in (seen, unseen))
        epochs = max(1, round(options.frames / sum(map(len, songs))))
        for cell in CELLS:
            for jump_weight in JUMP_WEIGHTS:
                config = RecurrentFollowerTraining(
                    output_dir=str(folder / f"{cell}_{jump_weight}_{length}"),
                    data_dir=options.data_dir,
                    pieces=options.songs,
                    cell=cell,
                    excerpt=options.excerpt,
                    jump_weight=jump_weight,
                    width=options.width,
                    hidden_size=options.hidden_size,
                    max_frames=max_frames,
                    epochs=epochs,
                    learning_rate=options.learning_rate,
                    patience=0,
                )
                cases.append(Case(config, songs, others))
    return cases


def run_case(case: Case) -> tuple[str, float]:
    """The table's row of a training, and the seconds that it took."""
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    start = time.perf_counter()
    with contextlib.redirect_stdout(sys.stderr):  # where the Trainer prints its logs
        model = cast(RecurrentFollowerModel, train(case.config, case.seen, []).model)
    seconds = time.perf_counter() - start
    name = f"{case.config.cell.upper()}, lambda {case.config.jump_weight:g}"
    row = table_row(name, case.config.max_frames, case, [follow(model, part) for part in (case.seen, case.unseen)])
    return row, seconds


def table_row(name: str, max_frames: int, case: Case, estimated: Sequence[Sequence[np.ndarray]]) -> str:
    """A row of the table, from the estimates on seen and unseen songs."""
    cells: list[str] = []
    for songs, positions in zip((case.seen, case.unseen), estimated, strict=True):
        scores = mean_scores(songs, positions)
        cells += [f"{scores['error']:.3f}", f"{scores['near']:.3f}", f"{scores['in_time']:.3f}"]
    spread = np.mean([positions.std() for positions in estimated[1]])
    return f"| {name} | {'short' if max_frames else 'whole'} | {' | '.join(cells)} | {spread:.3f} |"


def guess_rows(case: Case) -> list[str]:
    """The rows of the guesses on the songs of a training."""
    speed = mean_speed(case.seen)
    guesses: dict[str, Any] = {
        "always the middle": guess_middle,
        "constant speed, the mean of the seen songs": lambda song: guess_at_speed(song, speed),
        "constant speed that knows the duration": guess_steady,
    }
    return [
        table_row(name, case.config.max_frames, case, [list(map(guess, part)) for part in (case.seen, case.unseen)])
        for name, guess in guesses.items()
    ]


def main() -> None:
    """Prints the table, row by row."""
    options = parse_options()
    disable_progress_bars()
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool,
    ):
        cases = make_cases(options, Path(folder))
        print("# Recurrent score followers, as the paper has them\n")
        asked = " ".join(f"--{name} {value}" for name, value in vars(options).items() if name != "data_dir")
        print(f"`python benchmarks/score_following_paper.py --data_dir msmd_rebuilt {asked}`\n")
        firsts = cases[:: len(CELLS) * len(JUMP_WEIGHTS)]
        for case in firsts:
            length = "short" if case.config.max_frames else "whole"
            print(
                f"{length.capitalize()} songs: {len(case.seen)} seen, {len(case.unseen)} unseen, "
                f"{np.mean([len(song) for song in case.seen]):.0f} frames on average; {case.config.epochs} epochs."
            )
        print(f"\n{HEAD}")
        for case in firsts:
            print("\n".join(guess_rows(case)))
        seconds = []
        for row, taken in pool.map(run_case, cases):
            seconds.append(taken)
            print(row, flush=True)
            print(f"{len(seconds)} of {len(cases)} trained, {taken:.0f} s", file=sys.stderr)
        print(ABOUT)
        print(f"\nA training took {min(seconds):.0f} to {max(seconds):.0f} s on one core, {options.jobs} at a time.")


if __name__ == "__main__":
    main()
