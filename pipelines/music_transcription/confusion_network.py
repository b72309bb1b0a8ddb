"""Confusion networks: a row of slots, each with the probabilities of what stands there, and their combination.

A network is (S, V + 1): rows sum to 1; column 0 is no token at all, columns 1 to V are tokens.

Of a word graph it is made as Xu, Povey, Mangu and Zhu do ("Minimum Bayes risk decoding and system combination based on
a recursion for edit distance", 2011), here over its n best transcriptions: each is aligned with the best one by edit
distance, and lends its posterior to the slots that it passes. Tokens between two of the best one's have slots of their
own.

Two networks are combined as Alfaro-Contreras et al. 2023 do after Granell and Martinez-Hinarejos, "Combining
handwriting and speech recognition for transcribing historical handwritten documents", 2015: aligned, then slot by slot
(p + s)^w (q + s)^(1 - w), with s = 0.001, over the symbols that either has. A slot without a partner is combined with
"surely nothing".

Of slots without a partner the source says besides: insert those of the second network whose most probable token is
above 0.25, delete those of the first below 0.75. The published code computes these labels, but treats "insert" and
"delete" alike afterwards, so that its numbers are those without thresholds. Given here as `thresholds`, they decide:
a slot alone keeps its token above its side's threshold and is dropped otherwise. They make sense where the first
network is the weaker one; for equal ones they should be equal.
"""

import numpy as np
from rapidfuzz.distance import Levenshtein

from .alignment import align_networks
from .word_graph import WordGraph, n_best

SMOOTHING = 1e-3


def to_text(tokens: tuple[int, ...]) -> str:
    """A character a token, so that edit distances of strings are those of tokens."""
    # Characters from 0xD800 on cannot be encoded.
    return "".join([chr(token if token < 0xD800 else token + 0x800) for token in tokens])


def make_network(graph: WordGraph, n_tokens: int, n: int = 100) -> np.ndarray:
    """Confusion network (S, V + 1) of the `n` best transcriptions of a graph; S is 0 if the only one is empty."""
    hypotheses, log_posteriors = n_best(graph, n)
    posteriors = np.exp(log_posteriors)
    return network_of(hypotheses, posteriors / posteriors.sum(), n_tokens)


def network_of(hypotheses: list[tuple[int, ...]], posteriors: np.ndarray, n_tokens: int) -> np.ndarray:
    """Confusion network of transcriptions whose posteriors sum to 1; the first is what all are aligned with.

    Raises:
        ValueError: no transcriptions, or posteriors that do not fit.
    """
    if not hypotheses or len(hypotheses) != len(posteriors) or not np.isclose(np.sum(posteriors), 1):
        raise ValueError(f"posteriors must be as many as transcriptions and sum to 1, got {posteriors}")
    pivot = to_text(hypotheses[0])
    # (place in the pivot, number of the token before it, or -1 for the pivot's own) -> token -> posterior
    slots: dict[tuple[int, float], dict[int, float]] = {(place, np.inf): {} for place in range(len(pivot))}
    for tokens, posterior in zip(hypotheses, posteriors.tolist(), strict=True):
        for place, order, token in _places(pivot, tokens):
            slot = slots.setdefault((place, order), {})
            slot[token] = slot.get(token, 0.0) + posterior
    network = np.zeros((len(slots), n_tokens + 1))
    for row, key in zip(network, sorted(slots), strict=True):
        for token, posterior in slots[key].items():
            row[token] += posterior
    network[:, 0] = np.maximum(0.0, 1 - network[:, 1:].sum(1))
    return network


def _places(pivot: str, tokens: tuple[int, ...]) -> list[tuple[int, float, int]]:
    """(place in the pivot, order, token) of each token: those before a place count 0, 1, ..., its own is last."""
    places: list[tuple[int, float, int]] = []
    for edit in Levenshtein.opcodes(pivot, to_text(tokens)):
        added = tokens[edit.dest_start : edit.dest_end]
        if edit.tag == "insert":
            places += [(edit.src_start, float(order), token) for order, token in enumerate(added)]
        else:
            places += [(edit.src_start + order, np.inf, token) for order, token in enumerate(added)]
    return places


def combine_networks(
    first: np.ndarray, second: np.ndarray, weight: float = 0.5, thresholds: tuple[float, float] | None = None
) -> np.ndarray:
    """Combined network; `weight` is the first one's share, 0 to 1, and `thresholds` are explained above."""
    nothing = np.zeros((1, first.shape[1]))
    nothing[0, 0] = 1.0
    pairs = align_networks(first, second)
    left, right = (np.concatenate([side, nothing])[pairs[:, column]] for column, side in enumerate((first, second)))
    combined = (left + SMOOTHING) ** weight * (right + SMOOTHING) ** (1 - weight)
    combined[(left == 0) & (right == 0)] = 0.0
    combined /= combined.sum(1, keepdims=True)
    for column, threshold in enumerate(thresholds or ()):
        alone = pairs[:, 1 - column] < 0
        slots = (left, right)[column][alone]
        kept = slots[:, 1:].max(1, initial=0.0) > threshold
        slots[kept, 0] = 0.0
        combined[alone] = np.where(kept[:, None], slots / np.maximum(slots.sum(1, keepdims=True), 1e-300), nothing)
    return combined


def read_network(network: np.ndarray) -> tuple[int, ...]:
    """The most probable symbol of each slot, where it is a token."""
    best = network.argmax(1) if len(network) else np.zeros(0, np.int64)
    return tuple(best[best > 0].tolist())
