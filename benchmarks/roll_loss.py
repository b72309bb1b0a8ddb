"""Notes that a piano roll loses: pretty_midi's `get_piano_roll`, as the reference uses it, and `scorehub.rolls`.

    python benchmarks/roll_loss.py maestro_sample asap_maestro_midi.tar.xz --every 5 > benchmarks/roll_loss.md

The arguments are folders or archives of MIDI files, of the larger of which `--every` takes a part.

`get_piano_roll(fs)` gives a note the frames from `int(start * fs)` up to and without `int(end * fs)`: none if both are
the same. "No frame" is the share of notes to which that happens; "silent" is the share that cannot be heard in the
roll, for no other note of the pitch, and no pedal, fills a frame of theirs. Both count the notes that begin in the
paper's window (pitches 56 to 83, first 28 s); so does the share of its cells that are on. Speed is that of whole
pieces at all 128 pitches: notes a second, the best of three takings in turn, of files that have been read.
"""

import argparse
import io
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pretty_midi

from scorehub.dataset_builders.note_files import open_files
from scorehub.notes import Notes, read_midi
from scorehub.rolls import PAPER, RollSpec, make_roll

RATES = (1, 2, 4, 8, 16, 100)
SPEED_RATES = (1, 8, 50)
TAKINGS = 3
FEW = 50  # files, of which all are taken

Piece = tuple[Notes, pretty_midi.PrettyMIDI]


def load(path: Path, every: int) -> list[Piece]:
    """The MIDI files of a folder or archive, all or one in `every` if they are more than `FEW`, as both read them."""
    files = open_files(path)
    names = sorted(name for name in files.members if name.endswith((".mid", ".midi")))
    data = files.load(names[:: every if len(names) > FEW else 1])
    return [(read_midi(midi), pretty_midi.PrettyMIDI(io.BytesIO(midi))) for midi in data.values()]


def reference_roll(piece: pretty_midi.PrettyMIDI, spec: RollSpec) -> np.ndarray:
    """What the reference makes of a piece, (P, T): on or off; short pieces are filled up."""
    roll = piece.get_piano_roll(fs=spec.fs)[spec.lowest : spec.lowest + spec.n_pitches, : spec.n_frames] > 0
    return np.pad(roll, ((0, 0), (0, spec.n_frames - roll.shape[1])))


def silent(notes: Notes, roll: np.ndarray, spec: RollSpec) -> np.ndarray:
    """Which notes have no frame of theirs on in a roll (P, T), of those that begin in it."""
    first = np.floor(notes.onset * spec.fs).astype(int)
    last = np.ceil((notes.onset + notes.duration) * spec.fs).astype(int)
    row = notes.pitch - spec.lowest
    seen = (row >= 0) & (row < spec.n_pitches) & (first < spec.n_frames)
    before = np.pad(roll.cumsum(axis=1), ((0, 0), (1, 0)))
    ends = np.clip(np.maximum(last, first + 1), 0, spec.n_frames)[seen]
    return before[row[seen], ends] == before[row[seen], first[seen]]


def loss_line(pieces: list[Piece], spec: RollSpec) -> str:
    """A line of the table: one frame rate."""
    no_frame: list[np.ndarray] = []
    silent_in: tuple[list[np.ndarray], ...] = ([], [])
    occupancy: tuple[list[float], ...] = ([], [])
    for notes, piece in pieces:
        row = notes.pitch - spec.lowest
        seen = (row >= 0) & (row < spec.n_pitches) & (notes.onset * spec.fs < spec.n_frames)
        ends = ((notes.onset + notes.duration) * spec.fs).astype(int)
        no_frame.append((ends == (notes.onset * spec.fs).astype(int))[seen])
        for number, roll in enumerate((reference_roll(piece, spec), make_roll(notes, spec)[0] > 0)):
            silent_in[number].append(silent(notes, roll, spec))
            occupancy[number].append(roll.mean())
    shares = [np.concatenate(no_frame).mean(), *(np.concatenate(part).mean() for part in silent_in)]
    shares += [float(np.mean(part)) for part in occupancy]
    return f"| {spec.fs:g} | " + " | ".join(f"{share:.1%}" for share in shares) + " |"


def seconds(work: Iterable[Callable[[], object]]) -> float:
    """How long all of it takes."""
    start = time.perf_counter()
    for call in work:
        call()
    return time.perf_counter() - start


def speed_line(pieces: list[Piece], fs: float) -> str:
    """A line of the table: notes a second of both."""
    n_notes = sum(len(notes) for notes, _ in pieces)
    specs = [RollSpec(fs=fs, lowest=0, n_pitches=128, seconds=max(1, notes.end)) for notes, _ in pieces]
    ours = [
        lambda notes=notes, spec=spec: make_roll(notes, spec) for (notes, _), spec in zip(pieces, specs, strict=True)
    ]
    theirs = [partial(piece.get_piano_roll, fs=fs) for _, piece in pieces]
    best = [min(times) for times in zip(*((seconds(theirs), seconds(ours)) for _ in range(TAKINGS)), strict=True)]
    return f"| {fs:g} | {n_notes / best[0]:,.0f} | {n_notes / best[1]:,.0f} | {best[0] / best[1]:.0f} |"


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", type=Path, nargs="+")
    parser.add_argument("--every", type=int, default=1)
    options = parser.parse_args()
    names = " ".join(path.name for path in options.paths)
    print(f"# Notes that a piano roll loses\n\n`python benchmarks/roll_loss.py {names} --every {options.every}`")
    for path in options.paths:
        pieces = load(path, options.every)
        print(f"\n{path.name}: {len(pieces)} pieces, {sum(len(notes) for notes, _ in pieces):,} notes.\n")
        print("| fs | no frame | silent, pretty_midi | silent, ours | on, pretty_midi | on, ours |")
        print("|--:|--:|--:|--:|--:|--:|")
        for fs in RATES:
            print(loss_line(pieces, replace(PAPER, fs=float(fs))))
        print("\n| fs | pretty_midi, notes/s | ours, notes/s | times faster |\n|--:|--:|--:|--:|")
        for fs in SPEED_RATES:
            print(speed_line(pieces, fs))


if __name__ == "__main__":
    main()
