"""Four-part chorales as MusicXML: soprano and alto, tenor and bass on two staves, in the key that fits best.

    write_musicxml(pitches)  # int (T, 4), sixteenths, MIDI pitches, -1 for a rest

Equal pitches that follow each other are one note, tied over bar lines. Spelling is that of the key: sharps and flats
are those nearest to it on the line of fifths. Accidentals are written for those who read the whole staff and for those
who sing one voice of it; what is tied has its own before its first note only.

Source: MusicXML 4.0; keys: Krumhansl and Kessler 1982.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from scorehub.notation.accidentals import signature_steps
from scorehub.notation.key_finding import find_fifths
from scorehub.pipelines.chorales.grids import STEPS_PER_BAR
from scorehub.pipelines.music_transcription.musicxml import ACCIDENTALS

PARTS = (("Soprano, alto", (0, 1), ("G", 2)), ("Tenor, bass", (2, 3), ("F", 4)))
LINE = "FCGDAEB"  # of fifths, from F on
VALUES = {16: "whole", 12: "half.", 8: "half", 6: "quarter.", 4: "quarter", 3: "eighth.", 2: "eighth", 1: "16th"}
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<score-partwise version="4.0">\n<part-list>'


class _Note(NamedTuple):
    """What can be written as one note, or rest: pitch -1."""

    start: int
    length: int
    pitch: int
    is_tied: bool  # from before
    goes_on: bool


def write_musicxml(pitches: np.ndarray, tempo: float = 80.0) -> str:
    """MusicXML of a chorale.

    Args:
        pitches: int (T, 4), MIDI, -1 for a rest; soprano to bass.
        tempo: quarters a minute.

    Raises:
        ValueError: there are no steps, or not four voices.
    """
    if pitches.ndim != 2 or pitches.shape[1] != 4 or not len(pitches):
        raise ValueError(f"pitches must be (T, 4) with a step at least, got {pitches.shape}")
    sounding = pitches[pitches >= 0]
    fifths = find_fifths(np.bincount(sounding % 12, minlength=12)) if len(sounding) else 0
    names = "".join(
        f'<score-part id="P{number}"><part-name>{name}</part-name></score-part>'
        for number, (name, *_) in enumerate(PARTS, 1)
    )
    parts = (
        f'<part id="P{number}">\n{_part(pitches[:, voices], fifths, clef, tempo if number == 1 else None)}</part>\n'
        for number, (_, voices, clef) in enumerate(PARTS, 1)
    )
    return f"{_HEAD}{names}</part-list>\n{''.join(parts)}</score-partwise>\n"


def _part(pitches: np.ndarray, fifths: int, clef: tuple[str, int], tempo: float | None) -> str:
    """The measures of two voices."""
    voices = [list(_notes(pitches[:, voice])) for voice in range(2)]
    text = ""
    for number, start in enumerate(range(0, len(pitches), STEPS_PER_BAR)):
        length = min(STEPS_PER_BAR, len(pitches) - start)
        text += f'<measure number="{number + 1}">\n' + (_attributes(fifths, clef, tempo) if not number else "")
        inside = [[note for note in notes if start <= note.start < start + length] for notes in voices]
        accidentals = _accidentals(inside, fifths)
        for voice, notes in enumerate(inside):
            text += f"<backup><duration>{length}</duration></backup>\n" if voice else ""
            text += "".join(_note(note, voice, fifths, accidentals.get((voice, note.start), "")) for note in notes)
        text += "</measure>\n"
    return text


def _attributes(fifths: int, clef: tuple[str, int], tempo: float | None) -> str:
    sign, line = clef
    speed = f'<direction><sound tempo="{tempo:g}"/></direction>\n' if tempo else ""
    return (
        f"<attributes><divisions>4</divisions><key><fifths>{fifths}</fifths></key>"
        "<time><beats>4</beats><beat-type>4</beat-type></time>"
        f"<clef><sign>{sign}</sign><line>{line}</line></clef></attributes>\n{speed}"
    )


def _accidentals(voices: Sequence[Sequence[_Note]], fifths: int) -> dict[tuple[int, int], str]:
    """The accidentals of a measure of a staff, by voice and start of their notes."""
    key = dict.fromkeys(signature_steps(fifths), 1 if fifths > 0 else -1)
    heads = sorted(
        (note.start, voice, note) for voice, notes in enumerate(voices) for note in notes if note.pitch >= 0
    )
    spelt = [spell(note.pitch, fifths) for _, _, note in heads]
    together: dict[tuple[int, str, int], set[int]] = {}  # what a line or space has at a time
    for (start, *_), (step, alter, octave) in zip(heads, spelt, strict=True):
        together.setdefault((start, step, octave), set()).add(alter)
    in_force: dict[tuple[str | int, str, int], int | None] = {}  # by who reads: the whole staff, or one voice of it
    found = {}
    for (start, voice, note), (step, alter, octave) in zip(heads, spelt, strict=True):
        places = [(reader, step, octave) for reader in ("staff", voice)]
        is_plain = all(in_force.get(place, key.get(step, 0)) == alter for place in places)
        if note.is_tied:
            # It has none of its own, and after it nobody knows what the measure has: the next one there says it.
            in_force |= {} if is_plain else dict.fromkeys(places)
        elif not is_plain or len(together[start, step, octave]) > 1:
            in_force |= dict.fromkeys(places, alter)
            found[voice, start] = f"<accidental>{ACCIDENTALS[alter]}</accidental>"
    return found


def _notes(pitches: np.ndarray) -> Iterator[_Note]:
    """The notes and rests of a voice."""
    edges = [0, *(np.flatnonzero(np.diff(pitches)) + 1).tolist(), len(pitches)]
    for begin, end in pairwise(edges):
        step = begin
        while step < end:
            room = min(end, (step // STEPS_PER_BAR + 1) * STEPS_PER_BAR) - step
            length = next(value for value in VALUES if value <= room)
            sounds = pitches[begin] >= 0
            is_tied, goes_on = bool(sounds and step > begin), bool(sounds and step + length < end)
            yield _Note(step, length, int(pitches[begin]), is_tied, goes_on)
            step += length


def _note(note: _Note, voice: int, fifths: int, accidental: str) -> str:
    kind, dot, _ = VALUES[note.length].partition(".")
    sound, ties, notations = "<rest/>", "", ""
    if note.pitch >= 0:
        step, alter, octave = spell(note.pitch, fifths)
        sound = f"<pitch><step>{step}</step><alter>{alter}</alter><octave>{octave}</octave></pitch>"
        kinds = ["stop"] * note.is_tied + ["start"] * note.goes_on
        ties = "".join(f'<tie type="{each}"/>' for each in kinds)
        tied = "".join(f'<tied type="{each}"/>' for each in kinds)
        notations = f"<notations>{tied}</notations>" if kinds else ""
    stem = f"<stem>{'down' if voice else 'up'}</stem>" if note.pitch >= 0 else ""
    return (
        f"<note>{sound}<duration>{note.length}</duration>{ties}<voice>{voice + 1}</voice><type>{kind}</type>"
        f"{'<dot/>' if dot else ''}{accidental}{stem}{notations}</note>\n"
    )


def spell(pitch: int, fifths: int) -> tuple[str, int, int]:
    """Step, alteration and octave of a MIDI pitch in a key.

    >>> spell(66, 2), spell(66, -5), spell(59, 7)
    (('F', 1, 4), ('G', -1, 4), ('B', 0, 3))
    """
    # Twelve neighbours on the line of fifths (C is 0): with the signature of C from B flat to D sharp, so that a minor
    # key has its own leading tone and that of its dominant. No other twelve misname as few of Bach's notes.
    lowest = fifths - 2
    place = lowest + (7 * pitch - lowest) % 12
    alter, index = divmod(place + 1, 7)
    octave = (pitch - alter) // 12 - 1
    return LINE[index], alter, octave
