import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorehub.metrics.score_following import following, page_turns, recovery
from scorehub.metrics.score_following.intervals import summarise
from scorehub.metrics.score_following.page_turns import Turns, due_turns, track_turns, turn_errors
from scorehub.metrics.score_following.score_map import Places, ScoreMap, Track, map_noteheads

FOLDER = Path(following.__file__).parent
DPI = 254.0  # 100 px are 1 cm
FRAMES = 20  # a second


def score_of(columns) -> ScoreMap:
    """A score from (page, system, x, onset) rows; y is 100 times the system."""
    page, system, x, onset = (np.array(column) for column in zip(*columns, strict=True))
    return ScoreMap(page, system, x.astype(float), 100.0 * system, onset.astype(float), DPI)


def steady(step=0.5, per_system=8, n_systems=4, systems_per_page=2) -> ScoreMap:
    """A note every `step` seconds and 2 cm, from x 100; two systems a page."""
    rows = range(per_system * n_systems)
    return score_of(
        [(k // per_system // systems_per_page, k // per_system, 100 + 200 * (k % per_system), step * k) for k in rows]
    )


def ideal(score: ScoreMap, shift=0.0) -> Track:
    """Says in each frame the notehead that is right `shift` seconds later."""
    times = np.arange(0, score.onsets[-1] + 1, 1 / FRAMES)
    rows = np.searchsorted(score.onsets, times + shift + 1e-6, side="right") - 1
    return Track(times, *score.places.take(np.clip(rows, 0, len(score.onsets) - 1)))


def judge(score: ScoreMap, track: Track, **options) -> dict[str, float]:
    return following.evaluate([score], [track], rounds=10, **options)


def test_a_perfect_track_scores_one():
    score = steady()
    for how in ("nearest", "interpolated", "previous"):
        result = judge(score, ideal(score), how=how)
        shares = [key for key in result if key.startswith(("within", "right", "tracked"))]
        assert len(shares) == 4 * (5 + 1 + 3)
        assert all(result[key] == 1 for key in shares)
        assert all(value == 0 for key, value in result.items() if key.startswith(("error", "cm")))


def test_a_lag_of_three_tenths_is_right_within_half_a_second_only():
    # Onsets are 0.3 s apart and the track is one behind, but not at the first, where none is before it
    score = steady(step=0.3)
    result = judge(score, ideal(score, shift=-0.3))
    assert result["within_0.1"] == pytest.approx(1 / 32)
    assert result["within_0.5"] == 1
    assert result["error"] == pytest.approx(0.3 * 31 / 32)
    assert result["error_median"] == pytest.approx(0.3)
    # 3 first onsets of later systems are still on the system before; the others are 2 cm off
    assert result["right_system"] == pytest.approx(29 / 32)
    assert result["cm"] == pytest.approx(2 * 28 / 29)
    # Allowed 0.3 s to answer, the same track is right
    assert judge(score, ideal(score, shift=-0.3), delay=0.3)["within_0.05"] == 1


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_times_are_those_of_a_search_of_all_noteheads(seed):
    rng = np.random.default_rng(seed)
    system = np.sort(rng.integers(0, 3, 12))
    x, onset = rng.integers(0, 6, 12) * 10.0, rng.integers(0, 20, 12) / 2
    score = ScoreMap(system // 2, system, x, 0.0 * x, onset, DPI)
    asked = system[rng.integers(0, 12, 9)]
    where, near = rng.uniform(-5, 65, 9), rng.uniform(0, 10, 9)
    found = score.times_of(Places(asked // 2, asked, where), near)
    for number in range(9):
        heads = [k for k in range(12) if system[k] == asked[number]]
        least = min(abs(x[k] - where[number]) for k in heads)
        times = [onset[k] for k in heads if abs(x[k] - where[number]) == least]
        assert abs(found[number] - near[number]) == min(abs(time - near[number]) for time in times)


def test_places_between_noteheads_have_three_readings():
    score = score_of([(0, 0, 100, 1.0), (0, 0, 200, 2.0), (0, 0, 400, 4.0)])
    places = Places(np.zeros(5, int), np.zeros(5, int), np.array([50.0, 140.0, 200.0, 350.0, 500.0]))
    near = np.zeros(5)
    assert score.times_of(places, near, "nearest").tolist() == [1, 1, 2, 4, 4]
    assert score.times_of(places, near, "previous").tolist() == [1, 1, 2, 2, 4]
    assert score.times_of(places, near, "interpolated").tolist() == pytest.approx([1, 1.4, 2, 3.5, 4])


def test_what_is_repeated_has_the_time_nearest_to_the_truth():
    # Two noteheads, played at 0, 1 and again at 2, 3
    score = score_of([(0, 0, 100, 0.0), (0, 0, 200, 1.0), (0, 0, 100, 2.0), (0, 0, 200, 3.0)])
    places = Places(np.zeros(4, int), np.zeros(4, int), np.array([100.0, 100.0, 150.0, 150.0]))
    near = np.array([0.2, 2.2, 0.0, 3.0])
    assert score.times_of(places, near).tolist() == [0, 2, 0, 3]
    assert score.times_of(places, near, "interpolated").tolist() == [0, 2, 0.5, 2.5]
    assert judge(score, ideal(score))["within_0.05"] == 1


def test_a_chord_is_one_onset_at_the_notehead_in_its_middle():
    score = score_of([(0, 0, 100, 1.0), (0, 0, 110, 1.0), (0, 0, 140, 1.0), (0, 0, 300, 2.0)])
    assert score.onsets.tolist() == [1, 2]
    assert score.places.x.tolist() == [110, 300]  # 116.7 in the mean


def test_the_wrong_page_is_lost_from_there_on():
    # The last quarter is two systems too high, of 8 notes of 0.5 s each: 8 s behind
    score = steady()
    track = ideal(score)
    late = track.times >= 12
    track = replace(track, page=np.where(late, 0, track.page), system=np.where(late, 1, track.system))
    errors = following.onset_errors(score, track)
    assert errors[:24].tolist() == [0] * 24
    assert errors[24:].tolist() == [-8] * 8
    result = judge(score, track)
    assert result["within_5"] == result["right_system"] == result["tracked"] == 0.75
    assert result["tracked_until_lost"] == 0.75
    assert result["tracked_to_end"] == 0
    assert result["cm"] == 0
    assert result["cm_std"] == 0


def test_getting_lost_once_costs_the_rest_of_the_piece_in_one_ratio_only():
    score = steady()
    track = ideal(score)
    once = (track.times > 3.9) & (track.times < 4.1)  # around the 9th of 32 onsets, the first of system 1
    track = replace(track, x=np.where(once, track.x + 1000, track.x))  # 10 cm
    result = judge(score, track)
    assert result["tracked"] == pytest.approx(31 / 32)
    assert result["tracked_until_lost"] == pytest.approx(8 / 32)
    assert result["tracked_to_end"] == 0


def test_the_strip_goes_on_from_one_system_to_the_next():
    # System 0 is 14 cm long, then 2.3 cm: its last notehead and the first of the next are near to each other
    score = steady()
    places = Places(np.array([0, 0, 1, 7]), np.array([0, 1, 2, 9]), np.array([1500.0, 100.0, 100.0, 100.0]))
    assert score.strip_cm(places)[:3].tolist() == pytest.approx([14, 16.3, 32.6])
    assert np.isnan(score.strip_cm(places)[3])


def test_systems_that_are_never_played_cost_the_length_of_the_piece():
    score = steady()
    track = replace(ideal(score), system=np.full(len(ideal(score).times), 99))
    assert following.onset_errors(score, track).tolist() == [15.5] * 32
    assert judge(score, track)["tracked"] == 0
    assert np.isnan(judge(score, track)["cm"])


def test_points_find_their_system_by_height():
    score = steady()  # systems at y 0, 100 on page 0 and 200, 300 on page 1
    assert score.nearest_system(np.array([0, 0, 1, 5]), np.array([40.0, 60.0, 0.0, 0.0])).tolist() == [0, 1, 2, -1]


def test_pieces_count_by_their_onsets_or_alike():
    # 32 onsets all right, 8 all wrong by 10 s: micro 32/40, macro 1/2
    long, short = steady(), steady(step=20.0, n_systems=1)
    still = Track(np.arange(0, 141.0), *(np.full(141, value) for value in (0, 0, 100)))
    result = following.evaluate([long, short], [ideal(long), still])
    assert result["within_5"] == pytest.approx(33 / 40)  # the first onset of the second is right
    assert result["within_5_macro"] == pytest.approx((1 + 1 / 8) / 2)
    assert (result["within_5_low"], result["within_5_high"]) == (1 / 8, 1)
    assert result["tracked_to_end"] == 0.5


def test_intervals_are_those_of_pieces_drawn_again():
    sums, counts = np.array([3.0, 1.0, 9.0, 4.0]), np.array([4.0, 5.0, 10.0, 4.0])
    result = summarise({"share": (sums, counts)}, rounds=20_000, seed=3)
    drawn = np.random.default_rng(0).integers(0, 4, (20_000, 4))
    expected = np.quantile(sums[drawn].sum(1) / counts[drawn].sum(1), [0.025, 0.975])
    assert result["share"] == pytest.approx(17 / 23)
    assert [result["share_low"], result["share_high"]] == pytest.approx(expected, abs=0.02)
    assert summarise({"share": (sums, counts)}) == summarise({"share": (sums, counts)})


def jumping() -> ScoreMap:
    """A piece of 4 systems played to its middle, then from the start again: a jump at 8 s."""
    score = steady()
    half = score.onset < 8
    columns = [np.concatenate([column[half]] * 2) for column in (score.page, score.system, score.x, score.y)]
    return ScoreMap(*columns, np.concatenate([score.onset[half], score.onset[half] + 8]), DPI)


@pytest.mark.parametrize(("late", "expected"), [(0.0, 0.0), (0.7, 0.7), (2.0, 2.0), (5.0, 5.0)])
def test_recovery_takes_as_long_as_the_follower_waits(late, expected):
    score = jumping()
    track = ideal(score)
    waiting = (track.times >= 8) & (track.times < 8 + late - 1e-6)
    track = replace(track, x=np.where(waiting, 1500.0, track.x), system=np.where(waiting, 1, track.system))
    assert recovery.recovery_times(score, track, [8.0]).tolist() == pytest.approx([expected])
    result = recovery.evaluate([score], [track], [[8.0]])
    assert result["recovered_1"] == (expected <= 1)
    assert result["recovered_3"] == (expected <= 3)
    assert result["recovery_median"] == pytest.approx(expected)


def test_who_never_jumps_never_recovers():
    score = jumping()
    track = ideal(score)
    stays = track.times >= 8
    track = replace(track, x=np.where(stays, 1500.0, track.x), system=np.where(stays, 1, track.system))
    assert recovery.recovery_times(score, track, [8.0]).tolist() == [np.inf]
    assert recovery.evaluate([score], [track], [[8.0]])["recovered_3"] == 0


def test_a_moment_at_the_right_place_is_no_recovery():
    score = jumping()
    track = ideal(score)
    away = (track.times >= 8) & ((track.times < 9) | ((track.times > 9.5) & (track.times < 10)))
    track = replace(track, x=np.where(away, 1500.0, track.x), system=np.where(away, 1, track.system))
    assert recovery.recovery_times(score, track, [8.0]).tolist() == pytest.approx([2.0])


def test_waiting_on_a_long_note_is_no_error_and_gliding_along_it_neither():
    score = score_of([(0, 0, 100, 0.0), (0, 0, 900, 8.0)])
    times = np.arange(0, 8.0, 0.5)
    zeros = np.zeros(len(times), int)
    assert recovery.frame_errors(score, Places(zeros, zeros, np.full(len(times), 100.0)), times).max() == 0
    assert recovery.frame_errors(score, Places(zeros, zeros, 100 + 100 * times), times).max() == pytest.approx(0)
    ahead = recovery.frame_errors(score, Places(zeros, zeros, 300 + 100 * times), times)
    assert ahead[:13] == pytest.approx(2.0)


def test_turns_are_due_when_the_new_page_sounds():
    score = steady(n_systems=6)  # three pages of 8 s
    assert due_turns(score).times.tolist() == [8, 16]
    assert due_turns(score).page.tolist() == [1, 2]
    back = jumping()
    assert due_turns(back).times.tolist() == []
    early = track_turns(ideal(score, shift=1.0))
    assert turn_errors(due_turns(score), early) == pytest.approx([-1, -1])
    assert page_turns.evaluate([due_turns(score)], [early])["turns_in_time"] == 1


def turns(*pairs) -> Turns:
    return Turns(np.array([time for time, _ in pairs], float), np.array([page for _, page in pairs], int))


def test_turns_are_early_late_missed_or_false():
    # -1.5 s and +0.4 s in time; +1 s late; the fourth has no event of its page within 5 s, whose event is then false
    due = turns((10, 1), (20, 2), (30, 3), (40, 4))
    made = turns((8.5, 1), (20.4, 2), (31, 3), (33, 4))
    assert turn_errors(due, made) == pytest.approx([-1.5, 0.4, 1, np.nan], nan_ok=True)
    result = page_turns.evaluate([due], [made])
    assert result["turns_in_time"] == 2 / 4
    assert result["turns_missed"] == 1 / 4
    assert result["turns_false"] == 1 / 4
    assert result["turn_error"] == pytest.approx((-1.5 + 0.4 + 1) / 3)
    assert result["turn_error_median"] == pytest.approx(1)


def test_an_event_belongs_to_one_turn_and_a_turn_to_one_event():
    # A flicker: to page 1, back and to 1 again; and one event between two turns to the same page
    assert turn_errors(turns((10, 1)), turns((8, 1), (8.5, 0), (9.5, 1))) == pytest.approx([-0.5])
    assert turn_errors(turns((10, 1), (14, 1)), turns((13, 1))) == pytest.approx([np.nan, -1], nan_ok=True)
    result = page_turns.evaluate([turns((10, 1))], [turns((8, 1), (8.5, 0), (9.5, 1))])
    assert (result["turns_in_time"], result["turns_false"]) == (1, 2)


def test_noteheads_of_a_dataset_become_a_map():
    row = {
        "page": [0, 0, 0, None], "system": [0, 0, 0, None], "x": [1.0, 2.0, 3.0, 4.0], "y": [5.0] * 4,
        "onset": [0.5, 1.0, 1.5, None], "tied": [False, True, False, False],
    }  # fmt: skip
    score = map_noteheads(row, 100)
    assert score.onsets.tolist() == [0.5, 1.5]
    assert score.x.tolist() == [1, 3]


def test_malformed_input_is_refused():
    score = steady()
    track = ideal(score)
    with pytest.raises(ValueError, match="one length from 1, got shapes"):
        replace(track, x=track.x[:-1])
    with pytest.raises(ValueError, match="x must be finite numbers, got nan"):
        replace(track, x=np.full(len(track.x), np.nan))
    with pytest.raises(ValueError, match="times must rise"):
        replace(track, times=track.times[::-1])
    with pytest.raises(ValueError, match="must lie on one page, got one on several"):
        replace(score, page=np.arange(len(score.page)))
    with pytest.raises(ValueError, match="dpi must be above 0, got nan"):
        replace(score, dpi=float("nan"))
    with pytest.raises(ValueError, match=r"track must reach from 0.0 to 15.5 s, got"):
        judge(score, Track(*(column[:40] for column in (track.times, track.page, track.system, track.x))))
    with pytest.raises(ValueError, match=r"how must be one of .* got 'linear'"):
        judge(score, track, how="linear")
    with pytest.raises(ValueError, match="delay must be from 0 s, got -1"):
        judge(score, track, delay=-1.0)
    with pytest.raises(ValueError, match="rounds must be 10 to 100000, got 3"):
        following.evaluate([score], [track], rounds=3)
    with pytest.raises(ValueError, match="equally many, at least 1, got 0 and 0"):
        following.evaluate([], [])
    with pytest.raises(ValueError, match="at least 4 s apart"):
        recovery.recovery_times(score, track, [5.0, 8.0])
    with pytest.raises(ValueError, match="jumps must be given for each of the 1 pieces, got 2"):
        recovery.evaluate([score], [track], [[], []])
    with pytest.raises(ValueError, match="in order"):
        turns((2, 1), (1, 2))


def test_nothing_to_judge_warns():
    score = steady()
    with pytest.warns(UserWarning, match="no piece has jumps"):
        assert np.isnan(recovery.evaluate([score], [ideal(score)], [[]])["recovered_1"])
    with pytest.warns(UserWarning, match="no piece has a page to turn"):
        assert np.isnan(page_turns.evaluate([turns()], [turns((1, 1))])["turns_in_time"])


def test_the_card_says_what_comes_out():
    snippet = (FOLDER / "README.md").read_text(encoding="utf-8").split("```python")[1].split("```")[0]
    names = {}
    exec(snippet[snippet.index("score =") : snippet.index("metric =")], names)
    arrays = [{key: np.array(column) for key, column in names[name].items()} for name in ("score", "track")]
    score, track = ScoreMap(**arrays[0]), Track(**arrays[1])
    result = judge(score, track) | page_turns.evaluate([due_turns(score)], [track_turns(track)])
    said = snippet.splitlines()[-1].split("#")[1].split()
    assert [result[name] for name in ("within_0.1", "right_system", "turns_in_time")] == [float(x) for x in said]
    assert following.onset_errors(score, track).tolist() == [0, 0, -0.5, 0]


def columns(table, *names) -> dict[str, list]:
    return {name: getattr(table, name).tolist() for name in names}


def test_evaluate_loads_it_where_scorehub_is_not_installed(run_python):
    pytest.importorskip("evaluate")
    score = steady()
    track = ideal(score, shift=-0.5)
    reference = columns(score, "page", "system", "x", "y", "onset") | {"dpi": DPI}
    prediction = columns(track, "times", "page", "system", "x")
    code = f"""
import evaluate, json
metric = evaluate.load({str(FOLDER / "score_following.py")!r})
rows = json.loads({json.dumps(json.dumps([prediction, reference]))})
print(json.dumps(metric.compute(predictions=rows[:1], references=rows[1:])))
"""
    found = json.loads(run_python(code, without_scorehub=True).splitlines()[-1])
    expected = following.evaluate([score], [track]) | page_turns.evaluate([due_turns(score)], [track_turns(track)])
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert found["turn_error"] == pytest.approx(0.5)
