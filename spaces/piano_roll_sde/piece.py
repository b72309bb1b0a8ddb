"""Pieces: where they come from, what is seen and heard of them, what a repair has brought."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from scorehub.dataset_builders.maestro.sample import sample_pieces, tune_midi
from scorehub.notes import Notes, make_notes, read_midi
from scorehub.synthesis import synthesise

MAX_BYTES = 2 * 2**20  # of an upload
MAX_NOTES = 50_000
MIN_SECONDS, MAX_SECONDS = 1.0, 3600.0
CONTEXT = 6.0  # seconds seen and heard before and after a passage
SAMPLE_RATE = 22050  # Hz


@dataclass(frozen=True)
class Piece:
    """Notes and where they come from."""

    name: str  # of a file
    title: str
    notes: Notes

    def first_passage(self) -> tuple[float, float]:
        """Seconds that are marked to begin with: four, or a third of a short piece, not far into it."""
        length = min(4.0, self.notes.end / 3)
        start = min(8.0, (self.notes.end - length) / 2)
        return round(start, 1), round(start + length, 1)

    def view(self, start: float, end: float) -> tuple[float, float]:
        """Seconds that are seen and heard, those of a passage with its surroundings."""
        start, end = sorted((start, end))
        return max(0.0, start - CONTEXT), max(min(end + CONTEXT, self.notes.end), end)


@lru_cache
def tune_titles() -> dict[str, str]:
    """Titles by name of the tunes to try, which are in the public domain."""
    return {tune.path: f"{tune.composer.split(',')[0]}: {tune.title}" for tune in sample_pieces()}


@lru_cache
def load_tune(name: str) -> Piece:
    """One of `tune_titles`."""
    return Piece(name, tune_titles()[name], read_midi(tune_midi(name)))


def load_upload(path: Path) -> Piece:
    """The piece of a MIDI file that somebody sent.

    Raises:
        ValueError: it is no MIDI file, it is damaged, too large, too short, too long or without notes.
    """
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"MIDI file must have at most {MAX_BYTES} bytes, got {path.stat().st_size}")
    notes = read_midi(path.read_bytes())
    if not 1 <= len(notes) <= MAX_NOTES or not MIN_SECONDS <= notes.end <= MAX_SECONDS:
        allowed = f"1 to {MAX_NOTES:,} notes in {MIN_SECONDS:g} to {MAX_SECONDS:,g} s"
        raise ValueError(f"MIDI file must have {allowed}, got {len(notes):,} in {notes.end:,.1f} s")
    return Piece(path.stem, path.name, notes)


def excerpt(notes: Notes, begin: float, end: float) -> Notes:
    """What sounds from `begin` to `end`, cut off there; times count from `begin`."""
    heard = notes.choose((notes.onset < end) & (notes.onset + notes.duration > begin))
    first, last = np.maximum(heard.onset, begin), np.minimum(heard.onset + heard.duration, end)
    return make_notes(first - begin, last - first, heard.pitch, heard.velocity, heard.program, heard.track)


def sound(notes: Notes) -> tuple[int, np.ndarray] | None:
    """Rate and 16-bit audio (N,) for a player; None where there is nothing to hear."""
    return to_player(synthesise(notes, sample_rate=SAMPLE_RATE)) if len(notes) else None


def to_player(audio: np.ndarray) -> tuple[int, np.ndarray]:
    """Audio within full scale as 16 bits; players make it louder otherwise."""
    return SAMPLE_RATE, (audio * 32767).astype(np.int16)


def split_new(before: Notes, after: Notes) -> tuple[Notes, Notes]:
    """The notes of `after` that `before` has too, whatever their duration, and those that it has not."""
    old = set(zip(*_place(before), strict=True))
    is_old = np.array([place in old for place in zip(*_place(after), strict=True)], dtype=bool)
    return after.choose(is_old), after.choose(~is_old)


def _place(notes: Notes) -> tuple[list[float], ...]:
    columns = (notes.onset, notes.pitch, notes.velocity, notes.program, notes.track)
    return tuple(column.tolist() for column in columns)
