"""Words of a transcription as music: when each sounds, and the score as MusicXML and MIDI.

A network can put any words in a row. Music they are all the same: measures are as long as they are written, and a
tie that joins nothing is as if it were not there. Left out are words that are no semantic token, notes above MIDI's
highest, rests beyond 20,000 measures in all, and what comes after a day of music at 120 quarters a minute. A score
that has no clef before its first note, rest or bar line gets a treble clef, in which it is drawn; one without any
token is a measure of rest.
"""

from collections.abc import Sequence
from itertools import takewhile

from .midi import write_midi
from .musicxml import MAX_MEASURES, write_musicxml
from .semantic import Clef, KeySignature, Length, MultiRest, Note, Rest, TimeSignature, Token, parse_token
from .sounding import timeline

MAX_WHOLES = 43_200


def read_music(words: Sequence[str]) -> dict[int, Token]:
    """The tokens that can be read, by their places."""
    found: dict[int, Token] = {}
    n_measures = 0
    for place, word in enumerate(words):
        try:
            token = parse_token(word)
        except ValueError:
            continue
        n_rests = token.measures if isinstance(token, MultiRest) else 0
        is_too_high = isinstance(token, Note) and token.pitch.midi > 127
        if not is_too_high and n_measures + n_rests <= MAX_MEASURES:
            found[place] = token
            n_measures += n_rests
    times = timeline(list(found.values()))
    return {
        place: token
        for (place, token), (onset, lasts) in zip(found.items(), times, strict=True)
        if onset + lasts <= MAX_WHOLES
    }


def find_onsets(words: Sequence[str]) -> list[float | None]:
    """Quarters from the start at which each word stands, None where it was left out."""
    music = read_music(words)
    onsets = {place: float(4 * onset) for place, (onset, _) in zip(music, timeline([*music.values()]), strict=True)}
    return [onsets.get(place) for place in range(len(words))]


def write_score(words: Sequence[str]) -> tuple[str, bytes]:
    """MusicXML and a MIDI file at 120 quarters a minute."""
    tokens = list(read_music(words).values())
    signs = takewhile(lambda token: isinstance(token, Clef | KeySignature | TimeSignature), tokens)
    clef = [] if any(isinstance(sign, Clef) for sign in signs) else [Clef("G", 2)]
    return write_musicxml(clef + (tokens or [Rest(Length("whole"))])), write_midi(tokens)
