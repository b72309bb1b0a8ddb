"""One scenario in one fold with one network that hears: all methods, their weights chosen on validation staves.

The validation staves are chosen as the test staves are, by the error rate of A2S; where these are fewer than
`LEAST_CHOSEN`, of all. The test part is read once, by each method with its chosen arguments.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from scorehub.pipelines.music_transcription.language_model import NgramModel
from scorehub.pipelines.music_transcription.token_passing import GraphSettings
from scorehub.study.decoding import classes_of
from scorehub.study.methods import METHODS, Candidate, Reading, Task, candidates, choose, count_errors
from scorehub.study.posteriors import Posteriors
from scorehub.study.scenarios import chosen_items
from scorehub.study.workers import each

LEAST_CHOSEN = 30


class Side(NamedTuple):
    """A trained network: posteriors of both parts, settings of its graphs, errors that it makes without them."""

    validation: Posteriors
    test: Posteriors
    settings: GraphSettings
    errors: dict[str, dict[str, list[int]]]  # part -> id -> edit distance and length, decoded greedily


class Protocol(NamedTuple):
    """What holds for both parts."""

    limit: float | None  # greatest error rate of A2S, in percent
    validation_staves: int  # at most; 0: all
    seed: int
    jobs: int


def compare(optical: Side, audio: Side, model: NgramModel, protocol: Protocol) -> dict[str, Any]:
    """Chosen arguments and error rates on validation, and edit distances of each test staff.

    Both sides' posteriors and the language model have one vocabulary. `distances` has a list for each method, in the
    order of `ids`; `lengths` are those of what is right.
    """
    settings = (optical.settings, audio.settings)
    pairs = (optical.validation, audio.validation)
    ids = validation_ids(audio.errors["validation"], both_have(*pairs), protocol)
    tried = candidates()
    tasks = make_tasks(*pairs, ids)
    reading = Reading(model, settings, tried)
    errors = np.array(list(each(count_errors, reading, tasks, protocol.jobs, "validation"))).reshape(-1, len(tried))
    best = choose(tried, errors)
    chosen: list[Candidate] = [best[name][0] for name in METHODS]
    length = sum(len(task.reference) for task in tasks)
    ids_tested = within_limit(audio.errors["test"], both_have(optical.test, audio.test), protocol.limit)
    tested = make_tasks(optical.test, audio.test, ids_tested)
    reading = Reading(model, settings, chosen)
    distances = np.array(list(each(count_errors, reading, tested, protocol.jobs, "test"))).reshape(-1, len(chosen))
    return {
        "validation_items": len(ids),
        "arguments": dict(chosen),
        "validation": {name: 100 * best[name][1] / max(1, length) for name in METHODS},
        "ids": ids_tested,
        "lengths": [len(task.reference) for task in tested],
        "distances": dict(zip(METHODS, distances.T.tolist(), strict=True)),
    }


def both_have(optical: Posteriors, audio: Posteriors) -> list[str]:
    """Ids of the staves that both networks read, in the optical side's order; one may lack picture or sound."""
    heard = set(audio.ids.tolist())
    return [item for item in optical.ids.tolist() if item in heard]


def within_limit(errors: dict[str, list[int]], ids: Sequence[str], limit: float | None) -> list[str]:
    """Those of the ids of which A2S makes an error rate of at most `limit` percent."""
    rates = np.array([100 * errors[item][0] / errors[item][1] for item in ids])
    return [ids[place] for place in chosen_items(rates, limit)]


def validation_ids(errors: dict[str, list[int]], ids: Sequence[str], protocol: Protocol) -> list[str]:
    """The staves by which weights are chosen, drawn by seed."""
    chosen = within_limit(errors, ids, protocol.limit)
    return draw(chosen if len(chosen) >= LEAST_CHOSEN else ids, protocol.validation_staves, protocol.seed)


def draw(ids: Sequence[str], at_most: int, seed: int) -> list[str]:
    """Some of the ids, by seed, in their order; all if `at_most` is 0."""
    order = np.random.default_rng(seed).permutation(len(ids))
    return [ids[place] for place in sorted(order[: at_most or None])]


def make_tasks(optical: Posteriors, audio: Posteriors, ids: Sequence[str]) -> list[Task]:
    """Both sides of each staff."""
    places = [{item: number for number, item in enumerate(side.ids.tolist())} for side in (optical, audio)]
    return [
        Task((optical.staff(places[0][item]), audio.staff(places[1][item])), classes_of(optical, places[0][item]))
        for item in ids
    ]
