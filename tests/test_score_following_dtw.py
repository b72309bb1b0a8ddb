"""The baseline that is given the symbolic score: its warping against brute force, and a tune that it follows."""

import sys
from pathlib import Path

import numpy as np
import pytest

# A benchmark's neighbours are imported as scripts import them.
sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from score_following_dtw import OnlineTimeWarping, Setting, features, follow, load_piece, play, to_track

from scorehub.metrics.score_following.following import evaluate


@pytest.fixture(scope="module")
def piece():
    return load_piece("petzold_minuet_in_g")


def path_costs(score, performance):
    """(T, N) cost of the best path to each cell, by the recursion that defines it."""
    costs = np.full((len(performance), len(score)), np.inf)
    for i, heard in enumerate(performance):
        for j, written in enumerate(score):
            before = [(i - 1, j), (i, j - 1), (i - 1, j - 1)]
            least = min((costs[a, b] for a, b in before if a >= 0 and b >= 0), default=0.0)
            costs[i, j] = least + np.abs(heard - written).sum()
    return costs


@pytest.mark.parametrize("seed", range(5))
def test_positions_are_those_of_the_whole_recursion(seed):
    rng = np.random.default_rng(seed)
    score, performance = rng.random((12, 3)), rng.random((9, 3))
    warping = OnlineTimeWarping(score, window=100.0, most_steps=3)
    position = 0
    for i, costs in enumerate(path_costs(score, performance)):
        best = int((costs / (1 + i + np.arange(12))).argmin())
        position = best if i == 0 else int(np.clip(best, position, position + 3))
        assert warping.step(performance[i]) == position


def test_the_score_itself_is_followed_frame_by_frame():
    score = np.random.default_rng(0).random((300, 8))
    warping = OnlineTimeWarping(score)
    assert [warping.step(frame) for frame in score] == list(range(300))


def test_half_the_tempo_takes_each_frame_twice():
    score = np.random.default_rng(0).random((100, 8))
    warping = OnlineTimeWarping(score)
    found = np.array([warping.step(frame) for frame in np.repeat(score, 2, axis=0)])
    assert np.abs(found - np.arange(200) // 2).max() <= 1


def test_what_comes_later_changes_nothing():
    noise = np.random.default_rng(1).normal(0, 0.1, 5 * 22050).astype(np.float32)
    changed = noise.copy()
    changed[3 * 22050 :] = 0
    # A frame looks 1024 samples ahead: frame 59 is centred 50 ms before 3 s
    assert np.array_equal(features(noise)[:59], features(changed)[:59])
    assert np.array_equal(follow(noise, noise)[:59], follow(noise, changed)[:59])


def test_a_tune_played_by_a_person_in_a_room_is_followed(piece):
    truth, track, _ = play(piece, Setting("room", human=True, room=True), seed=0)
    assert np.abs(truth.onsets - piece.score.onsets).max() > 1  # the tempo is another
    result = evaluate([truth], [track])
    assert result["within_0.5"] > 0.98
    assert result["within_0.1"] > 0.9
    assert result["tracked_to_end"] == 1


def test_constant_speed_loses_what_a_person_plays(piece):
    truth, track, _ = play(piece, Setting("deaf", human=True, deaf=True), seed=0)
    assert evaluate([truth], [track])["within_0.1"] < 0.5


def test_score_times_become_the_places_of_the_nearest_onsets(piece):
    onsets = piece.score.onsets
    track = to_track(piece.score, np.array([0.0, onsets[5] + 0.01, onsets[-1] + 9]))
    assert track.times.tolist() == [0, 0.05, 0.1]
    assert track.x.tolist() == piece.score.places.x[[0, 5, -1]].tolist()


def test_malformed_features_are_refused():
    with pytest.raises(ValueError, match=r"shape \(N, D\), N from 1, got \(0, 3\)"):
        OnlineTimeWarping(np.zeros((0, 3)))
