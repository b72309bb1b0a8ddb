"""Parameters of which one is tried each time, and the others with the slow tests."""

import pytest


def some_slow(values, fast):
    """`values` for `pytest.mark.parametrize`, all but `fast` with the mark `slow`."""
    return [value if value == fast else pytest.param(value, marks=pytest.mark.slow) for value in values]
