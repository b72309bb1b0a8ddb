"""Which accidentals are in force at a place of a staff."""

from scorehub.pipelines.music_transcription.semantic import Barline, KeySignature, Pitch, Token

SHARPS = "FCGDAEB"  # in the order of key signatures; flats are the reverse


def signature_steps(fifths: int) -> str:
    """The steps that a key signature alters, in the order in which they are drawn.

    >>> signature_steps(2), signature_steps(-3)
    ('FC', 'BEA')
    """
    return SHARPS[:fifths] if fifths >= 0 else SHARPS[: fifths - 1 : -1]


class Accidentals:
    """The alterations in force: a measure's own, else the key's."""

    def __init__(self) -> None:
        self._key: dict[str, int] = {}
        self._measure: dict[tuple[str, int], int] = {}

    def at(self, step: str, octave: int) -> int:
        """Semitones that a note without an accidental is altered by."""
        return self._measure.get((step, octave), self._key.get(step, 0))

    def write(self, pitch: Pitch) -> None:
        """An accidental stands before a note."""
        self._measure[pitch.step, pitch.octave] = pitch.alter

    def advance(self, token: Token) -> None:
        """A bar line ends a measure's accidentals, a key signature sets the key too."""
        if isinstance(token, Barline | KeySignature):
            self._measure.clear()
        if isinstance(token, KeySignature):
            self._key = dict.fromkeys(signature_steps(token.fifths), 1 if token.fifths > 0 else -1)
