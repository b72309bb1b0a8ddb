"""N-gram language model of token sequences, orders 1 to 5, as a decoder uses it.

    model = NgramModel.fit(sequences, n_tokens, order=5, smoothing="kneser-ney")
    model.save("language_model.safetensors")

Conventions: tokens are 1 to V; 0 is the end of a sequence. A history is a state, an integer: the longest of the last
order - 1 symbols that the training data have. Probabilities over V tokens and the end sum to 1 after any history; all
are above 0, as the lowest order is interpolated with the uniform distribution. How they are estimated: `ngram_counts`.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from .ngram_counts import HIGHEST_ORDER, Trie, estimate

_MOST_BYTES = 1 << 30  # of a file
_CACHE_BYTES = 1 << 26  # of rows that are kept from one staff to the next


class NgramModel:
    """Probabilities and next states of all tokens, a row for each history, computed when first asked for.

    Args:
        trie: histories and n-grams.
        n_tokens: V.

    Attributes:
        start: state before the first token.
        probabilities: (rows, V + 1) of each token, and of the end at 0, for the histories in `row_of`.
        next_states: (rows, V + 1) state after each token.
    """

    def __init__(self, trie: Trie, n_tokens: int):
        _check(trie, n_tokens)
        self.trie, self.n_tokens = trie, n_tokens
        # Histories of one symbol, if there are any, are states 1 to V + 1, that of the start symbol first.
        self.start = 1 if len(trie.backoff) > 1 else 0
        self.row_of: dict[int, int] = {}
        self._allocate(64)

    @classmethod
    def fit(
        cls, sequences: Sequence[Sequence[int]], n_tokens: int, order: int = 5, smoothing: str = "kneser-ney"
    ) -> "NgramModel":
        """Estimates a model.

        Args:
            smoothing: kneser-ney (modified, interpolated) or witten-bell (interpolated; for little data).

        Raises:
            ValueError: as `ngram_counts.estimate` says.
        """
        return cls(estimate(sequences, n_tokens, order, smoothing), n_tokens)

    @property
    def order(self) -> int:
        """Longest n-gram."""
        return 1 + int(_lengths(self.trie.suffix).max())

    def row(self, state: int) -> int:
        """Where `probabilities` and `next_states` have a history; they may be new arrays after this call."""
        row = self.row_of.get(state)
        if row is None:
            row = self._add_row(state)
        return row

    def distribution(self, state: int) -> np.ndarray:
        """(V + 1,) probabilities of the end, at 0, and of tokens 1 to V after a history."""
        row = self.row(state)
        return self.probabilities[row]

    def trim(self) -> None:
        """Forgets all rows if they take more than 64 MiB; decoders call it between two staves."""
        if len(self.row_of) * (self.n_tokens + 1) * 12 > _CACHE_BYTES:
            self.row_of.clear()

    def log_probability(self, sequence: Sequence[int]) -> float:
        """Natural logarithm of the probability of a whole sequence, its end included."""
        if len(sequence) and not 1 <= min(sequence) <= max(sequence) <= self.n_tokens:
            raise ValueError(f"tokens must be 1 to {self.n_tokens}, got {min(sequence)} to {max(sequence)}")
        total, state = 0.0, self.start
        for token in (*sequence, 0):
            probability, state = self._step(state, token)
            total += float(np.log(probability))
        return total

    def save(self, path: str | Path) -> None:
        """Writes a safetensors file, whole numbers as small as they can be, probabilities in single precision."""
        arrays = {name: _narrow(array) for name, array in self.trie._asdict().items()}
        save_file(arrays, path, {"n_tokens": str(self.n_tokens)})

    @classmethod
    def load(cls, path: str | Path) -> "NgramModel":
        """Reads what `save` wrote; nothing in it is executed, and what does not fit together is refused.

        Raises:
            ValueError: the file is above 1 GiB, or is no such model.
        """
        if Path(path).stat().st_size > _MOST_BYTES:
            raise ValueError(f"language model must be at most {_MOST_BYTES} bytes, got {Path(path).stat().st_size}")
        try:
            with safe_open(path, framework="numpy") as file:
                n_tokens = int((file.metadata() or {})["n_tokens"])
                trie = Trie(*(_widen(file.get_tensor(name)) for name in Trie._fields))
        except (SafetensorError, KeyError, ValueError) as error:
            raise ValueError(
                f"language model must be a file that NgramModel.save wrote, got {path}: {error}"
            ) from None
        return cls(trie, n_tokens)

    def write_arpa(self, path: str | Path, names: Sequence[str] | None = None) -> None:
        """Writes the back-off format that other tools read; interpolated models are exact in it.

        Args:
            names: of tokens 1 to V, without spaces; their numbers if none are given.
        """
        names = [str(token) for token in range(1, self.n_tokens + 1)] if names is None else names
        if len(names) != self.n_tokens or any(len(name.split()) != 1 for name in names):
            raise ValueError(f"names must be {self.n_tokens} words, got {len(names)}")
        lines: list[list[str]] = [[] for _ in range(self.order)]
        words: dict[int, tuple[str, ...]] = {self.start: ("<s>",), 0: ()}
        lines[0].append(f"-99\t<s>\t{np.log10(self.trie.backoff[self.start]):.9f}")
        for state in range(len(self.trie.backoff)):
            ngrams = slice(*self.trie.first[state : state + 2])
            probabilities = self.distribution(state)
            for token, child in zip(self.trie.token[ngrams].tolist(), self.trie.child[ngrams].tolist(), strict=True):
                ngram = (*words[state], names[token - 1] if token else "</s>")
                line = f"{np.log10(probabilities[token]):.9f}\t{' '.join(ngram)}"
                if child:
                    words[child] = ngram
                    line += f"\t{np.log10(self.trie.backoff[child]):.9f}"
                lines[len(ngram) - 1].append(line)
            self.trim()
        with open(path, "w", encoding="utf-8") as file:
            file.write("\\data\\\n" + "".join(f"ngram {n}={len(each)}\n" for n, each in enumerate(lines, 1)))
            for number, each in enumerate(lines, 1):
                file.write(f"\n\\{number}-grams:\n" + "\n".join(each) + "\n")
            file.write("\n\\end\\\n")

    def _step(self, state: int, token: int) -> tuple[float, int]:
        """Probability of one token and the state after it, from the n-grams alone."""
        trie, probability, weight, after = self.trie, 0.0, 1.0, 0
        while True:
            begin, end = trie.first[state : state + 2]
            place = begin + np.searchsorted(trie.token[begin:end], token)
            if place < end and trie.token[place] == token:
                probability += weight * trie.share[place]
                after = after or int(trie.child[place])
            weight *= trie.backoff[state]
            if state == 0:
                return probability + weight / (self.n_tokens + 1), after
            state = int(trie.suffix[state])

    def _allocate(self, n_rows: int) -> None:
        self.probabilities = np.empty((n_rows, self.n_tokens + 1))
        self.next_states = np.empty((n_rows, self.n_tokens + 1), np.int32)

    def _add_row(self, state: int) -> int:
        trie = self.trie
        shorter = self.row(int(trie.suffix[state])) if state else -1  # first, as it may add rows
        row = len(self.row_of)
        if row == len(self.probabilities):
            old = self.probabilities, self.next_states
            self._allocate(2 * row)
            self.probabilities[:row], self.next_states[:row] = old
        lower = self.probabilities[shorter] if state else 1 / (self.n_tokens + 1)
        np.multiply(lower, trie.backoff[state], out=self.probabilities[row])
        self.next_states[row] = self.next_states[shorter] if state else 0
        ngrams = slice(trie.first[state], trie.first[state + 1])
        token, child = trie.token[ngrams], trie.child[ngrams]
        self.probabilities[row, token] += trie.share[ngrams]
        self.next_states[row, token[child > 0]] = child[child > 0]
        self.row_of[state] = row
        return row


def _narrow(array: np.ndarray) -> np.ndarray:
    is_whole = np.issubdtype(array.dtype, np.integer)
    return np.ascontiguousarray(array, np.min_scalar_type(int(array.max())) if is_whole else np.float32)


def _widen(array: np.ndarray) -> np.ndarray:
    return array.astype(np.int64 if np.issubdtype(array.dtype, np.integer) else np.float64)


def _lengths(suffix: np.ndarray) -> np.ndarray:
    """(S,) number of symbols of each history."""
    lengths, left = np.zeros(len(suffix), np.int64), np.arange(len(suffix))
    while left.any():
        lengths += left > 0
        left = suffix[left]
    return lengths


def _check(trie: Trie, n_tokens: int) -> None:
    """Raises ValueError unless arrays fit together, so that no file can make a search fail or run forever."""
    n_states, n_ngrams = len(trie.backoff), len(trie.token)
    lengths = {"first": n_states + 1, "token": n_ngrams, "share": n_ngrams, "child": n_ngrams, "suffix": n_states}
    for name, array in trie._asdict().items():
        kind = np.floating if name in ("share", "backoff") else np.integer
        if array.shape != (lengths.get(name, n_states),) or not np.issubdtype(array.dtype, kind):
            raise ValueError(f"{name} of a language model must be {kind.__name__} numbers, got {array.shape}")
    states = np.arange(n_states)
    fits = (
        n_states > 0
        and n_tokens > 0
        and trie.first[0] == 0
        and trie.first[-1] == n_ngrams
        and (np.diff(trie.first) >= 0).all()
        and trie.first[1] == n_tokens + 1  # so that no file claims more tokens than it has
        and np.array_equal(trie.token[: trie.first[1]], np.arange(trie.first[1]))
        and ((trie.token >= 0) & (trie.token <= n_tokens)).all()
        and ((trie.child >= 0) & (trie.child < n_states)).all()
        and ((trie.suffix >= 0) & ((trie.suffix < states) | (states == 0))).all()
        and (trie.suffix[0] == 0)
    )
    if not fits:
        raise ValueError("states and tokens of a language model must lie in range, got others")
    if _lengths(trie.suffix).max() >= HIGHEST_ORDER:
        raise ValueError(f"order of a language model must be at most {HIGHEST_ORDER}, got more")
    owner = np.repeat(states, np.diff(trie.first))
    mass = np.bincount(owner, trie.share, n_states) + trie.backoff
    if not ((trie.share >= 0).all() and (trie.backoff > 0).all() and np.allclose(mass, 1)):
        raise ValueError("probabilities of a language model must sum to 1 after each history, got others")
