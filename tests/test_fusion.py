import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from scorehub.pipelines.music_transcription import fusion
from scorehub.pipelines.music_transcription.alignment import align_locally, align_networks
from scorehub.pipelines.music_transcription.confusion_network import (
    combine_networks,
    make_network,
    network_of,
    read_network,
    to_text,
)
from scorehub.pipelines.music_transcription.language_model import NgramModel
from scorehub.pipelines.music_transcription.token_passing import GraphSettings
from scorehub.pipelines.music_transcription.word_graph import Transcription, best_path, decode, n_best

V = 3
TOKENS = st.lists(st.integers(1, 4), max_size=7)


def graph_of(seed, spread=1.2, n_frames=7):
    """A small graph of noise; `all_paths` can enumerate it."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, spread, (n_frames, V + 1))
    model = NgramModel.fit([rng.integers(1, V + 1, 4) for _ in range(20)], V, 2, "witten-bell")
    return decode(logits - np.logaddexp.reduce(logits, 1, keepdims=True), model, GraphSettings(lattice_beam=4))


def all_paths(graph, join=lambda a, b: a + b) -> dict[tuple[int, ...], float]:
    """Posteriors of all transcriptions; those of paths of the same tokens are added, or joined otherwise."""
    paths = {}

    def walk(node, tokens, log_posterior):
        if node == graph.n_nodes - 1:
            paths[tokens[:-1]] = join(paths.get(tokens[:-1], 0.0), float(np.exp(log_posterior)))
        for arc in np.flatnonzero(graph.source == node):
            walk(graph.target[arc], (*tokens, int(graph.token[arc])), log_posterior + graph.weight[arc])

    walk(0, (), 0.0)
    return paths


def empty_graph():
    silence = np.full((5, V + 1), -50.0)
    silence[:, 0] = 0.0
    return decode(silence, NgramModel.fit([[1, 2]], V, 2, "witten-bell"))


def transcription(tokens, probability=0.5):
    places = np.arange(len(tokens))
    return Transcription(np.array(tokens, int), places, places + 1, np.broadcast_to(probability, len(tokens)) * 1.0)


def common_length(first, second) -> int:
    """Length of the longest common subsequence."""
    table = np.zeros((len(first) + 1, len(second) + 1), int)
    for i, j in itertools.product(range(len(first)), range(len(second))):
        table[i + 1, j + 1] = table[i, j] + 1 if first[i] == second[j] else max(table[i, j + 1], table[i + 1, j])
    return int(table[-1, -1])


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.5, 0.9, 1.0])
def test_best_of_both_is_the_best_path_of_the_union(weight):
    for seed in range(6):
        optical, audio = graph_of(seed), graph_of(seed + 100)
        union = [(share * np.exp(best_path(side)[1]), tuple(best_path(side)[0].tokens.tolist()))
                 for side, share in ((optical, weight), (audio, 1 - weight))]  # fmt: skip
        assert fusion.best_of_both(optical, audio, weight) == max(union)[1]


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.5, 1.0])
def test_the_risk_of_the_chosen_transcription_is_the_least_of_all(weight):
    for seed in range(6):
        optical, audio = graph_of(seed), graph_of(seed + 100)
        mixture = {}
        for side, share in ((optical, weight), (audio, 1 - weight)):
            for tokens, posterior in all_paths(side).items():
                mixture[tokens] = mixture.get(tokens, 0.0) + share * posterior
        risk = {
            tokens: sum(p * Levenshtein.distance(tokens, other) for other, p in mixture.items()) for tokens in mixture
        }
        chosen = fusion.minimum_bayes_risk(optical, audio, weight, n=100_000)
        assert risk[chosen] == pytest.approx(min(risk.values()))


def test_a_network_of_aligned_transcriptions_is_the_hand_worked_one():
    network = network_of([(1, 2, 3), (1, 3), (1, 2, 2, 3), (2, 2, 3)], np.array([0.4, 0.3, 0.2, 0.1]), V)
    # Slots: 1 (or 2), 2 (or nothing), 2 between them (or nothing), 3; which side of the first 2 it is, is a tie
    assert network.shape == (4, V + 1)
    assert network[0].tolist() == pytest.approx([0, 0.9, 0.1, 0])
    assert network[3].tolist() == pytest.approx([0, 0, 0, 1])
    assert sorted(network[1:3, 2].tolist()) == pytest.approx([0.2, 0.7])
    assert read_network(network) == (1, 2, 3)


def test_slots_of_a_network_hold_the_expected_number_of_each_token():
    for seed in range(5):
        graph = graph_of(seed)
        network = make_network(graph, V, n=100_000)
        assert network.sum(1) == pytest.approx(1)
        assert (network >= 0).all()
        for token in range(1, V + 1):
            expected = sum(p * tokens.count(token) for tokens, p in all_paths(graph).items())
            assert network[:, token].sum() == pytest.approx(expected)


def test_networks_are_combined_by_their_smoothed_geometric_mean():
    first = np.array([[0.0, 0.9, 0.1, 0.0], [0.2, 0.0, 0.0, 0.8]])
    second = np.array([[0.0, 0.3, 0.7, 0.0], [0.0, 0.0, 0.6, 0.4]])
    combined = combine_networks(first, second, 0.25)
    for row in range(2):
        union = [v for v in range(V + 1) if first[row, v] or second[row, v]]
        products = {v: (first[row, v] + 0.001) ** 0.25 * (second[row, v] + 0.001) ** 0.75 for v in union}
        expected = [products.get(v, 0.0) / sum(products.values()) for v in range(V + 1)]
        assert combined[row].tolist() == pytest.approx(expected)
    assert read_network(combine_networks(first, second, 1.0)) == (1, 3)
    assert read_network(combine_networks(first, second, 0.0)) == (2, 2)


def test_thresholds_decide_on_slots_without_a_partner():
    first = np.array([[0.0, 1.0, 0.0, 0.0], [0.3, 0.0, 0.7, 0.0], [0.0, 0.0, 0.0, 1.0]])
    second = np.array([[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    assert read_network(combine_networks(first, second)) == (1, 3)
    assert read_network(combine_networks(first, second, thresholds=(0.75, 0.25))) == (1, 3)
    assert read_network(combine_networks(first, second, thresholds=(0.6, 0.25))) == (1, 2, 3)
    assert read_network(combine_networks(second, first, thresholds=(0.75, 0.25))) == (1, 2, 3)


@given(TOKENS, TOKENS)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_networks_that_are_sure_are_aligned_by_edit_distance(first, second):
    networks = [np.eye(5)[tokens].reshape(-1, 5) for tokens in (first, second)]
    pairs = align_networks(*networks)
    assert pairs[pairs[:, 0] >= 0, 0].tolist() == list(range(len(first)))
    assert pairs[pairs[:, 1] >= 0, 1].tolist() == list(range(len(second)))
    edits = sum(i < 0 or j < 0 or first[i] != second[j] for i, j in pairs.tolist())
    assert edits == Levenshtein.distance(first, second)


def smith_waterman_score(first, second, match, mismatch, gap) -> float:
    table = np.zeros((len(first) + 1, len(second) + 1))
    for i, j in itertools.product(range(len(first)), range(len(second))):
        through = table[i, j] + (match if first[i] == second[j] else mismatch)
        table[i + 1, j + 1] = max(0, through, table[i, j + 1] + gap, table[i + 1, j] + gap)
    return float(table.max())


@given(TOKENS, TOKENS, st.sampled_from([(2, -1, -1), (10, -5, -2), (20, -10, -4), (5, -2, -1)]))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_local_alignments_have_the_score_of_the_textbooks_table(first, second, scores):
    pairs = align_locally(np.array(first, int), np.array(second, int), *scores)
    match, mismatch, gap = scores
    score = sum(gap if min(i, j) < 0 else match if first[i] == second[j] else mismatch for i, j in pairs.tolist())
    assert score == smith_waterman_score(first, second, *scores)
    for column in pairs.T:
        used = column[column >= 0]
        assert used.tolist() == list(range(used[0], used[-1] + 1)) if len(used) else True


def test_of_aligned_tokens_the_more_probable_stays_and_missing_ones_are_filled_in():
    optical = transcription([1, 2, 3, 4, 5], [0.9, 0.9, 0.4, 0.9, 0.9])
    audio = transcription([1, 2, 9, 4, 7, 5], [0.5, 0.5, 0.6, 0.5, 0.5, 0.5])
    assert fusion.fuse_aligned(optical, audio) == (1, 2, 9, 4, 7, 5)
    # 0.7 * 0.4 = 0.28 against 0.3 * 0.6 = 0.18
    assert fusion.fuse_aligned(optical, audio, weight=0.7) == (1, 2, 3, 4, 7, 5)


def test_what_lies_outside_of_the_local_alignment_is_kept():
    optical = transcription([8, 1, 2, 3, 9], 0.9)
    audio = transcription([6, 7, 1, 2, 3], 0.5)
    # 8 stands against 7 and wins; 6 and 9 have no partner
    assert fusion.fuse_aligned(optical, audio) == (6, 8, 1, 2, 3, 9)
    assert fusion.fuse_aligned(audio, optical) == (6, 8, 1, 2, 3, 9)


def test_sequences_of_hundreds_of_different_symbols_are_aligned():
    optical = transcription(list(range(1, 301)))
    audio = transcription([*range(1, 150), *range(200, 301)])
    assert fusion.fuse_aligned(optical, audio) == tuple(range(1, 301))


@pytest.mark.parametrize("seed", range(8))
def test_light_supervision_finds_the_path_with_most_in_common(seed):
    graph, other = graph_of(seed), graph_of(seed + 50, n_frames=9)
    given_tokens = best_path(other)[0].tokens.tolist()
    paths = all_paths(graph, join=max)
    found = fusion.lightly_supervised_omr(graph, other)
    most = max(common_length(tokens, given_tokens) for tokens in paths)
    rivals = {tokens: p for tokens, p in paths.items() if common_length(tokens, given_tokens) == most}
    assert found == max(rivals, key=rivals.get)
    assert fusion.lightly_supervised_a2s(other, graph) == found


def methods(optical, audio):
    yield fusion.best_of_both(optical, audio)
    yield fusion.minimum_bayes_risk(optical, audio)
    yield fusion.fuse_networks(optical, audio, V)
    yield fusion.fuse_aligned(best_path(optical)[0], best_path(audio)[0])
    yield fusion.lightly_supervised_omr(optical, audio)
    yield fusion.lightly_supervised_a2s(optical, audio)


def test_two_sides_that_agree_are_what_all_methods_say():
    graph = graph_of(1, spread=6.0)
    tokens = tuple(best_path(graph)[0].tokens.tolist())
    assert len(tokens) > 1
    assert set(methods(graph, graph)) == {tokens}


def test_empty_transcriptions_are_legal():
    empty, other = empty_graph(), graph_of(1, spread=6.0)
    assert list(methods(empty, empty)) == [()] * 6
    for result in [*methods(empty, other), *methods(other, empty)]:
        assert result in ((), n_best(other, 1)[0][0])
    assert fusion.fuse_aligned(transcription([]), transcription([2])) == (2,)
    assert fusion.fuse_aligned(transcription([1]), transcription([2], 0.6)) == (2,)


def test_texts_have_one_character_a_token_and_can_be_encoded():
    tokens = (1, 0xD7FF, 0xD800, 0xDFFF, 60_000)
    assert len(to_text(tokens)) == len(set(to_text(tokens).encode().decode())) == 5


def test_a_missing_side_and_bad_weights_are_refused():
    graph = graph_of(1)
    with pytest.raises(ValueError, match="audio side must be"):
        fusion.minimum_bayes_risk(graph, None)
    with pytest.raises(ValueError, match="optical side must be"):
        fusion.fuse_aligned(None, transcription([1]))
    with pytest.raises(ValueError, match="weight must be 0 to 1"):
        fusion.best_of_both(graph, graph, 1.5)
    with pytest.raises(ValueError, match="match must be above 0"):
        fusion.fuse_aligned(transcription([1]), transcription([1]), gap=1.0)
    with pytest.raises(ValueError, match="sum to 1"):
        network_of([(1,)], np.array([0.5]), V)
