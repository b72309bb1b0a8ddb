"""The sample: tunes of the project for a keyboard or several voices, engraved on small pages, and their sound.

The tunes are in the public domain, and the engraving is ours to give.
"""

import numpy as np

from scorehub.dataset_builders.msmd.items import Item
from scorehub.dataset_builders.msmd.score import BOX, NOTEHEAD, Columns, Score, columns, write_image
from scorehub.dataset_builders.tunes.humdrum import to_humdrum
from scorehub.dataset_builders.tunes.tune import load_tune
from scorehub.engraving import Layout, engrave_score
from scorehub.noteheads import Noteheads, find_noteheads
from scorehub.notes import make_notes, write_midi
from scorehub.svg import rasterise

LICENCE = "CC0 1.0"
SAMPLE_SPLITS = {
    "bach_prelude_in_c": "train",
    "beethoven_fur_elise": "train",
    "petzold_minuet_in_g": "train",
    "satie_gymnopedie": "validation",
    "beethoven_moonlight": "test",
}
DPI = 100  # as MSMD rebuilt
VELOCITY = 80

_LAYOUT = Layout(width_mm=160.0, height_mm=120.0, margin_mm=8.0)  # small, so that tunes fill several pages
_MM_PER_INCH = 25.4


def sample_item(name: str) -> Item:
    """A tune by its name."""
    tune = load_tune(name)
    engraving = engrave_score(to_humdrum(tune), _LAYOUT)
    width = round(_LAYOUT.width_mm / _MM_PER_INCH * DPI)
    found = find_noteheads(engraving, width)
    drawn = np.unique(found.measures["measure"], return_index=True)[1]  # repeats play a bar again
    pages = [write_image(np.asarray(rasterise(page, width))) for page in engraving.pages]
    score = Score(
        pages=pages,
        systems=_table(BOX, found.systems),
        noteheads=_table(NOTEHEAD, found.notes),
        bars=_table(BOX, found.measures[drawn]),
        dpi=float(DPI),
    )
    composer = tune.header.get("C", "")
    source = f"{name}.abc"
    return Item(name, score, _midi(found), composer=composer, group=name, licence=LICENCE, source=source)


def _table(names: tuple[str, ...], table: np.ndarray) -> Columns:
    return columns(names, **{name: table[name] for name in names})


def _midi(found: Noteheads) -> bytes:
    struck = found.notes[~found.notes["tied"]]
    return write_midi(make_notes(struck["onset"], struck["duration"], struck["pitch"], VELOCITY))
