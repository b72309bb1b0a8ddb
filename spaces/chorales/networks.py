"""The trained networks that there are to choose from."""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from transformers.utils import CONFIG_NAME, SAFE_WEIGHTS_NAME

from scorehub.chorales import EMBEDDED, load_writer
from scorehub.pipelines.chorales.modeling_chorales import ChoralesModel

# Name, and how it writes.
NAMES = {
    "tonicnet": ("TonicNet", "Thinks of a chord, then writes soprano, bass, alto and tenor, sixteenth by sixteenth."),
    "bachbot": ("BachBot", "Writes from soprano to bass, sixteenth by sixteenth, and says which notes are held."),
    "music_transformer": ("Music Transformer", "Writes from soprano to bass with all that was before in view."),
    "coconet": ("Coconet", "Draws any notes anew in many rounds, with all that is before and after in view."),
}


@dataclass(frozen=True)
class Network:
    """A trained network."""

    model: ChoralesModel

    @property
    def kind(self) -> str:
        """One of `NAMES`."""
        return self.model.config.network

    @property
    def name(self) -> str:
        """For people."""
        return NAMES[self.kind][0]

    @property
    def held_out(self) -> float | None:
        """Negative log-likelihood of held-out chorales, nats a voice and sixteenth; None if it is not known."""
        return self.model.config.held_out_nll


def load_networks(model: str | Path | None = None) -> dict[str, Network]:
    """Networks by their kind: those that a folder has, and in its subfolders, or the one of a Hub repository.

    Args:
        model: None: the embedded ones.

    Raises:
        ValueError: it is neither a folder nor a model of the Hub, or a network can't be loaded.
    """
    folder = Path(model or EMBEDDED)
    found: list[str | Path] = [
        place for place in (folder, *(folder / kind for kind in NAMES)) if (place / SAFE_WEIGHTS_NAME).is_file()
    ]
    if model is not None and not found and (not folder.is_dir() or (folder / CONFIG_NAME).is_file()):
        found = [model]
    networks = [Network(cast(ChoralesModel, load_writer(model=place).model)) for place in found]
    return {network.kind: network for network in networks}
