"""The rolls that the published score-SDE weights are trained on: freely licensed piano MIDI, packed into one file.

    python -m scorehub.trainers.roll_corpus --data_dir data --preset default --output rolls.npz

`data_dir` holds `msmd_rebuilt/` (`pieces.csv`, `pages_midi.tar`; public domain, CC BY and CC BY-SA) and
`giantmidi/giantmidi_subset.tar.gz` (CC BY), of which the recordings of MAESTRO (CC BY-NC-SA) are left out. Archives
are read in place.
"""

import argparse
import csv
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from scorehub.dataset_builders.splits import split_of
from scorehub.notes import MAX_MIDI_BYTES, read_midi
from scorehub.trainers.roll_strips import Piece, make_strips, pack_strips
from scorehub.trainers.score_config import SPECS
from scorehub.trainers.score_sde import TEMPOS

GIANTMIDI_FOLDERS = ("giantmidi-piano", "ground_truth", "midis_preview")
CORRESPONDENCE = "groundtruth_maestro_giantmidi-piano.csv"  # which transcription is of the piece of which score


def read_tar_files(path: Path) -> Iterator[tuple[Path, bytes]]:
    """The MIDI files and tables of a tar archive, compressed or not.

    Raises:
        ValueError: if one is larger than any MIDI file need be.
    """
    with tarfile.open(path) as archive:
        for member in archive:
            if not member.isfile() or not member.name.endswith((".mid", ".csv")):
                continue
            if member.size > MAX_MIDI_BYTES:
                raise ValueError(f"{member.name} must have at most {MAX_MIDI_BYTES} bytes, got {member.size}")
            stream = archive.extractfile(member)
            assert stream is not None  # as member is a regular file
            yield Path(member.name), stream.read()


def msmd_pieces(folder: Path) -> Iterator[Piece]:
    """Scores of Mutopia as played by LilyPond; movements of a work are one group."""
    with (folder / "pieces.csv").open(encoding="utf-8", newline="") as table:
        rows = {row["piece"]: row for row in csv.DictReader(table)}
    for path, data in read_tar_files(folder / "pages_midi.tar"):
        work = rows[path.parent.name]["mutopia_dir"]
        yield _piece(data, path.parent.name, f"msmd:{work}")


def giantmidi_pieces(path: Path) -> Iterator[Piece]:
    """Transcribed recordings and the scores of the same pieces, which are one group."""
    files = dict(read_tar_files(path))
    table = next(data for name, data in files.items() if name.name == CORRESPONDENCE)
    work_of = {
        row[column]: row["Name"]
        for row in csv.DictReader(io.StringIO(table.decode("utf-8-sig")), delimiter="\t")
        for column in ("GroundTruth", "GiantMIDI-Piano")
    }
    for name, data in files.items():
        if name.suffix == ".mid" and name.parent.name in GIANTMIDI_FOLDERS:
            yield _piece(data, f"{name.parent.name}/{name.stem}", f"giantmidi:{work_of.get(name.name, name.stem)}")


def _piece(data: bytes, name: str, group: str) -> Piece:
    """A piece in the split that its group's name gives; one held-out split is enough, so test is trained on."""
    split = "validation" if split_of(group) == "validation" else "train"
    return Piece(read_midi(data), name, group, split)


def corpus_pieces(data_dir: Path) -> Iterator[Piece]:
    """All pieces of both sources."""
    yield from msmd_pieces(data_dir / "msmd_rebuilt")
    yield from giantmidi_pieces(data_dir / "giantmidi" / "giantmidi_subset.tar.gz")


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=Path, required=True)
    parser.add_argument("--preset", choices=sorted(SPECS), default="default")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    pieces = tqdm(corpus_pieces(options.data_dir), unit="piece", disable=None)
    strips = make_strips(pieces, SPECS[options.preset], TEMPOS)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    pack_strips(strips, options.output)
    hours = sum(codes.shape[-1] for codes in strips.at_tempo().codes) / strips.spec.fs / 3600
    held_out = len(strips.of_splits("validation"))
    print(f"{len(strips.at_tempo())} pieces, {hours:.1f} hours, {held_out} of them held out: {options.output}")


if __name__ == "__main__":
    main()
