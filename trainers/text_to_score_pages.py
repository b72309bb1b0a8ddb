"""Pages of music engraved for the text-to-score model, from melodies of real works in any key and clef.

    works = find_works(Path("polish_incipits.parquet"))
    page = draw_page(works[0], np.random.default_rng(0))

A page goes through the excerpts of one work. Its staves are 16 px high and lie 48 px apart, so that every staff, clef
and key signature falls on the same pixels of a latent that stands for 16 of them.
"""

import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from scorehub.dataset_builders.camera_primus.incipits import Incipit, read_incipits
from scorehub.engraving import Layout, engrave_score
from scorehub.notation.accidentals import SHARPS
from scorehub.notation.key_finding import MAJOR, MINOR, fit_key
from scorehub.pipelines.music_transcription.semantic import Note, Token
from scorehub.svg import rasterise
from scorehub.trainers.text_to_score_parts import INSTRUMENTS, find_parts, write_parts

WIDTH, HEIGHT = 256, 352  # px
# At 7.2 mm a staff, here 16 px, verovio draws at its own scale, and all lines fall between pixels.
LAYOUT = Layout(
    staff_mm=7.2,
    width_mm=7.2 * WIDTH / 16,
    height_mm=7.2 * HEIGHT / 16,
    margin_mm=3.6,
    system_gap=4,
    note_spacing=0.22,
    line_width=0.25,
    stem_width=0.25,
)
# The fourth system would not be drawn if there were a margin below it.
BRACED = replace(LAYOUT, height_mm=7.2 * (HEIGHT + 16) / 16)
BRACED_TOPS = ((19, 59), (107, 147), (195, 235), (283, 323))  # rows of the staves' top lines, of each system
LEFT = 8  # px: where systems begin
STYLES = {
    "Renaissance": ("Marenzio, Luca", "Gomółka, Mikołaj", "Stabile, Annibale"),
    "Baroque": ("Zieleński, Mikołaj",),
    "Classical": (
        "Stefani, Józef",
        "Elsner, Józef",
        "Dankowski, Adalbert",
        "Ścigalski, Franciszek",
        "Kozłowski, Józef",
    ),
    "Romantic": (
        "Moniuszko, Stanisław",
        "Paderewski, Ignacy Jan",
        "Noskowski, Zygmunt",
        "Żeleński, Władysław",
        "Sowiński, Wojciech",
    ),
}
_STYLE_OF = {composer: style for style, composers in STYLES.items() for composer in composers}
# Genres by what begins a word of the title.
GENRES = {
    "mazur": "mazurka",
    "polon": "polonaise",
    "krakowiak": "krakowiak",
    "aria": "aria",
    "sonat": "sonata",
    "menu": "minuet",
    "walc": "waltz",
    "kwartet": "quartet",
}


@dataclass(frozen=True)
class Work:
    """Excerpts of a work, and what is known of it."""

    name: str
    excerpts: tuple[Incipit, ...]

    @property
    def fields(self) -> dict[str, str]:
        """Of `pipelines.text_to_score.prompt.FIELDS`, those that don't depend on how it is engraved."""
        first = self.excerpts[0]
        composer = "" if first.composer == "Anonim" else first.composer
        words = re.findall(r"\w+", first.title.casefold())
        genre = next((GENRES[start] for word in words for start in GENRES if word.startswith(start)), "")
        return {"composer": composer, "piece_style": _STYLE_OF.get(composer, ""), "genre": genre}


def find_works(path: Path) -> list[Work]:
    """The works of a table of excerpts (see `read_incipits`), in an order that says nothing about them."""
    excerpts = sorted(read_incipits(path).values(), key=lambda excerpt: excerpt.group)
    works = [Work(name, tuple(found)) for name, found in groupby(excerpts, lambda excerpt: excerpt.group)]
    return sorted(works, key=lambda work: zlib.crc32(work.name.encode()))


def draw_page(work: Work, rng: np.random.Generator) -> dict[str, Any] | None:
    """A page of a work for a random instrument, in a random key, as `image` and the prompt's fields.

    Returns:
        None where the work does not fill a page.
    """
    instrument = str(rng.choice(INSTRUMENTS))
    fifths = int(rng.integers(-7, 8))
    first = int(rng.integers(len(work.excerpts)))
    parts = find_parts((*work.excerpts[first:], *work.excerpts[:first]), instrument, fifths)
    if not parts:
        return None
    try:
        pages = engrave_score(write_parts(parts), LAYOUT if len(parts) == 1 else BRACED).pages
    except ValueError:
        return None
    if len(pages) < 2:  # the last page is not full
        return None
    image: Image.Image = rasterise(pages[0], WIDTH).crop((0, 0, WIDTH, HEIGHT))
    return {"image": image, "instrumentation": instrument, "key": name_key(chain(*parts), fifths), **work.fields}


def name_key(tokens: Iterable[Token], fifths: int) -> str:
    """The key of a melody: of the two that have this signature the one that its notes fit better.

    >>> from scorehub.pipelines.music_transcription.semantic import parse_semantic
    >>> name_key(parse_semantic("note-A4_half\\tnote-C5_quarter\\tnote-E5_quarter"), 0)
    'A minor'
    """
    heard = np.zeros(12)
    for token in tokens:
        if isinstance(token, Note):
            heard[token.pitch.midi % 12] += float(token.length.fraction)
    tonics = 7 * fifths % 12, (7 * fifths + 9) % 12
    fits = [fit_key(heard, tonic, profile) for profile, tonic in zip((MAJOR, MINOR), tonics, strict=True)]
    return f"{_name_tonic(fifths)} major" if fits[0] >= fits[1] else f"{_name_tonic(fifths + 3)} minor"


def _name_tonic(fifths: int) -> str:
    """The note so many fifths above C, as in `E flat`."""
    alter, place = divmod(fifths + 1, 7)
    return SHARPS[place] + (" sharp" * alter if alter > 0 else " flat" * -alter)
