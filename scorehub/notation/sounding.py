"""Tokens as notes in seconds; how they sound is said in `scorehub.pipelines.music_transcription.sounding`."""

from collections.abc import Sequence

import numpy as np

from scorehub.notes import MAX_SECONDS, Notes, make_notes
from scorehub.pipelines.music_transcription.semantic import Token
from scorehub.pipelines.music_transcription.sounding import duration, sounds, whole_seconds


def to_notes(tokens: Sequence[Token], tempo: float = 120.0, velocity: int = 80) -> Notes:
    """The notes that tokens sound as; without a note, columns of length 0.

    Raises:
        ValueError: tempo or velocity is out of range, a note is above MIDI's, or it all lasts longer than a day.
    """
    seconds = whole_seconds(tempo)
    if duration(tokens, tempo) > MAX_SECONDS:
        raise ValueError(f"tokens must last at most {MAX_SECONDS} s, got {duration(tokens, tempo):.0f} s")
    found = sounds(tokens)
    onset = np.array([float(sound.onset) for sound in found], np.float64)
    lasts = np.array([float(sound.lasts) for sound in found], np.float64)
    pitch = np.array([sound.pitch for sound in found], np.int64)
    return make_notes(onset * seconds, lasts * seconds, pitch, velocity)
