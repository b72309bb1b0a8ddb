import itertools
from collections import defaultdict

import numpy as np
import pytest

from scorehub.pipelines.music_transcription.language_model import NgramModel
from scorehub.pipelines.music_transcription.prefix_search import search_prefixes
from scorehub.pipelines.music_transcription.token_passing import GraphSettings
from scorehub.pipelines.music_transcription.word_graph import (
    arc_posteriors,
    best_path,
    decode,
    decode_greedily,
    n_best,
)

V = 3
WIDE = GraphSettings(acoustic_scale=1.3, language_scale=0.7, insertion=0.3, beam=600, lattice_beam=600)


def normalise(logits):
    return logits - np.logaddexp.reduce(logits, 1, keepdims=True)


def noise(seed, n_frames=6, spread=2.0, n_tokens=V):
    return normalise(np.random.default_rng(seed).normal(0, spread, (n_frames, n_tokens + 1)))


def language(order, n_tokens=V):
    rng = np.random.default_rng(order)
    return NgramModel.fit([rng.integers(1, n_tokens + 1, rng.integers(1, 6)) for _ in range(30)], n_tokens, order,
                          "witten-bell")  # fmt: skip


def collapse(alignment) -> tuple[int, ...]:
    return tuple(token for token, _ in itertools.groupby(alignment) if token)


def enumerate_all(log_posteriors, model, settings) -> dict[tuple[int, ...], float]:
    """Of each transcription, the sum of exp(score) over every alignment there is."""
    sums = defaultdict(float)
    n_frames, n_classes = log_posteriors.shape
    for alignment in itertools.product(range(n_classes), repeat=n_frames):
        tokens = collapse(alignment)
        score = settings.acoustic_scale * log_posteriors[np.arange(n_frames), alignment].sum()
        score += settings.language_scale * model.log_probability(tokens) + settings.insertion * len(tokens)
        sums[tokens] += np.exp(score)
    return sums


def spikes(tokens, n_frames=60, n_tokens=V, seed=0, loud=8.0):
    """Posteriors of a sure network: mostly blank, a spike of two frames for each token."""
    logits = np.random.default_rng(seed).normal(-12, 1, (n_frames, n_tokens + 1))
    logits[:, 0] = 0
    for place, token in zip(np.linspace(3, n_frames - 4, len(tokens)).astype(int), tokens, strict=True):
        logits[place, token], logits[place + 1, token] = loud, loud - 4
    return normalise(logits)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_total_weight_is_the_sum_over_all_alignments(order, seed):
    model, posteriors = language(order), noise(seed)
    sums = enumerate_all(posteriors, model, WIDE)
    assert decode(posteriors, model, WIDE).log_total == pytest.approx(np.log(sum(sums.values())), abs=1e-10)


def test_zero_posteriors_and_sure_blanks_change_nothing_in_that():
    posteriors = noise(3)
    posteriors[[1, 4], 1:] = -np.inf
    posteriors[[1, 4], 0] = 0.0
    posteriors[3, 0] = -np.inf
    model = language(2)
    sums = enumerate_all(posteriors, model, WIDE)
    assert decode(posteriors, model, WIDE).log_total == pytest.approx(np.log(sum(sums.values())), abs=1e-10)


@pytest.mark.parametrize("order", [1, 3])
def test_arc_posteriors_are_the_sums_over_alignments(order):
    # What arcs say exactly whatever was joined: how many of each token are expected, and which comes first and last
    model, posteriors = language(order), noise(7)
    sums = enumerate_all(posteriors, model, WIDE)
    total = sum(sums.values())
    graph = decode(posteriors, model, WIDE)
    arcs = arc_posteriors(graph)
    for token in range(1, V + 1):
        expected = sum(tokens.count(token) * mass for tokens, mass in sums.items()) / total
        assert arcs[graph.token == token].sum() == pytest.approx(expected)
        first = sum(mass for tokens, mass in sums.items() if tokens[:1] == (token,)) / total
        assert arcs[(graph.token == token) & (graph.source == 0)].sum() == pytest.approx(first)
    to_end = graph.target == graph.n_nodes - 1
    last_tokens = np.zeros(graph.n_nodes, int)
    last_tokens[graph.target] = graph.token
    for token in range(1, V + 1):
        expected = sum(mass for tokens, mass in sums.items() if tokens[-1:] == (token,)) / total
        assert arcs[to_end & (last_tokens[graph.source] == token)].sum() == pytest.approx(expected)


def test_where_no_hypotheses_join_every_posterior_is_exact():
    # With a history of four tokens and four frames, no two transcriptions share one, except by early back-off
    sequences = [list(tokens) for n in range(5) for tokens in itertools.product(range(1, V + 1), repeat=n)]
    model = NgramModel.fit(sequences, V, 5, "witten-bell")
    posteriors = noise(11, n_frames=4)
    sums = enumerate_all(posteriors, model, WIDE)
    transcriptions, log_posteriors = n_best(decode(posteriors, model, WIDE), 1000)
    assert set(transcriptions) == set(sums)
    for tokens, log_posterior in zip(transcriptions, log_posteriors, strict=True):
        assert np.exp(log_posterior) == pytest.approx(sums[tokens] / sum(sums.values()), rel=1e-9)
    assert transcriptions[0] == max(sums, key=sums.get)


def test_scores_of_a_path_are_acoustic_and_language_ones():
    sequences = [list(tokens) for n in range(5) for tokens in itertools.product(range(1, V + 1), repeat=n)]
    model, posteriors = NgramModel.fit(sequences, V, 5, "witten-bell"), noise(11, n_frames=4)
    sums = enumerate_all(posteriors, model, WIDE)
    graph = decode(posteriors, model, WIDE)
    node, arcs = 0, []
    while node < graph.n_nodes - 1:
        arcs.append(int(np.flatnonzero(graph.source == node)[0]))
        node = int(graph.target[arcs[-1]])
    tokens = tuple(graph.token[arcs[:-1]].tolist())
    score = WIDE.language_scale * model.log_probability(tokens) + WIDE.insertion * len(tokens)
    assert graph.language[arcs].sum() == pytest.approx(score)
    assert graph.acoustic[arcs].sum() == pytest.approx(np.log(sums[tokens]) - score)


@pytest.mark.parametrize("seed", range(3))
def test_a_narrow_beam_finds_what_prefix_search_finds(seed):
    n_tokens = 12
    model = language(3, n_tokens)
    tokens = np.random.default_rng(seed).integers(1, n_tokens + 1, 6).tolist()
    posteriors = normalise(spikes(tokens, 30, n_tokens, seed, loud=2.0) + 0.8 * noise(seed, 30, 1.5, n_tokens))
    expected, scores = search_prefixes(posteriors, model, width=60)
    graph = decode(posteriors, model)
    found, log_posteriors = n_best(graph, 20)
    assert found[0] == expected[0]
    assert graph.log_total + log_posteriors[0] == pytest.approx(scores[0], abs=0.05)


def test_prefix_search_without_limit_is_exact():
    model, posteriors = language(2), noise(5, n_frames=4)
    sums = enumerate_all(posteriors, model, WIDE)
    found, scores = search_prefixes(posteriors, model, WIDE, width=1000)
    assert dict(zip(found, np.exp(scores), strict=True)) == pytest.approx(dict(sums))


def test_paths_are_a_distribution_and_flow_is_kept_at_each_node():
    graph = decode(noise(2, 12, 1.0), language(2))
    arcs = arc_posteriors(graph)
    entering = np.bincount(graph.target, arcs, graph.n_nodes)
    leaving = np.bincount(graph.source, arcs, graph.n_nodes)
    assert entering[1:-1] == pytest.approx(leaving[1:-1])
    assert entering[-1] == pytest.approx(1)
    assert leaving[0] == pytest.approx(1)
    assert (graph.source < graph.target).all()
    assert (np.diff(graph.source) >= 0).all()


def test_n_best_paths_are_all_paths_in_order():
    graph = decode(noise(4, 6, 1.0), language(2), GraphSettings(beam=8, lattice_beam=5))
    everything = defaultdict(float)

    def walk(node, tokens, log_posterior):
        if node == graph.n_nodes - 1:
            everything[tokens[:-1]] += np.exp(log_posterior)
        for arc in np.flatnonzero(graph.source == node):
            walk(graph.target[arc], (*tokens, int(graph.token[arc])), log_posterior + graph.weight[arc])

    walk(0, (), 0.0)
    found, log_posteriors = n_best(graph, 10_000)
    assert dict(zip(found, np.exp(log_posteriors), strict=True)) == pytest.approx(dict(everything))
    assert (np.diff(log_posteriors) <= 0).all()
    assert np.exp(n_best(graph, 1)[1][0]) <= everything[found[0]] + 1e-12


def test_the_best_path_is_the_first_of_the_n_best_with_times_and_posteriors():
    tokens = [1, 2, 2, 3, 1]
    graph = decode(spikes(tokens), language(2))
    transcription, log_posterior = best_path(graph)
    assert transcription.tokens.tolist() == tokens
    assert transcription.start.tolist() == np.linspace(3, 56, 5).astype(int).tolist()
    assert transcription.end.tolist() == (transcription.start + 2).tolist()
    assert (transcription.probability > 0.5).all()
    assert log_posterior == pytest.approx(n_best(graph, 1)[1][0])


def test_greedy_decoding_collapses_repeats_and_drops_blanks():
    classes = [0, 1, 1, 0, 1, 2, 2, 0]
    posteriors = np.full((8, V + 1), 0.1)
    posteriors[np.arange(8), classes] = [0.7, 0.5, 0.7, 0.7, 0.6, 0.7, 0.4, 0.7]
    found = decode_greedily(np.log(posteriors))
    assert found.tokens.tolist() == [1, 1, 2]
    assert found.start.tolist() == [1, 4, 5]
    assert found.end.tolist() == [3, 5, 7]
    assert found.probability.tolist() == pytest.approx([0.7, 0.6, 0.7])


def test_a_staff_of_blanks_has_an_empty_transcription():
    graph = decode(spikes([]), language(2))
    assert best_path(graph)[0].tokens.tolist() == []
    assert n_best(graph, 5)[0][0] == ()
    assert decode_greedily(spikes([])).tokens.tolist() == []


def test_one_frame_holds_one_token_at_most():
    model, posteriors = language(2), noise(1, n_frames=1)
    sums = enumerate_all(posteriors, model, WIDE)
    found, log_posteriors = n_best(decode(posteriors, model, WIDE), 10)
    expected = {tokens: mass / sum(sums.values()) for tokens, mass in sums.items()}
    assert dict(zip(found, np.exp(log_posteriors), strict=True)) == pytest.approx(expected)


def test_narrow_beams_make_small_graphs_inside_of_wide_ones():
    model, posteriors = language(3), noise(9, 20, 1.5)
    wide = decode(posteriors, model)
    few_arcs = decode(posteriors, model, GraphSettings(lattice_beam=3))
    few_hypotheses = decode(posteriors, model, GraphSettings(beam=5))
    for narrow in (few_arcs, few_hypotheses):
        assert len(narrow.token) < len(wide.token)
        assert wide.log_total - 1 < narrow.log_total < wide.log_total
        assert best_path(narrow)[0].tokens.tolist() == best_path(wide)[0].tokens.tolist()


def test_a_network_that_is_unsure_of_all_makes_no_graph_without_end():
    n_tokens, n_frames = 200, 12
    rng = np.random.default_rng(3)
    model = NgramModel.fit([rng.integers(1, n_tokens + 1, 20).tolist() for _ in range(50)], n_tokens, 2, "witten-bell")
    flat = np.full((n_frames, n_tokens + 1), -np.log(n_tokens + 1.0))
    few, more = (decode(flat, model, GraphSettings(max_active=most)) for most in (50, 500))
    assert few.n_nodes <= 2 * 50 * n_frames  # and few equals
    assert few.n_nodes < more.n_nodes
    assert few.log_total < more.log_total


def test_where_few_are_alive_their_number_is_no_limit():
    model, posteriors = language(3), noise(9, 20, 1.5)
    assert decode(posteriors, model, GraphSettings(max_active=10**6)).log_total == decode(posteriors, model).log_total


@pytest.mark.parametrize(
    "posteriors",
    [np.zeros((0, V + 1)), np.zeros((3, V)), np.full((3, V + 1), np.nan), np.full((2, V + 1), 5.0),
     np.full((2, V + 1), -np.inf), np.zeros(V + 1)],
)  # fmt: skip
def test_what_are_no_log_posteriors_is_refused(posteriors):
    with pytest.raises(ValueError, match="log_posteriors must be"):
        decode(posteriors, language(1))


@pytest.mark.parametrize(
    "settings", [{"beam": 0}, {"lattice_beam": np.inf}, {"acoustic_scale": 0}, {"language_scale": -1},
                 {"insertion": np.nan}, {"max_active": 0}],
)  # fmt: skip
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match="must be"):
        GraphSettings(**settings)


def test_n_best_of_none_is_refused():
    with pytest.raises(ValueError, match="n must be at least 1"):
        n_best(decode(noise(0), language(1)), 0)
