"""Melodies that are to be harmonised, typed as Plaine & Easie or kern."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from scorehub.engraving import Layout, engrave_score
from scorehub.notation.kern import read_kern
from scorehub.notation.pae import read_pae
from scorehub.notation.pae_writer import write_pae
from scorehub.pipelines.chorales.grids import HIGHEST, LOWEST, STEPS_PER_BAR
from scorehub.pipelines.music_transcription.semantic import Barline, TimeSignature, Token
from scorehub.pipelines.music_transcription.sounding import DEFAULT_METER, sounds, timeline

MAX_BARS = 32
MAX_CHARACTERS = 10_000
_BARE = "@clef:G-2\n@timesig:c\n@data:"  # before notes without fields
_LAYOUT = Layout(width_mm=110, height_mm=1000, margin_mm=2, system_gap=1, crop_height=True)

Span = tuple[int, int, int]  # of a note: begin and end in sixteenths, MIDI pitch


@dataclass(frozen=True)
class Melody:
    """A melody of one voice.

    Attributes:
        tokens: as it is written.
        pitches: MIDI, of each sixteenth from the first note on, -1 for a rest.
        upbeat: sixteenths before the first bar line; 0 where the bars don't have four quarters.
    """

    tokens: Sequence[Token]
    pitches: list[int]
    upbeat: int

    @property
    def measure(self) -> Fraction:
        """Whole notes of its bars."""
        return next((one.measure for one in self.tokens if isinstance(one, TimeSignature)), DEFAULT_METER.measure)

    def engrave(self) -> str:
        """SVG of what was understood: nothing else of a text is in it."""
        return engrave_score(write_pae(self.tokens), _LAYOUT).pages[0]


def read_text(text: str) -> Melody:
    """The melody of Plaine & Easie, with fields or its notes alone, or of **kern with one spine.

    Raises:
        ValueError: the text is malformed, too long, or has no notes, or some that no chorale has.
    """
    if not 1 <= len(text.strip()) <= MAX_CHARACTERS:
        raise ValueError(f"melody must have 1 to {MAX_CHARACTERS:,} characters, got {len(text.strip()):,}")
    is_kern = "**kern" in text
    tokens = read_kern(text.strip()) if is_kern else read_pae(text if "@data" in text else _BARE + _one_line(text))
    pitches = to_grid([(_steps(note.onset), _steps(note.onset + note.lasts), note.pitch) for note in sounds(tokens)])
    silence = next(step for step, pitch in enumerate(pitches) if pitch >= 0)
    melody = Melody(tokens, pitches[silence:], 0)
    if melody.measure != 1:
        return melody
    bars = (onset for token, (onset, _) in zip(tokens, timeline(tokens), strict=True) if isinstance(token, Barline))
    upbeat = (_steps(next(bars, Fraction(0))) - silence) % STEPS_PER_BAR
    return Melody(tokens, melody.pitches, upbeat)


def to_grid(notes: Sequence[Span]) -> list[int]:
    """The highest pitch at each sixteenth from time 0, -1 for a rest.

    Raises:
        ValueError: there are no notes, they last too long, or one is too high or low for a chorale.
    """
    last = max((end for _, end, _ in notes), default=0)
    if not 1 <= last <= MAX_BARS * STEPS_PER_BAR:
        raise ValueError(f"melody must have notes and end within {MAX_BARS} bars, got {last / STEPS_PER_BAR:.2f} bars")
    wrong = [pitch for *_, pitch in notes if not LOWEST <= pitch <= HIGHEST]
    if wrong:
        raise ValueError(f"melody must lie between C2 and A5 (MIDI {LOWEST} to {HIGHEST}), got MIDI {wrong[0]}")
    pitches = np.full(last, -1)
    for begin, end, pitch in notes:
        pitches[begin:end] = np.maximum(pitches[begin:end], pitch)
    return [int(pitch) for pitch in pitches]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _steps(whole_notes: Fraction) -> int:
    return round(STEPS_PER_BAR * whole_notes)
