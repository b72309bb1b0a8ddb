"""Pieces of scanned pages for the text-to-score model, at the size of its engraved ones, on their grid.

    scans = find_scans(Path("score_pages"))
    rows = cut_scan(scans[0])

A folder holds `pages.csv` (columns file, work, composer, key, instrumentation, genre, period) and a tar archive of the
pictures, or the pictures. A piece is the left of a page's first systems, as far as a piano page of
`text_to_score_pages` goes: each staff is moved to where it lies there, and the paper between staves is stretched or
pressed. Where staves lie anywhere, a small network learns neither them nor what stands on them.
"""

import csv
import io
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image
from scipy.ndimage import minimum_filter1d

from scorehub.pipelines.score_following.layout import System, grey_page, read_page
from scorehub.trainers.text_to_score_pages import BRACED_TOPS, HEIGHT, LEFT, WIDTH

COLUMNS = ("file", "work", "composer", "key", "instrumentation", "genre", "period")
SPACE = 4  # px of a staff space
RIGID = 6  # px above and below a staff that are not stretched
SAMPLES = 2  # a pixel, in each direction
SEARCHED = 14  # staff spaces on both sides of where a system seems to begin
DARK = 160  # grey level
WHOLE = 0.7  # of a line that must be there
MAX_BYTES = 50 * 2**20  # of a picture


@dataclass(frozen=True)
class Scan:
    """A page, and what is known of it."""

    archive: Path | None
    path: str
    work: str
    fields: dict[str, str]

    def read(self) -> np.ndarray:
        """The page, grey uint8 (H, W).

        Raises:
            ValueError: there is no such picture, or it is too large.
        """
        if self.archive is None:
            return grey_page(Image.open(self.path))
        with tarfile.open(self.archive) as archive:
            member = next((each for each in archive if each.name == self.path), None)
            file = archive.extractfile(member) if member else None
            if member is None or file is None or member.size > MAX_BYTES:
                raise ValueError(f"picture must be a file of at most {MAX_BYTES:,} bytes, got {self.path}")
            return grey_page(Image.open(io.BytesIO(file.read())))


def find_scans(folder: Path) -> list[Scan]:
    """The pages of a folder.

    Raises:
        ValueError: it has no table, or the table lacks a column.
    """
    table, archive = folder / "pages.csv", next(folder.glob("*.tar"), None)
    if not table.is_file():
        raise ValueError(f"folder of scans must hold pages.csv, got none in {folder}")
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    missing = [name for name in COLUMNS if rows and name not in rows[0]]
    if missing:
        raise ValueError(f"pages.csv must have the columns {', '.join(COLUMNS)}, got no {missing[0]}")
    return [_scan(folder, archive, row) for row in rows]


def _scan(folder: Path, archive: Path | None, row: dict[str, str]) -> Scan:
    fields = {name: row[name] for name in ("composer", "instrumentation", "key", "genre")}
    path = row["file"] if archive else str(folder / Path(row["file"]).name)
    return Scan(archive, path, row["work"], fields | {"piece_style": row["period"]})


def cut_scan(scan: Scan) -> list[dict[str, Any]]:
    """The piece of a page as `image` and the prompt's fields; nothing where its systems are too few, or no piano's."""
    page = scan.read()
    systems = read_page(page).systems[: len(BRACED_TOPS)]
    braced = [len(system.staves) == len(tops) for system, tops in zip(systems, BRACED_TOPS, strict=False)]
    if len(braced) < len(BRACED_TOPS) or not all(braced):
        return []
    begins = [begin for system in systems if (begin := _find_beginning(page, system)) is not None]
    return [{"image": _cut(page, systems, begins), **scan.fields}] if len(begins) == len(systems) else []


def _find_beginning(page: np.ndarray, system: System) -> float | None:
    """The column of the line at the left of a system, which stands between its staves, too; None where it isn't."""
    rows = np.arange(system.staves[0].bottom + system.spacing, system.staves[-1].top - system.spacing)[:, None]
    if not len(rows):
        return None
    columns = system.left + system.spacing * np.arange(-SEARCHED, SEARCHED, 1 / SPACE / SAMPLES)
    leaning = rows + system.slope * (columns - system.middle)
    shown = _shown(page, np.broadcast_to(columns, leaning.shape), leaning)
    dark = minimum_filter1d(shown, 2 * SAMPLES + 1, axis=1) < DARK  # it may lean a little more
    found = np.flatnonzero(dark.mean(0) > WHOLE)
    return float(columns[found[0] + SAMPLES]) if len(found) else None


def _cut(page: np.ndarray, systems: Sequence[System], begins: Sequence[float]) -> Image.Image:
    """The piece with these systems, which begin at columns of the page."""
    rows, columns = ((np.arange(SAMPLES * side) + 0.5) / SAMPLES - 0.5 for side in (HEIGHT, WIDTH))
    places = np.array(
        [(begin, s.spacing / SPACE, s.slope, s.middle) for begin, s in zip(begins, systems, strict=True)]
    )
    middles = np.mean(BRACED_TOPS, axis=1) + 2 * SPACE
    nearest = np.abs(rows[:, None] - middles).argmin(axis=1)
    begin, scale, slope, middle = places[nearest].T[:, :, None]
    x = begin + scale * (columns - LEFT)
    y = _page_rows(rows, systems)[:, None] + slope * (x - middle)
    return Image.fromarray(_shown(page, x, y)).resize((WIDTH, HEIGHT), Image.Resampling.BOX)


def _shown(page: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What the page shows at columns and rows."""
    place = x.astype(np.float32), y.astype(np.float32)
    return cv2.remap(page, *place, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _page_rows(rows: np.ndarray, systems: Sequence[System]) -> np.ndarray:
    """Rows of the page, where it doesn't lean, that rows of the piece show."""
    shown, lie = [], []
    for system, tops in zip(systems, BRACED_TOPS, strict=True):
        for staff, top in zip(system.staves, tops, strict=True):
            rigid = RIGID * staff.spacing / SPACE
            shown += [top - RIGID, top, top + 4 * SPACE, top + 4 * SPACE + RIGID]
            lie += [staff.top - rigid, staff.top, staff.bottom, staff.bottom + rigid]
    scale = systems[0].spacing / SPACE
    ends = [lie[0] - (shown[0] + 1) * scale], [lie[-1] + (HEIGHT - shown[-1]) * scale]
    return np.interp(rows, [-1, *shown, HEIGHT], [*ends[0], *lie, *ends[1]])
