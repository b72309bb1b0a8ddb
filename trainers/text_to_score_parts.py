"""What the engraved pages of the text-to-score model play: melodies of one work, on one staff or on a piano's two.

parts = find_parts(excerpts, "piano", fifths=3)  # right hand, left hand
notation = write_parts(parts)
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from scorehub.dataset_builders.camera_primus.incipits import Incipit
from scorehub.notation.kern import read_kern
from scorehub.notation.kern_writer import join_spines, write_kern
from scorehub.notation.pae import read_pae
from scorehub.notation.transposing import transpose
from scorehub.pipelines.music_transcription.semantic import (
    Barline,
    Clef,
    KeySignature,
    MultiRest,
    Note,
    Rest,
    Tie,
    TimeSignature,
    Token,
)

# Clef, and the diatonic height in the middle of what is played.
SOLO = {"violin": (Clef("G", 2), 36), "viola": (Clef("C", 3), 29), "cello": (Clef("F", 4), 23)}
HANDS = (Clef("G", 2), 35), (Clef("F", 4), 23)
INSTRUMENTS = (*SOLO, "piano")
READERS = {"kern": read_kern, "pae": read_pae}
FULL = 190  # symbols that fill a page
FULL_HANDS = 150  # symbols of both hands


@dataclass(frozen=True)
class Melody:
    """An excerpt in a key, without signatures: notes, rests, ties and bar lines, the last of them a bar line.

    Attributes:
        meter: at its beginning; None where it has none.
    """

    meter: TimeSignature | None
    tokens: tuple[Token, ...]

    @property
    def measures(self) -> list[list[Token]]:
        """Its measures, without bar lines."""
        found: list[list[Token]] = [[]]
        for token in self.tokens:
            if isinstance(token, Barline):
                found.append([])
            else:
                found[-1].append(token)
        return found[:-1]

    @property
    def is_regular(self) -> bool:
        """Whether it has a meter that all of its measures fill."""
        lengths = {sum(_length(token) for token in measure) for measure in self.measures}
        return self.meter is not None and lengths == {self.meter.measure}


def read_melody(excerpt: Incipit, fifths: int, centre: int) -> Melody | None:
    """An excerpt moved into a key, near a diatonic height; None where it has what the pages leave out."""
    try:
        tokens = transpose(READERS[excerpt.format](excerpt.notation), fifths, centre)
    except ValueError:
        return None
    if any(isinstance(token, MultiRest) or (isinstance(token, Note) and token.grace) for token in tokens):
        return None
    # As numbers, for of kern verovio would leave out the signs C and C/.
    meters = [
        TimeSignature("/".join(map(str, token.fraction))) for token in tokens if isinstance(token, TimeSignature)
    ]
    played = [token for token in tokens if not isinstance(token, Clef | KeySignature | TimeSignature)]
    if len(meters) > 1 or not played:
        return None
    end = () if isinstance(played[-1], Barline) else (Barline(),)
    return Melody(meters[0] if meters else None, (*played, *end))


def find_parts(excerpts: Sequence[Incipit], instrument: str, fifths: int) -> list[list[Token]]:
    """The staves of a system, from the top, until they fill a page; nothing where they do not."""
    if instrument in SOLO:
        part = join_melodies(excerpts, *SOLO[instrument], fifths)
        return [part] if len(part) >= FULL else []
    hands = join_hands(excerpts, fifths)
    return hands if sum(map(len, hands)) >= FULL_HANDS else []


def join_melodies(excerpts: Sequence[Incipit], clef: Clef, centre: int, fifths: int) -> list[Token]:
    """One melody of excerpts, each in its meter."""
    joined: list[Token] = [clef, KeySignature(fifths)]
    last = None
    for excerpt in excerpts:
        melody = read_melody(excerpt, fifths, centre)
        if melody is None:
            continue
        if melody.meter not in (None, last):
            last = melody.meter
            joined.append(last)
        joined += melody.tokens
        if len(joined) >= FULL:
            break
    return joined


def join_hands(excerpts: Sequence[Incipit], fifths: int) -> list[list[Token]]:
    """Two melodies of excerpts in the meter that most have, every other for the left hand, with as many measures."""
    found: list[list[Melody]] = [[], []]
    for number, excerpt in enumerate(excerpts):
        melody = read_melody(excerpt, fifths, HANDS[number % 2][1])
        if melody is not None and melody.is_regular:
            found[number % 2].append(melody)
    meters = Counter(melody.meter for melodies in found for melody in melodies)
    if not meters:
        return []
    meter = meters.most_common(1)[0][0]
    assert meter is not None
    played = [[each for melody in hand if melody.meter == meter for each in melody.measures] for hand in found]
    hands: list[list[Token]] = [[clef, KeySignature(fifths), meter] for clef, _ in HANDS]
    for measures in zip(*played, strict=False):
        for hand, measure in zip(hands, measures, strict=True):
            hand += [*measure, Barline()]
        if sum(map(len, hands)) >= FULL and not any(isinstance(measure[-1], Tie) for measure in measures):
            return hands
    return [] if any(isinstance(hand[-2], Tie) for hand in hands) else hands


def write_parts(parts: Sequence[Sequence[Token]]) -> str:
    """The staves, from the top, as **kern; two are braced."""
    spines = [write_kern(part, beams=True) for part in parts]
    if len(spines) == 1:
        return spines[0]
    named = [spine.replace("\n", f"\n*part1\n*staff{number}\n", 1) for number, spine in enumerate(spines, 1)]
    return join_spines(named[::-1])  # Humdrum begins with the lowest staff


def _length(token: Token) -> Fraction:
    return token.length.fraction if isinstance(token, Note | Rest) else Fraction(0)
