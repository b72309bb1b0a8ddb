"""What curation would decide about an uploaded PDF, with its pages' pictures and manifest."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scorehub.dataset_builders.musicscore.config import CurationConfig
from scorehub.dataset_builders.musicscore.manifest import (
    PAGE_COLUMNS,
    PDF_COLUMNS,
    Facts,
    page_row,
    pdf_row,
    write_csv,
)
from scorehub.dataset_builders.musicscore.pdf_reader import BATCH, PdfReader
from scorehub.pipelines.score_following.staves import FULL_PAGE

MAX_PICTURES = 96  # pages of an upload that are drawn; all of them are judged


@dataclass(frozen=True)
class Judgement:
    """The manifest's row of a PDF and those of its pages; `pictures[i]` is page i + 1 `(H, W)`, or `None`."""

    pdf: Facts
    pages: list[Facts]  # none if the file could not be read
    pictures: list[np.ndarray | None]  # of the first `MAX_PICTURES` pages

    def write_csv(self, folder: Path) -> list[Path]:
        """Writes `manifest.csv` and `pages.csv` of this PDF, as curation does."""
        tables = (("manifest.csv", [self.pdf], PDF_COLUMNS), ("pages.csv", self.pages, PAGE_COLUMNS))
        for name, rows, columns in tables:
            write_csv(folder / name, rows, columns)
        return [folder / name for name, _, _ in tables]


def judge(path: Path, preset: str, full_pages: bool) -> Judgement:
    """Judges a PDF.

    Args:
        preset: `default` or `paper`.
        full_pages: whether music must fill two thirds of a page.
    """
    # Brings PyTorch, which whoever only browses needn't wait for.
    from scorehub.dataset_builders.musicscore.judge import judge_pdf

    facts = judge_pdf(path, preset, FULL_PAGE if full_pages else 0.0)
    pages = [page for page in facts if page["page"]]  # page 0 stands for a file that could not be read
    pictures = _draw(path, [page["page"] for page in pages[:MAX_PICTURES]])
    return Judgement(pdf_row(facts), [page_row(page) for page in pages], pictures)


def _draw(path: Path, numbers: Sequence[int]) -> list[np.ndarray | None]:
    reader = PdfReader(CurationConfig(pdf_dir=path.parent, out_dir=path.parent, select=(path.name,)))
    batches = [list(numbers[start : start + BATCH]) for start in range(0, len(numbers), BATCH)]
    drawn = [page for batch in batches for page in reader.thumbnails(path.name, batch)]
    return [page if isinstance(page, np.ndarray) else None for page in drawn]
