"""Music moved into another key: every note keeps its place in the scale, so accidentals stay what they were.

transpose(read_kern(text), fifths=3)  # into three sharps, as near as can be
"""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from scorehub.notation.accidentals import SHARPS
from scorehub.pipelines.music_transcription.semantic import STEPS, Clef, KeySignature, Note, Pitch, Token


def transpose(tokens: Sequence[Token], fifths: int, centre: int | None = None) -> list[Token]:
    """Tokens of one key signature in that of `fifths` sharps, flats being negative; without one they are in C major.

    Args:
        centre: diatonic height (`Pitch.diatonic`) near which the median note shall be; None: near where it was.

    Raises:
        ValueError: the key changes within, there is no such key, or a note would need a triple accidental.
    """
    signatures = {token.fifths for token in tokens if isinstance(token, KeySignature)}
    if len(signatures) > 1:
        raise ValueError(f"tokens must be in one key, got key signatures of {sorted(signatures)} sharps")
    sharps = fifths - (signatures.pop() if signatures else 0)
    heights = [token.pitch.diatonic for token in tokens if isinstance(token, Note)]
    wanted = 0 if centre is None or not heights else centre - median(heights)
    up = 4 * sharps % 7  # a fifth is four steps
    steps = up + 7 * round((wanted - up) / 7)
    moved = [
        replace(token, pitch=move_pitch(token.pitch, sharps, steps)) if isinstance(token, Note) else token
        for token in tokens
        if not isinstance(token, KeySignature)
    ]
    start = 1 if moved and isinstance(moved[0], Clef) else 0
    return [*moved[:start], KeySignature(fifths), *moved[start:]]


def move_pitch(pitch: Pitch, fifths: int, steps: int) -> Pitch:
    """A pitch so many fifths up, octaves left aside, at the octave that is so many staff steps up.

    >>> str(move_pitch(Pitch("E", -1, 4), 3, 5))
    'C5'

    Raises:
        ValueError: it would need a triple accidental.
    """
    place = SHARPS.index(pitch.step) + 7 * pitch.alter + fifths
    octave, step = divmod(pitch.diatonic + steps, 7)
    assert STEPS[step] == SHARPS[place % 7]
    return Pitch(STEPS[step], place // 7, octave)
