"""Judgement of the score follower on pieces that it was not trained on, beside followers that are given the score.

    python benchmarks/score_following.py --data_dir msmd_rebuilt --soundfonts MuseScore_General.sf3 \\
        > benchmarks/score_following.md

`data_dir` is a rebuilt MSMD; its validation pieces are played from beginning to end by SoundFonts that the follower
was not trained on: as written, by a human's timing, in a room, and with a jump. FluidSynth plays them, a program that
obeys a SoundFont's modulators; `scorehub.synthesis` does not, and makes the treble of some nearly inaudible. The
baseline warps time between the performance and the sound of the symbolic score (`score_following_dtw.py`); the
follower sees the pages alone.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import score_following_dtw as dtw
import torch
from tqdm import tqdm

from scorehub.audio import normalise_loudness, read_audio
from scorehub.dataset_builders.msmd.rebuilt import open_rebuilt, read_rebuilt
from scorehub.dataset_builders.msmd.score import read_image
from scorehub.following import load_follower
from scorehub.metrics.score_following import following, page_turns, recovery
from scorehub.metrics.score_following.score_map import ScoreMap, Track, map_noteheads
from scorehub.notes import Notes, make_notes, read_midi, write_midi
from scorehub.pipelines.score_following.follower import FRAME, Follower, Position, Score
from scorehub.pipelines.score_following.page_turning import PageTurner
from scorehub.pipelines.score_following.spectrogram import SAMPLE_RATE
from scorehub.rooms import apply_room, random_room, room_response
from scorehub.synthesis import synthesise
from scorehub.tempo import TempoCurve, humanise

MANNERS = ("as written", "human timing", "human timing, room")
SHARES = (0.05, 0.1, 0.5, 1.0, 5.0)


@dataclass(frozen=True)
class Piece:
    """A piece, its pages as the follower read them, and its notes."""

    name: str
    score: ScoreMap
    pages: Score
    notes: Notes


def load_pieces(model: Any, data_dir: str, split: str, limit: int) -> Iterator[Piece]:
    """The pieces of a split that can be read."""
    source = open_rebuilt(Path(data_dir))
    names = [name for name, row in source.pieces.items() if row["split"] == split][:limit]
    for name in tqdm(names, desc="pages", disable=None):
        try:
            score, midi = read_rebuilt(name, source)
        except ValueError as error:
            sys.stderr.write(f"{name}: {error}\n")
            continue
        pages = Score(model, [read_image(page) for page in score.pages])
        yield Piece(name, map_noteheads(score.noteheads, score.dpi or 100.0), pages, read_midi(midi))


def render(notes: Notes, soundfont: str) -> np.ndarray:
    """Mono audio at 22,050 Hz by the program fluidsynth, without its own reverberation and chorus."""
    with tempfile.TemporaryDirectory() as folder:
        midi, wav = Path(folder, "notes.mid"), Path(folder, "notes.wav")
        midi.write_bytes(write_midi(notes))
        options = ["-ni", "-r", str(SAMPLE_RATE), "-R", "0", "-C", "0", "-F", str(wav)]
        subprocess.run(["fluidsynth", *options, soundfont, str(midi)], check=True, capture_output=True)
        audio, _ = read_audio(wav.read_bytes())
    return normalise_loudness(audio)


def play(piece: Piece, manner: str, soundfont: str, seed: int) -> tuple[np.ndarray, TempoCurve]:
    """A performance, mono at 22,050 Hz, and its tempo."""
    rng = np.random.default_rng([seed, len(piece.notes)])
    notes, curve = piece.notes, TempoCurve(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    if manner != "as written":
        notes, curve = humanise(notes, rng)
    audio = render(notes, soundfont)
    return (apply_room(audio, room_response(random_room(rng), rng)) if "room" in manner else audio), curve


def run(model: Any, piece: Piece, audio: np.ndarray) -> tuple[list[Position], float]:
    """Positions of the follower, and seconds a frame."""
    follower = Follower(model, piece.pages)
    start = time.perf_counter()
    positions = follower.track(audio.astype(np.float32)) + follower.end()
    return positions, (time.perf_counter() - start) / len(positions)


def track(piece: Piece, positions: Sequence[Position]) -> Track:
    """Positions as the metrics take them: in the systems of the truth, known when their frame has ended."""
    time, page, x, y = np.array([(p.time, p.page, p.x, p.y) for p in positions]).T
    return Track(time, page.astype(int), piece.score.nearest_system(page, y), x)


def warped(piece: Piece, audio: np.ndarray) -> tuple[Track, float]:
    """The baseline, which is given the notes, and seconds a frame."""
    start = time.perf_counter()
    seconds = dtw.follow(synthesise(piece.notes), audio)
    return dtw.to_track(piece.score, seconds), (time.perf_counter() - start) / len(seconds)


def with_jump(piece: Piece, rng: np.random.Generator) -> tuple[Notes, ScoreMap, float] | None:
    """The first half of a piece, and then from somewhere else in it on, and when it jumps; None if it is short."""
    notes, length = piece.notes, piece.notes.end
    if length < 40:
        return None
    jump, goal = 0.5 * length, float(rng.uniform(0.1, 0.7)) * length
    before, after = notes.choose(notes.onset < jump), notes.choose(notes.onset >= goal)
    columns = zip(_columns(before), _columns(after), strict=True)
    onset, *rest = (np.concatenate(pair) for pair in columns)
    onset[len(before.onset) :] += jump - goal
    score = piece.score
    rows = [np.flatnonzero(score.onset < jump), np.flatnonzero(score.onset >= goal)]
    shifted = np.concatenate([score.onset[rows[0]], score.onset[rows[1]] + jump - goal])
    chosen = np.concatenate(rows)
    places = (getattr(score, name)[chosen] for name in ("page", "system", "x", "y"))
    return make_notes(onset, *rest), ScoreMap(*places, shifted, score.dpi), jump


def _columns(notes: Notes) -> tuple[np.ndarray, ...]:
    return notes.onset.copy(), notes.duration, notes.pitch, notes.velocity, notes.program, notes.track


def row(manner: str, label: str, scores: dict[str, float], seconds: float) -> str:
    """A row of the table."""

    def cell(key: str) -> str:
        return f"{scores[key]:.3f} ({scores[f'{key}_low']:.3f}-{scores[f'{key}_high']:.3f})"

    shares = [cell(f"within_{share:g}") for share in SHARES]
    macro = f"{scores['within_0.5_macro']:.3f}"
    cells = [manner, label, *shares, macro, cell("tracked"), cell("tracked_to_end"), f"{1000 * seconds:.1f}"]
    return f"| {' | '.join(cells)} |"


def manner_rows(model: Any, pieces: Sequence[Piece], manner: str, soundfont: str) -> tuple[list[str], str]:
    """Rows of the follower and the baseline on the same performances, and how pages were turned."""
    scores, tracks, baselines, due, turned, costs = [], [], [], [], [], []
    for piece in tqdm(pieces, desc=manner, disable=None):
        audio, curve = play(piece, manner, soundfont, seed=0)
        score = replace(piece.score, onset=curve.performed(piece.score.onset))
        positions, cost = run(model, piece, audio)
        baseline, baseline_cost = warped(piece, audio)
        turns = PageTurner(piece.pages).turns(positions)
        scores.append(score)
        tracks.append(track(piece, positions))
        baselines.append(baseline)
        due.append(page_turns.due_turns(score))
        turned.append(page_turns.Turns(np.array([t.time for t in turns]), np.array([t.page for t in turns], int)))
        costs.append((cost, baseline_cost))
    ours, theirs = np.mean(costs, axis=0)
    rows = [
        row(manner, "pages", following.evaluate(scores, tracks, delay=FRAME), ours),
        row(manner, "notes, time warping", following.evaluate(scores, baselines, delay=FRAME), theirs),
    ]
    found = page_turns.evaluate(due, turned)
    names = ("turns_in_time", "turns_missed", "turns_false")
    numbers = ", ".join(f"{name.removeprefix('turns_').replace('_', ' ')} {found[name]:.2f}" for name in names)
    return rows, f"{manner}: of {sum(len(turns.times) for turns in due)} turns {numbers}."


def jump_line(model: Any, pieces: Sequence[Piece], soundfont: str) -> str:
    """Recovery after a jump in the middle."""
    scores, tracks, jumps = [], [], []
    for piece in tqdm(pieces, desc="jumps", disable=None):
        if changed := with_jump(piece, np.random.default_rng(len(piece.notes))):
            notes, score, jump = changed
            positions, _ = run(model, piece, render(notes, soundfont))
            scores.append(score)
            tracks.append(track(replace(piece, score=score), positions))
            jumps.append([jump])
    found = recovery.evaluate(scores, tracks, jumps)
    shares = ", ".join(f"{found[f'recovered_{t}']:.2f} within {t} s" for t in (1, 3))
    return f"After a jump ({len(jumps)} pieces): recovered {shares}; median {found['recovery_median']:.1f} s."


def report(options: argparse.Namespace) -> Iterator[str]:
    """Yields the report, in Markdown."""
    torch.set_num_threads(1)
    model = load_follower(options.model)
    pieces = list(load_pieces(model, options.data_dir, options.split, options.limit))
    fonts = " ".join(Path(font).name for font in options.soundfonts)
    onsets = sum(len(piece.score.onsets) for piece in pieces)
    yield f"# Score following\n\n`python benchmarks/score_following.py --data_dir msmd_rebuilt --soundfonts {fonts}`\n"
    yield f"{len(pieces)} whole pieces (split {options.split}), {onsets:,} onsets, one thread. Shares of onsets that"
    yield "are found so near in time, with 95 % of a bootstrap over pieces; ms a frame of 50 ms, features included."
    yield "Followed by pages: the images alone. By notes: time warping, which is given the symbolic score."
    turns = []
    for font in options.soundfonts:
        shares = " | ".join(f"<= {share:g} s" for share in SHARES)
        yield f"\n## {Path(font).stem}\n"
        yield f"| performance | by | {shares} | <= 0.5 s, macro | tracked | to the end | ms |"
        yield f"|---|---|{'--:|' * (len(SHARES) + 4)}"
        for manner in MANNERS:
            rows, of_turns = manner_rows(model, pieces, manner, font)
            yield from rows
            turns.append(f"- {Path(font).stem}, {of_turns}")
    yield "\n## Page turns and jumps\n\nIn time: from 2 s before to 0.5 s after the new page's first onset.\n"
    yield from turns
    yield f"- {jump_line(model, pieces, options.soundfonts[0])}"


def main() -> None:
    """Prints the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--soundfonts", nargs="+", required=True, help="that the follower was not trained on")
    parser.add_argument("--model", help="folder or Hub repository; the embedded one if none")
    parser.add_argument("--split", default="valid")
    parser.add_argument("--limit", type=int, default=1000, help="pieces at most")
    for line in report(parser.parse_args()):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
