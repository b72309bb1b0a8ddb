"""The tempo that is shown is held against the one that is played there, not against the written one."""

import sys
from pathlib import Path

import numpy as np
import pytest

# A benchmark's neighbours are imported as scripts import them.
sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import score_following_tempo as benchmark

from scorehub.pipelines.score_following.follower import Position
from scorehub.tempo import TempoCurve


def at(time, tempo):
    return Position(time, 0, 0, 0.0, 0.0, 0.0, tempo, 1.0)


def test_a_tempo_of_as_many_quarters_as_are_played_is_right_whatever_is_written():
    slow, fast = 4.0, 1.0  # seconds that four written ones take
    curve = TempoCurve(np.array([0.0, 4.0, 8.0]), np.cumsum([0.0, 4 * slow, 4 * fast]))
    quarters = benchmark.WRITTEN / slow, benchmark.WRITTEN / fast
    positions = [at(0.5, 99.0), at(10.0, quarters[0]), at(19.0, quarters[1]), at(19.5, 2 * quarters[1]), at(21.0, 0.1)]
    assert benchmark.tempo_ratios(positions, curve) == pytest.approx([1.0, 1.0, 2.0])
