"""Late fusion: one transcription of what an optical and an audio model make of the same music.

The methods of Alfaro-Contreras et al., "Late multimodal fusion for image and audio music transcription", 2023, as the
thesis uses them; each returns tokens. `weight` is the share of the optical side, 0 to 1.

- `best_of_both`: what their "minimum Bayes risk" computes (Kaldi's `lattice-combine`, then `lattice-best-path`): in
  the union of both graphs, each brought to total weight `weight` and 1 - `weight`, the best path. It is always one of
  the two sides' own best paths, the surer one.
- `minimum_bayes_risk`: the transcription whose expected edit distance to all is the least, with the mixture of both
  sides' posteriors; over the n best transcriptions of each.
- `fuse_networks`: confusion networks of both, see `confusion_network`.
- `fuse_aligned`: Smith-Waterman local alignment of both best transcriptions; of two tokens that are aligned and differ
  the more probable one stays, what one side lacks is taken from the other. The published code loses what lies outside
  of the local alignment, and fails above 55 distinct symbols. Here both transcriptions are kept whole: outside, their
  tokens are paired from the alignment outwards.
- `lightly_supervised_omr`, `lightly_supervised_a2s`: the path of that side's graph that has the most tokens in common,
  in order, with the other side's best transcription (Fainberg et al., "Lattice-based lightly-supervised acoustic model
  training", 2019: all costs 0, a correct token -1); of equal ones the most probable. They take no weight.
"""

import numpy as np
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist

from .alignment import align_locally
from .confusion_network import combine_networks, make_network, read_network, to_text
from .word_graph import Transcription, WordGraph, best_arcs, best_path, n_best

_TOKEN_WORTH = 1e6  # far more than log posteriors of paths differ by


def best_of_both(optical: WordGraph, audio: WordGraph, weight: float = 0.5) -> tuple[int, ...]:
    """Best path of the union of both graphs."""
    _check(optical, audio, weight)
    with np.errstate(divide="ignore"):
        shares = np.log([weight, 1 - weight])
    paths = [best_arcs(graph) for graph in (optical, audio)]
    chosen = int(shares[1] + paths[1][1] > shares[0] + paths[0][1])
    return tuple((optical, audio)[chosen].token[paths[chosen][0][:-1]].tolist())


def minimum_bayes_risk(optical: WordGraph, audio: WordGraph, weight: float = 0.5, n: int = 100) -> tuple[int, ...]:
    """Transcription with the least expected edit distance, among the `n` best of each graph."""
    _check(optical, audio, weight)
    posteriors: dict[tuple[int, ...], float] = {}
    for graph, share in ((optical, weight), (audio, 1 - weight)):
        hypotheses, log_posteriors = n_best(graph, n)
        shares = np.exp(log_posteriors) * share / np.exp(log_posteriors).sum()
        for hypothesis, posterior in zip(hypotheses, shares.tolist(), strict=True):
            posteriors[hypothesis] = posteriors.get(hypothesis, 0.0) + posterior
    texts = [to_text(hypothesis) for hypothesis in posteriors]
    risk = cdist(texts, texts, scorer=Levenshtein.distance, dtype=np.uint16) @ np.array(list(posteriors.values()))
    return list(posteriors)[int(risk.argmin())]


def fuse_networks(
    optical: WordGraph,
    audio: WordGraph,
    n_tokens: int,
    weight: float = 0.5,
    n: int = 100,
    thresholds: tuple[float, float] | None = None,
) -> tuple[int, ...]:
    """Transcription of the combined confusion networks of the `n` best transcriptions of each graph."""
    _check(optical, audio, weight)
    networks = [make_network(graph, n_tokens, n) for graph in (optical, audio)]
    return read_network(combine_networks(networks[0], networks[1], weight, thresholds))


def fuse_aligned(
    optical: Transcription,
    audio: Transcription,
    weight: float = 0.5,
    match: float = 2.0,
    mismatch: float = -1.0,
    gap: float = -1.0,
) -> tuple[int, ...]:
    """Transcription of the aligned tokens; probabilities count `weight` and 1 - `weight`.

    Args:
        match: score of aligned tokens that are equal. The published grid of match, mismatch and gap is 2, -1, -1;
            10, -5, -2; 20, -10, -4; 5, -2, -1.
    """
    _check(optical, audio, weight)
    pairs = align_locally(optical.tokens, audio.tokens, match, mismatch, gap)
    pairs = _extend(pairs, len(optical.tokens), len(audio.tokens))
    tokens = [np.append(side.tokens, 0)[pairs[:, column]] for column, side in enumerate((optical, audio))]
    # Nothing has probability -1, so that what only one side has always stays.
    worths = [
        np.append(side.probability * share, -1.0)[pairs[:, column]]
        for column, (side, share) in enumerate(((optical, weight), (audio, 1 - weight)))
    ]
    return tuple(np.where(worths[0] >= worths[1], *tokens).tolist())


def _extend(pairs: np.ndarray, n_first: int, n_second: int) -> np.ndarray:
    """Adds what lies before and after a local alignment, paired from it outwards, the longer side's rest alone."""
    first, second = (column[column >= 0] for column in pairs.T)
    n_before = (int(first[0]), int(second[0])) if len(pairs) else (0, 0)
    begins = (int(first[-1]) + 1, int(second[-1]) + 1) if len(pairs) else (0, 0)
    longest = max(n_before)
    before = np.stack([np.arange(longest) - (longest - number) for number in n_before], 1)
    after = np.stack(np.broadcast_arrays(*(np.arange(max(n_first - begins[0], n_second - begins[1])),) * 2), 1)
    after = after + np.array(begins)
    after[after >= np.array([n_first, n_second])] = -1
    return np.concatenate([np.maximum(before, -1), pairs, after])


def lightly_supervised_omr(optical: WordGraph, audio: WordGraph) -> tuple[int, ...]:
    """Path of the optical graph that agrees best with the audio side's best transcription."""
    _check(optical, audio, 0.5)
    return supervise_lightly(optical, best_path(audio)[0].tokens)


def lightly_supervised_a2s(optical: WordGraph, audio: WordGraph) -> tuple[int, ...]:
    """Path of the audio graph that agrees best with the optical side's best transcription."""
    _check(optical, audio, 0.5)
    return supervise_lightly(audio, best_path(optical)[0].tokens)


def supervise_lightly(graph: WordGraph, transcription: np.ndarray) -> tuple[int, ...]:
    """Path of a graph with the longest common subsequence with a transcription."""
    n_given = len(transcription)
    # Of each node, for each number of given tokens that are behind: the best sum, and the arc by which it is reached.
    best = np.full((graph.n_nodes, n_given + 1), -np.inf)
    entered = np.full((graph.n_nodes, n_given + 1), -1)
    best[0] = 0.0
    worth = np.where(graph.token[:, None] == np.asarray(transcription), _TOKEN_WORTH, 0.0)
    ends = zip(graph.source.tolist(), graph.target.tolist(), graph.weight.tolist(), strict=True)
    for arc, (source, target, weight) in enumerate(ends):
        reached = best[source].copy()
        np.maximum(reached[1:], best[source, :-1] + worth[arc], out=reached[1:])
        reached = np.maximum.accumulate(reached) + weight  # given tokens may be left out
        better = reached > best[target]
        best[target][better] = reached[better]
        entered[target][better] = arc
    tokens, node, behind = [], graph.n_nodes - 1, n_given
    while node:
        while behind and best[node, behind - 1] == best[node, behind]:
            behind -= 1
        arc = int(entered[node, behind])
        tokens.append(int(graph.token[arc]))
        node = int(graph.source[arc])
        if behind and best[node, behind - 1] + worth[arc, behind - 1] > best[node, behind]:
            behind -= 1
    return tuple(tokens[:0:-1])


def _check(optical: WordGraph | Transcription, audio: WordGraph | Transcription, weight: float) -> None:
    for name, side in (("optical", optical), ("audio", audio)):
        if not isinstance(side, WordGraph | Transcription):
            raise ValueError(f"{name} side must be a word graph or transcription, got {side!r}")
    if not 0 <= weight <= 1:
        raise ValueError(f"weight must be 0 to 1, got {weight}")
