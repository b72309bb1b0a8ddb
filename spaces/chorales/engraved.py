"""A chorale engraved, each of its notes known: verovio's SVG with when they are heard and what rules they break."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np

from scorehub.chorales import PICTURE_LAYOUT
from scorehub.engraving import Engraving, engrave_score
from scorehub.notation.chorale_musicxml import write_musicxml
from scorehub.pipelines.chorales.grids import STEPS_PER_QUARTER
from scorehub.spaces.chorales.chorale import Chorale
from scorehub.voice_leading import PARALLELS, Fault

_SVG = "{http://www.w3.org/2000/svg}"
_NOTE = re.compile(r'<g id="([^"]+)" class="note"')


@dataclass(frozen=True)
class DrawnNote:
    """A note on paper: its voice, soprano 0 to bass 3, and the sixteenths from which to before which it lasts."""

    voice: int
    begin: int
    end: int

    def is_in(self, fault: Fault) -> bool:
        """Whether it is one of those that break a rule; parallels have two in each voice."""
        steps = (fault.step - 1, fault.step) if fault.kind in PARALLELS else (fault.step,)
        return self.voice in fault.voices and any(self.begin <= step < self.end for step in steps)


def engrave_chorale(chorale: Chorale, faults: Sequence[Fault]) -> str:
    """SVG whose notes have `data-on` and `data-off`, in seconds, and `data-faults`, numbers of what they break."""
    engraving = engrave_score(write_musicxml(chorale.notated(), chorale.tempo), PICTURE_LAYOUT)
    notes = find_notes(engraving, chorale.pitches)

    def described(group: re.Match[str]) -> str:
        note = notes[group[1]]
        broken = " ".join(str(number) for number, fault in enumerate(faults) if note.is_in(fault))
        times = f'data-on="{chorale.seconds(note.begin):.3f}" data-off="{chorale.seconds(note.end):.3f}"'
        return f"{group[0]} {times}" + (f' data-faults="{broken}"' if broken else "")

    return _NOTE.sub(described, engraving.pages[0])


def find_notes(engraving: Engraving, pitches: np.ndarray) -> dict[str, DrawnNote]:
    """The notes of a chorale (T, 4) by their ids in an engraving, in which rests may come before an upbeat."""
    begins: dict[str, float] = {}
    ends: dict[str, float] = {}
    for event in engraving.times()[0]:
        begins |= dict.fromkeys(event.get("on", []), event["qstamp"])
        ends |= dict.fromkeys(event.get("off", []), event["qstamp"])
    first = round(min(begins.values()) * STEPS_PER_QUARTER) - int(np.flatnonzero((pitches >= 0).any(1))[0])
    return {
        name: DrawnNote(voice, *(round(quarters[name] * STEPS_PER_QUARTER) - first for quarters in (begins, ends)))
        for name, voice in _voices(engraving.pages[0]).items()
    }


def _voices(svg: str) -> dict[str, int]:
    """Voices of notes by their ids: the layers of two staves, from above."""
    found: dict[str, int] = {}
    staff = layer = -1
    # Measures hold staves, these layers, these notes: the order of the document tells what is in what.
    for group in ElementTree.fromstring(svg).iter(f"{_SVG}g"):  # noqa: S314 - verovio's own, which declares no entities
        kind = group.get("class", "").partition(" ")[0]
        if kind == "measure":
            staff = -1
        elif kind == "staff":
            staff, layer = staff + 1, -1
        elif kind == "layer":
            layer += 1
        elif kind == "note":
            found[group.get("id", "")] = 2 * staff + layer
    return found
