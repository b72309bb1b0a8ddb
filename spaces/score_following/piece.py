"""What is played: pages with what the network reads in them, and a recording; examples and uploads."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from scorehub.audio import read_audio, resample, to_flac
from scorehub.dataset_builders.tunes.humdrum import to_humdrum
from scorehub.dataset_builders.tunes.tune import load_tune
from scorehub.engraving import Engraving, Layout, engrave_score
from scorehub.following import iterate_pages
from scorehub.notes import Notes, read_midi
from scorehub.pipelines.score_following.follower import Score
from scorehub.pipelines.score_following.modeling_score_follower import ScoreFollowerModel
from scorehub.pipelines.score_following.spectrogram import SAMPLE_RATE
from scorehub.spaces.uploads import check_size, examples_folder, reduced
from scorehub.svg import rasterise
from scorehub.synthesis import synthesise
from scorehub.tempo import humanise

MAX_BYTES = 50 * 2**20  # of all files of a score, and of a recording
MAX_PAGES = 20
MAX_MINUTES = 20
LONG_SIDE = 1600  # px of a page that is kept and seen
_SOUND_RATE = 44_100  # Hz, of the examples
_CELLO = 42  # General MIDI program


@dataclass(frozen=True)
class Piece:
    """Pages, grey uint8 (H, W), and the systems that were found in them."""

    name: str  # of files
    title: str
    pages: list[np.ndarray]
    score: Score


@dataclass(frozen=True)
class Example:
    """A tune to try, engraved on small pages so that there is something to turn.

    Attributes:
        height_mm: of a page.
        program: of General MIDI.
        seed: of how freely it is played.
    """

    tune: str
    height_mm: float
    program: int = 0
    seed: int = 0

    @property
    def title(self) -> str:
        """`Bach: Prelude in C major`."""
        header = load_tune(self.tune).header
        return f"{header['C'].split(',')[0]}: {header['T']}"


EXAMPLES = {
    example.tune: example
    for example in (
        Example("bach_prelude_in_c", height_mm=200.0),
        Example("petzold_minuet_in_g", height_mm=125.0),
        Example("bach_cello_prelude", height_mm=112.0, program=_CELLO),
    )
}


@lru_cache
def _engraved(tune: str) -> Engraving:
    layout = Layout(width_mm=150.0, height_mm=EXAMPLES[tune].height_mm, margin_mm=9.0, staff_mm=6.0)
    return engrave_score(to_humdrum(load_tune(tune)), layout)


@lru_cache
def load_example(model: ScoreFollowerModel, tune: str) -> Piece:
    """One of `EXAMPLES`."""
    engraving = _engraved(tune)
    width = round(LONG_SIDE * engraving.layout.width_mm / max(engraving.layout.width_mm, engraving.layout.height_mm))
    pages = [np.asarray(rasterise(page, width)) for page in engraving.pages]
    return Piece(tune, EXAMPLES[tune].title, pages, Score(model, pages))


@lru_cache
def example_recording(tune: str) -> Path:
    """A FLAC file of an example, played as if by a person, repeats included."""
    example = EXAMPLES[tune]
    notes, _ = humanise(read_midi(_engraved(tune).midi()), np.random.default_rng(example.seed))
    audio = synthesise(_on(notes, example.program), sample_rate=_SOUND_RATE)
    path = Path(examples_folder("score_following").name, f"{tune}.flac")
    path.write_bytes(to_flac(audio, _SOUND_RATE))
    return path


def _on(notes: Notes, program: int) -> Notes:
    return replace(notes, program=np.full(len(notes), program), track=np.zeros(len(notes), np.int64))


def load_upload(model: ScoreFollowerModel, paths: Sequence[Path]) -> Piece:
    """The pages of images and PDFs that somebody sent, in the order of their names if there are several.

    Raises:
        ValueError: a file is no image or PDF; files are too large, too many, or none shows staves.
    """
    check_size("pages", paths, MAX_BYTES)
    pages = [reduced(page, LONG_SIDE) for page in iterate_pages(sorted(paths, key=_natural), MAX_PAGES)]
    title = f"{paths[0].name} and {len(paths) - 1} more" if len(paths) > 1 else paths[0].name
    return Piece(paths[0].stem, title, pages, Score(model, pages))


def load_recording(path: Path) -> np.ndarray:
    """A recording as the follower hears it, mono at 22,050 Hz, (N,).

    Raises:
        ValueError: it is no audio file, it is damaged, empty, too large or too long.
    """
    check_size("recording", [path], MAX_BYTES)
    audio, sample_rate = read_audio(path.read_bytes())
    if len(audio) > 60 * MAX_MINUTES * sample_rate:
        raise ValueError(f"recording must last at most {MAX_MINUTES} minutes, got {len(audio) / sample_rate / 60:.1f}")
    return resample(audio, sample_rate, SAMPLE_RATE)


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sorts page2 before page10."""
    parts = re.findall(r"[0-9]+|[^0-9]+", path.name)
    return [(int(part), "") if part[0] in "0123456789" else (-1, part) for part in parts]
