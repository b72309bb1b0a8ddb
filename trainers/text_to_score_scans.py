"""Pieces of scanned pages for the text-to-score model, at the size of its engraved ones.

    scans = find_scans(Path("score_pages"))
    rows = cut_scan(scans[0])

A folder holds `pages.csv` (columns file, work, composer, key, instrumentation, genre, period) and a tar archive of the
pictures, or the pictures. A piece begins at the left end of a system, whose staves are then 16 px high: half a
page in each direction.
"""

import csv
import io
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from scorehub.pipelines.score_following.layout import System, grey_page, read_page
from scorehub.trainers.text_to_score_pages import HEIGHT, WIDTH

COLUMNS = ("file", "work", "composer", "key", "instrumentation", "genre", "period")
SPACE = 4  # px of a staff space
TOP, LEFT = 20, 16  # px: the first staff's top line, and the system's left end, before which its brace stands
MAX_BLANK = 40  # px below the paper's end
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
            member = archive.getmember(self.path)
            file = archive.extractfile(member)
            if file is None or member.size > MAX_BYTES:
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
    """A piece of a page as `image` and the prompt's fields, where there is one: the first that is whole."""
    page = scan.read()
    systems = read_page(page).systems
    pieces = (_cut(page, systems[n:]) for n in range(len(systems)))
    return [{"image": piece, **scan.fields} for piece in pieces if piece is not None][:1]


def _cut(page: np.ndarray, systems: list[System]) -> Image.Image | None:
    """The piece that begins with the first of the systems; None where the page ends before it does."""
    first = systems[0]
    scale = first.spacing / SPACE
    top, bottom = first.staves[0].top - TOP * scale, first.staves[0].top + (HEIGHT - TOP) * scale
    # The first system of a movement is often indented; those below must not lose their clefs.
    left = min(system.left for system in systems if system.staves[0].top < bottom) - LEFT * scale
    if left < 0 or left + WIDTH * scale > page.shape[1] or bottom - MAX_BLANK * scale > page.shape[0]:
        return None
    # A pixel of the piece (x, y) is (left + scale x, top + scale y) of the page, which leans by `slope`.
    lean = first.slope
    affine = (scale, 0.0, left, lean * scale, scale, top + lean * (left - first.middle))
    return Image.fromarray(page).transform(
        (WIDTH, HEIGHT), Image.Transform.AFFINE, affine, Image.Resampling.BICUBIC, fillcolor=255
    )
