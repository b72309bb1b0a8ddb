import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorehub.metrics.transcription import edit_distances, evaluate, symbol_error_rate

REFERENCES = [["clef-G2", "note-C4_quarter", "barline", "note-D4_half"], ["clef-F4", "rest-half"]]


def levenshtein(first, second) -> int:
    """The textbook's table."""
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        above, row = row, [i]
        for j, b in enumerate(second, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (a != b)))
    return row[-1]


def test_equation_1_is_that_of_a_hand_worked_example():
    # One substitution and one insertion in four symbols, one deletion in two: 3 edits in 6
    estimated = [["clef-G2", "note-C5_quarter", "barline", "barline", "note-D4_half"], ["clef-F4"]]
    assert symbol_error_rate(REFERENCES, estimated) == pytest.approx(100 * 3 / 6)
    result = evaluate(REFERENCES, estimated, rounds=10)
    assert result["symbol_error_rate"] == pytest.approx(50)
    assert result["symbol_error_rate_macro"] == pytest.approx((100 * 2 / 4 + 100 * 1 / 2) / 2)
    assert result["sequence_error_rate"] == 100


def test_micro_and_macro_differ_where_a_short_item_is_wrong():
    result = evaluate([[1] * 9, [2]], [[1] * 9, [3]], rounds=10)
    assert result["symbol_error_rate"] == pytest.approx(10)
    assert result["symbol_error_rate_macro"] == pytest.approx(50)
    assert result["sequence_error_rate"] == 50


def test_a_perfect_transcription_has_no_errors():
    result = evaluate(REFERENCES, REFERENCES)
    assert set(result.values()) == {0.0}


def test_a_rate_may_exceed_a_hundred():
    assert symbol_error_rate([[1]], [[2, 3, 4]]) == pytest.approx(300)


def test_the_interval_is_that_of_items_drawn_again():
    rng = np.random.default_rng(3)
    lengths, errors = rng.integers(5, 20, 40), rng.integers(0, 5, 40)
    references = [[1] * length for length in lengths]
    estimated = [[2] * wrong + [1] * (length - wrong) for length, wrong in zip(lengths, errors, strict=True)]
    result = evaluate(references, estimated, rounds=4000)
    drawn = rng.integers(0, 40, (4000, 40))
    low, high = np.quantile(100 * errors[drawn].sum(1) / lengths[drawn].sum(1), (0.025, 0.975))
    assert result["symbol_error_rate_low"] == pytest.approx(low, rel=0.03)
    assert result["symbol_error_rate_high"] == pytest.approx(high, rel=0.03)


@given(st.lists(st.integers(-2, 2), max_size=8), st.lists(st.integers(-2, 2), max_size=8))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_distances_are_those_of_the_textbook(first, second):
    assert edit_distances([first], [second])[0][0] == levenshtein(first, second)


def test_symbols_of_equal_hash_are_told_apart():
    # -1 and -2 have one hash, as have 97 and the letter of that code in string matchers
    assert edit_distances([[-1, 97]], [[-2, "a"]])[0][0] == 2


def test_empty_references_are_legal_but_warned_of():
    with pytest.warns(UserWarning, match="1 of 2 references are empty"):
        assert symbol_error_rate([[], [1, 2]], [[1], [1, 2]]) == pytest.approx(50)


@pytest.mark.parametrize(("references", "estimated"), [([], []), ([[1]], []), ([[]], [[1]])])
def test_what_has_no_rate_is_refused(references, estimated):
    with pytest.raises(ValueError, match="references"):
        symbol_error_rate(references, estimated)
