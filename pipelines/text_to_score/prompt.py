"""The paper's prompt: what is known of a work as one line of text, and back.

Source: Lin et al., MusicScore, 2024, section 4.1: *a music score, composer is [composer], instrumentation is
[instrumentation], key is [key], piece style is [piece_style], genre is [genre]*, without what is not known.
"""

import re
from collections.abc import Mapping

BEGINNING = "a music score"
FIELDS = ("composer", "instrumentation", "key", "piece_style", "genre")
MAX_CHARACTERS = 2000
_FIELD = re.compile(rf", ({'|'.join(FIELDS)}) is ".replace("_", " "))


def write_prompt(fields: Mapping[str, str]) -> str:
    """A prompt of fields; empty ones are left out.

    >>> write_prompt({"key": "A major", "instrumentation": "violin", "genre": ""})
    'a music score, instrumentation is violin, key is A major'

    Raises:
        ValueError: there is no such field.
    """
    unknown = next((name for name in fields if name not in FIELDS), None)
    if unknown is not None:
        raise ValueError(f"prompt's fields must be some of {', '.join(FIELDS)}, got {unknown!r}")
    known = [f"{name.replace('_', ' ')} is {fields[name].strip()}" for name in FIELDS if fields.get(name, "").strip()]
    return ", ".join([BEGINNING, *known])


def parse_prompt(prompt: str) -> dict[str, str]:
    """The fields of a prompt.

    >>> parse_prompt("a music score, composer is Bach, Johann Sebastian, key is A major")
    {'composer': 'Bach, Johann Sebastian', 'key': 'A major'}

    Raises:
        ValueError: it is not written like that, or names a field twice.
    """
    beginning, *parts = _FIELD.split(prompt.strip())
    names = [name.replace(" ", "_") for name in parts[::2]]
    if beginning != BEGINNING or len(set(names)) < len(names):
        allowed = f"'{BEGINNING}, instrumentation is violin, key is A major', each field once"
        raise ValueError(f"prompt must be like {allowed}, got {prompt[:100]!r}")
    return dict(zip(names, parts[1::2], strict=True))


def check_prompt(prompt: str) -> None:
    """Raises a ValueError where there is no text, or too much of it."""
    if not isinstance(prompt, str) or not prompt.strip():
        raise ValueError(f"prompt must be a text or fields such as key, got {prompt!r}")
    if len(prompt) > MAX_CHARACTERS:
        raise ValueError(f"prompt must have at most {MAX_CHARACTERS:,} characters, got {len(prompt):,}")


def check_values(fields: Mapping[str, str], vocabulary: Mapping[str, list[str]]) -> None:
    """Raises a ValueError where a field's value is none that a model has learnt."""
    for name, value in fields.items():
        if value not in vocabulary.get(name, []):
            allowed = ", ".join(vocabulary.get(name, [])) or "left out, as this model has not learnt it"
            raise ValueError(f"{name.replace('_', ' ')} must be {allowed}; got {value[:100]!r}")
