import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorehub.metrics.symbol_error_rate.edits import edit_distances
from scorehub.metrics.transcription import evaluate, sequence_error_rate, symbol_error_rate

FOLDER = Path(__file__).parent.parent / "scorehub" / "metrics" / "symbol_error_rate"
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


def test_a_sequence_with_any_error_is_wrong_as_a_whole():
    # The second is right, the others have one error and four
    assert sequence_error_rate([[1] * 9, [2], [3]], [[1] * 8, [2], [1] * 4]) == pytest.approx(100 * 2 / 3)


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


def test_evaluate_loads_it_where_scorehub_is_not_installed(run_python):
    """With random transcriptions, and with those of its card, whose numbers must be what comes out."""
    pytest.importorskip("evaluate")
    rng = np.random.default_rng(5)
    references = [[str(symbol) for symbol in rng.integers(0, 9, length)] for length in (3, 12, 7, 1)]
    estimated = [references[0], references[1][2:], [*references[2], "4"], ["10"]]
    texts = [" ".join(one) for one in estimated], ["\t".join(one) for one in references]
    snippet = (FOLDER / "README.md").read_text(encoding="utf-8").split("```python")[1].split("```")[0]
    code = f"""
import evaluate, json
metric = evaluate.load({str(FOLDER / "symbol_error_rate.py")!r})
predictions, references = json.loads({json.dumps(json.dumps(texts))})
found = metric.compute(predictions=predictions, references=references)
{snippet[snippet.index("result =") :].strip().rsplit(chr(10), 1)[0]}
print(json.dumps([found, result]))
"""
    found, result = json.loads(run_python(code, without_scorehub=True).splitlines()[-1])
    # 0 edits in 3 symbols, 2 in 12, 1 in 7, 1 in 1
    assert found == pytest.approx(
        {
            "symbol_error_rate": 100 * 4 / 23,
            "symbol_error_rate_macro": 100 * (2 / 12 + 1 / 7 + 1) / 4,
            "sequence_error_rate": 75,
        }
    )
    own = evaluate(references, estimated)
    assert found == pytest.approx({name: own[name] for name in found})
    said = [float(number) for number in snippet.strip().splitlines()[-1].split("#")[1].split()]
    assert [result["symbol_error_rate"], result["sequence_error_rate"]] == pytest.approx(said)
