"""Pieces: where they come from, what is seen and heard of them, what is new in a repaired one."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from scorehub.dataset_builders.maestro.sample import sample_pieces, tune_midi
from scorehub.notes import DRUMS, Notes, make_notes, read_midi
from scorehub.spaces.uploads import check_size
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


@dataclass(frozen=True)
class Repaired:
    """The notes of a piece of which those that begin from `start` to before `end` (seconds) have been made anew."""

    notes: Notes
    start: float
    end: float

    def split(self) -> tuple[Notes, Notes]:
        """What was there before, and what is new; drums never are."""
        onset, program = self.notes.onset, self.notes.program
        is_new = (onset >= self.start) & (onset < self.end) & (program != DRUMS)
        return self.notes.choose(~is_new), self.notes.choose(is_new)


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
    check_size("MIDI file", [path], MAX_BYTES)
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
