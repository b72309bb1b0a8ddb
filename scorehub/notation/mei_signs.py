"""MEI's clefs, key signatures and meters as tokens, wherever and however MEI writes them.

They stand as attributes or as children, of a `scoreDef` or its `staffDef`, or in a layer: `key.sig` in MEI 4 is
`keysig` or a `keySig` in MEI 5. Verovio writes kern's `*met` as a mensuration beside an invisible meter, and draws it
only if it has a sign.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping

from scorehub.pipelines.music_transcription.semantic import Clef, KeySignature, TimeSignature

Sign = Clef | KeySignature | TimeSignature

_SYMBOLS = {"common": "C", "cut": "C/"}
SHARPS = "FCGDAEB"  # in the order of key signatures; flats run backwards
SIGNS = ("clef", "keySig", "mensur", "meterSig")


def tag(element: ET.Element) -> str:
    """An element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def definition(score: ET.Element) -> Iterator[Sign]:
    """Clef, key and meter of a `scoreDef`; the staff's own prevail.

    Raises:
        ValueError: there are several staves, or not of five lines, or a sign that PrIMuS lacks; or a definition in it.
    """
    names = [tag(element) for element in score.iter()]
    if "scoreDef" in names[1:]:
        raise ValueError("scoreDef must have no other in it, got one")
    staves = [element for element in score.iter() if tag(element) == "staffDef"]
    if len(staves) > 1:
        raise ValueError(f"score must have one staff, got {len(staves)}")
    attributes: dict[str, str] = {}
    children: dict[str, ET.Element] = {}
    for element in (score, *staves):
        attributes.update(element.attrib)
        children.update({tag(child): child for child in element})
    if attributes.get("lines", "5") != "5":
        raise ValueError(f"staff must have 5 lines, got {attributes['lines']!r}")
    _children_of_attributes(attributes, children)
    for name in SIGNS:
        if name in children and not (name == "meterSig" and "mensur" in children):
            yield from sign(children[name])


def _children_of_attributes(attributes: dict[str, str], children: dict[str, ET.Element]) -> None:
    """Adds what stands as attributes, unless it stands as a child."""
    key = attributes.get("key.sig", attributes.get("keysig"))
    if key is not None:
        children.setdefault("keySig", ET.Element("keySig", sig=key))
    for name, prefix in (("clef", "clef."), ("meterSig", "meter.")):
        own = {key.removeprefix(prefix): value for key, value in attributes.items() if key.startswith(prefix)}
        if own:
            children.setdefault(name, ET.Element(name, own))


def sign(element: ET.Element) -> list[Sign]:
    """The token of one of `SIGNS`, or none if it is not drawn.

    Raises:
        ValueError: PrIMuS has no token for it.
    """
    if element.get("visible") == "false" or element.get("form") == "invis":
        if tag(element) == "clef" or element.get("sig", "0") != "0":
            raise ValueError(f"{tag(element)} must be visible, got it hidden")
        return []
    match tag(element):
        case "clef":
            return [_clef(element.attrib)]
        case "keySig":
            return [_key(element)]
        case "mensur":
            return _mensuration(element.attrib)
        case name:
            assert name == "meterSig", name
            return _meter(element.attrib)


def _clef(clef: Mapping[str, str]) -> Clef:
    if "dis" in clef:
        raise ValueError(f"clef must not be an octave clef, got {clef['dis']!r} {clef.get('dis.place')!r}")
    line = clef.get("line", "")
    if not re.fullmatch("[1-5]", line):
        raise ValueError(f"clef's line must be 1 to 5, got {line!r}")
    return Clef(clef.get("shape", ""), int(line))


def _key(key: ET.Element) -> KeySignature:
    accidentals = [child for child in key if tag(child) == "keyAccid"]
    signature = key.get("sig")
    if signature is None and accidentals:  # in any order of its own
        signature = f"{len(accidentals)}{accidentals[0].get('accid')}"
    match = re.fullmatch(r"0|([1-7])([sf])", signature or "")
    if not match:
        raise ValueError(f"key signature must be 0 to 7 sharps or flats, got {signature!r}")
    token = KeySignature(int(match[1] or 0) * (1 if match[2] == "s" else -1))
    drawn = {(child.get("pname", "").upper(), child.get("accid")) for child in accidentals}
    if accidentals and drawn != {(step, match[2]) for step in altered(token)}:
        raise ValueError(f"key signature must be of the usual accidentals, got {sorted(drawn, key=str)}")
    return token


def altered(key: KeySignature) -> str:
    """The steps that a key signature alters."""
    return (SHARPS if key.fifths > 0 else SHARPS[::-1])[: abs(key.fifths)]


def _meter(meter: Mapping[str, str]) -> list[Sign]:
    if not {"sym", "count", "unit"} & meter.keys():
        return []
    if meter.get("form", "norm") != "norm":
        raise ValueError(f"meter must show both its numbers, got form {meter['form']!r}")
    if "sym" not in meter:
        return [TimeSignature(f"{meter.get('count', '')}/{meter.get('unit', '')}")]
    if meter["sym"] not in _SYMBOLS:
        raise ValueError(f"meter's symbol must be one of {list(_SYMBOLS)}, got {meter['sym']!r}")
    return [TimeSignature(_SYMBOLS[meter["sym"]])]


def _mensuration(mensur: Mapping[str, str]) -> list[Sign]:
    shown = {name: mensur[name] for name in ("sign", "slash", "dot", "num", "numbase", "orient") if name in mensur}
    if shown.keys() <= {"slash"}:
        return []
    if shown.get("sign") != "C" or shown.get("slash", "1") != "1" or shown.keys() - {"sign", "slash"}:
        raise ValueError(f"mensuration must be C with at most one slash, got {shown}")
    return [TimeSignature("C/" if "slash" in shown else "C")]
