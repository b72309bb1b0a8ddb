"""The datasets of notes as rows: what their builders say of them, and what music they hold."""

import inspect
from collections.abc import Iterable

from scorehub.dataset_builders.load_hook import builder_class
from scorehub.spaces.music_models.search import Row

# Kind of music, and how many pieces where that is known.
MUSIC = {
    "maestro": ("piano performances", "1,276 performances"),
    "giantmidi": ("piano performances", "10,855 recordings, transcribed"),
    "crestmuse": ("piano performances", ""),
    "jsb_chorales": ("chorales", "382 chorales"),
    "js_fakes": ("chorales", "500 chorales, and 700 more"),
    "js_fakes_4bars": ("chorales", ""),
    "nottingham": ("folk tunes", "1,034 tunes"),
    "pop909": ("songs", "909 songs"),
    "dadagp": ("songs", "26,181 songs"),
    "lakh": ("all kinds", "176,581 files"),
    "metamidi": ("all kinds", "436,631 files"),
    "rwc": ("all kinds", ""),
}
FETCHED, OWN_COPY = "fetched when it is loaded", "from a copy of yours"


def read_corpora() -> list[Row]:
    """A row for each dataset, in alphabetical order of the titles."""
    return sorted((_row(name) for name in MUSIC), key=lambda row: row["title"].casefold())


def trained_on(corpus: Row, works: Iterable[Row]) -> list[Row]:
    """The works that were trained on a dataset."""
    return [work for work in works if any(is_called(corpus, name) for name in work["training_data"])]


def is_called(corpus: Row, name: str) -> bool:
    """Whether this is the name by which a work's authors call a dataset, as in "Lakh MIDI Dataset"."""
    return name.startswith(corpus["title"])


def _row(name: str) -> Row:
    builder = builder_class(name)
    facts, configs = builder.FACTS, builder.BUILDER_CONFIGS
    music, size = MUSIC[name]
    return {
        "id": name,
        "title": facts.title,
        "music": music,
        "size": size,
        "licence": facts.license,
        "access": FETCHED if any(config.url for config in configs) else OWN_COPY,
        "obtain": facts.obtain,
        "configurations": [f"{config.name}: {config.description}" for config in configs],
        "load": _ways_to_load(inspect.getdoc(inspect.getmodule(builder)) or ""),
        "homepage": facts.homepage,
        "citation": facts.citation,
    }


def _ways_to_load(text: str) -> list[str]:
    """The calls in a module's docstring, each with what is said beside it."""
    calls = (line.partition("  # ") for line in text.splitlines() if line.startswith("load_dataset("))
    return [f"{call.rstrip()}  # {note}" for call, _, note in calls]
