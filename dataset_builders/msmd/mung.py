"""Reads MuNG, the XML in which MSMD keeps noteheads, systems and their alignment to performances.

    <CropObject><Id>0</Id><ClassName>notehead-full</ClassName><Top>118</Top><Left>598</Left><Width>9</Width>
    <Height>7</Height><Outlinks>1824</Outlinks><Data><DataItem key="midi_pitch_code" type="int">68</DataItem>...

A system is a `staff` object; a notehead's `Outlinks` name its system. `PERFORMANCE_onset_seconds` is the time in that
performance, `tied` 1 if the note goes on from another. Source: README of github CPJKU/msmd.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree

MAX_BYTES = 64 * 2**20
MAX_OBJECTS = 20_000  # of a page


@dataclass(frozen=True)
class MungObject:
    """A box of a page, its upper left corner given."""

    id: int
    kind: str
    left: float
    top: float
    width: float
    height: float
    outlinks: tuple[int, ...]
    data: dict[str, str]

    def number(self, key: str) -> float:
        """A data item as a number; NaN where there is none.

        Raises:
            ValueError: it is no finite number.
        """
        return _number(self.data[key], key) if key in self.data else math.nan


class _Builder(ElementTree.TreeBuilder):
    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        """Is called before anything that the DOCTYPE declares is read."""
        raise ValueError(f"MuNG must have no DOCTYPE, got one of {name[:40]!r}")


def parse_mung(data: bytes) -> list[MungObject]:
    """The objects of one page.

    Raises:
        ValueError: no well-formed MuNG, too large, or with a DOCTYPE.
    """
    if len(data) > MAX_BYTES:
        raise ValueError(f"MuNG must have at most {MAX_BYTES} bytes, got {len(data)}")
    parser = ElementTree.XMLParser(target=_Builder())  # noqa: S314
    try:
        parser.feed(data)
        root = parser.close()
    except ElementTree.ParseError as error:
        raise ValueError(f"MuNG must be well-formed XML, got: {error}") from None
    except LookupError as error:  # an encoding that Python does not know
        raise ValueError(f"MuNG must be in a known encoding, got: {error}") from None
    return list(_objects(root))


def _objects(root: ElementTree.Element) -> Iterator[MungObject]:
    for count, element in enumerate(root.iter("CropObject")):
        if count >= MAX_OBJECTS:
            raise ValueError(f"MuNG must have at most {MAX_OBJECTS} objects, got more")
        texts = {child.tag: child.text or "" for child in element}
        left, top, width, height = (_number(texts.get(tag, ""), tag) for tag in ("Left", "Top", "Width", "Height"))
        links = re.findall(r"\d{1,9}", texts.get("Outlinks", "")[:1000])
        data = {item.get("key", ""): item.text or "" for item in element.iterfind("Data/DataItem")}
        kind = texts.get("ClassName") or texts.get("MLClassName", "")  # the tag of older files
        identity = int(_number(texts.get("Id", ""), "Id"))
        yield MungObject(identity, kind, left, top, width, height, tuple(map(int, links)), data)


def _number(text: str, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{what} of a MuNG object must be a number, got {text[:40]!r}")
    return value
