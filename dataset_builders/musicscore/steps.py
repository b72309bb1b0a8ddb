"""The stages of curation as datatrove steps: colour depth -> pages -> classify -> metadata -> Parquet shard.

A `Document` is a PDF until `SplitPages` and a page from there on; what no page can say (a PDF that can't be read) is
page 0. No step drops a document: a step only turns the verdict to `rejected` with a reason, and `WriteShard` acts on
it, so that every PDF and page reaches the manifest. What the keys of `Document.metadata` mean: `manifest.py`.
"""

import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.base import PipelineStep

from scorehub.dataset_builders.musicscore.classify import PageClassifier
from scorehub.dataset_builders.musicscore.config import CurationConfig
from scorehub.dataset_builders.musicscore.duplicates import perceptual_hash
from scorehub.dataset_builders.musicscore.metadata import MetadataTable, load_metadata
from scorehub.dataset_builders.musicscore.pdf_reader import BATCH, PdfReader
from scorehub.dataset_builders.musicscore.schema import WorkMetadata, caption
from scorehub.dataset_builders.parquet_shards import batched
from scorehub.pipelines.score_following import staves
from scorehub.sandbox import SandboxError

STRIP_ASPECT = 3  # long to short side; pages of music are 1.1 to 1.8
STRIP_FRACTION = 0.5


class CurationStep(PipelineStep):
    """A stage that knows the run's configuration."""

    def __init__(self, config: CurationConfig):
        super().__init__()
        self.config = config


class ReadPdfs(CurationStep):
    """Task `rank` reads the PDFs `rank * pdfs_per_task` to `(rank + 1) * pdfs_per_task` of the sorted list."""

    name, type = "PDFs", "1 READ"

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        """Yields a document per PDF."""
        step = self.config.pdfs_per_task
        for source in self.config.sources()[rank * step : (rank + 1) * step]:
            facts = {"source": source, "page": 0, "n_pages": 0, "verdict": "kept", "reason": "", "ms": 0.0}
            yield Document(text="", id=source, metadata=facts)


class ColorDepth(CurationStep):
    """Reads each PDF's structure, and under the paper's preset rejects the file for one image of more than one bit."""

    name, type = "colour depth", "2 FILTER"

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        """Adds `survey` to each PDF that can be read."""
        reader = PdfReader(self.config)
        for document in data:
            with _clock(document):
                self._survey(document, reader)
            yield document

    def _survey(self, document: Document, reader: PdfReader) -> None:
        facts = document.metadata
        try:
            facts["file_sha256"] = reader.sha256(facts["source"])
            facts["survey"] = reader.survey(facts["source"])
        except (SandboxError, OSError) as error:
            facts |= {"verdict": "failed", "reason": str(error)}
            return
        deepest = [page["bits"] for page in facts["survey"]["pages"]]
        if self.config.preset == "paper" and max(deepest) > 1:
            reason = f"{max(deepest)} bits per component in an image of page {deepest.index(max(deepest)) + 1}"
            facts |= {"verdict": "rejected", "reason": reason}


class SplitPages(CurationStep):
    """Turns each PDF into its pages, with thumbnails of those that colour depth left in."""

    name, type = "pages", "3 SPLIT"

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        """Yields a document per page, or the PDF itself where it has none that can be read."""
        reader = PdfReader(self.config)
        for document in data:
            if document.metadata["verdict"] == "failed":
                yield document
                continue
            for pages in batched(self._pages(document), BATCH):
                with _clock(pages[0]):
                    self._draw([page for page in pages if page.metadata["verdict"] == "kept"], reader)
                yield from pages

    def _pages(self, document: Document) -> Iterator[Document]:
        """The page documents; the time that the PDF took so far goes to the first."""
        pdf = document.metadata
        survey, spent = pdf.pop("survey"), pdf["ms"]
        for number, page in enumerate(survey["pages"], start=1):
            facts = pdf | {"page": number, "n_pages": len(survey["pages"]), "page_kind": page["kind"]}
            facts |= {"repaired": survey["repaired"], "ms": spent}
            spent = 0.0
            if page["error"]:
                facts |= {"verdict": "rejected", "reason": page["error"]}
            elif page["kind"] == "8-bit" and self.config.preset == "default":
                facts |= {"verdict": "rejected", "reason": "8 bits per component"}
            yield Document(text="", id=f"{Path(pdf['source']).stem}_{number}", metadata=facts)

    def _draw(self, pages: list[Document], reader: PdfReader) -> None:
        if not pages:
            return
        source = pages[0].metadata["source"]
        for page, drawn in zip(pages, reader.thumbnails(source, [p.metadata["page"] for p in pages]), strict=True):
            if isinstance(drawn, SandboxError):
                page.metadata |= {"verdict": "rejected", "reason": str(drawn)}
            else:
                page.metadata["thumbnail"] = drawn


class ClassifyPages(CurationStep):
    """Rejects pages that are not music, or that music does not fill where the configuration asks for it."""

    name, type = "music", "4 FILTER"

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        """Adds `score_probability`, `music_fraction` and `phash`."""
        for pages in batched(data, BATCH):
            drawn = [page for page in pages if "thumbnail" in page.metadata]
            if drawn:
                self._classify(drawn)
            yield from pages

    def _classify(self, pages: list[Document]) -> None:
        start = time.perf_counter()
        thumbnails = [page.metadata.pop("thumbnail") for page in pages]
        for page, thumbnail, probability in zip(
            pages, thumbnails, _classifier(self.config.classifier)(thumbnails), strict=True
        ):
            self._judge(page, thumbnail, probability)
        for page in pages:
            page.metadata["ms"] += 1000 * (time.perf_counter() - start) / len(pages)

    def _judge(self, page: Document, thumbnail: np.ndarray, probability: float) -> None:
        fraction = round(staves.music_fraction(thumbnail), 4)
        page.metadata |= {
            "score_probability": probability,
            "music_fraction": fraction,
            "phash": perceptual_hash(thumbnail),
        }
        if probability < self.config.min_probability and not _is_strip_of_music(thumbnail, fraction):
            page.metadata |= {"verdict": "rejected", "reason": "not music"}
        elif fraction < self.config.min_music_fraction:
            least = self.config.min_music_fraction
            page.metadata |= {"verdict": "rejected", "reason": f"music on less than {least:.0%} of the page"}


def _is_strip_of_music(page: np.ndarray, music_fraction: float) -> bool:
    """A system that was cut out of its page: squashed to a page's shape it is nothing that the classifier knows."""
    return max(page.shape) > STRIP_ASPECT * min(page.shape) and music_fraction >= STRIP_FRACTION


class AddMetadata(CurationStep):
    """Joins what is known about the work, by file name or IMSLP id."""

    name, type = "metadata", "5 JOIN"

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        """Adds `work`, and the caption as the document's text."""
        table = _metadata(self.config.metadata)
        for document in data:
            work = table.lookup(document.metadata["source"]) or WorkMetadata()
            document.metadata["work"] = work
            document.text = caption(work)
            yield document


class _clock:  # noqa: N801 - a context manager, read as a verb
    """Adds the milliseconds of its block to the document."""

    def __init__(self, document: Document):
        self.facts = document.metadata

    def __enter__(self) -> None:
        self.start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.facts["ms"] += 1000 * (time.perf_counter() - self.start)


@lru_cache(maxsize=1)
def _classifier(model: str) -> PageClassifier:
    return PageClassifier(model)


@lru_cache(maxsize=1)
def _metadata(paths: tuple[Path, ...]) -> MetadataTable:
    return load_metadata(paths)
