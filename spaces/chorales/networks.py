"""The trained networks that there are to choose from."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import cast

from huggingface_hub import ModelCard
from transformers.utils import CONFIG_NAME, SAFE_WEIGHTS_NAME

from scorehub.chorales import load_writer
from scorehub.pipelines.chorales.modeling_chorales import ChoralesModel

EMBEDDED = Path(str(files("scorehub.pipelines.chorales")))
# Name, and how it writes.
NAMES = {
    "tonicnet": ("TonicNet", "Thinks of a chord, then writes soprano, bass, alto and tenor, sixteenth by sixteenth."),
    "bachbot": ("BachBot", "Writes from soprano to bass, sixteenth by sixteenth, and says which notes are held."),
    "music_transformer": ("Music Transformer", "Writes from soprano to bass with all that was before in view."),
    "coconet": ("Coconet", "Draws any notes anew in many rounds, with all that is before and after in view."),
}


@dataclass(frozen=True)
class Network:
    """A trained network.

    Attributes:
        held_out: negative log-likelihood of held-out chorales, nats a voice and sixteenth, as its card says; None
            without a card.
    """

    model: ChoralesModel
    held_out: float | None = None

    @property
    def kind(self) -> str:
        """One of `NAMES`."""
        return self.model.config.network

    @property
    def name(self) -> str:
        """For people."""
        return NAMES[self.kind][0]


def load_networks(model: str | Path | None = None) -> dict[str, Network]:
    """Networks by their kind: those that a folder has in its subfolders, or the one of a folder or Hub repository.

    Args:
        model: None: the embedded ones.

    Raises:
        ValueError: it is neither a folder nor a model of the Hub, or a network can't be loaded.
    """
    folder = Path(model or EMBEDDED)
    found = [folder / kind for kind in NAMES if (folder / kind / SAFE_WEIGHTS_NAME).is_file()]
    if model is not None and not found and (not folder.is_dir() or (folder / CONFIG_NAME).is_file()):
        return _by_kind([model])
    return _by_kind(found)


def _by_kind(places: list[Path] | list[str | Path]) -> dict[str, Network]:
    networks = [Network(cast(ChoralesModel, load_writer(model=place).model), _held_out(place)) for place in places]
    return {network.kind: network for network in networks}


def _held_out(place: str | Path) -> float | None:
    card = Path(place, "README.md")
    results = ModelCard.load(card).data.eval_results if card.is_file() else None
    return float(results[0].metric_value) if results else None
