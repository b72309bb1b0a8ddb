"""Runs the network on what a visitor asks for, and makes the files that can be taken home."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from scorehub.pipelines.text_to_score.page import to_pdf
from scorehub.pipelines.text_to_score.pipeline import TextToScoreOutput, TextToScorePipeline
from scorehub.spaces.watching import WatchedJob
from scorehub.text_to_score import Sampling, draw_pages, save_png

MAX_PAGES = 4  # at once


@dataclass(frozen=True)
class Unfinished:
    """Pages after so many steps."""

    step: int
    pages: list[Image.Image]


DrawingJob = WatchedJob[Unfinished, TextToScoreOutput]


def draw_watched(pipe: TextToScorePipeline, prompt: str, seeds: list[int], sampling: Sampling) -> DrawingJob:
    """A job that draws a page for each seed, and shows them while it does."""

    def work(tell: Callable[[Callable[[], Unfinished]], None]) -> TextToScoreOutput:
        def show(_: Any, step: int, __: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            tell(lambda: Unfinished(step + 1, pipe.decode(tensors["latents"])))
            return tensors

        return draw_pages(pipe, prompt, seeds, sampling, callback=show)

    return WatchedJob(pipe.unet, work)


def write_png(page: Image.Image, seed: int, folder: Path) -> tuple[Path, Path]:
    """Writes a page as it is, and in black and white."""
    paths = folder / f"page_{seed}.png", folder / f"page_{seed}_1bit.png"
    save_png(page, paths[0])
    save_png(page, paths[1], bitmap=True)
    return paths


def write_pdf(pages: list[Image.Image], seed: int, folder: Path) -> Path:
    """Writes pages, of which the first has this seed, into one file."""
    path = folder / f"pages_{seed}.pdf"
    path.write_bytes(to_pdf(pages))
    return path
