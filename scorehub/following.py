"""Score following from files: pages and a recording in, positions and page turns out.

run = follow(load_follower(), read_pages([Path("score.pdf")]), Path("recording.wav").read_bytes())
run.positions[-1].page, run.turns
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import numpy as np
from tqdm import tqdm

from scorehub.audio import read_audio, resample
from scorehub.pictures import read_page
from scorehub.pipelines.score_following.follower import Follower, Position
from scorehub.pipelines.score_following.layout import LONG_SIDE
from scorehub.pipelines.score_following.modeling_score_follower import ScoreFollowerModel
from scorehub.pipelines.score_following.page_turning import PageTurn, PageTurner
from scorehub.pipelines.score_following.spectrogram import SAMPLE_RATE
from scorehub.sandbox import Sandbox, SandboxError

MAX_PAGES = 200
_PDF_SECONDS = 8.0  # for a page
_CHUNK = SAMPLE_RATE  # samples heard at once


@dataclass(frozen=True)
class Run:
    """A performance followed.

    Attributes:
        pages: grey uint8 (H, W).
        audio: mono, 22,050 Hz.
        positions: one for each 50 ms.
        turns: page turns, in time.
    """

    pages: list[np.ndarray]
    audio: np.ndarray
    positions: list[Position]
    turns: list[PageTurn] = field(default_factory=list)


def load_follower(model: str | Path | None = None) -> ScoreFollowerModel:
    """The embedded follower, or the one of a folder or Hub repository.

    Raises:
        OSError: there is no such model.
        ValueError: it is damaged, or of another kind.
    """
    folder = str(model or files("scorehub.pipelines.score_following"))
    try:
        return ScoreFollowerModel.from_pretrained(folder).eval()
    except (OSError, MemoryError):
        raise
    except Exception as error:  # the library raises whatever a damaged file leads it to
        raise ValueError(f"model must be a whole score follower, got {folder}: {error!r}"[:400]) from None


def read_pages(paths: Sequence[Path]) -> list[np.ndarray]:
    """The pages of images and PDFs, grey uint8 (H, W), white paper where they are transparent.

    Raises:
        ValueError: a file is no image or PDF, is damaged or too large; or there are no pages, or too many.
    """
    return list(iterate_pages(paths))


def iterate_pages(paths: Iterable[Path], max_pages: int = MAX_PAGES) -> Iterator[np.ndarray]:
    """As `read_pages`, a page after the other; the error comes at the first page that is too many."""
    count = 0
    pages = (page for path in paths for page in _file_pages(path, max_pages))
    for count, page in enumerate(pages, 1):
        if count > max_pages:
            break
        yield page
    if not 1 <= count <= max_pages:
        raise ValueError(f"score must have 1 to {max_pages} pages, got {count}")


def _file_pages(path: Path, max_pages: int) -> Iterable[np.ndarray]:
    with path.open("rb") as file:
        is_pdf = b"%PDF-" in file.read(1024)
    return _pdf_pages(path, max_pages) if is_pdf else [read_page(path, "an image or a PDF")]


def _pdf_pages(path: Path, max_pages: int) -> Iterator[np.ndarray]:
    """The pages of a PDF, read by a child process with limits."""
    with Sandbox("scorehub.pdf_pages") as sandbox:
        try:
            survey, _ = sandbox.call("survey_pdf", _PDF_SECONDS, path=str(path), max_pages=max_pages)
            numbers = range(1, len(survey["pages"]) + 1)
            size = {"path": str(path), "long_side": LONG_SIDE}
            drawn = [sandbox.call("draw_thumbnails", _PDF_SECONDS, pages=[page], **size) for page in numbers]
        except SandboxError as error:
            raise ValueError(f"PDF must be one that can be read, got {path.name}: {error}") from None
    for ((height, width),), (pixels,) in drawn:
        yield np.frombuffer(pixels, np.uint8).reshape(height, width)


def follow(model: ScoreFollowerModel, pages: list[np.ndarray], recording: bytes, lead: float = 1.0) -> Run:
    """Follows a recording, a FLAC, WAV, Ogg or MP3 file, through pages.

    Args:
        lead: seconds before its end at which a page is turned.

    Raises:
        ValueError: the recording can't be read, no page has staves, or the lead is no number from 0.
    """
    audio = resample(*read_audio(recording), SAMPLE_RATE)
    follower = Follower(model, pages)
    turner = PageTurner(follower.score, lead)
    positions: list[Position] = []
    for start in tqdm(range(0, len(audio), _CHUNK), unit="s", desc="following", disable=None, leave=False):
        positions += follower.track(audio[start : start + _CHUNK])
    positions += follower.end()
    return Run(pages, audio, positions, turner.turns(positions))


def write_positions(positions: Iterable[Position], path: Path) -> None:
    """Writes positions as CSV, a line for each 50 ms."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(Position._fields)
        table.writerows([f"{value:.3f}" if isinstance(value, float) else value for value in row] for row in positions)
