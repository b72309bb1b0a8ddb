"""Judgement of the score follower on human performances of whole pieces, engraved anew.

    python benchmarks/score_following_human.py --data_dir asap-dataset --soundfont MuseScore_General.sf3 \\
        > benchmarks/score_following_human.md

`data_dir` is ASAP with its note alignments (`load_dataset("performances", "asap")`), for evaluation only: its licence
is CC BY-NC-SA. Pieces are engraved from their MusicXML, one performance of each is played by a SoundFont that the
follower was not trained on. Left out are Chopin's, whose first editions it was trained on, pieces of too many pages,
performances that go back or leave bars out, for then the alignment can't tell which of several places is right, and
alignments whose score does not count quarters as the engraving does.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import score_following as followers
import torch
from tqdm import tqdm

import scorehub.dataset_builders  # noqa: F401 - makes the name known to load_dataset
from scorehub.dataset_builders.msmd.engraved import engrave_msmd
from scorehub.dataset_builders.msmd.score import Columns, read_image
from scorehub.dataset_builders.performances.schema import MATCH
from scorehub.engraving import Layout
from scorehub.following import load_follower
from scorehub.metrics.score_following import following
from scorehub.metrics.score_following.score_map import ScoreMap, Track, map_noteheads
from scorehub.notes import read_midi
from scorehub.pipelines.score_following.follower import FRAME, Score
from scorehub.rooms import apply_room, random_room, room_response

TRAINED_ON = ("Chopin",)
BACK = 2.0  # quarters by which notes may follow each other out of order
GAP = 12.0  # quarters over which nothing may be played
AGREEING = 0.98  # of the noteheads are where the alignment's score has a note of their pitch


def playing_times(notes: Mapping[str, list[Any]]) -> tuple[np.ndarray, np.ndarray]:
    """Quarters (N,) of the score, rising, and when they were played.

    Raises:
        ValueError: the performance goes back in the score, or leaves something out.
    """
    rows = [
        (played, written)
        for played, written, kind in zip(notes["onset"], notes["score_onset"], notes["matched"], strict=True)
        if kind == MATCH and played is not None and written is not None
    ]
    played, written = np.array(sorted(rows)).T
    furthest = np.maximum.accumulate(written)
    if (furthest - written).max() > BACK or np.diff(furthest).max() > GAP:
        raise ValueError("performance must go through the score once")
    quarters = np.unique(written)
    return quarters, np.maximum.accumulate([np.median(played[written == quarter]) for quarter in quarters])


def agreement(heads: Columns, notes: Mapping[str, list[Any]]) -> float:
    """Share of the struck noteheads at whose place in time the alignment's score has their pitch, too."""
    rows = zip(notes["pitch"], notes["score_onset"], strict=True)
    written = {(pitch, round(onset * 24)) for pitch, onset in rows if onset is not None}
    struck = ~heads["tied"]
    places = zip(heads["pitch"][struck], np.rint(heads["onset_quarter"][struck] * 24).astype(int), strict=True)
    return float(np.mean([any((pitch, place + off) in written for off in (-1, 0, 1)) for pitch, place in places]))


def load(row: Mapping[str, Any], model: Any, max_pages: int) -> followers.Piece:
    """A performance as a piece whose onsets are the performance's.

    Raises:
        ValueError: it is not one to be judged; see the module.
    """
    quarters, played = playing_times(row["notes"])
    score, _ = engrave_msmd(row["score"], Layout())
    heads = score.noteheads
    if len(score.pages) > max_pages or heads["onset_quarter"].max() > quarters[-1] + GAP:
        raise ValueError("piece must have few pages, and no repeats")
    if (share := agreement(heads, row["notes"])) < AGREEING:
        raise ValueError(f"noteheads must be in the alignment's score, got {share:.0%} of them")
    pages = Score(model, [read_image(page) for page in score.pages])
    times = np.interp(heads["onset_quarter"], quarters, played)
    score_map = map_noteheads(heads | {"onset": times}, score.dpi or 100.0)
    return followers.Piece(row["piece"], score_map, pages, read_midi(row["performance_midi"]))


def load_pieces(model: Any, options: argparse.Namespace) -> Iterator[followers.Piece]:
    """One performance of each piece that can be judged."""
    parts = datasets.load_dataset("performances", "asap", data_dir=options.data_dir, streaming=True)
    done: set[str] = set()
    for row in (row for part in parts.values() for row in part):
        if row["piece"] in done or len(done) == options.limit or not row["aligned"] or row["composer"] in TRAINED_ON:
            continue
        try:
            piece = load(row, model, options.max_pages)
        except ValueError as error:
            sys.stderr.write(f"{row['piece']}: {error}\n")
            continue
        done.add(row["piece"])
        yield piece


def judge(model: Any, pieces: list[followers.Piece], options: argparse.Namespace, room: bool) -> str:
    """A row of the table."""
    scores: list[ScoreMap] = []
    tracks: list[Track] = []
    costs = []
    for number, piece in enumerate(tqdm(pieces, disable=None)):
        audio = followers.render(piece.notes, options.soundfont)
        if room:
            rng = np.random.default_rng(number)
            audio = apply_room(audio, room_response(random_room(rng), rng))
        positions, cost = followers.run(model, piece, audio)
        scores.append(piece.score.between(0.0, positions[-1].time))
        tracks.append(followers.track(piece, positions))
        costs.append(cost)
        found = following.evaluate(scores[-1:], tracks[-1:], delay=FRAME)
        sys.stderr.write(f"{piece.name}: {found['within_0.5']:.3f} within 0.5 s\n")
    found = following.evaluate(scores, tracks, delay=FRAME)
    return followers.row("in a room" if room else "dry", "pages", found, float(np.mean(costs)))


def report(options: argparse.Namespace) -> Iterator[str]:
    """Yields the report, in Markdown."""
    torch.set_num_threads(1)
    model = load_follower(options.model)
    pieces = list(load_pieces(model, options))
    onsets = sum(len(piece.score.onsets) for piece in pieces)
    yield "# Following human performances\n\n`python benchmarks/score_following_human.py --data_dir asap-dataset"
    font = Path(options.soundfont).name
    yield f"--soundfont {font} --limit {options.limit} --max_pages {options.max_pages}`\n"
    yield f"{len(pieces)} pieces of ASAP, engraved by Verovio, one performance each, {onsets:,} onsets. Columns as in"
    yield "`score_following.md`.\n"
    shares = " | ".join(f"<= {share:g} s" for share in followers.SHARES)
    yield f"| performance | by | {shares} | <= 0.5 s, macro | tracked | to the end | ms |"
    yield f"|---|---|{'--:|' * (len(followers.SHARES) + 4)}"
    yield judge(model, pieces, options, room=False)
    yield judge(model, pieces, options, room=True)
    yield f"\nPieces: {', '.join(piece.name for piece in pieces)}."


def main() -> None:
    """Prints the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--soundfont", required=True, help="that the follower was not trained on")
    parser.add_argument("--model", help="folder or Hub repository; the embedded one if none")
    parser.add_argument("--limit", type=int, default=20, help="pieces at most")
    parser.add_argument("--max_pages", type=int, default=8, help="of a piece")
    for line in report(parser.parse_args()):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
