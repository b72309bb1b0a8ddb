"""What was read in a page that was drawn, and whether that is what was asked for, in words."""

from dataclasses import dataclass

from PIL import Image

from scorehub.page_reader import (
    MIN_STAVES,
    SINGLE_STAFF,
    PageReading,
    agreement,
    key_fifths,
    read_score_page,
)
from scorehub.pipelines.text_to_score.prompt import parse_prompt
from scorehub.spaces.markup import count

_CLEFS = {"G2": "treble", "C3": "alto", "F4": "bass"}
_BRACED = "treble over bass"


@dataclass(frozen=True)
class Finding:
    """Something that was read; `agrees` is None where nothing was asked, `note` says what was."""

    what: str
    found: str
    agrees: bool | None = None
    note: str = ""


@dataclass(frozen=True)
class Verdict:
    """All of it; `level` is of good, fair and bad."""

    level: str
    heading: str
    findings: list[Finding]


def judge_page(page: Image.Image, prompt: str) -> Verdict:
    """Reads a page, and compares it with what a prompt says that can be seen."""
    return make_verdict(read_score_page(page), visible_fields(prompt))


def visible_fields(prompt: str) -> dict[str, str]:
    """The fields of a prompt, without a key that no signature belongs to; none of a prompt of another form."""
    try:
        fields = parse_prompt(prompt)
    except ValueError:
        return {}
    try:
        key_fifths(fields.get("key", "C major"))
    except ValueError:
        del fields["key"]
    return fields


def make_verdict(reading: PageReading, fields: dict[str, str]) -> Verdict:
    """What a reading says to fields of a prompt."""
    agrees = agreement(reading, fields)
    if not agrees["staves"]:
        level, heading = "bad", "Does not read as music"
    elif not all(agrees.values()):
        level, heading = "fair", "Reads as music, but not as asked"
    else:
        level, heading = "good", "Reads as asked" if len(agrees) > 1 else "Reads as music"
    note = "" if agrees["staves"] else f"a page of music has {MIN_STAVES} or more"
    staves = Finding("Staves", f"{len(reading.staves)} with a clef", agrees["staves"], note)
    return Verdict(level, heading, [staves, _clef(reading, fields, agrees), _key(reading, fields, agrees)])


def _clef(reading: PageReading, fields: dict[str, str], agrees: dict[str, bool]) -> Finding:
    found = _BRACED if reading.is_braced else _CLEFS.get(reading.clef or "", "none")
    if "clef" not in agrees:
        return Finding("Clef", found)
    instrument = fields["instrumentation"].strip()
    wanted = SINGLE_STAFF.get(instrument.casefold())
    asked = _BRACED if wanted is None else _CLEFS[wanted]
    return Finding("Clef", found, agrees["clef"], f"asked: {asked}, for {instrument}")


def _key(reading: PageReading, fields: dict[str, str], agrees: dict[str, bool]) -> Finding:
    found = "none"
    if reading.fifths is not None:
        same = sum(staff.fifths == reading.fifths for staff in reading.staves)
        found = f"{_signature(reading.fifths)} on {same} of {len(reading.staves)} staves"
    if "key" not in agrees:
        return Finding("Key signature", found)
    asked = f"asked: {_signature(key_fifths(fields['key']))}, for {fields['key'].strip()}"
    return Finding("Key signature", found, agrees["key"], asked)


def _signature(fifths: int) -> str:
    return count(abs(fifths), "sharp" if fifths > 0 else "flat") if fifths else "no sharps or flats"
