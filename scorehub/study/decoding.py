"""How the word graphs of a network are made: a language model of the training part, scales chosen on validation."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
from rapidfuzz.distance import Levenshtein

from scorehub.pipelines.music_transcription.language_model import NgramModel
from scorehub.pipelines.music_transcription.token_passing import GraphSettings
from scorehub.pipelines.music_transcription.word_graph import best_arcs, decode
from scorehub.study.posteriors import Posteriors, Staff
from scorehub.study.workers import each

# Tried one after the other, each with the best of those before; the published values are -0.8, 2.5 and 1.
GRIDS = {
    "insertion": (-0.8, 0.0, 0.8, 1.6, 2.4),
    "acoustic_scale": (1.5, 2.5, 4.0),
    "language_scale": (0.25, 0.5, 1.0, 1.5),
}
BEAM = 10.0  # what posteriors are kept for, `posteriors.REACH`


class Trial(NamedTuple):
    """A language model, and settings to try."""

    model: NgramModel
    settings: list[GraphSettings]


class Read(NamedTuple):
    """A staff and the classes of what is right."""

    staff: Staff
    reference: list[int]


def fit_language_model(texts: Sequence[str], vocabulary: Sequence[str], order: int = 5) -> NgramModel:
    """Modified Kneser-Ney; Witten-Bell where the counts are too few for that, as in the thesis.

    Args:
        texts: transcriptions; tokens that the vocabulary lacks are left out.
    """
    number_of = {token: number for number, token in enumerate(vocabulary) if number}
    sequences = [[number_of[token] for token in text.split() if token in number_of] for text in texts]
    try:
        return NgramModel.fit(sequences, len(vocabulary) - 1, order)
    except ValueError:
        return NgramModel.fit(sequences, len(vocabulary) - 1, order, "witten-bell")


def classes_of(posteriors: Posteriors, number: int) -> list[int]:
    """What is right in staff `number` as classes, -1 for tokens that the vocabulary lacks."""
    number_of = {token: place for place, token in enumerate(posteriors.vocabulary.tolist())}
    return [number_of.get(token, -1) for token in posteriors.tokens(number)]


def tune(posteriors: Posteriors, chosen: Sequence[int], model: NgramModel, jobs: int) -> tuple[GraphSettings, Any]:
    """Settings whose best paths have the fewest errors on the chosen staves, and the errors of all that were tried."""
    reads = [Read(posteriors.staff(number), classes_of(posteriors, number)) for number in chosen]
    settings, tried = GraphSettings(beam=BEAM, lattice_beam=BEAM), []
    for name, values in GRIDS.items():
        options = [GraphSettings(**asdict(settings) | {name: value}) for value in values]
        errors = np.array(list(each(count_path_errors, Trial(model, options), reads, jobs, f"choosing {name}")))
        totals = errors.reshape(-1, len(options)).sum(0).tolist()
        tried += [{**asdict(option), "errors": total} for option, total in zip(options, totals, strict=True)]
        settings = options[int(np.argmin(totals))]
    return settings, tried


def count_path_errors(trial: Trial, read: Read) -> list[int]:
    """Edit distance of the best path from what is right, for each of the settings."""
    log_posteriors = read.staff.dense()
    graphs = (decode(log_posteriors, trial.model, settings) for settings in trial.settings)
    paths = (graph.token[best_arcs(graph)[0][:-1]].tolist() for graph in graphs)
    return [Levenshtein.distance(read.reference, path) for path in paths]
