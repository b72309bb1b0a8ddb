"""What the score follower is trained on: strips of pages, where each note is in them, and what they sound like.

    python -m scorehub.trainers.score_following_corpus --data_dir msmd_rebuilt --output corpus \\
        --soundfonts FluidR3_GM.sf2 OPL-3_FM_128M.sf2

`data_dir` is a rebuilt MSMD (`load_dataset("msmd")` knows its form); `--notation` are folders of notation to engrave
(`score_following_pieces`). Every piece becomes one file: its pages as they are and photographed, cut into strips as
the follower cuts them, and its music played several times: by other SoundFonts and instruments, in other tempos and
rooms. A run that was stopped goes on when it is started again.
"""

import argparse
import os
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from scorehub.dataset_builders.msmd.score import Columns, read_image
from scorehub.notes import Notes, read_midi
from scorehub.photo import Photo, photograph_with_warp
from scorehub.pipelines.score_following.layout import Page, read_page
from scorehub.pipelines.score_following.spectrogram import LogSpectrogram
from scorehub.rooms import add_noise, apply_room, random_room, room_response
from scorehub.synthesis import default_soundfont, synthesise
from scorehub.tempo import Manner, TempoCurve, humanise
from scorehub.trainers.run_settings import claim
from scorehub.trainers.score_following_pieces import Piece, notation_pieces, rebuilt_pieces

LEVELS = 100.0  # of a spectrogram's value 1; 2.55 is louder than anything that was brought to -23 LUFS
# A flat-bed's or a still hand's picture: a page that is bent more is the business of a scanner program.
PHOTO = Photo(curl=(-0.004, 0.004), inset=(0.0, 0.012), dimming=(0.05, 0.25), darkness=(0.0, 0.3))
PLAYER = Manner(tempo=0.25, drift=0.1, jitter=0.01, asynchrony=0.015)
# Programs of General MIDI: pianos, harpsichord, organ, guitar, strings, flute; pianos most of all.
PROGRAMS = (0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 6, 7, 11, 19, 24, 46, 48, 73)


@dataclass(frozen=True)
class Plan:
    """What is made of a piece."""

    soundfonts: tuple[str, ...]
    performances: int
    photographs: int
    seed: int


def draw_pages(pages: list[np.ndarray], notes: Columns) -> dict[str, np.ndarray]:
    """Strips of all systems, and the system and column of each note; system -1 where none was found near it.

    Returns:
        `strips` uint8 (all pixels,), `shapes` (systems, 3), `system` (N,), `column` (N,).
    """
    strips: list[np.ndarray] = []
    system, column = np.full(len(notes["x"]), -1), np.zeros(len(notes["x"]))
    for number, image in enumerate(pages):
        page = read_page(image)
        here = np.flatnonzero(notes["page"] == number)
        if page.systems and len(here):
            nearest, columns = _place(page, notes["x"][here], notes["y"][here])
            system[here], column[here] = nearest + len(strips), columns
        strips += page.strips
    pixels = np.concatenate([strip.ravel() for strip in strips]) if strips else np.zeros(0, np.uint8)
    shapes = np.array([strip.shape for strip in strips]).reshape(-1, 3)
    return {"strips": pixels, "shapes": shapes, "system": system, "column": column.astype(np.float32)}


def _place(page: Page, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The system of each point whose staves are nearest, and its column there."""
    level = [y - system.slope * (x - system.middle) for system in page.systems]
    gaps = [
        np.maximum(system.staves[0].top - rows, rows - system.staves[-1].bottom)
        for system, rows in zip(page.systems, level, strict=True)
    ]
    nearest = np.argmin(gaps, axis=0)
    columns = np.stack([np.asarray(system.column(x)) for system in page.systems])
    return nearest, columns[nearest, np.arange(len(x))]


def photograph_pages(
    pages: list[np.ndarray], notes: Columns, rng: np.random.Generator
) -> tuple[list[np.ndarray], Columns]:
    """The pages as a camera sees them, and where their notes are then."""
    x, y = notes["x"].copy(), notes["y"].copy()
    pictures = []
    for number, page in enumerate(pages):
        picture, warp = photograph_with_warp(page, rng, PHOTO)
        here = notes["page"] == number
        if here.any():
            x[here], y[here] = warp.points(np.stack([x[here], y[here]], axis=1)).T
        pictures.append(picture)
    return pictures, notes | {"x": x, "y": y}


def perform(notes: Notes, soundfont: str, rng: np.random.Generator) -> tuple[np.ndarray, TempoCurve]:
    """A performance's spectrogram in `LEVELS`, uint8 (78, T), and its tempo."""
    played, curve = humanise(notes, rng, PLAYER)
    program = np.full_like(played.program, rng.choice(PROGRAMS))
    audio = synthesise(replace(played, program=program), soundfont)
    if rng.random() < 0.6:
        audio = apply_room(audio, room_response(random_room(rng), rng))
    if rng.random() < 0.5:
        audio = add_noise(audio, rng.uniform(15, 40), rng)
    with torch.no_grad():
        frames = LogSpectrogram()(torch.from_numpy(np.asarray(audio, np.float32))[None])[0].numpy()
    return np.clip(np.rint(frames * LEVELS), 0, 255).astype(np.uint8), curve


def pack_piece(piece: Piece, plan: Plan) -> dict[str, np.ndarray]:
    """All that is known of a piece, as arrays.

    Raises:
        ValueError: the piece can't be read.
    """
    rng = np.random.default_rng([plan.seed, zlib.crc32(piece.name.encode())])
    score, midi = piece.read()
    heads, pages = score.noteheads, [read_image(page) for page in score.pages]
    packed = {f"{key}_0": value for key, value in draw_pages(pages, heads).items()}
    for copy in range(1, plan.photographs + 1):
        packed |= {f"{key}_{copy}": value for key, value in draw_pages(*photograph_pages(pages, heads, rng)).items()}
    for number in range(plan.performances):
        soundfont = plan.soundfonts[int(rng.integers(len(plan.soundfonts)))]
        spectrogram, curve = perform(read_midi(midi), soundfont, rng)
        packed |= {f"audio_{number}": spectrogram, f"played_{number}": curve.performed(heads["onset"])}
    return packed | {name: heads[name] for name in ("pitch", "onset_quarter", "tied")}


def _pack(job: tuple[Piece, Path, Plan]) -> str | None:
    """Writes a piece's file; the name of a piece that can't be read."""
    piece, path, plan = job
    torch.set_num_threads(1)
    if path.exists():
        return None
    try:
        packed = pack_piece(piece, plan)
    except ValueError:
        return piece.name
    part = path.with_suffix(".part.npz")  # a run that is stopped leaves no half file
    np.savez_compressed(part, **packed)  # type: ignore[arg-type]
    os.replace(part, path)
    return None


def pack_corpus(pieces: Sequence[Piece], output: Path, plan: Plan, workers: int) -> list[str]:
    """Writes the files of all pieces, and returns the names of those that can't be read."""
    output.mkdir(parents=True, exist_ok=True)
    jobs = [(piece, output / f"{piece.name}.npz", plan) for piece in pieces]
    with get_context("spawn").Pool(workers) as pool:
        left = tqdm(pool.imap_unordered(_pack, jobs), total=len(jobs), unit="piece", disable=None)
        return sorted(piece for piece in left if piece)


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=Path, help="a rebuilt MSMD")
    parser.add_argument("--notation", nargs="*", type=Path, default=[], help="folders of files to engrave")
    parser.add_argument("--notation_count", type=int, default=100, help="files that are drawn from each of them")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--soundfonts", nargs="*", default=[], help="beside the one of the package pretty_midi")
    parser.add_argument("--split", default="train")
    parser.add_argument("--performances", type=int, default=3, help="of each piece")
    parser.add_argument("--photographs", type=int, default=1, help="of each page")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    options = parser.parse_args()
    fonts = (str(default_soundfont()), *options.soundfonts)
    plan = Plan(fonts, options.performances, options.photographs, options.seed)
    pieces = rebuilt_pieces(options.data_dir, options.split) if options.data_dir else []
    pieces += notation_pieces(options.notation, options.notation_count, options.seed)
    if not pieces:
        parser.error("--data_dir or --notation must name pieces, got none")
    claim(options.output, asdict(plan))
    unread = pack_corpus(pieces, options.output, plan, options.workers)
    print(f"{len(pieces) - len(unread)} pieces: {options.output}; not read: {', '.join(unread) or 'none'}")


if __name__ == "__main__":
    main()
