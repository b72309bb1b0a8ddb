"""From any table of headers, IMSLP's or a user's, to the named fields of a work.

Headers match without case, spaces and punctuation: `Composer Time PeriodComp. Period` (as published),
`Composer Time Period` and `period` name one field. What has no field stays in `general_information`, as it came.
"""

import re
from collections.abc import Mapping

from scorehub.dataset_builders.musicscore.schema import WorkMetadata

# Canonical headers of each field, the first that has a value wins.
_HEADERS = {
    "title": ("title", "worktitle"),
    "composer": ("composer",),
    "key": ("key",),
    "instrumentation": ("instrumentation", "instruments", "instrument"),
    "piece_style": ("piecestyle", "style"),
    "genre": ("genre", "genres", "genrecategories", "tags"),
    "period": ("period", "composertimeperiodcompperiod", "composertimeperiod", "timeperiod"),
    "year": (
        "year",
        "yeardateofcompositionydofcomp",
        "yeardateofcomposition",
        "compositionyear",
        "date",
        "firstpublication",
        "yearoffirstpublication",
    ),
    "language": ("language",),
    "license": ("license", "licence", "copyright", "copyrightinformation"),
}
_YEAR = re.compile(r"(?:ca?\.\s?|~)?(?<!\d)\d{4}(?:\s?[-\u2013]\s?\d{2,4})?(?!\d)")
_KEY_IN_TITLE = re.compile(r"\bin ([A-G](?:[♭♯]|[- ](?:flat|sharp))? (?:major|minor))\b")


def canonical_header(header: str) -> str:
    """The letters and digits of a header in lower case.

    >>> canonical_header("Composer Time PeriodComp. Period")
    'composertimeperiodcompperiod'
    """
    return "".join(character for character in header.casefold() if character.isalnum())


def to_work_metadata(raw: Mapping[str, str], license: str = "") -> WorkMetadata:
    """The named fields of a raw table; the whole table is kept in `general_information`.

    Args:
        raw: header to text, in IMSLP's spelling or ours.
        license: licence of the file, which the table of the work does not say.
    """
    table: dict[str, str] = {}
    for header, text in raw.items():
        if text.strip():
            table.setdefault(canonical_header(header), header)
    values = {}
    for name, canonical_headers in _HEADERS.items():
        header = next((table[canonical] for canonical in canonical_headers if canonical in table), "")
        values[name] = _field_value(name, header, raw[header]) if header else ""
    values["license"] = values["license"] or license
    stated = _KEY_IN_TITLE.search(values["title"])
    if stated and not values["key"]:
        values["key"] = _field_value("key", "", stated.group(1))
    return WorkMetadata(**values, general_information=dict(raw))


def _field_value(name: str, header: str, text: str) -> str:
    """One line of text; keys in one spelling, years without places and publishers, genres without instruments."""
    text = "; ".join(line.strip() for line in text.splitlines() if line.strip())
    if name == "key":
        return text.replace("♭", "-flat").replace("♯", "-sharp")
    if name == "year":
        year = _YEAR.search(text)
        return year.group() if year else text
    if name == "genre" and canonical_header(header) in ("genrecategories", "tags"):
        return _genre(text)
    return text


def _genre(categories: str) -> str:
    """Genres out of IMSLP's categories (`Sonatas; For piano; For organ (arr)`) or tags (`sonatas ; pf ; de`).

    Instruments and languages are codes of up to four letters among tags, and sentences among categories.
    """
    names = (name.strip() for name in categories.split(";"))
    scoring = ("for ", "scores ")
    genres = [n for n in names if len(n) > 4 and " (arr" not in n and not n.casefold().startswith(scoring)]
    return "; ".join(dict.fromkeys(genres))
