"""Notes as columns of a row, and back."""

import datasets
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorehub.dataset_builders import note_rows
from scorehub.dataset_builders.maestro.maestro import FEATURES
from scorehub.notes import make_notes


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.integers(0, 2**32), st.integers(0, 50))
def test_notes_come_back_from_their_columns(seed, n):
    rng = np.random.default_rng(seed)
    integers = [rng.integers(low, high, n) for low, high in ((0, 128), (1, 128), (0, 129), (0, 4))]
    notes = make_notes(rng.uniform(0, 9, n), rng.uniform(0, 9, n), *integers)
    row = {"notes": note_rows.notes_to_columns(notes)}
    encoded = datasets.Dataset.from_list([row], features=datasets.Features({"notes": FEATURES["notes"]}))[0]
    for found in (note_rows.columns_to_notes(row), note_rows.columns_to_notes(encoded)):
        assert all(np.array_equal(getattr(found, name), getattr(notes, name)) for name in note_rows.NOTE_COLUMNS)


def test_chosen_notes_keep_all_their_columns_and_their_order():
    notes = make_notes([0, 1, 2], [4, 5, 6], [60, 61, 62], [7, 8, 9], [10, 11, 128], [13, 14, 15])
    chosen = notes.choose(np.array([True, False, True]))
    columns = [getattr(chosen, name).tolist() for name in note_rows.NOTE_COLUMNS]
    assert columns == [[0, 2], [4, 6], [60, 62], [7, 9], [10, 128], [13, 15]]
    assert len(notes.choose(np.zeros(3, bool))) == 0


def test_columns_that_are_no_notes_are_refused():
    columns = note_rows.notes_to_columns(make_notes(np.zeros(2), np.ones(2), np.array([60, 61])))
    with pytest.raises(ValueError, match=r"got none named \['track'\]"):
        note_rows.columns_to_notes({"notes": {name: columns[name] for name in note_rows.NOTE_COLUMNS[:-1]}})
    with pytest.raises(ValueError, match="columns must have one length"):
        note_rows.columns_to_notes({"notes": columns | {"pitch": [60]}})
    with pytest.raises(ValueError, match="pitch must be 0 to 127"):
        note_rows.columns_to_notes({"notes": columns | {"pitch": [60, 200]}})
