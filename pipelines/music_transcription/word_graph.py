"""Word graphs: which transcriptions of a staff a CTC network and a language model hold possible, and how likely.

    graph = decode(log_posteriors, model)
    transcription, log_posterior = best_path(graph)

Conventions: log posteriors are (T, V + 1), natural logarithms, blank at 0, tokens 1 to V. A CTC alignment has a class
for each frame; its score is

    acoustic_scale * sum of log posteriors + language_scale * log P(tokens, end) + insertion * number of tokens

and the posterior of a transcription is proportional to the sum of exp(score) over its alignments. Posteriors are not
divided by priors. Defaults are those of Alfaro-Contreras et al., "Late multimodal fusion for image and audio music
transcription", 2023. Their `run.sh` names the insertion penalty -0.8 but applies none, and Kaldi would add it to the
cost, where it favours tokens: choose its sign and size on validation data.

How (`token_passing`): hypotheses pass from frame to frame; those of the same language-model state and last token
become one. Each of these, from the frame in which it begins, is a node; an arc adds a token. The posterior of an arc,
by forward and backward sums over frames, is exact but for what the beam drops. A path's posterior is the product over
its arcs of (posterior of the arc) / (posterior of the node it leaves): exact where nodes are reached in one way, and
else under the usual assumption of word graphs, that what follows a node does not depend on how it was reached
(Ortmanns, Ney and Aubert, "A word graph algorithm for large vocabulary continuous speech recognition", 1997).

A hypothesis is dropped in a frame if it is `beam` below the best. An arc is dropped from the graph if the best path
through it is `lattice_beam` below the best path.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .language_model import NgramModel
from .token_passing import Arcs, GraphSettings, search


@dataclass(frozen=True)
class WordGraph:
    """Arcs sorted by source; node 0 is the start, the last node the end; sources are smaller than targets.

    Arcs into the end have token 0. `acoustic` is what remains of a path's score without `language`; it is pushed
    towards the start, so that only its sum over a whole path has a meaning.
    """

    source: np.ndarray  # (A,)
    target: np.ndarray  # (A,)
    token: np.ndarray  # (A,)
    start: np.ndarray  # (A,) frame in which the token begins, most probably
    end: np.ndarray  # (A,) frame after its last
    weight: np.ndarray  # (A,) logarithm of the arc's probability among those that leave its source
    language: np.ndarray  # (A,) language-model score and insertion
    log_total: float  # logarithm of the sum of exp(score) over everything in the graph

    @property
    def n_nodes(self) -> int:
        """Number of nodes; at least 2."""
        return int(self.target[-1]) + 1

    @property
    def acoustic(self) -> np.ndarray:
        """(A,) scores without `language`."""
        return self.weight + np.where(self.source == 0, self.log_total, 0.0) - self.language


@dataclass(frozen=True)
class Transcription:
    """Tokens with what is known of each."""

    tokens: np.ndarray  # (N,) 1 to V
    start: np.ndarray  # (N,) frame in which each begins
    end: np.ndarray  # (N,) frame after its last
    probability: np.ndarray  # (N,) 0 to 1


def decode(log_posteriors: np.ndarray, model: NgramModel, settings: GraphSettings | None = None) -> WordGraph:
    """Finds the word graph of a staff.

    Raises:
        ValueError: no frames, other classes than the model has, NaN, or positive logarithms.
    """
    settings = settings or GraphSettings()
    check_posteriors(log_posteriors, model.n_tokens)
    arcs, log_total = search(log_posteriors, model, settings)
    return _prune(arcs, log_total, settings.lattice_beam)


def decode_greedily(log_posteriors: np.ndarray) -> Transcription:
    """The best class of each frame, repeats collapsed, blanks dropped; a token's probability is its best frame's."""
    check_posteriors(log_posteriors, log_posteriors.shape[-1] - 1)
    classes = log_posteriors.argmax(1)
    begins = np.flatnonzero(np.diff(classes, prepend=-1))
    ends = np.append(begins[1:], len(classes))
    best = np.maximum.reduceat(log_posteriors[np.arange(len(classes)), classes], begins)
    kept = classes[begins] > 0
    return Transcription(classes[begins][kept], begins[kept], ends[kept], np.exp(best[kept]))


def best_path(graph: WordGraph) -> tuple[Transcription, float]:
    """The most probable path, with the posterior probability of each of its arcs, and its log posterior."""
    arcs, log_posterior = best_arcs(graph)
    arcs = arcs[:-1]
    posterior = arc_posteriors(graph)[arcs]
    return Transcription(graph.token[arcs], graph.start[arcs], graph.end[arcs], posterior), log_posterior


def check_posteriors(log_posteriors: np.ndarray, n_tokens: int) -> None:
    """Raises ValueError unless these are logarithms of probabilities, (T, V + 1) with T above 0."""
    if log_posteriors.ndim != 2 or not len(log_posteriors) or log_posteriors.shape[1] != n_tokens + 1:
        raise ValueError(f"log_posteriors must be of shape (T, {n_tokens + 1}), got {log_posteriors.shape}")
    best = log_posteriors.max(1)
    if not (best.max() <= 1e-3 and best.min() > -np.inf):
        raise ValueError(f"log_posteriors must be at most 0, some class of each frame above -inf, got {best.max()}")


def best_arcs(graph: WordGraph, weight: np.ndarray | None = None) -> tuple[np.ndarray, float]:
    """Arcs of the path with the greatest sum of `weight` (A,), the graph's own by default, and that sum."""
    weight = graph.weight if weight is None else weight
    best, entered = _best_forward(graph.source, graph.target, weight)
    arcs, node = [], graph.n_nodes - 1
    while node:
        arcs.append(entered[node])
        node = int(graph.source[entered[node]])
    return np.array(arcs[::-1]), best[-1]


def arc_posteriors(graph: WordGraph) -> np.ndarray:
    """(A,) probability of each arc; those that leave a node sum to what those that enter it sum to."""
    reached = [0.0] * graph.n_nodes
    reached[0] = 1.0
    posterior = np.exp(graph.weight)
    for number, (source, target, weight) in enumerate(_rows(graph.source, graph.target, posterior)):
        posterior[number] = flow = reached[source] * weight
        reached[target] += flow
    return posterior


def n_best(graph: WordGraph, n: int) -> tuple[list[tuple[int, ...]], np.ndarray]:
    """Distinct transcriptions of the `n` best paths, and their log posteriors (at most n), the greatest first.

    Paths of the same tokens, which differ in times, count as one transcription with the sum of their posteriors.

    Raises:
        ValueError: n is below 1.
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    entering = np.argsort(graph.target, kind="stable")
    first = np.searchsorted(graph.target[entering], np.arange(graph.n_nodes + 1)).tolist()
    sources, weights = graph.source[entering].tolist(), graph.weight[entering].tolist()
    scores: list[np.ndarray] = [np.zeros(1)]
    # Of each node and each of its best paths: by which of the entering arcs, and how good a path of that arc's source.
    back: list[tuple[list[int], list[int]] | None] = [None]
    for begin, end in pairwise(first[1:]):
        parts = [
            scores[source] + weight for source, weight in zip(sources[begin:end], weights[begin:end], strict=True)
        ]
        if len(parts) == 1:
            scores.append(parts[0])
            back.append(None)
            continue
        sizes = np.array([len(part) for part in parts])
        ends = np.cumsum(sizes)
        joined = np.concatenate(parts)
        order = np.argsort(-joined, kind="stable")[:n]
        which = np.searchsorted(ends, order, side="right")
        scores.append(joined[order])
        back.append((which.tolist(), (order - (ends - sizes)[which]).tolist()))
    return _collect(sources, graph.token[entering].tolist(), first, scores[-1], back)


def _collect(
    sources: list[int],
    tokens: list[int],
    first: list[int],
    scores: np.ndarray,
    back: list[tuple[list[int], list[int]] | None],
) -> tuple[list[tuple[int, ...]], np.ndarray]:
    """Follows the best paths of the end back to the start; arcs are sorted by target, node k's begin at first[k]."""
    posterior: dict[tuple[int, ...], float] = {}
    for rank, score in enumerate(np.exp(scores).tolist()):
        path, node = [], len(back) - 1
        while node:
            arc, choice = first[node], back[node]
            if choice:
                arc, rank = arc + choice[0][rank], choice[1][rank]
            path.append(tokens[arc])
            node = sources[arc]
        key = tuple(path[:0:-1])
        posterior[key] = posterior.get(key, 0.0) + score
    order = sorted(posterior, key=lambda key: -posterior[key])
    return order, np.log([posterior[key] for key in order])


def _prune(arcs: Arcs, log_total: float, lattice_beam: float) -> WordGraph:
    """Keeps arcs by the best path through them, numbers nodes anew, and lets weights sum to 1 at each node again."""
    forward, _ = _best_forward(arcs.source, arcs.target, arcs.weight)
    last = len(forward) - 1
    backward, _ = _best_forward(last - arcs.target[::-1], last - arcs.source[::-1], arcs.weight[::-1])
    through = np.array(forward)[arcs.source] + arcs.weight + np.array(backward)[last - arcs.target]
    arcs = Arcs(*(column[through >= forward[-1] - lattice_beam] for column in arcs))
    nodes, ends = np.unique(np.concatenate([arcs.source, arcs.target]), return_inverse=True)
    source, target = ends.reshape(2, -1)
    remaining = [0.0] * len(nodes)
    remaining[-1] = 1.0
    for start, end, share in _rows(source[::-1], target[::-1], np.exp(arcs.weight[::-1])):
        remaining[start] += share * remaining[end]
    rest = np.log(remaining)
    weight = arcs.weight + rest[target] - rest[source]
    return WordGraph(source, target, *arcs[2:5], weight, arcs.language, log_total + float(rest[0]))


def _best_forward(source: np.ndarray, target: np.ndarray, weight: np.ndarray) -> tuple[list[float], list[int]]:
    """Greatest sum of weights from node 0 to each node, and the arc by which it is entered then.

    All arcs that enter a node come before those that leave it.
    """
    n_nodes = int(target.max()) + 1
    best, entered = [-np.inf] * n_nodes, [-1] * n_nodes
    best[0] = 0.0
    for number, (start, end, step) in enumerate(_rows(source, target, weight)):
        if best[start] + step > best[end]:
            best[end], entered[end] = best[start] + step, number
    return best, entered


def _rows(source: np.ndarray, target: np.ndarray, weight: np.ndarray) -> "zip[tuple[int, int, float]]":
    # Loops over plain numbers are several times faster than over elements of arrays.
    return zip(source.tolist(), target.tolist(), weight.tolist(), strict=True)
