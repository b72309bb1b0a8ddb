"""The card of built MIDI pieces."""

from pathlib import Path

from scorehub.dataset_builders import note_card
from scorehub.dataset_builders.maestro.maestro import Maestro


def write_card(folder: Path) -> Path:
    """Writes `README.md` and `figures/rolls.png` into a built dataset folder."""
    return note_card.write_card(Maestro, "maestro", folder)
