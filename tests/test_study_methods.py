"""Posteriors on disk, scales of word graphs, and methods whose arguments are chosen on validation staves alone."""

import operator

import numpy as np
import pytest

from scorehub.pipelines.music_transcription.language_model import NgramModel
from scorehub.pipelines.music_transcription.token_passing import GraphSettings
from scorehub.pipelines.music_transcription.word_graph import best_path, decode, decode_greedily
from scorehub.study.comparison import Protocol, Side, compare, draw, validation_ids, within_limit
from scorehub.study.decoding import classes_of, fit_language_model, tune
from scorehub.study.files import alone, read_json, write_json, write_text, write_whole
from scorehub.study.methods import METHODS, choose
from scorehub.study.posteriors import REACH, Posteriors, pack
from scorehub.study.workers import each

VOCABULARY = ["<blank>", "a", "b", "c"]
ALWAYS = Protocol(None, 0, 0, 1)


def spikes(*tokens, n_classes=4):
    """Log posteriors (2 N + 1, V + 1), blank but for a frame for each (class, probability)."""
    frames = np.full((2 * len(tokens) + 1, n_classes), 1e-9)
    frames[::2, 0] = 1.0
    for place, (number, probability) in enumerate(tokens):
        frames[2 * place + 1, [0, number]] = 1 - probability, probability
    return np.log(frames / frames.sum(1, keepdims=True))


def random_posteriors(rng, n_frames, n_classes, sharpness=3.0):
    logits = rng.normal(0, sharpness, (n_frames, n_classes))
    return logits - np.logaddexp.reduce(logits, 1, keepdims=True)


def packed(references, posteriors, vocabulary=VOCABULARY):
    ids = [f"staff{number}" for number in range(len(references))]
    return pack(ids, references, vocabulary, iter(posteriors))


def test_posteriors_on_disk_are_those_that_were_kept(tmp_path):
    rng = np.random.default_rng(0)
    posteriors = [random_posteriors(rng, length, 4, sharpness=6.0) for length in (7, 1, 12)]
    packed(["a\tb", "", "c"], posteriors).save(tmp_path / "test.npz")
    found = Posteriors.load(tmp_path / "test.npz")
    assert found.ids.tolist() == ["staff0", "staff1", "staff2"]
    assert [found.tokens(number) for number in range(3)] == [("a", "b"), (), ("c",)]
    dropped = 0
    for number, original in enumerate(posteriors):
        stored = found.staff(number).dense()
        kept = np.isfinite(stored)
        assert stored.shape == original.shape
        np.testing.assert_allclose(stored[kept], original[kept], rtol=2**-10, atol=1e-7)
        below = original.max(1, keepdims=True) - original
        np.testing.assert_array_equal(kept[:, 1:], (below <= REACH)[:, 1:])
        assert kept[:, 0].all()  # the blank is always there
        dropped += int((~kept).sum())
    assert dropped > 0


def test_nothing_in_a_file_of_posteriors_is_executed(tmp_path):
    names = ("ids", "references", "vocabulary", "frames", "entries", "classes", "values")
    np.savez(tmp_path / "bad.npz", **{name: np.array([print], object) for name in names})
    with pytest.raises(ValueError, match="allow_pickle"):
        Posteriors.load(tmp_path / "bad.npz")


def test_graphs_of_kept_posteriors_read_as_those_of_all():
    rng = np.random.default_rng(1)
    model = NgramModel.fit([rng.integers(1, 40, 12).tolist() for _ in range(50)], 39, smoothing="witten-bell")
    for _ in range(5):
        original = random_posteriors(rng, 20, 40, sharpness=4.0)
        stored = packed([""], [original], [VOCABULARY[0], *map(str, range(39))]).staff(0).dense()
        assert np.isinf(stored).mean() > 0.2
        settings = GraphSettings(acoustic_scale=1.5, beam=10.0, lattice_beam=10.0)
        tokens = [best_path(decode(each, model, settings))[0].tokens.tolist() for each in (original, stored)]
        assert tokens[0] == tokens[1]
        assert decode_greedily(original).tokens.tolist() == decode_greedily(stored).tokens.tolist()


def test_posteriors_keep_their_meaning_in_another_vocabulary():
    own = packed(["b a"], [spikes((2, 0.9), (1, 0.8))], ["<blank>", "a", "b", "c"])
    other = own.with_vocabulary(["<blank>", "x", "c", "b", "a"])
    assert decode_greedily(other.staff(0).dense()).tokens.tolist() == [3, 4]
    assert classes_of(other, 0) == [3, 4]
    with pytest.raises(ValueError, match="have all tokens, got none of"):
        own.with_vocabulary(["<blank>", "a", "c"])
    with pytest.raises(ValueError, match="begin with the blank"):
        own.with_vocabulary(["a", "<blank>", "b", "c"])


def test_tokens_that_no_vocabulary_has_are_errors():
    known = packed(["a z"], [spikes((1, 0.9))])
    assert classes_of(known, 0) == [1, -1]


def test_few_transcriptions_are_smoothed_by_witten_bell():
    texts = ["a b a", "a b"]
    model = fit_language_model([*texts, "z"], VOCABULARY)
    expected = NgramModel.fit([[1, 2, 1], [1, 2], []], 3, smoothing="witten-bell")
    for sequence in ([1, 2], [3], [2, 1, 2]):
        assert model.log_probability(sequence) == expected.log_probability(sequence)


def test_scales_are_those_with_the_fewest_errors():
    """The network is unsure of what is there: only a bonus for each token finds it."""
    texts = ["a b a b", "b a b a"] * 20
    model = fit_language_model(texts, VOCABULARY)
    unsure = [spikes(*((VOCABULARY.index(token), 0.39) for token in text.split())) for text in texts[:2]]
    posteriors = packed(texts[:2], unsure)
    settings, tried = tune(posteriors, [0, 1], model, jobs=1)
    by_insertion = {each["insertion"]: each["errors"] for each in tried[:4]}

    def errors(insertion):  # no token but those that are right has a chance, so errors are what is missing
        graph = GraphSettings(insertion=insertion, beam=10, lattice_beam=10)
        return sum(4 - len(best_path(decode(each, model, graph))[0].tokens) for each in unsure)

    assert by_insertion == {insertion: errors(insertion) for insertion in (-0.8, 0.0, 0.8, 1.6)}
    assert by_insertion[-0.8] > by_insertion[1.6] == 0
    assert settings.insertion == min(key for key, total in by_insertion.items() if total == 0)
    sure, _ = tune(packed(texts[:1], [spikes((1, 0.9), (2, 0.9), (1, 0.9), (2, 0.9))]), [0], model, jobs=1)
    assert sure.insertion == -0.8


def test_of_each_method_the_arguments_with_the_fewest_errors_are_chosen():
    tried = [("x", (0.1,)), ("x", (0.5,)), ("y", ()), ("x", (0.9,))]
    errors = np.array([[3, 1, 7, 1], [2, 1, 0, 1]])
    assert choose(tried, errors) == {"x": (("x", (0.5,)), 2), "y": (("y", ()), 7)}


def one_spike_sides(right, n):
    """OMR says a, with 0.7; A2S says b, with 0.9; n staves of which `right` is right."""
    return [packed([right] * n, [spikes((number, sure))] * n) for number, sure in ((1, 0.7), (2, 0.9))]


def make_sides(validation, test):
    """Both sides, from posteriors of (OMR, A2S) for each part."""
    rates = {part: {item: [0, 1] for item in sides[1].ids.tolist()} for part, sides in
             (("validation", validation), ("test", test))}  # fmt: skip
    settings = GraphSettings(insertion=0.0, beam=10.0, lattice_beam=10.0)
    return [Side(validation[number], test[number], settings, rates) for number in range(2)]


def test_weights_are_chosen_on_validation_though_the_test_part_would_choose_otherwise():
    model = fit_language_model(["a", "b"] * 10, VOCABULARY)
    published = "Minimum Bayes risk, as published"
    swapped = {}
    for right, wrong in (("a", "b"), ("b", "a")):
        validation, test = one_spike_sides(right, 4), one_spike_sides(wrong, 3)
        result = compare(*make_sides(validation, test), model, ALWAYS)
        swapped[right] = result["arguments"][published][0]
        assert result["validation"][published] == 0
        # What validation chose is wrong in all test staves; another weight would have had no error there.
        assert result["distances"][published] == [1, 1, 1]
        assert result["lengths"] == [1, 1, 1]
        assert result["ids"] == ["staff0", "staff1", "staff2"]
    assert swapped["a"] > 0.5 > swapped["b"]


def test_test_references_change_no_choice():
    model = fit_language_model(["a", "b"] * 10, VOCABULARY)
    validation = one_spike_sides("a", 4)
    found = [compare(*make_sides(validation, one_spike_sides(right, 3)), model, ALWAYS) for right in "ab"]
    for key in ("arguments", "validation", "validation_items"):
        assert found[0][key] == found[1][key]
    assert found[0]["distances"] != found[1]["distances"]


def test_all_methods_agree_where_both_sides_are_right():
    model = fit_language_model(["a b c"] * 5, VOCABULARY)
    right = [packed(["a b c"] * 2, [spikes((1, 0.9), (2, 0.95), (3, 0.9))] * 2)] * 2
    result = compare(*make_sides(right, right), model, ALWAYS)
    assert list(result["distances"]) == list(METHODS)
    assert all(distances == [0, 0] for distances in result["distances"].values())
    assert set(result["validation"].values()) == {0}


def test_only_items_in_the_limit_and_of_both_sides_are_tested():
    model = fit_language_model(["a"], VOCABULARY)
    validation = [packed(["a"] * 2, [spikes((1, 0.9))] * 2)] * 2
    optical = packed(["a"] * 4, [spikes((1, 0.9))] * 4)
    audio = packed(["a"] * 3, [spikes((1, 0.9))] * 3)  # the fourth has no sound
    sides = make_sides(validation, [optical, audio])
    sides[1].errors["test"].update({"staff0": [1, 10], "staff1": [2, 10], "staff2": [0, 10]})
    assert compare(*sides, model, ALWAYS)["ids"] == ["staff0", "staff1", "staff2"]
    assert compare(*sides, model, Protocol(10.0, 0, 0, 1))["ids"] == ["staff0", "staff2"]
    sides[1].errors["test"].update({item: [9, 10] for item in ("staff0", "staff1", "staff2")})
    nothing = compare(*sides, model, Protocol(10.0, 0, 0, 1))
    assert nothing["ids"] == []
    assert nothing["distances"]["Smith-Waterman"] == []


def test_validation_staves_are_chosen_as_test_staves_are_if_there_are_enough():
    errors = {f"staff{number}": [number % 2, 2] for number in range(100)}  # every second one has 50 %
    ids = list(errors)
    assert within_limit(errors, ids, 30.0) == ids[::2]
    assert validation_ids(errors, ids, Protocol(30.0, 0, 0, 1)) == ids[::2]
    assert validation_ids(errors, ids[:40], Protocol(30.0, 0, 0, 1)) == ids[:40]  # 20 would be too few
    some = validation_ids(errors, ids, Protocol(30.0, 7, 0, 1))
    assert len(some) == 7
    assert set(some) <= set(ids[::2])


def test_staves_are_drawn_by_seed_in_their_order():
    ids = [f"{number:03d}" for number in range(50)]
    first = draw(ids, 10, 3)
    assert first == draw(ids, 10, 3) == sorted(first) != draw(ids, 10, 4)
    assert draw(ids, 0, 3) == draw(ids, 99, 3) == ids


def test_two_processes_do_what_one_does():
    tasks = list(range(40))
    assert list(each(operator.mul, 3, tasks, 2, "")) == list(each(operator.mul, 3, tasks, 1, "")) == [
        3 * task for task in tasks
    ]  # fmt: skip


def test_a_file_that_was_being_written_is_as_before(tmp_path):
    write_json(tmp_path / "a" / "result.json", [1])

    def break_off(file):
        file.write(b"[2")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "a" / "result.json", break_off)
    assert read_json(tmp_path / "a" / "result.json") == [1]
    write_text(tmp_path / "a" / "result.json", "[2")
    assert read_json(tmp_path / "a" / "result.json") is None
    assert read_json(tmp_path / "none.json") is None


def test_two_studies_do_not_share_a_folder(tmp_path, run_python):
    code = """
import sys
from pathlib import Path
from scorehub.study.files import alone
try:
    with alone(Path(sys.argv[1])):
        print("alone")
except ValueError as error:
    print(error)
"""
    with alone(tmp_path / "study"):
        assert "output_dir must be no other study's that runs" in run_python(code, tmp_path / "study")
    assert run_python(code, tmp_path / "study") == "alone\n"
