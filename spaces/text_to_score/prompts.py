"""The fields of a prompt as a visitor picks them, and prompts to try."""

from collections.abc import Mapping

from scorehub.pipelines.text_to_score.prompt import parse_prompt, write_prompt

Vocabulary = Mapping[str, list[str]] | None  # what a model has learnt; None: any text

LABELS = {
    "instrumentation": "Instrument",
    "key": "Key",
    "piece_style": "Style",
    "genre": "Genre",
    "composer": "Composer",
}
_TO_TRY = (
    {"instrumentation": "violin", "key": "A major"},
    {"instrumentation": "cello", "key": "D minor", "piece_style": "Baroque"},
    {"instrumentation": "viola", "key": "E flat major", "genre": "sonata"},
    {"instrumentation": "piano", "key": "F sharp minor", "piece_style": "Romantic", "genre": "mazurka"},
    {"instrumentation": "harpsichord", "key": "G major", "piece_style": "Baroque"},
    {"key": "C major"},
)


def field_choices(vocabulary: Vocabulary) -> dict[str, list[str]]:
    """The fields that a model knows, with the values that it has learnt; none of these: any text."""
    if vocabulary is None:
        return {name: [] for name in LABELS}
    return {name: list(vocabulary[name]) for name in LABELS if vocabulary.get(name)}


def prompts_to_try(vocabulary: Vocabulary) -> dict[str, str]:
    """What a model can draw, one at least: in short, and as a prompt."""
    prompts = {}
    for fields in _TO_TRY:
        known = {name: value for name, value in fields.items() if _is_known(name, value, vocabulary)}
        prompts[", ".join(known.values()) or "any music"] = write_prompt(known)
    return prompts


def read_fields(prompt: str, choices: Mapping[str, list[str]]) -> dict[str, str]:
    """What a prompt says of each field, "" where it says nothing that can be chosen."""
    try:
        said = parse_prompt(prompt)
    except ValueError:
        said = {}
    known = {name: said.get(name, "") for name in choices}
    return {name: value if value in choices[name] or not choices[name] else "" for name, value in known.items()}


def _is_known(name: str, value: str, vocabulary: Vocabulary) -> bool:
    return vocabulary is None or value in vocabulary.get(name, [])
