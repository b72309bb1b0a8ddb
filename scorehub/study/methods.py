"""All ways to read a staff from two networks' posteriors, and the settings that each is tried with.

The thesis's "minimum Bayes risk" takes the surer one of two best paths (`fusion.best_of_both`); the true one is beside
it. Weights are those of the published code, 0.1 to 0.9 for the optical side, and its scores of Smith-Waterman.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from rapidfuzz.distance import Levenshtein

from scorehub.pipelines.music_transcription import fusion
from scorehub.pipelines.music_transcription.language_model import NgramModel
from scorehub.pipelines.music_transcription.token_passing import GraphSettings
from scorehub.pipelines.music_transcription.word_graph import (
    Transcription,
    WordGraph,
    best_path,
    decode,
    decode_greedily,
)
from scorehub.study.posteriors import Staff

WEIGHTS = tuple((number / 10,) for number in range(1, 10))
ALIGNMENTS = tuple(
    (weight, *scores)
    for weight in (0.3, 0.5, 0.7)
    for scores in ((2, -1, -1), (10, -5, -2), (20, -10, -4), (5, -2, -1))
)


@dataclass(frozen=True)
class Sides:
    """What the methods take of the two sides of a staff, made when it is first asked for."""

    staves: tuple[Staff, Staff]
    model: NgramModel
    settings: tuple[GraphSettings, GraphSettings]

    @cached_property
    def posteriors(self) -> tuple[np.ndarray, np.ndarray]:
        """Log posteriors (T, V + 1)."""
        return self.staves[0].dense(), self.staves[1].dense()

    @cached_property
    def graphs(self) -> tuple[WordGraph, WordGraph]:
        """Word graphs."""
        optical, audio = (
            decode(side, self.model, settings) for side, settings in zip(self.posteriors, self.settings, strict=True)
        )
        return optical, audio

    @cached_property
    def paths(self) -> tuple[Transcription, Transcription]:
        """The best paths of both word graphs."""
        return best_path(self.graphs[0])[0], best_path(self.graphs[1])[0]


Arguments = tuple[float, ...]
Tokens = Sequence[int]


class Method(NamedTuple):
    """How to read a staff, and the arguments to choose from."""

    read: Callable[..., Tokens]  # of `Sides` and the arguments
    grid: tuple[Arguments, ...] = ((),)


def _greedy(sides: Sides, side: int) -> Tokens:
    return decode_greedily(sides.posteriors[side]).tokens.tolist()


def _best_path(sides: Sides, side: int) -> Tokens:
    return sides.paths[side].tokens.tolist()


def _surer_path(sides: Sides, weight: float) -> Tokens:
    return fusion.best_of_both(*sides.graphs, weight)


def _least_risk(sides: Sides, weight: float) -> Tokens:
    return fusion.minimum_bayes_risk(*sides.graphs, weight)


def _networks(sides: Sides, weight: float) -> Tokens:
    return fusion.fuse_networks(*sides.graphs, sides.model.n_tokens, weight)


def _aligned(sides: Sides, weight: float, match: float, mismatch: float, gap: float) -> Tokens:
    return fusion.fuse_aligned(*sides.paths, weight, match, mismatch, gap)


OPTICAL = {
    "OMR, greedy": Method(lambda sides: _greedy(sides, 0)),
    "OMR, word graph": Method(lambda sides: _best_path(sides, 0)),
}
AUDIO = {
    "A2S, greedy": Method(lambda sides: _greedy(sides, 1)),
    "A2S, word graph": Method(lambda sides: _best_path(sides, 1)),
}
FUSIONS = {
    "Minimum Bayes risk, as published": Method(_surer_path, WEIGHTS),
    "Minimum Bayes risk": Method(_least_risk, WEIGHTS),
    "Lightly-supervised A2S": Method(lambda sides: fusion.lightly_supervised_a2s(*sides.graphs)),
    "Lightly-supervised OMR": Method(lambda sides: fusion.lightly_supervised_omr(*sides.graphs)),
    "Confusion network": Method(_networks, WEIGHTS),
    "Smith-Waterman": Method(_aligned, ALIGNMENTS),
}
METHODS = OPTICAL | AUDIO | FUSIONS

Candidate = tuple[str, Arguments]  # a method's name and its arguments


def candidates() -> list[Candidate]:
    """Every method with each of its arguments."""
    return [(name, arguments) for name, method in METHODS.items() for arguments in method.grid]


class Reading(NamedTuple):
    """What is tried on staves."""

    model: NgramModel
    settings: tuple[GraphSettings, GraphSettings]
    tried: list[Candidate]


class Task(NamedTuple):
    """A staff: both sides, and the classes of what is right, -1 for tokens that are none."""

    staves: tuple[Staff, Staff]
    reference: list[int]


def count_errors(reading: Reading, task: Task) -> list[int]:
    """Edit distance of each candidate from what is right."""
    sides = Sides(task.staves, reading.model, reading.settings)
    found = (METHODS[name].read(sides, *arguments) for name, arguments in reading.tried)
    return [Levenshtein.distance(task.reference, list(tokens)) for tokens in found]


def choose(tried: Sequence[Candidate], errors: np.ndarray) -> dict[str, tuple[Candidate, int]]:
    """The best arguments of each method, and their errors, of errors (staves, candidates); of equal ones the first."""
    best: dict[str, tuple[Candidate, int]] = {}
    for candidate, total in zip(tried, errors.sum(0).tolist(), strict=True):
        if candidate[0] not in best or total < best[candidate[0]][1]:
            best[candidate[0]] = candidate, total
    return best
