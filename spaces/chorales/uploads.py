"""Uploaded files: the highest voice of MIDI and MusicXML, written down as Plaine & Easie."""

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import symusic

from scorehub.engraving import Engraving, engrave_score
from scorehub.notation.chorale_musicxml import VALUES, spell
from scorehub.notation.key_finding import find_fifths
from scorehub.notation.pae_writer import write_pae
from scorehub.notes import read_midi
from scorehub.pipelines.chorales.grids import STEPS_PER_BAR, STEPS_PER_QUARTER, runs
from scorehub.pipelines.music_transcription.semantic import (
    Barline,
    Clef,
    KeySignature,
    Length,
    Note,
    Pitch,
    Rest,
    Tie,
    TimeSignature,
    Token,
)
from scorehub.spaces.chorales.melody import to_grid
from scorehub.spaces.uploads import check_size

MAX_BYTES = 2 * 2**20
MIDI_SUFFIXES, XML_SUFFIXES = (".mid", ".midi"), (".musicxml", ".xml")


def read_upload(path: Path) -> str:
    """The highest voice of a file.

    Raises:
        ValueError: it is no MIDI or MusicXML, it is damaged or too large, or its notes are none that a chorale has.
    """
    check_size("file", [path], MAX_BYTES)
    suffix = path.suffix.lower()
    if suffix in MIDI_SUFFIXES:
        return write_text(_highest(path.read_bytes()))
    if suffix in XML_SUFFIXES:
        engraving = engrave_score(_xml(path))
        return write_text(_highest(engraving.midi()), _upbeat(engraving))
    raise ValueError(f"file must end in {', '.join(MIDI_SUFFIXES + XML_SUFFIXES)}, got {path.name}")


def write_text(pitches: Sequence[int], upbeat: int = 0) -> str:
    """Plaine & Easie of MIDI pitches, a sixteenth each, in bars of four quarters and the key that fits best."""
    array = np.array(pitches)
    fifths = find_fifths(np.bincount(array[array >= 0] % 12, minlength=12))
    tokens: list[Token] = [Clef("G", 2), KeySignature(fifths), TimeSignature("C")]
    for begin, end, pitch in runs(array):
        for step, length in _within_bars(begin, end, upbeat):
            symbol = Length.of(Fraction(length, STEPS_PER_BAR))
            tokens.append(Rest(symbol) if pitch < 0 else Note(Pitch(*spell(pitch, fifths)), symbol))
            if pitch >= 0 and step + length < end:
                tokens.append(Tie())
            if (step + length - upbeat) % STEPS_PER_BAR == 0:
                tokens.append(Barline())
    return write_pae(tokens)


def _within_bars(begin: int, end: int, upbeat: int) -> Iterator[tuple[int, int]]:
    """Begin and length of the notes as which a sound or silence is written."""
    while begin < end:
        room = min(end - begin, STEPS_PER_BAR - (begin - upbeat) % STEPS_PER_BAR)
        length = next(value for value in VALUES if value <= room)
        yield begin, length
        begin += length


def _highest(data: bytes) -> list[int]:
    read_midi(data)  # refuses what is damaged
    # Ticks: seconds would need the tempo that the melody is written in.
    score: Any = symusic.Score.from_midi(data)
    unit = score.ticks_per_quarter / STEPS_PER_QUARTER
    notes = [note for track in score.tracks if not track.is_drum for note in track.notes if note.velocity]
    return to_grid([(round(note.time / unit), round(note.end / unit), note.pitch) for note in notes])


def _xml(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"MusicXML must be text in UTF-8, got {path.name}") from None
    if not re.search("<score-(partwise|timewise)", text) or "<!ENTITY" in text:
        raise ValueError(f"MusicXML must have a score and declare no entities, got {text[:40]!r}")
    return text


def _upbeat(engraving: Engraving) -> int:
    """Sixteenths of a first bar that is shorter than a second one of four quarters."""
    starts = [event["qstamp"] for event in engraving.times()[0] if "measureOn" in event]
    bars = np.diff(starts)[:2].tolist()
    return round(bars[0] * STEPS_PER_QUARTER) if len(bars) == 2 and bars[0] < bars[1] == 4 else 0
