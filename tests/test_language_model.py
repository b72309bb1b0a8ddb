import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from safetensors.numpy import save_file

from scorehub.pipelines.music_transcription.language_model import NgramModel

V = 40


def chain(n_sequences=300, seed=0):
    """Sequences in which some symbols follow others often; the last symbol is unseen, the first sequence empty."""
    rng = np.random.default_rng(seed)
    following = rng.integers(1, V, (V, 8))
    sequences = [[]]
    for _ in range(n_sequences):
        sequence = [0]
        for _ in range(rng.integers(1, 12)):
            sequence.append(int(following[sequence[-1], min(rng.geometric(0.4), 8) - 1]))
        sequences.append(sequence[1:])
    return sequences


class Reference:
    """The definitions by dictionaries of tuples; the start symbol is S, the end E."""

    def __init__(self, sequences, n_tokens, order, smoothing):
        self.n_tokens, self.order = n_tokens, order
        padded = [("S", *sequence, "E") for sequence in sequences]
        raw = [
            Counter(s[i : i + n] for s in padded for i in range(len(s) - n + 1) if n > 1 or s[i] != "S")
            for n in range(1, order + 1)
        ]
        self.share, self.backoff = {}, {}
        for n in range(1, order + 1):
            counts = raw[n - 1]
            if smoothing == "kneser-ney" and n < order:
                before = defaultdict(set)
                for ngram in raw[n]:
                    before[ngram[1:]].add(ngram[0])
                counts = {g: counts[g] if g[0] == "S" else len(before[g]) for g in counts}
            after = defaultdict(dict)
            for ngram, count in counts.items():
                after[ngram[:-1]][ngram[-1]] = count
            discount = self.discounts(counts) if smoothing == "kneser-ney" else None
            for history, follow in after.items():
                total = sum(follow.values())
                if discount is None:
                    mass, shares = total + len(follow), follow
                    self.backoff[history] = len(follow) / mass
                else:
                    mass, shares = total, {w: c - discount[min(c, 3)] for w, c in follow.items()}
                    self.backoff[history] = sum(discount[min(c, 3)] for c in follow.values()) / mass
                self.share |= {(*history, w): share / mass for w, share in shares.items()}

    def discounts(self, counts):
        t = Counter(counts.values())
        if not all(t[k] for k in (1, 2, 3, 4)):
            return None
        y = t[1] / (t[1] + 2 * t[2])
        return {k: k - (k + 1) * y * t[k + 1] / t[k] for k in (1, 2, 3)}

    def probability(self, history, token):
        history = tuple(history)[-(self.order - 1) :] if self.order > 1 else ()
        lower = 1 / (self.n_tokens + 1) if not history else self.probability(history[1:], token)
        return self.share.get((*history, token), 0.0) + self.backoff.get(history, 1.0) * lower


@pytest.mark.parametrize("smoothing", ["kneser-ney", "witten-bell"])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_probabilities_are_those_of_the_definitions(smoothing, order):
    sequences = chain()
    model, reference = NgramModel.fit(sequences, V, order, smoothing), Reference(sequences, V, order, smoothing)
    for sequence in [*sequences[:20], [3, 3, 3, 39, 40, 1]]:
        padded = ["S", *sequence, "E"]
        expected = sum(math.log(reference.probability(padded[:k], padded[k])) for k in range(1, len(padded)))
        assert model.log_probability(sequence) == pytest.approx(expected, rel=1e-9)


def test_witten_bell_gives_the_hand_worked_values():
    # After 1 come 2, 2 and the end: 3 symbols, 2 kinds. Of all 6 symbols: 1 thrice, 2 twice... see each line
    model = NgramModel.fit([[1, 2, 1, 2, 1]], 3, 2, "witten-bell")
    # 1-grams: 1 three times, 2 twice, end once; 6 symbols of 3 kinds; a quarter each in the zeroth order
    unigram = {0: (1 + 3 / 4) / 9, 1: (3 + 3 / 4) / 9, 2: (2 + 3 / 4) / 9, 3: (0 + 3 / 4) / 9}
    # After 1: 2 twice and the end once: (c + 2 p) / (3 + 2)
    after_1 = {0: (1 + 2 * unigram[0]) / 5, 1: 2 * unigram[1] / 5, 2: (2 + 2 * unigram[2]) / 5, 3: 2 * unigram[3] / 5}
    row = model.distribution(int(model.next_states[model.row(model.start), 1]))
    assert row.tolist() == pytest.approx(list(after_1.values()))


def test_kneser_ney_gives_the_hand_worked_values():
    # 2-grams, S being the start and E the end: S1 S2 S3 S4 once... counted below; 10 sequences of one token each
    sequences = [[1], [2], [2], [3], [3], [3], [4], [4], [4], [4]]
    # After S: 1, 2, 3, 4 with counts 1, 2, 3, 4, and after each the end with the same counts: t1 = t2 = t3 = t4 = 2
    y = 2 / (2 + 4)
    d1, d2, d3 = 1 - 2 * y, 2 - 3 * y, 3 - 4 * y
    # 1-grams are counted by what stands before: 1, 2, 3, 4 once each (S), the end 4 times. No twos and threes: these
    # are smoothed by Witten-Bell, 8 symbols of 5 kinds, a fifth each in the zeroth order.
    one, end = (1 + 5 / 5) / 13, (4 + 5 / 5) / 13
    backoff = (d1 + d2 + 2 * d3) / 10
    model = NgramModel.fit(sequences, 4, 2, "kneser-ney")
    row = model.distribution(model.start)
    expected = [backoff * end] + [(c - d) / 10 + backoff * one for c, d in ((1, d1), (2, d2), (3, d3), (4, d3))]
    assert row.tolist() == pytest.approx(expected)


@pytest.mark.parametrize("smoothing", ["kneser-ney", "witten-bell"])
def test_every_distribution_sums_to_one_and_leaves_nothing_out(smoothing):
    model = NgramModel.fit(chain(600), V, 5, smoothing)
    for state in range(len(model.trie.backoff)):
        probabilities = model.distribution(state)
        assert probabilities.sum() == pytest.approx(1, abs=1e-12)
        assert (probabilities > 0).all()


def test_rows_and_states_agree_with_single_n_grams():
    sequences = chain(400)
    model = NgramModel.fit(sequences, V, 4, "witten-bell")
    for sequence in sequences[:50]:
        state, total = model.start, 0.0
        for token in (*sequence, 0):
            row = model.row(state)
            total += math.log(model.probabilities[row, token])
            state = int(model.next_states[row, token])
        assert total == pytest.approx(model.log_probability(sequence), rel=1e-12)


def test_kneser_ney_predicts_unseen_sequences_better_than_witten_bell():
    sequences = chain(1500, seed=5)
    scores = {}
    for smoothing in ("kneser-ney", "witten-bell"):
        model = NgramModel.fit(sequences[:1200], V, 4, smoothing)
        scores[smoothing] = sum(model.log_probability(sequence) for sequence in sequences[1200:])
    assert scores["kneser-ney"] > scores["witten-bell"]


def test_too_little_data_for_kneser_ney_is_said():
    with pytest.raises(ValueError, match=r"needs 2-grams seen once.*witten-bell"):
        NgramModel.fit([[1, 2, 3]], 3, 3, "kneser-ney")
    assert NgramModel.fit([[1, 2, 3]], 3, 3, "witten-bell").order == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], 3, 2, "witten-bell"), "sequences"),
        (([[1, 4]], 3, 2, "witten-bell"), "tokens must be 1 to 3"),
        (([[0]], 3, 2, "witten-bell"), "tokens must be 1 to 3"),
        (([[1]], 3, 6, "witten-bell"), "order must be 1 to 5"),
        (([[1]], 3, 2, "good-turing"), "smoothing must be"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        NgramModel.fit(*arguments)


def test_a_saved_model_comes_back_the_same(tmp_path):
    model = NgramModel.fit(chain(), V, 3, "witten-bell")
    model.save(tmp_path / "model.safetensors")
    again = NgramModel.load(tmp_path / "model.safetensors")
    assert again.order == 3
    expected = [model.log_probability(s) for s in chain()]
    assert [again.log_probability(s) for s in chain()] == pytest.approx(expected, rel=1e-6)  # singles


def test_files_that_are_no_model_or_do_not_fit_together_are_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"\x80\x04pickle")
    with pytest.raises(ValueError, match=r"NgramModel\.save"):
        NgramModel.load(path)
    trie = NgramModel.fit(chain(), V, 3, "witten-bell").trie
    changed = {
        "suffix": np.arange(len(trie.suffix)),  # a circle, in which a search would not end
        "child": trie.child + len(trie.suffix),
        "token": trie.token + V,
        "first": trie.first[::-1].copy(),
        "share": trie.share * 2,
        "backoff": trie.backoff[:-1],
    }
    for name, array in changed.items():
        save_file(trie._replace(**{name: array})._asdict(), path, {"n_tokens": str(V)})
        with pytest.raises(ValueError, match="language model"):
            NgramModel.load(path)
    save_file(trie._asdict(), path, {"n_tokens": str(10**12)})  # would take all memory
    with pytest.raises(ValueError, match="language model"):
        NgramModel.load(path)


@pytest.mark.parametrize("smoothing", ["kneser-ney", "witten-bell"])
def test_arpa_files_hold_the_same_probabilities(tmp_path, smoothing):
    sequences = chain(300)
    model = NgramModel.fit(sequences, V, 3, smoothing)
    names = [f"note-{token}" for token in range(1, V + 1)]
    model.write_arpa(tmp_path / "model.arpa", names)
    text = (tmp_path / "model.arpa").read_text()
    table = {}
    for line in text.splitlines():
        if "\t" in line:
            number, words, *backoff = line.split("\t")
            table[tuple(words.split())] = float(number), float(backoff[0]) if backoff else 0.0
    for n in (1, 2, 3):
        assert f"ngram {n}={sum(len(key) == n for key in table)}" in text

    def log10(history, word):
        if (*history, word) in table:
            return table[(*history, word)][0]
        return table.get(history, (0, 0))[1] + log10(history[1:], word)

    for sequence in [*sequences[:20], [7, 7, 7, 2]]:
        words = ["<s>", *(names[token - 1] for token in sequence), "</s>"]
        total = sum(log10(tuple(words[max(0, k - 2) : k]), words[k]) for k in range(1, len(words)))
        assert total * math.log(10) == pytest.approx(model.log_probability(sequence), abs=1e-6)
