"""From posteriors to tokens: each side by itself, and one transcription of both, as a folder's settings say.

With a language model a side is read by its word graph, and any fusion can be chosen. Without one it is read greedily,
and the only fusion is `fuse_aligned`.
"""

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from .fusion import (
    best_of_both,
    fuse_aligned,
    fuse_networks,
    lightly_supervised_a2s,
    lightly_supervised_omr,
    minimum_bayes_risk,
)
from .language_model import NgramModel
from .token_passing import GraphSettings
from .word_graph import Transcription, WordGraph, best_path, decode, decode_greedily

WITHOUT_GRAPHS = "fuse_aligned"
FUSIONS = (
    "best_of_both",
    "minimum_bayes_risk",
    "fuse_networks",
    WITHOUT_GRAPHS,
    "lightly_supervised_omr",
    "lightly_supervised_a2s",
)
UNWEIGHTED = ("lightly_supervised_omr", "lightly_supervised_a2s")  # a line of one side, however it is trusted


@dataclass(frozen=True)
class DecodingSettings:
    """How posteriors become tokens; to be chosen on validation data.

    Attributes:
        fusion: one of `FUSIONS`; see the functions of that name in `fusion`.
        weight: share of the optical side, 0 to 1.
        n_best: transcriptions of each graph that `minimum_bayes_risk` and `fuse_networks` take.
        optical: of that side's word graph.
        audio: of that side's word graph.

    Raises:
        ValueError: a value is out of range.
    """

    fusion: str = "fuse_networks"
    weight: float = 0.5
    n_best: int = 100
    optical: GraphSettings = field(default_factory=GraphSettings)
    audio: GraphSettings = field(default_factory=GraphSettings)

    def __post_init__(self) -> None:
        if self.fusion not in FUSIONS:
            raise ValueError(f"fusion must be one of {', '.join(FUSIONS)}, got {self.fusion!r}")
        if not 0 <= self.weight <= 1:
            raise ValueError(f"weight must be 0 to 1, got {self.weight}")
        if not 1 <= self.n_best <= 10_000:
            raise ValueError(f"n_best must be 1 to 10,000, got {self.n_best}")

    @classmethod
    def of(cls, values: dict[str, Any]) -> "DecodingSettings":
        """Settings of what `dataclasses.asdict` made of them; what is missing is as by default.

        Raises:
            ValueError: there is no such setting, or as above.
        """
        sides = {name: GraphSettings(**_known(values[name], GraphSettings)) for name in _SIDES if name in values}
        return cls(**_known(values, cls) | sides)


_SIDES = ("optical", "audio")


def _known(values: dict[str, Any], kind: type[Any]) -> dict[str, Any]:
    names = [each.name for each in fields(kind)]
    unknown = next((name for name in values if name not in names), None)
    if unknown is not None:
        raise ValueError(f"decoding settings must be {', '.join(names)}, got {unknown!r}")
    return values


@dataclass(frozen=True)
class Side:
    """What one network makes of a staff."""

    log_posteriors: np.ndarray  # (T, V + 1)
    transcription: Transcription
    graph: WordGraph | None  # where there is a language model


def read_side(log_posteriors: np.ndarray, model: NgramModel | None, settings: GraphSettings) -> Side:
    """Reads posteriors (T, V + 1) by a word graph, or greedily without a language model."""
    if model is None:
        return Side(log_posteriors, decode_greedily(log_posteriors), None)
    graph = decode(log_posteriors, model, settings)
    return Side(log_posteriors, best_path(graph)[0], graph)


def fuse(optical: Side, audio: Side, settings: DecodingSettings) -> tuple[int, ...]:
    """Tokens that both sides together make most probable.

    Raises:
        ValueError: the fusion needs word graphs, and there is no language model.
    """
    name, weight = settings.fusion, settings.weight
    if name == "fuse_aligned":
        return fuse_aligned(optical.transcription, audio.transcription, weight)
    if optical.graph is None or audio.graph is None:
        raise ValueError(f"fusion must be {WITHOUT_GRAPHS} where there is no language model, got {name!r}")
    if name == "best_of_both":
        return best_of_both(optical.graph, audio.graph, weight)
    if name == "minimum_bayes_risk":
        return minimum_bayes_risk(optical.graph, audio.graph, weight, settings.n_best)
    if name == "fuse_networks":
        n_tokens = optical.log_posteriors.shape[1] - 1
        return fuse_networks(optical.graph, audio.graph, n_tokens, weight, settings.n_best)
    if name == "lightly_supervised_omr":
        return lightly_supervised_omr(optical.graph, audio.graph)
    return lightly_supervised_a2s(optical.graph, audio.graph)
