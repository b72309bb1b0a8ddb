import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorehub.metrics.repair import (
    Passage,
    copy_last_bar,
    evaluate,
    fit_marginal,
    match_counts,
    precision_recall_f1,
)
from scorehub.notes import Notes, make_notes

NO_NOTES = make_notes(*np.zeros((3, 0)))
PASSAGE = Passage(2, 4)


def scale(*pitches: int, step: float = 0.5) -> Notes:
    """Notes one after the other from 0 s."""
    return make_notes(np.arange(len(pitches)) * step, np.full(len(pitches), step), np.array(pitches))


WHOLE = scale(60, 62, 64, 65, 67, 69, 71, 72, 74, 76)  # the passage has 67 69 71 72


def test_only_notes_of_the_passage_are_judged():
    # 67 is right, 69 is 40 ms late, 71 is a semitone off, 72 is missing, 60 is new: 2 of 4 found, 2 of 4 right
    made = make_notes([0, 2, 2.54, 3, 3.9], [9, 0.5, 0.5, 0.5, 0.1], [1, 67, 69, 70, 60])
    assert precision_recall_f1(WHOLE, made, PASSAGE) == (0.5, 0.5, 0.5)
    assert precision_recall_f1(WHOLE, made, PASSAGE, onset_tolerance=0.03) == (0.25, 0.25, 0.25)
    assert precision_recall_f1(WHOLE, made, Passage(2, 4, lowest=68)) == pytest.approx((1 / 2, 1 / 3, 2 / 5))


def test_a_note_is_matched_once():
    # Three notes for one: precision 1/3, recall 1, F1 = 2 * 1 / (1 + 3)
    made = make_notes([2, 2.01, 2.02], [0.5] * 3, [67] * 3)
    assert precision_recall_f1(WHOLE, made, Passage(2, 2.5)) == pytest.approx((1 / 3, 1, 1 / 2))


def test_silence_is_perfect_only_where_it_was_silent():
    with pytest.warns(UserWarning, match="1 of 1 passages have no notes"):
        assert precision_recall_f1(NO_NOTES, NO_NOTES, PASSAGE) == (1, 1, 1)
    with pytest.warns(UserWarning, match="no notes"):
        assert precision_recall_f1(NO_NOTES, WHOLE, PASSAGE) == (0, 0, 0)
    assert precision_recall_f1(WHOLE, NO_NOTES, PASSAGE) == (0, 0, 0)


rows = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 4), st.integers(60, 63)), min_size=1, max_size=15)


@given(rows)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_the_piece_itself_scores_one(columns):
    onset, duration, pitch = np.array(columns).T
    notes = make_notes(onset / 8, duration / 8, pitch)
    matched, real, made, ended = match_counts(notes, notes, Passage(0, 10))
    assert matched == real == made == ended == len(notes)


def test_scores_of_several_pieces_come_from_all_their_notes():
    # 4 of 4 and 0 of 4 notes found, nothing wrong: precision 1, recall 1/2, F1 = 2 * 4 / (8 + 4)
    result = evaluate([WHOLE, WHOLE], [WHOLE, NO_NOTES], [PASSAGE, PASSAGE])
    assert (result["precision"], result["recall"], result["f1"]) == pytest.approx((1, 1 / 2, 2 / 3))
    assert (result["f1_low"], result["f1_high"]) == (0, 1)  # two pieces say little
    shortened = make_notes(WHOLE.onset, WHOLE.duration / 4, WHOLE.pitch)
    assert evaluate([WHOLE], [shortened], [PASSAGE])["f1"] == 1
    assert evaluate([WHOLE], [shortened], [PASSAGE])["offset_f1"] == 0


def test_malformed_questions_are_refused():
    with pytest.raises(ValueError, match="equally many, at least 1, got"):
        evaluate([WHOLE], [], [PASSAGE])
    with pytest.raises(ValueError, match="0 <= start < end, got 3 and 3"):
        Passage(3, 3)
    with pytest.raises(ValueError, match="0 <= start < end"):
        Passage(0, float("nan"))
    with pytest.raises(ValueError, match="lowest <= highest"):
        Passage(0, 1, 70, 60)
    with pytest.raises(ValueError, match="onset_tolerance must be above 0"):
        precision_recall_f1(WHOLE, WHOLE, PASSAGE, onset_tolerance=0)
    crowd = make_notes(np.full(5001, 2.0), np.ones(5001), np.full(5001, 60))
    with pytest.raises(ValueError, match="at most 5000 notes"):
        precision_recall_f1(WHOLE, crowd, PASSAGE)


def test_the_last_bar_is_copied_to_fill_the_passage():
    repaired = copy_last_bar(WHOLE, Passage(2, 3.5), bar=1)
    # 64 and 65 of the bar from 1 s fill three places; the rest stays
    assert repaired.pitch.tolist() == [60, 62, 64, 65, 64, 65, 64, 72, 74, 76]
    np.testing.assert_allclose(repaired.onset, WHOLE.onset)
    assert (repaired.onset + repaired.duration)[6] == 3.5


def test_the_first_bar_is_copied_into_the_second():
    assert copy_last_bar(WHOLE, Passage(1, 2), bar=1).pitch.tolist() == [60, 62, 60, 62, *WHOLE.pitch[4:]]


def test_a_piece_that_repeats_its_bars_is_repaired_by_copying():
    loop = scale(*[60, 64, 67, 64] * 4)
    for passage in (Passage(4, 6), Passage(0, 2), Passage(2.1, 5.3)):
        repaired = copy_last_bar(loop, passage, bar=2)
        assert precision_recall_f1(loop, repaired, passage) == (1, 1, 1)


def test_baselines_look_at_nothing_inside_the_passage():
    kept = ~PASSAGE.holds(WHOLE)
    damaged = make_notes(WHOLE.onset[kept], WHOLE.duration[kept], WHOLE.pitch[kept])
    marginal = fit_marginal([WHOLE], fs=8)
    for baseline in (copy_last_bar, lambda notes, passage: marginal.repair(notes, passage, np.random.default_rng(0))):
        from_whole, from_damaged = baseline(WHOLE, PASSAGE), baseline(damaged, PASSAGE)
        np.testing.assert_array_equal(from_whole.onset, from_damaged.onset)
        np.testing.assert_array_equal(from_whole.pitch, from_damaged.pitch)


def test_marginal_notes_come_as_often_as_in_training():
    # 60 at 2 s in every window, 64 at 3 s in one of four: 1 and 0.25 a repair
    training = [make_notes([2, 3], [1, 1], [60, 64]), *[make_notes([2], [1], [60])] * 3]
    marginal = fit_marginal(training, fs=8)
    rng = np.random.default_rng(0)
    repaired = [marginal.repair(WHOLE, PASSAGE, rng) for _ in range(400)]
    inside = np.concatenate([notes.pitch[PASSAGE.holds(notes)] for notes in repaired])
    assert set(inside) == {60, 64}
    assert (inside == 60).sum() == 400
    assert 70 < (inside == 64).sum() < 130  # 100 expected, deviation 8.7
    assert all((~PASSAGE.holds(notes)).sum() == 6 for notes in repaired)
    with pytest.raises(ValueError, match="training windows must have notes"):
        fit_marginal([NO_NOTES], fs=8)
