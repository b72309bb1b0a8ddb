"""Which notes a score has: id, onset in quarters from its beginning as written (repeats once), pitch, measure.

MusicXML and MEI are read for these alone. Ties are not joined: a tied note is a note of its own. Of MEI it is the
music in `measure/staff/layer` with durations as symbols, which is what engravers write; Verovio is no help here, since
it ends the process on some damaged files.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass

MAX_QUARTERS = 100_000
SCORE_FORMATS = {".musicxml": "musicxml", ".xml": "musicxml", ".mei": "mei"}

_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_MEI = "{http://www.music-encoding.org/ns/mei}"
_XML_ID = "{http://www.w3.org/XML/1998/namespace}id"
_QUARTERS = {"breve": 8.0, "long": 16.0} | {str(2**power): 4 / 2**power for power in range(9)}
_ALTER = {"s": 1, "f": -1, "ss": 2, "x": 2, "ff": -2, "n": 0}
_MAX_DEPTH = 20  # of beams, tuplets and chords in each other


@dataclass(frozen=True)
class ScoreNote:
    """A note as written; `measure` counts from 0 over the whole score."""

    onset: float  # quarters
    pitch: int  # MIDI number
    measure: int


def read_score_notes(text: str, score_format: str) -> dict[str, ScoreNote]:
    """The notes that have an id, by it.

    Raises:
        ValueError: the score is malformed, declares entities, or its format is unknown.
    """
    if score_format not in ("musicxml", "mei"):
        raise ValueError(f"score_format must be musicxml or mei, got {score_format!r}")
    # A DOCTYPE is usual in MusicXML and harmless by its public name; what it could declare is not.
    if "<!ENTITY" in text or "[" in text.partition("<!DOCTYPE")[2].partition(">")[0]:
        raise ValueError("score must not declare entities, got a DOCTYPE that does")
    try:
        root = ET.fromstring(text)  # noqa: S314 - no entities, and the caller bounds its size
    except (ET.ParseError, ValueError) as error:
        raise ValueError(f"score must be well-formed XML, got: {error}") from None
    top = "score-partwise" if score_format == "musicxml" else f"{_MEI}mei"
    if root.tag != top:
        raise ValueError(f"{score_format} must begin with {top}, got {str(root.tag)[:80]!r}")
    if score_format == "mei":
        return dict(_read_mei(root))
    return {name: note for part in root.iterfind("part") for name, note in _read_part(part)}


def _read_part(part: ET.Element) -> Iterator[tuple[str, ScoreNote]]:
    divisions, start = 1.0, 0.0
    for number, measure in enumerate(part.iterfind("measure")):
        now = onset = end = start
        for element in measure:
            if element.tag == "attributes" and element.find("divisions") is not None:
                divisions = _number(element, "divisions")
            length = _number(element, "duration") / divisions if element.find("duration") is not None else 0.0
            if element.tag == "note":
                # The notes of a chord after its first begin with it; a grace note has no duration.
                onset = onset if element.find("chord") is not None else now
                now = max(now, onset + length)
                pitch = element.find("pitch")
                if pitch is not None and (name := element.get("id")):
                    yield name, ScoreNote(round(onset, 6), _midi_pitch(pitch), number)
            elif element.tag == "forward":
                now += length
            elif element.tag == "backup":
                now = max(start, now - length)
            end = max(end, now)
            if end > MAX_QUARTERS:
                raise ValueError(f"score must last at most {MAX_QUARTERS} quarters, got {end} in measure {number + 1}")
        start = end


def _number(element: ET.Element, name: str) -> float:
    text = (element.findtext(name) or "").strip()
    if not re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text) or (name == "divisions" and float(text) == 0):
        raise ValueError(f"{name} in MusicXML must be a positive number, got {text[:40]!r}")
    return float(text)


def _midi_pitch(pitch: ET.Element) -> int:
    step, octave, alter = (pitch.findtext(name, "0").strip() for name in ("step", "octave", "alter"))
    if step not in _SEMITONES or not re.fullmatch(r"\d", octave) or not re.fullmatch(r"-?\d(\.\d+)?", alter):
        raise ValueError(f"pitch in MusicXML must have a step, octave and alter, got {step!r}, {octave!r}, {alter!r}")
    return 12 * (int(octave) + 1) + _SEMITONES[step] + round(float(alter))


def _read_mei(root: ET.Element) -> Iterator[tuple[str, ScoreNote]]:
    start = length = 0.0
    for number, measure in enumerate(root.iter(f"{_MEI}measure")):
        lengths = [0.0]
        for layer in measure.iterfind(f"{_MEI}staff/{_MEI}layer"):
            now = start
            for element, quarters in _events(layer):
                if element.tag == f"{_MEI}note" and (name := element.get(_XML_ID)):
                    yield name, ScoreNote(round(now, 6), _mei_pitch(element), number)
                now += quarters
            lengths.append(now - start)
        length = max(lengths) or length  # a measure's rest lasts as long as the measure before
        start += length
        if start > MAX_QUARTERS:
            raise ValueError(f"score must last at most {MAX_QUARTERS} quarters, got {start} in measure {number + 1}")


def _events(parent: ET.Element, scale: float = 1.0, depth: int = 0) -> Iterator[tuple[ET.Element, float]]:
    """What sounds or rests in a layer in turn, and the quarters that pass: none at the notes of a chord, but at it."""
    if depth > _MAX_DEPTH:
        raise ValueError(f"MEI must have at most {_MAX_DEPTH} elements in each other in a layer, got {depth}")
    for element in parent:
        tag = str(element.tag).removeprefix(_MEI)
        if tag in ("note", "rest", "space"):
            yield element, scale * _mei_quarters(element)
        elif tag == "chord":
            yield from ((note, 0.0) for note in element.iter(f"{_MEI}note"))
            yield element, scale * _mei_quarters(element)
        elif tag == "tuplet":
            ratio = [element.get(name, "") for name in ("numbase", "num")]
            if not all(re.fullmatch(r"[1-9]\d{0,2}", part) for part in ratio):
                raise ValueError(f"tuplet in MEI must have num and numbase, got {ratio}")
            yield from _events(element, scale * int(ratio[0]) / int(ratio[1]), depth + 1)
        else:
            yield from _events(element, scale, depth + 1)


def _mei_quarters(element: ET.Element) -> float:
    if element.get("grace"):
        return 0.0
    written, dots = element.get("dur", ""), element.get("dots", "0")
    if written not in _QUARTERS or not re.fullmatch(r"[0-4]", dots):
        raise ValueError(f"dur in MEI must be one of {', '.join(_QUARTERS)}, dots 0 to 4, got {written!r}, {dots!r}")
    return _QUARTERS[written] * (2 - 0.5 ** int(dots))


def _mei_pitch(note: ET.Element) -> int:
    sources = [note, *note.iter(f"{_MEI}accid")]
    signs = [value for name in ("accid.ges", "accid") for source in sources if (value := source.get(name))]
    step, octave, sign = note.get("pname", "").upper(), note.get("oct", ""), (signs or ["n"])[0]
    if step not in _SEMITONES or not re.fullmatch(r"\d", octave) or sign not in _ALTER:
        raise ValueError(f"note in MEI must have pname, oct and accid, got {step!r}, {octave!r}, {sign!r}")
    return 12 * (int(octave) + 1) + _SEMITONES[step] + _ALTER[sign]
