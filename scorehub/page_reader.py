"""What a picture of a page says: its staves, their clefs and key signatures; whether a prompt said the same.

reading = read_score_page(picture)
agreement(reading, {"instrumentation": "violin", "key": "A major"})  # {"staves": True, "clef": True, "key": True}

Staves are found by `scorehub.pipelines.score_following.layout`, their beginnings read by `scorehub.staff_beginnings`.
Nothing of it is trained, so that it owes nothing to what a model of pages has learnt. How often it errs is in
`benchmarks/page_reader.md`.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter1d

from scorehub.pipelines.score_following.layout import System, grey_page, read_page
from scorehub.pipelines.score_following.staves import Staff
from scorehub.staff_beginnings import HEIGHT, SPACE, read_beginning

SINGLE_STAFF = {"violin": "G2", "viola": "C3", "cello": "F4"}
BRACED = ("piano", "harpsichord")  # G2 over F4
MIN_STAVES = 3  # that begin with a clef on a page of music
LONG_SIDE = 840  # px to which larger pages are reduced
_BEFORE, _WIDTH = 7, 34  # staff spaces of a strip: left of where lines seem to begin, and in all
_LEAST_CONTRAST = 32.0  # grey levels
_KEY = re.compile(r"([A-G])(?:[- ]?(flat|sharp|b|#|♭|♯))? (major|minor)")
_MAJOR = dict(zip("FCGDAEB", range(-1, 6), strict=True))
_ALTERED = {None: 0, "flat": -7, "b": -7, "♭": -7, "sharp": 7, "#": 7, "♯": 7}


@dataclass(frozen=True)
class StaffReading:
    """A staff that begins with a clef.

    Attributes:
        clef: G2, C3 or F4.
        fifths: sharps of its key signature, flats being negative.
        system: of the page, from 0; staves that a line joins share it.
    """

    clef: str
    fifths: int
    system: int


@dataclass(frozen=True)
class PageReading:
    """What is read of a page.

    Attributes:
        n_found: groups of five lines; of text in small print there can be some.
        staves: those of them that begin with a clef, from the top.
    """

    n_found: int
    staves: tuple[StaffReading, ...]

    @property
    def has_staves(self) -> bool:
        """Whether it is a page of music: `MIN_STAVES` or more."""
        return len(self.staves) >= MIN_STAVES

    @property
    def clef(self) -> str | None:
        """Of most staves; None without staves."""
        return Counter(staff.clef for staff in self.staves).most_common(1)[0][0] if self.staves else None

    @property
    def fifths(self) -> int | None:
        """The key signature of most staves; None without staves."""
        return Counter(staff.fifths for staff in self.staves).most_common(1)[0][0] if self.staves else None

    @property
    def is_braced(self) -> bool:
        """Whether in some system a staff with G2 stands over one with F4."""
        pairs = zip(self.staves, self.staves[1:], strict=False)
        return any((a.system, a.clef, b.clef) == (b.system, "G2", "F4") for a, b in pairs)


def read_score_page(picture: Image.Image) -> PageReading:
    """What a picture of a page says.

    Raises:
        ValueError: a side is below 48 px, or the picture is too large.
    """
    scale = min(1.0, LONG_SIDE / max(picture.size))
    page = grey_page(picture)
    if scale < 1:
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        page = np.asarray(Image.fromarray(page).resize(size, Image.Resampling.BOX))
    systems = read_page(_sharpened(page)).systems
    found = []
    for number, system in enumerate(systems):
        for staff in system.staves:
            beginning = read_beginning(_cut_beginning(page, system, staff))
            if beginning.clef:
                found.append(StaffReading(beginning.clef, beginning.fifths, number))
    return PageReading(sum(len(system.staves) for system in systems), tuple(found))


def key_fifths(key: str) -> int:
    """Sharps in the key signature of a key, flats being negative.

    >>> key_fifths("F sharp minor"), key_fifths("E flat major"), key_fifths("B-flat minor")
    (3, -3, -5)

    Raises:
        ValueError: it is no key, or has no signature of up to seven accidentals.
    """
    match = _KEY.fullmatch(key.strip())
    fifths = _MAJOR[match[1]] + _ALTERED[match[2]] - 3 * (match[3] == "minor") if match else 99
    if abs(fifths) > 7:
        raise ValueError(f"key must be like 'A major', 'F sharp minor' or 'E flat major', got {key[:60]!r}")
    return fifths


def agreement(reading: PageReading, fields: Mapping[str, str]) -> dict[str, bool]:
    """Whether a page is as a prompt says.

    Args:
        fields: of a prompt; what of them can't be seen on a page is passed over.

    Returns:
        - staves: it is a page of music.
        - clef: where the instrumentation is of `SINGLE_STAFF` or `BRACED`: most staves have that clef; or G2 stands
          over F4 in a system.
        - key: where there is one: most staves have its signature.
    """
    found = {"staves": reading.has_staves}
    instrument = fields.get("instrumentation", "").strip().casefold()
    if instrument in SINGLE_STAFF:
        found["clef"] = reading.has_staves and reading.clef == SINGLE_STAFF[instrument]
    elif instrument in BRACED:
        found["clef"] = reading.has_staves and reading.is_braced
    if fields.get("key", "").strip():
        found["key"] = reading.has_staves and reading.fifths == key_fifths(fields["key"])
    return found


def _sharpened(page: np.ndarray) -> np.ndarray:
    """The page with lines that stand out: where they are 4 px apart, little blur is enough to hide them."""
    grey = page.astype(np.float32)
    return (5 * grey - 4 * gaussian_filter1d(grey, 1.5, axis=0)).clip(0, 255).astype(np.uint8)


def _cut_beginning(page: np.ndarray, system: System, staff: Staff) -> np.ndarray:
    """The strip of a staff's beginning, float32 (HEIGHT, W), ink from 0 to 1.

    Where lines seem to begin is not sure to some spaces, as a clef hides them.
    """
    zoom = staff.spacing / SPACE
    left = system.left - _BEFORE * staff.spacing
    top = (staff.top + staff.bottom) / 2 - HEIGHT / 2 * zoom + system.slope * (left - system.middle)
    place = np.array([[zoom, 0, left], [system.slope * zoom, zoom, top]])
    how = {"flags": cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, "borderMode": cv2.BORDER_REPLICATE}
    strip = cv2.warpAffine(page, place, (_WIDTH * SPACE, HEIGHT), **how)  # type: ignore[call-overload]
    black, paper = np.percentile(strip, (1, 90))
    ink = (paper - strip.astype(np.float32)) / max(_LEAST_CONTRAST, float(paper - black))
    return np.asarray(np.clip(ink, 0, 1), np.float32)
