"""The table of works, `works.yaml`, and what each of its fields may hold.

Source: Behrens, Music Modeling and Music Generation with Deep Learning, 2023: its timeline and its other inspiring
works, 39 in all.
"""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import yaml

TASKS = (
    *("unconditional generation", "conditional generation", "harmonisation", "understanding", "text-to-music"),
    *("audio synthesis", "representation learning", "accompaniment"),
)
MODALITIES = ("symbolic", "audio", "text")
ENCODINGS = (
    *("note attributes", "event tokens", "time grid", "piano roll"),  # of notes
    *("waveform", "audio codes", "latent vectors"),
)
FAMILIES = (
    *("rules", "feedforward", "RNN", "CNN", "RBM", "GAN", "VAE", "transformer", "diffusion"),
    "reinforcement learning",
)
STATUSES = ("works", "described")  # works: `here` says by what of this project, `command` runs it
CLOSED = {"task": TASKS, "modality": MODALITIES, "encoding": ENCODINGS, "family": FAMILIES, "status": STATUSES}
TEXTS = ("id", "name", "title", "representation", "architecture", "paper", "summary")
MAY_BE_EMPTY = ("code", "licence", "here", "command")
LISTS = ("authors", "training_data")
YEARS = (1950, 2100)
FIELDS = (*TEXTS, *MAY_BE_EMPTY, *LISTS, *CLOSED, "year", "month")

Work = dict[str, Any]


def table() -> str:
    """The project's own, as YAML."""
    return files(__package__).joinpath("works.yaml").read_text(encoding="utf-8")


def read_works(text: str | None = None) -> list[Work]:
    """The works, oldest first.

    Args:
        text: YAML; the project's own table if None.

    Raises:
        ValueError: a field is missing, unknown or not what it must be, or two works have one id.
    """
    try:
        works = yaml.safe_load(table() if text is None else text)
    except yaml.YAMLError as error:
        raise ValueError(f"works must be YAML, got: {error}") from None
    if not isinstance(works, list) or not all(isinstance(work, dict) for work in works):
        raise ValueError("works must be a list of mappings")
    for work in works:
        _check(work)
    ids = [work["id"] for work in works]
    repeated = {name for name in ids if ids.count(name) > 1}
    if repeated:
        raise ValueError(f"ids must differ, got several of {', '.join(sorted(repeated))}")
    return sorted(works, key=lambda work: (work["year"], work["month"] or 0))


def _check(work: Mapping[str, Any]) -> None:
    name = work.get("id")
    if set(work) != set(FIELDS):
        raise ValueError(f"{name} must have the fields {', '.join(FIELDS)}, got {', '.join(map(str, work))}")
    for field in (*TEXTS, *MAY_BE_EMPTY):
        if not isinstance(work[field], str) or not (work[field] or field in MAY_BE_EMPTY):
            raise ValueError(f"{field} of {name} must be a text, got {work[field]!r}")
    for field in LISTS:
        if not isinstance(work[field], list) or not all(isinstance(each, str) for each in work[field]):
            raise ValueError(f"{field} of {name} must be a list of texts, got {work[field]!r}")
    for field, allowed in CLOSED.items():
        if work[field] not in allowed:
            raise ValueError(f"{field} of {name} must be one of {', '.join(allowed)}, got {work[field]!r}")
    for field in ("paper", "code"):
        if work[field] and not work[field].startswith("https://"):
            raise ValueError(f"{field} of {name} must begin with https://, got {work[field]!r}")
    month = work["month"]
    is_year = isinstance(work["year"], int) and YEARS[0] <= work["year"] < YEARS[1]
    if not is_year or not (month is None or (isinstance(month, int) and 1 <= month <= 12)):
        raise ValueError(f"year and month of {name} must be a date, got {work['year']!r} and {month!r}")
    for field, what in (("here", "say by what it works"), ("command", "run it")):
        if (work["status"] == "works") != bool(work[field]):
            raise ValueError(f"{field} of {name} must {what}, and only if it does, got {work[field]!r}")
