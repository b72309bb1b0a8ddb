"""From what a source has of a piece to its row: the sound is made, the layout is changed if asked for."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scorehub.audio import read_audio, resample, to_flac
from scorehub.dataset_builders.audio_column import SAMPLE_RATE
from scorehub.dataset_builders.msmd.schema import FEATURE_FILES, LAYOUTS, composer, split_group
from scorehub.dataset_builders.msmd.score import Score, table_row
from scorehub.dataset_builders.msmd.strip import unroll_score
from scorehub.notes import read_midi
from scorehub.synthesis import synthesise

LICENCE = "CC BY-NC-SA 4.0"  # of MSMD and of what was made from it


@dataclass(frozen=True)
class Item:
    """A score of a piece with one performance."""

    piece: str
    score: Score
    midi: bytes | None
    recording: bytes | None = None  # any audio file; without one the MIDI is played
    layout: str = "pages"
    score_name: str = ""
    performance: str = ""
    features: dict[str, bytes | None] = field(default_factory=dict)
    composer: str = ""
    group: str = ""
    licence: str = LICENCE
    source: str = "MSMD"


@dataclass(frozen=True)
class Options:
    """What rows are to hold.

    Raises:
        ValueError: there is no such layout.
    """

    layout: str | None = None  # pages or strip; as the source has it by default
    audio: bool = True
    soundfont: str | None = None  # a .sf2 file; TimGM6mb by default

    def __post_init__(self) -> None:
        if self.layout not in (None, *LAYOUTS):
            raise ValueError(f"layout must be one of {', '.join(LAYOUTS)}, got {self.layout!r}")


def make_row(item: Item, options: Options) -> dict[str, Any]:
    """The item's row, see `schema.py`.

    Raises:
        ValueError: MIDI or audio can't be read, noteheads sound after its end, or a strip has no systems.
    """
    layout = options.layout or item.layout
    score = item.score if layout == item.layout else unroll_score(item.score)
    if item.midi is not None:
        end = read_midi(item.midi).end
        if item.recording is None:  # whose times would be its own
            _check_times(score, end)
    flac = _sound(item, options.soundfont) if options.audio else None
    name = item.score_name or item.piece
    return {
        "piece": item.piece,
        "split_group": item.group or split_group(item.piece),
        "composer": item.composer or composer(item.piece),
        "score": item.score_name,
        "performance": item.performance,
        "layout": layout,
        "pages": [{"bytes": page, "path": f"{name}_{number}.png"} for number, page in enumerate(score.pages)],
        "dpi": score.dpi,
        "systems": table_row(score.systems),
        "bars": table_row(score.bars),
        "noteheads": table_row(score.noteheads),
        "midi": item.midi,
        "audio": flac and {"bytes": flac, "path": f"{item.performance or name}.flac"},
        "features": {key: item.features.get(key) for key in FEATURE_FILES},
        "license": item.licence,
        "source": item.source,
    }


def _check_times(score: Score, end: float) -> None:
    latest = float(np.nanmax(score.noteheads["onset"]))
    if latest > end:
        raise ValueError(f"noteheads must sound before the MIDI's end at {end:.3f} s, got {latest:.3f} s")


def _sound(item: Item, soundfont: str | None) -> bytes:
    """The recording or the MIDI as mono FLAC."""
    if item.recording is None:
        if item.midi is None:
            raise ValueError("item must have a recording or MIDI, got none")
        return to_flac(synthesise(read_midi(item.midi), soundfont, SAMPLE_RATE), SAMPLE_RATE)
    audio = resample(*read_audio(item.recording), SAMPLE_RATE)
    # Resampling can carry a recording that was cut off at full scale a little beyond it.
    return to_flac(audio / max(1.0, float(np.abs(audio).max(initial=0.0))), SAMPLE_RATE)
