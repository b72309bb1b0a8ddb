"""The sample: tunes of the project for a keyboard or several voices, engraved on small pages, and their sound.

The tunes are in the public domain, and the engraving is ours to give.
"""

from scorehub.dataset_builders.msmd.engraved import engrave_msmd
from scorehub.dataset_builders.msmd.items import Item
from scorehub.dataset_builders.tunes.humdrum import to_humdrum
from scorehub.dataset_builders.tunes.tune import load_tune
from scorehub.engraving import Layout

LICENCE = "CC0 1.0"
SAMPLE_SPLITS = {
    "bach_prelude_in_c": "train",
    "beethoven_fur_elise": "train",
    "petzold_minuet_in_g": "train",
    "satie_gymnopedie": "validation",
    "beethoven_moonlight": "test",
}
_LAYOUT = Layout(width_mm=160.0, height_mm=120.0, margin_mm=8.0)  # small, so that tunes fill several pages


def sample_item(name: str) -> Item:
    """A tune by its name."""
    tune = load_tune(name)
    score, midi = engrave_msmd(to_humdrum(tune), _LAYOUT)
    composer, source = tune.header.get("C", ""), f"{name}.abc"
    return Item(name, score, midi, composer=composer, group=name, licence=LICENCE, source=source)
