"""The last step of a curation task: its kept pages as one Parquet shard, and its part of the manifest.

Each file is written under another name and renamed when it is whole, so that a task killed at any moment leaves either
nothing or everything; the same task run again writes the same bytes, times apart.
"""

import hashlib
import json
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any, TextIO

from datatrove.data import Document, DocumentsPipeline

from scorehub.dataset_builders.musicscore.config import CurationConfig
from scorehub.dataset_builders.musicscore.manifest import page_row, pdf_row
from scorehub.dataset_builders.musicscore.pdf_reader import PdfReader
from scorehub.dataset_builders.musicscore.schema import FEATURES, imslp_id, work_group
from scorehub.dataset_builders.musicscore.steps import CurationStep
from scorehub.dataset_builders.parquet_shards import ShardWriter
from scorehub.sandbox import SandboxError


class WriteShard(CurationStep):
    """Takes the images of kept pages out of the PDFs; writes `<task>.parquet`, `.pages.jsonl`, `.manifest.jsonl`."""

    name, type = "shard", "6 WRITE"

    def __init__(self, config: CurationConfig, parts: Path):
        super().__init__(config)
        self.parts = parts

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        """Writes the task's three files; yields nothing."""
        paths = [self.parts / f"{rank:05d}{suffix}" for suffix in (".parquet", ".pages.jsonl", ".manifest.jsonl")]
        drafts = [path.with_name(path.name + ".draft") for path in paths]
        reader = PdfReader(self.config)
        with (
            ShardWriter(drafts[0], FEATURES) as shard,
            drafts[1].open("w") as pages_file,
            drafts[2].open("w") as manifest_file,
        ):
            for _, pages in groupby(data, key=lambda document: document.metadata["source"]):
                self._write_pdf(pages, reader, shard, (pages_file, manifest_file))
        for draft, path in zip(drafts, paths, strict=True):
            draft.replace(path)
        yield from ()

    def _write_pdf(
        self, pages: Iterable[Document], reader: PdfReader, shard: ShardWriter, files: tuple[TextIO, TextIO]
    ) -> None:
        facts = []
        for page in pages:
            if page.metadata["verdict"] == "kept":
                self._take_image(page, reader, shard)
            facts.append(page.metadata)
            if page.metadata["page"]:
                files[0].write(json.dumps(_index(page)) + "\n")
        files[1].write(json.dumps(pdf_row(facts)) + "\n")
        files[1].flush()  # the progress bar counts these lines

    def _take_image(self, page: Document, reader: PdfReader, shard: ShardWriter) -> None:
        try:
            suffix, data = reader.image(page.metadata["source"], page.metadata["page"])
        except SandboxError as error:
            page.metadata |= {"verdict": "rejected", "reason": f"image can't be taken out: {error}"}
            return
        page.metadata["sha256"] = hashlib.sha256(data).hexdigest()
        shard.add(_row(page, f"{page.id}{suffix}", data))


def _index(page: Document) -> dict[str, Any]:
    """What `assemble` must know about a page."""
    facts = page.metadata
    group = work_group(facts["work"], facts["source"])
    return page_row(facts) | {"group": group, "repaired": facts["repaired"]}


def _row(page: Document, name: str, data: bytes) -> dict[str, Any]:
    facts, work = page.metadata, page.metadata["work"]
    copied = {key: facts[key] for key in FEATURES if key in facts}
    return (
        copied
        | work.fields()
        | {
            "image": {"bytes": data, "path": name},
            "text": page.text,
            "imslp_id": imslp_id(facts["source"]),
            "split_group": work_group(work, facts["source"]),
            "general_information": work.general_information_json(),
        }
    )
