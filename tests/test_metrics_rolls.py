import warnings
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.spatial.distance import cdist
from scipy.stats import gaussian_kde

from scorehub.metrics import distributions, framewise, memorising, rolls
from scorehub.metrics.roll_features import Grid, histogram_counts, measures, polyphony, to_steps
from scorehub.notes import DRUMS, Notes, make_notes

GRID = Grid(fs=1, steps_per_beat=2, beats_per_measure=2)
SMALL = settings(max_examples=60, deadline=None, derandomize=True)
NO_NOTES = make_notes(*np.zeros((3, 0)))


def chord_and_note() -> Notes:
    """C4 in steps 0-2, E4 in 0-1, G4 in 1, C#5 in 6."""
    return make_notes([0, 0, 1, 6], [3, 2, 1, 1], [60, 64, 67, 73])


def tunes(n: int, seed: int, scale: tuple[int, ...] = (0, 2, 4, 5, 7, 9, 11)) -> list[Notes]:
    """Random walks over a scale: 32 notes in sixteenths of a grid of 8 steps a second."""
    rng = np.random.default_rng(seed)
    pieces = []
    for _ in range(n):
        degree = np.clip(np.cumsum(rng.integers(-2, 3, 32)), -10, 10) + rng.integers(-3, 4)
        pitch = 60 + 12 * (degree // len(scale)) + np.array(scale)[degree % len(scale)]
        onset = np.cumsum(rng.choice([1, 2, 4], 32)) / 8
        pieces.append(make_notes(onset, rng.choice([1, 2, 4], 32) / 8, pitch))
    return pieces


some_notes = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12), st.integers(58, 63)), min_size=1, max_size=12)


def test_measures_are_muspys_on_a_piece_worked_out_by_hand():
    assert measures(chord_and_note(), GRID) == pytest.approx(
        {
            "pitch_range": 13,  # 73 - 60
            "n_pitches_used": 4,
            "n_pitch_classes_used": 4,
            "pitch_class_entropy": 2,  # four classes of 1/4: log2 4
            "scale_consistency": 3 / 4,  # A flat major has C, D flat and G, not E
            "polyphony": 7 / 4,  # steps 0, 1, 2, 6 have 2 + 3 + 1 + 1 pitches
            "polyphony_rate": 1 / 7,  # of 7 steps only step 1 has more than 2
            "empty_beat_rate": 1 / 4,  # beats 0-1 (the chord ends in beat 1) and 3 of 7 // 2 + 1 = 4
            "groove_consistency": 1 / 4,  # onsets at 0, 1 against 2 in measures of 4: 1 - 3/4
        }
    )


def test_drums_count_only_for_beats_and_groove():
    drums = make_notes([0, 0, 1, 6, 4], [3, 2, 1, 1, 1], [60, 64, 67, 73, 38], program=[0, 0, 0, 0, DRUMS])
    changed = {k: v for k, v in measures(drums, GRID).items() if v != measures(chord_and_note(), GRID)[k]}
    # Beat 2 is filled; onsets 0, 1 against 0, 2 differ in 2 of 4
    assert changed == {"empty_beat_rate": 0, "groove_consistency": 1 / 2}


def test_drums_alone_have_no_pitches():
    drums = measures(make_notes([0], [1], [38], program=DRUMS), GRID)
    assert drums["pitch_range"] == drums["n_pitches_used"] == 0


def test_a_piece_without_notes_has_no_rates():
    values = measures(NO_NOTES, GRID)
    assert [k for k, v in values.items() if not np.isnan(v)] == [
        "pitch_range",
        "n_pitches_used",
        "n_pitch_classes_used",
    ]


@given(some_notes)
@SMALL
def test_measures_agree_with_a_roll_counted_cell_by_cell(rows):
    notes = make_notes(*np.array(rows).T)
    steps = to_steps(notes, GRID)
    roll = np.zeros((steps.length, 128), bool)
    for start, length, pitch in rows:
        roll[start : start + length, pitch] = True
    values = measures(notes, GRID)
    assert values["polyphony"] == pytest.approx(roll.sum() / roll.any(1).sum())
    assert values["polyphony_rate"] == pytest.approx((roll.sum(1) > 2).mean())
    beats = {beat for start, length, _ in rows for beat in range(start // 2, (start + length) // 2 + 1)}
    assert values["empty_beat_rate"] == pytest.approx(1 - len(beats) / (steps.length // 2 + 1))
    groove = np.zeros((steps.length // 4 + 1, 4), bool)
    groove.flat[[start for start, _, _ in rows]] = True
    if len(groove) > 1:
        assert values["groove_consistency"] == pytest.approx((groove[1:] == groove[:-1]).mean())


def test_a_day_long_piece_needs_no_roll():
    notes = make_notes([0, 80_000], [1, 1], [60, 62])
    assert polyphony(to_steps(notes, Grid(fs=1000))) == 1


def test_histograms_count_notes_intervals_and_beats():
    counts = histogram_counts(chord_and_note(), GRID)
    assert np.flatnonzero(counts["pitch_class"]).tolist() == [0, 1, 4, 7]
    assert counts["pitch"][[60, 64, 67, 73]].tolist() == [1, 1, 1, 1]
    assert counts["duration"].tolist() == [0, 2, 1, 1, 0]
    assert counts["onset_interval"].tolist() == [1, 1, 0, 0, 1]  # 0, 1 and 5, which shares the last bin
    assert counts["density"][:4].tolist() == [2, 1, 0, 1]  # beats with 3, 0, 0, 1 onsets


def test_overlap_and_divergence_follow_their_arithmetic():
    a, b = np.array([1, 1, 2, 0]), np.array([2, 2, 0, 0])
    assert distributions.overlapping_area(a, b) == 0.5  # shares .25 .25 .5 and .5 .5 0
    # Three bins in use, 0.5 more in each: (1.5, 1.5, 2.5) and (2.5, 2.5, 0.5) of 5.5
    expected = (3 * np.log(1.5 / 2.5) + 2.5 * np.log(2.5 / 0.5)) / 5.5
    assert distributions.kl_divergence(a, b) == pytest.approx(expected)
    assert distributions.overlapping_area(a, a) == 1
    assert distributions.kl_divergence(a, a) == 0
    assert np.isnan(distributions.overlapping_area(a, np.zeros(4)))
    assert np.isnan(distributions.kl_divergence(a, np.zeros(4)))


def test_yang_lerch_is_the_overlap_of_kernel_densities():
    rng = np.random.default_rng(0)
    a, b = rng.random((20, 5)), rng.random((15, 5)) * 1.5
    p, q = gaussian_kde(cdist(a, a)[~np.eye(20, dtype=bool)]), gaussian_kde(cdist(a, b).ravel())
    expected = quad(lambda x: min(p(x)[0], q(x)[0]), -1, 5, limit=200, points=[0.5, 1, 1.5])[0]
    assert distributions.yang_lerch(a, b)[0] == pytest.approx(expected, abs=3e-3)
    assert distributions.yang_lerch(a, b)[0] < 0.9 < distributions.yang_lerch(a, rng.random((15, 5)))[0]
    overlap, divergence = distributions.yang_lerch(np.eye(4), np.eye(4)[:0:-1] + 9)
    assert overlap < 0.01
    assert 5 < divergence < 20


positive = st.floats(0.01, 100)
means = st.floats(-50, 50)


@given(means, positive, means, positive)
@SMALL
def test_gaussian_overlap_is_the_standard_librarys(mean_a, std_a, mean_b, std_b):
    expected = NormalDist(mean_a, std_a).overlap(NormalDist(mean_b, std_b))
    numbers = (np.array([number]) for number in (mean_a, std_a, mean_b, std_b))
    assert distributions.gaussian_overlap(*numbers)[0] == pytest.approx(expected, abs=1e-6)


def test_framewise_overlap_compares_neighbouring_windows():
    # Measures of 2 s (16 steps); windows of one measure, one apart: 60, 62 | 61, 63 | a rest, then its end
    notes = make_notes([0, 1, 2, 3], [0.25, 0.5, 0.25, 0.5], [60, 62, 61, 63])
    pitch, duration = framewise.framewise_overlap(notes, Grid(), width=1, hop=1)
    assert pitch == pytest.approx(NormalDist(61, 1).overlap(NormalDist(62, 1)), abs=1e-5)
    assert duration == pytest.approx(1, abs=1e-5)
    assert framewise.framewise_overlap(NO_NOTES, Grid()).tolist() == [0, 0]
    assert np.isnan(framewise.framewise_overlap(notes, Grid())).all()  # shorter than two windows of 4 measures


def test_equal_sets_are_fully_consistent():
    pieces = tunes(8, 0)
    scores = framewise.consistency(pieces, pieces, Grid(), width=1, hop=1)
    assert [scores[f"{x}_{y}"] for x in ("pitch", "duration") for y in ("consistency", "variance")] == [1, 1, 1, 1]
    with pytest.warns(UserWarning, match="16 pieces have fewer than two windows"):
        assert np.isnan(framewise.consistency(pieces, pieces, Grid(), width=9)["pitch_consistency"])


def test_real_pieces_show_no_gap_and_another_scale_does():
    same = rolls.evaluate(tunes(60, 0), tunes(30, 1), rounds=50)
    other = rolls.evaluate(tunes(60, 0), tunes(30, 1, scale=(1, 2, 3, 6, 8, 10)), rounds=50)
    assert same["pitch_class_gap_low"] < 0 < same["pitch_class_gap_high"]
    assert abs(same["pitch_class_gap"]) < 0.02
    assert other["pitch_class_gap_low"] > 0.5
    assert other["pitch_class_kl"] > 10 * other["pitch_class_kl_real"]
    assert other["pitch_class_intra_overlap"] < 0.5 < other["pitch_class_intra_overlap_real"]
    assert abs(other["duration_gap"]) < 0.05
    assert (same["scale_consistency_real"], other["scale_consistency_real"]) == (1, 1)
    assert other["scale_consistency"] < 0.9


def test_the_interval_knows_that_real_pieces_differ():
    # Copies of one piece leave no doubt on the generated side, so the width is of the real pieces
    few, many = (rolls.evaluate(tunes(n, 0), tunes(1, 1) * 20, rounds=40) for n in (20, 160))
    widths = [scores["pitch_gap_high"] - scores["pitch_gap_low"] for scores in (few, many)]
    assert widths[0] > widths[1] > 0.005


def test_no_piece_stands_on_both_sides_of_a_round():
    labels = np.repeat(np.arange(9), 3)
    a, b, made = rolls.draw_rounds(labels, 7, 20, np.random.default_rng(0))
    for row in range(20):
        sides = labels[a[row]], labels[b[row]]
        assert [len(set(side)) for side in sides] == [4, 4] == [a[row].sum(), b[row].sum()]
        assert not set(sides[0]) & set(sides[1])
    assert (made.sum(1) == 4).all()


def test_evaluate_refuses_what_it_cannot_judge_and_warns_of_silence():
    pieces = tunes(6, 0)
    with pytest.raises(ValueError, match="at least 6 real and 3 generated, got 5 and 6"):
        rolls.evaluate(pieces[:5], pieces)
    with pytest.raises(ValueError, match="got 2 and 6"):
        rolls.evaluate(pieces, pieces, pieces=list("aaabbb"))
    with pytest.raises(ValueError, match="generated pieces must have notes, got 3"):
        rolls.evaluate(pieces, [NO_NOTES] * 3)
    with pytest.raises(ValueError, match="fs must be"):
        Grid(fs=float("nan"))
    with pytest.warns(UserWarning, match="1 of 4 generated pieces have no notes"):
        rolls.evaluate(pieces, [*pieces[:3], NO_NOTES], rounds=10)


def test_a_feature_that_no_piece_has_is_nan():
    single = [make_notes([0], [0.5], [60 + i]) for i in range(6)]  # a single note has no onset interval
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = rolls.evaluate(single, single, rounds=10)
    absent = {k for k, v in scores.items() if k.startswith("onset_interval_") and np.isnan(v)}
    assert {"onset_interval_overlap", "onset_interval_kl", "onset_interval_gap_low"} <= absent
    assert scores["duration_overlap"] == scores["duration_overlap_real"] == 1


def test_windows_of_one_piece_do_not_sweeten_the_baseline():
    counts = rolls.stack_counts(tunes(20, 0), Grid())["pitch"]
    repeated, labels = np.repeat(counts, 4, axis=0), np.repeat(np.arange(20), 4)

    def baseline(counts: np.ndarray, labels: np.ndarray) -> float:
        a, b, _ = rolls.draw_rounds(labels, 20, 1000, np.random.default_rng(0))
        return distributions.overlapping_area(a @ counts, b @ counts).mean()

    expected = baseline(counts, np.arange(20))
    # A round deviates by 0.06, so two means over 1000 rounds differ by 0.0026
    assert baseline(repeated, labels) == pytest.approx(expected, abs=0.01)
    assert baseline(repeated, np.arange(80)) > expected + 0.05  # copies of a piece face each other


def random_rolls(n: int, seed: int, density: float = 0.1) -> np.ndarray:
    return np.random.default_rng(seed).random((n, 2, 12, 8)) < density


@pytest.mark.parametrize(("distance", "scipys"), [("jaccard", "jaccard"), ("hamming", "hamming")])
def test_nearest_is_the_smallest_of_all_distances(distance, scipys, monkeypatch):
    monkeypatch.setattr(memorising, "_CHUNK", 7)
    made, training = random_rolls(10, 0), random_rolls(30, 1)
    expected = cdist(made.reshape(10, -1), training.reshape(30, -1), scipys)
    found = memorising.nearest(made, training, distance)
    np.testing.assert_allclose(found.distance, expected.min(1), atol=1e-6)
    np.testing.assert_array_equal(found.index, expected.argmin(1))


def test_a_transposed_copy_is_found_if_asked_for():
    training = random_rolls(20, 0)
    training[:, :, 9:] = False
    made = np.roll(training[[4, 11]], 3, axis=2)
    assert (memorising.nearest(made, training).distance > 0.5).all()
    found = memorising.nearest(made, training, semitones=6)
    assert found.distance.tolist() == [0, 0]
    assert found.index.tolist() == [4, 11]
    assert found.semitones.tolist() == [-3, -3]


def test_of_equal_neighbours_the_least_moved_is_named():
    made = np.zeros((1, 1, 12, 4), bool)
    made[:, :, 4:8] = True
    # Moved by up to 2 it covers the same share of a full roll
    assert memorising.nearest(made, np.ones_like(made), semitones=2).semitones[0] == 0


def test_copies_are_told_from_fresh_rolls():
    training, held_out = random_rolls(50, 0), random_rolls(40, 1)
    fresh = memorising.evaluate(random_rolls(40, 2), held_out, training)
    copied = memorising.evaluate(training[:40], held_out, training)
    assert abs(fresh["nearer_than_real"] - 0.5) < 0.15
    assert fresh["copied_share"] == fresh["copied_share_real"] == 0
    assert (copied["nearer_than_real"], copied["memorised_share"], copied["copied_share"]) == (1, 1, 1)
    assert copied["memorised_share_real"] <= 0.05


def test_nearest_refuses_other_rolls_and_warns_of_silent_ones():
    with pytest.raises(ValueError, match="rolls must be bool"):
        memorising.nearest(random_rolls(2, 0).astype(float), random_rolls(2, 0))
    with pytest.raises(ValueError, match="must have the shape"):
        memorising.nearest(random_rolls(2, 0)[:, :1], random_rolls(2, 0))
    with pytest.raises(ValueError, match="distance must be one of"):
        memorising.nearest(random_rolls(2, 0), random_rolls(2, 0), "cosine")
    with pytest.warns(UserWarning, match="2 of 2 rolls are silent"):
        found = memorising.nearest(random_rolls(2, 0, density=0), random_rolls(2, 0, density=0))
    assert found.distance.tolist() == [0, 0]


def test_sounding_rolls_and_pieces_warn_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        memorising.evaluate(random_rolls(5, 0), random_rolls(5, 1), random_rolls(5, 2), semitones=2)
        rolls.evaluate(tunes(8, 0), tunes(5, 1), rounds=10)
