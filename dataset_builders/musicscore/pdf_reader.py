"""The PDF functions of `scorehub.pdf_pages` behind the limits of one curation run."""

from collections import Counter
from typing import Any

import numpy as np

from scorehub.dataset_builders.musicscore.config import CurationConfig
from scorehub.sandbox import SandboxError, shared_sandbox

BATCH = 16  # pages that are drawn within one time limit
# A hostile PDF may cost this many children; the rest of its pages is not tried.
MAX_DEATHS = 3


class PdfReader:
    """Reads PDFs of `config.pdf_dir` in a child process; a file that hangs or crashes costs itself alone.

    All readers of a process share its child.
    """

    def __init__(self, config: CurationConfig):
        self.config = config
        self.sandbox = shared_sandbox("scorehub.pdf_pages", config.memory_mb)
        self.deaths: Counter[str] = Counter()

    def sha256(self, source: str) -> str:
        """Of the file, readable as a PDF or not."""
        return str(self._call("hash_file", source)[0])

    def survey(self, source: str) -> dict[str, Any]:
        """Colour depth of the pages, see `pdf_pages.survey_pdf`."""
        return self._call("survey_pdf", source, max_pages=self.config.max_pages)[0]

    def thumbnails(self, source: str, pages: list[int]) -> list[np.ndarray | SandboxError]:
        """A grey page `(H, W)`, uint8, for each number, or why there is none: a bad page does not spoil its batch."""
        try:
            return list(self._thumbnails(source, pages))
        except SandboxError as error:
            if len(pages) == 1:
                return [error]
            return [drawn for page in pages for drawn in self.thumbnails(source, [page])]

    def image(self, source: str, page: int) -> tuple[str, bytes]:
        """Suffix and bytes of the page's image file, as the preset makes it."""
        if self.config.preset == "paper":
            suffix, (data,) = self._call("render_page", source, page=page, timeout=self.config.seconds)
        else:
            suffix, (data,) = self._call("extract_page", source, page=page)
        return suffix, data

    def _thumbnails(self, source: str, pages: list[int]) -> list[np.ndarray]:
        sizes, pixels = self._call("draw_thumbnails", source, pages=pages)
        return [np.frombuffer(data, np.uint8).reshape(size) for size, data in zip(sizes, pixels, strict=True)]

    def _call(self, function: str, source: str, **arguments: Any) -> tuple[Any, list[bytes]]:
        if self.deaths[source] >= MAX_DEATHS:
            raise SandboxError(f"not tried: the file crashed its reader {MAX_DEATHS} times")
        path = str((self.config.pdf_dir / source).absolute())  # the child is where this process was when it began
        try:
            return self.sandbox.call(function, self.config.seconds, path=path, **arguments)
        except SandboxError as error:
            self.deaths[source] += error.fatal
            raise
