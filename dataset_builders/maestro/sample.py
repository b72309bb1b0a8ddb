"""The sample: tunes of the project as MIDI files, as they are written, a track for each staff.

The tunes are in the public domain, and nobody played them: the rhythm is exact and every note as loud.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import IO

import numpy as np

from scorehub.dataset_builders.note_pieces import Piece
from scorehub.dataset_builders.tunes.humdrum import to_humdrum
from scorehub.dataset_builders.tunes.tune import load_tune
from scorehub.engraving import engrave_score
from scorehub.notes import read_midi, write_midi

LICENSE = "CC0 1.0"
NO_AUDIO = {"audio_filename": ""}
# Those of several voices, and three more.
TUNES = (
    "bach_cello_prelude", "bach_prelude_in_c", "beethoven_fur_elise", "beethoven_moonlight", "bourgeois_old_hundredth",
    "grieg_mountain_king", "joplin_entertainer", "mozart_ah_vous_dirai_je", "pachelbel_canon", "petzold_minuet_in_g",
    "satie_gymnopedie",
)  # fmt: skip


@dataclass(frozen=True)
class Tunes:
    """The tunes as if they were files."""

    members: dict[str, tuple[int, int]] = field(default_factory=lambda: dict.fromkeys(TUNES, (0, 0)))

    def load(self, names: Iterable[str]) -> dict[str, bytes]:
        """The MIDI files of tunes."""
        return {name: tune_midi(name) for name in names}

    def open(self, name: str) -> IO[bytes]:
        """One of them."""
        return BytesIO(tune_midi(name))


def tune_midi(name: str) -> bytes:
    """How a tune sounds, repeats played out, as a MIDI file."""
    notes = read_midi(engrave_score(to_humdrum(load_tune(name))).midi())
    staves = np.unique(notes.track, return_inverse=True)[1].astype(np.int64)  # verovio leaves numbers out
    return write_midi(replace(notes, track=staves))


def sample_pieces() -> list[Piece]:
    """The tunes."""
    pieces = []
    for name in TUNES:
        header = load_tune(name).header
        composer, year = header.get("C", ""), header.get("year", "")
        pieces.append(Piece(name, header["T"], name, f"{name}.abc", composer, year, LICENSE, more=NO_AUDIO))
    return pieces
