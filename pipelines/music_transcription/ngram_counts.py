"""Estimation of n-gram models: interpolated modified Kneser-Ney and Witten-Bell.

Both give p(w | h) = share(h w) + backoff(h) p(w | h'), where h' is the history h without its first symbol, down to the
uniform distribution over the V tokens and the end of the sequence:

- Modified Kneser-Ney (Chen and Goodman, "An empirical study of smoothing techniques for language modeling", Computer
  Speech and Language 1999, section 3.4; `-kndiscount -interpolate` of SRILM): share = (a(h w) - D(a(h w))) / a(h .),
  where a is the count at the highest order, and below it the number of symbols seen before the n-gram; n-grams that
  begin a sequence keep their counts, as nothing stands before them. D(1), D(2), D(3 and more) follow for each order
  from t1 to t4, the numbers of n-grams with a = 1 to 4: D(k) = k - (k + 1) Y t(k + 1) / t(k), with
  Y = t1 / (t1 + 2 t2).
  In a small vocabulary every symbol is frequent, and t1 to t4 of 1-grams may be 0: these are then smoothed as below
  (the baseline's recipe, `-kndiscount2` to `-kndiscount6`, never uses Kneser-Ney for them). Elsewhere it is an error.
- Witten-Bell (Witten and Bell, "The zero-frequency problem", 1991; `-wbdiscount -interpolate`): share =
  c(h w) / (c(h .) + n(h)) and backoff = n(h) / (c(h .) + n(h)), with n(h) the number of distinct symbols after h.

A sequence begins with one start symbol, which is never predicted, and ends with an end symbol; both are written 0.
Histories are states. State 0 is the empty one; longer ones follow, those of one length in lexicographic order.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

HIGHEST_ORDER = 5


class Trie(NamedTuple):
    """Histories (S of them) and the n-grams (E) that go on from them, those of a history next to each other.

    `child` is the history h w, 0 where the model has none that long; `suffix` is the history h'.
    """

    first: np.ndarray  # (S + 1,) n-grams first[s] to before first[s + 1] go on from history s
    token: np.ndarray  # (E,) w, 0 for the end
    share: np.ndarray  # (E,)
    child: np.ndarray  # (E,)
    backoff: np.ndarray  # (S,)
    suffix: np.ndarray  # (S,)


class _Order(NamedTuple):
    """Distinct n-grams of one order, sorted: histories' numbers (of their order), last symbols, counts."""

    history: np.ndarray
    token: np.ndarray
    counts: np.ndarray
    suffix: np.ndarray  # number of the (n - 1)-gram without the first symbol
    begins: np.ndarray  # whether it begins a sequence


def estimate(sequences: Sequence[Sequence[int]], n_tokens: int, order: int, smoothing: str) -> Trie:
    """Counts and smooths.

    Args:
        sequences: of tokens 1 to `n_tokens`.
        smoothing: kneser-ney or witten-bell.

    Raises:
        ValueError: no sequences, a token or an argument out of range, or, for Kneser-Ney, too little data for its
            discounts.
    """
    if smoothing not in ("kneser-ney", "witten-bell"):
        raise ValueError(f"smoothing must be kneser-ney or witten-bell, got {smoothing!r}")
    if not 1 <= order <= HIGHEST_ORDER:
        raise ValueError(f"order must be 1 to {HIGHEST_ORDER}, got {order}")
    orders = _count(sequences, n_tokens, order)
    shares, backoffs = [], []
    for number, ngrams in enumerate(orders, 1):
        n_histories = len(orders[number - 2].token) if number > 1 else 1
        if smoothing == "witten-bell":
            share, backoff = _witten_bell(ngrams, ngrams.counts, n_histories)
        else:
            count = ngrams.counts
            if number < order:
                before = np.bincount(orders[number].suffix, minlength=len(count))
                count = np.where(ngrams.begins, count, before)
            share, backoff = _kneser_ney(ngrams, count, n_histories, number)
        shares.append(share)
        backoffs.append(backoff)
    return _link(orders, shares, backoffs)


def _count(sequences: Sequence[Sequence[int]], n_tokens: int, order: int) -> list[_Order]:
    if not len(sequences):
        raise ValueError("sequences must be at least 1, got 0")
    symbols = np.concatenate([np.concatenate([[0], np.asarray(one, np.int64), [0]]) for one in sequences])
    place = np.concatenate([np.arange(len(one) + 2) for one in sequences])  # in the sequence, the start symbol at 0
    inner = symbols[(place > 0) & ~np.append(place[1:] == 0, True)]
    if len(inner) and not 1 <= inner.min() <= inner.max() <= n_tokens:
        raise ValueError(f"tokens must be 1 to {n_tokens}, got {inner.min()} to {inner.max()}")
    # The number of the n-gram that ends at each position; all symbols are 1-grams, seen or not.
    at = symbols
    unigram_count = np.bincount(symbols[place > 0], minlength=n_tokens + 1)
    everything = np.arange(n_tokens + 1)
    empty = np.zeros(n_tokens + 1, np.int64)
    orders = [_Order(empty, everything, unigram_count, empty, np.zeros(n_tokens + 1, bool))]
    for length in range(2, order + 1):
        where = np.flatnonzero(place >= length - 1)
        key = at[where - 1] * (n_tokens + 1) + symbols[where]
        distinct, example, number, count = np.unique(key, return_index=True, return_inverse=True, return_counts=True)
        example = where[example]
        history, token = np.divmod(distinct, n_tokens + 1)
        orders.append(_Order(history, token, count, at[example], place[example] == length - 1))
        at = np.full(len(symbols), -1)
        at[where] = number
    return orders


def _witten_bell(ngrams: _Order, count: np.ndarray, n_histories: int) -> tuple[np.ndarray, np.ndarray]:
    total = np.bincount(ngrams.history, count, n_histories)
    distinct = np.bincount(ngrams.history, count > 0, n_histories)
    mass = np.maximum(total + distinct, 1)
    return count / mass[ngrams.history], np.where(total > 0, distinct / mass, 1.0)


def _kneser_ney(ngrams: _Order, count: np.ndarray, n_histories: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    n_with = np.bincount(np.minimum(count, 5), minlength=5)[1:5]
    if number == 1 and not n_with.all():
        return _witten_bell(ngrams, count, n_histories)
    discount = np.concatenate([[0.0], _discounts(n_with, number)])[np.minimum(count, 3)]
    total = np.bincount(ngrams.history, count, n_histories)
    taken = np.bincount(ngrams.history, discount, n_histories)
    mass = np.maximum(total, 1)
    return (count - discount) / mass[ngrams.history], np.where(total > 0, taken / mass, 1.0)


def _discounts(n_with: np.ndarray, number: int) -> np.ndarray:
    """D(1), D(2), D(3 and more) of the numbers (4,) of n-grams that are seen 1 to 4 times."""
    advice = "give more data, a lower order, or smoothing witten-bell"
    if not n_with.all():
        raise ValueError(
            f"Kneser-Ney needs {number}-grams seen once, twice, three and four times, got {n_with.tolist()}; {advice}"
        )
    times = np.arange(1, 4)
    discounts = times - (times + 1) * n_with[0] / (n_with[0] + 2 * n_with[1]) * n_with[1:] / n_with[:3]
    if not (discounts > 0).all():
        raise ValueError(f"discounts of {number}-grams must be above 0, got {discounts.round(3).tolist()}; {advice}")
    return discounts


def _link(orders: list[_Order], shares: list[np.ndarray], backoffs: list[np.ndarray]) -> Trie:
    """Numbers the histories of all lengths in one row; those of length n are the n-grams, even if nothing follows."""
    offset = np.cumsum([0, 1] + [len(ngrams.token) for ngrams in orders[:-1]])  # of histories of length 0, 1, ...
    history = np.concatenate([ngrams.history + offset[length] for length, ngrams in enumerate(orders)])
    child, suffix = [], [np.zeros(1, np.int64)]
    for length, ngrams in enumerate(orders[:-1]):
        child.append(np.where(ngrams.token > 0, np.arange(len(ngrams.token)) + offset[length + 1], 0))
        suffix.append(ngrams.suffix + offset[length])
    child.append(np.zeros(len(orders[-1].token), np.int64))
    return Trie(
        np.searchsorted(history, np.arange(offset[-1] + 1)),
        np.concatenate([ngrams.token for ngrams in orders]),
        np.concatenate(shares),
        np.concatenate(child),
        np.concatenate(backoffs),
        np.concatenate(suffix),
    )
