"""Tokens as a MIDI file, with the key and the metre that they say; how they sound is said in `sounding`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import symusic

from .semantic import KeySignature, TimeSignature, Token
from .sounding import sounds, timeline

VELOCITY = 80
TICKS_PER_QUARTER = 480
_TICKS = 4 * TICKS_PER_QUARTER  # of a whole note
_UNITS = {2**power for power in range(8)}  # beats that MIDI can say, as parts of a whole note


def write_midi(tokens: Sequence[Token], tempo: float = 120.0) -> bytes:
    """A MIDI file of one track, a piano's.

    Args:
        tempo: quarters a minute.

    Raises:
        ValueError: the tempo is not from 10 to 1000, or a note is above MIDI's 127.
    """
    if not 10 <= tempo <= 1000:
        raise ValueError(f"tempo must be 10 to 1000 quarters a minute, got {tempo}")
    found = sounds(tokens)
    highest = max((sound.pitch for sound in found), default=0)
    if highest > 127:
        raise ValueError(f"notes must be at most 127 in MIDI, got {highest}")
    score: Any = symusic.Score(TICKS_PER_QUARTER)
    score.tempos.append(symusic.Tempo(0, tempo))
    for token, (onset, _) in zip(tokens, timeline(tokens), strict=True):
        if isinstance(token, KeySignature):
            score.key_signatures.append(symusic.KeySignature(round(onset * _TICKS), token.fifths, 0))
        elif isinstance(token, TimeSignature) and token.fraction[1] in _UNITS:
            score.time_signatures.append(symusic.TimeSignature(round(onset * _TICKS), *token.fraction))
    begins = np.array([round(sound.onset * _TICKS) for sound in found], np.int32)
    ends = np.array([round((sound.onset + sound.lasts) * _TICKS) for sound in found], np.int32)
    pitch = np.array([sound.pitch for sound in found], np.int8)
    track: Any = symusic.Track("", 0, False)
    track.notes = symusic.Note.from_numpy(begins, np.maximum(1, ends - begins), pitch, np.full_like(pitch, VELOCITY))
    score.tracks.append(track)
    return bytes(score.dumps_midi())
