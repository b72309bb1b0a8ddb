"""Semantic tokens in a musician's words."""

from scorehub.pipelines.music_transcription.semantic import (
    Barline,
    Clef,
    KeySignature,
    Length,
    MultiRest,
    Note,
    Pitch,
    Rest,
    Tie,
    TimeSignature,
    Token,
    parse_token,
)
from scorehub.spaces.markup import count

_CLEFS = {
    "G2": "treble clef", "G1": "French violin clef", "F4": "bass clef", "F3": "baritone clef", "F5": "sub-bass clef",
    "C1": "soprano clef", "C2": "mezzo-soprano clef", "C3": "alto clef", "C4": "tenor clef", "C5": "baritone C clef",
}  # fmt: skip
_SHORT = {"thirty_second": "32nd", "sixty_fourth": "64th", "hundred_twenty_eighth": "128th"}
_DOTTED = ("", "dotted ", "double-dotted ", "triple-dotted ")
_METERS = {"C": "common time, C", "C/": "cut time, C with a stroke"}
_FIFTHS = "FCGDAEB"
_TO_MINOR = 3  # fifths from a major tonic to the minor one of the same signature


def token_in_words(text: str) -> str:
    """`F♯4 dotted quarter` of `note-F#4_quarter.`; what is no token stays as it is."""
    try:
        return _in_words(parse_token(text))
    except ValueError:
        return text


def _in_words(token: Token) -> str:
    match token:
        case Note():
            kind = "grace note " if token.grace else ""
            return f"{kind}{_pitch(token.pitch)} {_length(token.length)}{_fermata(token)}"
        case Rest():
            return f"{_length(token.length)} rest{_fermata(token)}"
        case MultiRest():
            return f"rest of {count(token.measures, 'measure')}"
        case Clef():
            return _CLEFS.get(f"{token.sign}{token.line}", f"{token.sign} clef on line {token.line}")
        case KeySignature():
            return _key(token.fifths)
        case TimeSignature():
            return _METERS.get(token.text, f"{token.text} time")
        case Barline():
            return "bar line"
        case Tie():
            return "tie"


def _pitch(pitch: Pitch) -> str:
    return f"{_name(pitch.step, pitch.alter)}{pitch.octave}"


def _name(step: str, alter: int) -> str:
    return step + "♯" * alter + "♭" * -alter


def _length(length: Length) -> str:
    return _DOTTED[length.dots] + _SHORT.get(length.name, length.name.replace("_", " "))


def _fermata(token: Note | Rest) -> str:
    return ", fermata" if token.fermata else ""


def _key(fifths: int) -> str:
    signs = count(abs(fifths), "sharp" if fifths > 0 else "flat") if fifths else "no sharps or flats"
    return f"key of {signs}: {_tonic(fifths)} major or {_tonic(fifths + _TO_MINOR)} minor"


def _tonic(fifths: int) -> str:
    """So many fifths above C."""
    alter, place = divmod(fifths + 1, len(_FIFTHS))
    return _name(_FIFTHS[place], alter)
