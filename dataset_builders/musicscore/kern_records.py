"""What a Humdrum `**kern` file says of its work: reference records (`!!!COM: Mozart, ...`), key and instruments.

Record names: https://www.humdrum.org/reference-records/. The rights (`YEC`, `YEM`) are those of the encoding and not
of a scan of the same music, so they stay among the raw records and never become a licence.
"""

import html
import re

from scorehub.dataset_builders.musicscore.fields import to_work_metadata
from scorehub.dataset_builders.musicscore.imslp import key_name
from scorehub.dataset_builders.musicscore.schema import WorkMetadata

# Field to record names, the first that the file has wins. The movement (OMV) is not part of the title: all movements
# of a work share its split.
_RECORDS = {
    "title": ("OPR", "OTL"),
    "composer": ("COM", "COA"),
    "year": ("ODT", "PDT", "YOY"),
    "instrumentation": ("AIN",),
    "genre": ("AGN",),
    "language": ("TXL", "TXO"),
}
_INSTRUMENTS = {"cemba": "harpsichord", "clars": "clarinet", "flt": "flute", "fagot": "bassoon", "cor": "horn"}
_RECORD = re.compile(r"^!!!([^:!]+):[ \t]*(.*)$", re.MULTILINE)
_KEY = re.compile(r"(?:^|\t)\*([A-Ga-g])([#-]?):", re.MULTILINE)
_INSTRUMENT = re.compile(r"(?:^|\t)\*I([a-z]\w*)")


def parse_kern_records(text: str) -> WorkMetadata:
    """The work that a `**kern` file encodes; fields that it does not state are `""`.

    Raises:
        ValueError: the text has neither a reference record nor a `**kern` spine.
    """
    if "**kern" not in text and not text.startswith("!!!"):
        raise ValueError("Humdrum file must have a **kern spine or reference records, got neither")
    records: dict[str, str] = {}
    for name, value in _RECORD.findall(text):
        value = re.sub(r"<[^>]*>", "", html.unescape(value)).strip()
        if value and not name.startswith("RDF"):
            records[name] = f"{records[name]}; {value}" if name in records else value
    fields = {}
    for field, names in _RECORDS.items():
        # `OTL`, else `OTL@@DE` (the original language), else `OTL@EN` (a translation).
        known = [known for name in names for known in sorted(records) if known.partition("@")[0] == name]
        fields[field] = records[known[0]] if known else ""
    fields["instrumentation"] = fields["instrumentation"] or _instruments(text)
    key = _KEY.search(text)
    fields["key"] = key_name(key.group(1) + key.group(2).replace("-", "b")) if key else ""
    return to_work_metadata(records | {name: value for name, value in fields.items() if value})


def _instruments(text: str) -> str:
    """The instrument codes of the spines (`*Ipiano`), each once, in score order (spines run from the lowest part)."""
    for line in text.splitlines():
        codes = list(dict.fromkeys(_INSTRUMENT.findall(line)))
        if line.startswith("*") and codes:
            return ", ".join(_INSTRUMENTS.get(code, code) for code in reversed(codes))
    return ""
