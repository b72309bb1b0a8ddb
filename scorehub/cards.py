"""Cards of what is published: the templates of `model_cards/`, filled in."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template


def write_card(name: str, folder: Path, values: Mapping[str, str]) -> Path:
    """Writes `folder/README.md` from the template `model_cards/<name>.md`; returns its path.

    Raises:
        KeyError: the template asks for what `values` lacks.
    """
    template = Template(files("scorehub.model_cards").joinpath(f"{name}.md").read_text(encoding="utf-8"))
    card = folder / "README.md"
    card.write_text(template.substitute(values), encoding="utf-8")
    return card
