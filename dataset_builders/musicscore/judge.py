"""What curation would decide about one file, without building anything."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from scorehub.dataset_builders.musicscore.classify import PageClassifier
from scorehub.dataset_builders.musicscore.config import EMBEDDED_MODEL, CurationConfig
from scorehub.dataset_builders.musicscore.manifest import Facts
from scorehub.dataset_builders.musicscore.steps import ClassifyPages, ColorDepth, ReadPdfs, SplitPages
from scorehub.pdf_pages import THUMBNAIL_SIDE
from scorehub.pictures import read_page
from scorehub.pipelines.score_following import staves


def judge_pdf(path: Path, preset: str = "default", min_music_fraction: float = 0.0) -> list[Facts]:
    """The facts of each page, as `manifest.page_row` and `manifest.pdf_row` take them, up to the page classifier.

    Raises:
        ValueError: there is no such file.
    """
    if not path.is_file():
        raise ValueError(f"PDF must be a file, got {path}")
    config = CurationConfig(
        pdf_dir=path.parent,
        out_dir=path.parent,
        select=(path.name,),
        preset=preset,
        min_music_fraction=min_music_fraction,
    )
    pages = ReadPdfs(config).run(None)
    for stage in (ColorDepth, SplitPages, ClassifyPages):
        pages = stage(config).run(pages)
    return [page.metadata for page in pages]


def judge_images(paths: Sequence[Path], model: str | Path = EMBEDDED_MODEL) -> list[tuple[float, float]]:
    """Probability of music, and the share of the height that staves span, for each page image.

    Raises:
        ValueError: a file is no image, is damaged or too large.
    """
    pages = [_grey_page(path) for path in paths]
    probabilities = PageClassifier(model)(pages)
    return [(chance, staves.music_fraction(page)) for chance, page in zip(probabilities, pages, strict=True)]


def _grey_page(path: Path) -> np.ndarray:
    grey = Image.fromarray(read_page(path))
    zoom = THUMBNAIL_SIDE / max(grey.size)
    return np.asarray(grey.resize([max(1, round(side * zoom)) for side in grey.size], Image.Resampling.BILINEAR))
