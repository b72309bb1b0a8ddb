"""Score position over time: exact at beats, monotone, invertible, refined by notes that agree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorehub.dataset_builders.performances.score_position import anchors, performance_position, score_position

FEW = settings(max_examples=100, deadline=None, derandomize=True)
steps = st.lists(st.floats(0.05, 3.0), min_size=1, max_size=20)


def row(score, performance, notes=(), aligned=True):
    """Beats, and notes as (score time, onset, matched)."""
    columns = {name: [note[i] for note in notes] for i, name in enumerate(("score_time", "onset", "matched"))}
    beats = {"score_time": list(score), "performance_time": list(performance)}
    return {"beats": beats, "notes": columns, "aligned": aligned}


@st.composite
def rows(draw):
    """Beats with any tempo, and notes anywhere, in any order and contradicting each other."""
    score_steps = draw(steps)
    performance_steps = draw(st.lists(st.floats(0.05, 3.0), min_size=len(score_steps), max_size=len(score_steps)))
    score, performance = np.cumsum([0.5, *score_steps]), np.cumsum([0.8, *performance_steps])
    time = st.floats(0, 60)
    notes = draw(st.lists(st.tuples(time, time, st.just("match")), max_size=30))
    return row(score, performance, notes)


@FEW
@given(rows())
def test_the_position_at_a_beat_is_that_beat(performed):
    beats = performed["beats"]
    assert score_position(performed, beats["performance_time"]) == pytest.approx(beats["score_time"], abs=1e-9)


@FEW
@given(rows())
def test_position_rises_strictly_within_and_beyond_the_beats(performed):
    score, performance = anchors(performed)
    assert np.all(np.diff(score) > 0)
    assert np.all(np.diff(performance) > 0)
    times = np.linspace(-10, performance[-1] + 10, 500)
    assert np.all(np.diff(score_position(performed, times)) > 0)


@FEW
@given(rows(), st.lists(st.floats(-10, 100), max_size=20))
def test_performance_position_is_the_inverse(performed, times):
    assert performance_position(performed, score_position(performed, times)) == pytest.approx(times, abs=1e-6)


def test_beyond_the_beats_the_tempo_of_the_last_ones_goes_on():
    performed = row([0, 1, 2, 3, 4, 5, 6], [1, 3, 5, 7, 9, 10, 11])
    assert score_position(performed, [0, 13]) == pytest.approx([-0.5, 6 + 2 * 4 / 6])


def test_a_matched_note_refines_the_position_between_its_beats():
    performed = row([0, 1, 2], [0, 1, 2], [(0.5, 0.8, "match"), (1.5, 1.5, "match")])
    assert score_position(performed, [0.4, 0.8, 1.5]) == pytest.approx([0.25, 0.5, 1.5])
    assert score_position(performed, [0.8], use_notes=False) == pytest.approx([0.8])


def test_a_chord_is_where_its_middle_note_is():
    performed = row([0, 1], [0, 1], [(0.5, onset, "match") for onset in (0.3, 0.4, 0.9)])
    assert score_position(performed, [0.4]) == pytest.approx([0.5])


def test_notes_that_contradict_the_beats_or_each_other_are_left_out():
    notes = [(0.5, 1.4, "match"), (1.2, 1.3, "match"), (1.4, 1.1, "match"), (1.6, 1.7, "match")]
    score, _ = anchors(row([0, 1, 2], [0, 1, 2], notes))
    assert set(score) in ({0, 1, 1.2, 1.6, 2}, {0, 1, 1.4, 1.6, 2})


def test_insertions_and_notes_without_a_place_do_not_count():
    notes = [(None, 0.3, "match"), (0.5, 0.9, "insertion"), (0.5, None, "deletion")]
    assert score_position(row([0, 1], [0, 1], notes), [0.5]) == pytest.approx([0.5])


def test_notes_whose_alignment_is_not_robust_do_not_count():
    performed = row([0, 1], [0, 1], [(0.5, 0.8, "match")], aligned=False)
    assert score_position(performed, [0.8]) == pytest.approx([0.8])


def test_beats_that_stand_still_are_passed_over():
    performed = row([0, 1, 1, 2], [0, 1, 1.5, 2])
    assert score_position(performed, [1, 1.5, 2]) == pytest.approx([1, 1.5, 2])
    with pytest.raises(ValueError, match="beats must go forward at least once"):
        score_position(row([1, 1], [0, 1]), [0])
