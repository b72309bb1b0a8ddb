"""Notation engraved by the project as a score of MSMD: pages, noteheads with their onsets, and the MIDI file."""

import numpy as np

from scorehub.dataset_builders.msmd.score import BOX, NOTEHEAD, Columns, Score, columns, write_image
from scorehub.engraving import Layout, engrave_score
from scorehub.noteheads import Noteheads, find_noteheads
from scorehub.notes import make_notes, write_midi
from scorehub.svg import rasterise

DPI = 100  # as MSMD rebuilt
VELOCITY = 80
_MM_PER_INCH = 25.4


def engrave_msmd(notation: str, layout: Layout) -> tuple[Score, bytes]:
    """Score and MIDI file of notation that verovio reads, such as Humdrum, MusicXML or MEI.

    Raises:
        ValueError: the notation can't be engraved, or has no staves.
    """
    engraving = engrave_score(notation, layout)
    width = round(layout.width_mm / _MM_PER_INCH * DPI)
    found = find_noteheads(engraving, width)
    drawn = np.unique(found.measures["measure"], return_index=True)[1]  # repeats play a bar again
    score = Score(
        pages=[write_image(np.asarray(rasterise(page, width))) for page in engraving.pages],
        systems=_table(BOX, found.systems),
        noteheads=_table(NOTEHEAD, found.notes),
        bars=_table(BOX, found.measures[drawn]),
        dpi=float(DPI),
    )
    return score, _midi(found)


def _table(names: tuple[str, ...], table: np.ndarray) -> Columns:
    return columns(names, **{name: table[name] for name in names})


def _midi(found: Noteheads) -> bytes:
    struck = found.notes[~found.notes["tied"]]
    return write_midi(make_notes(struck["onset"], struck["duration"], struck["pitch"], VELOCITY))
