"""Rolls: no note is lost, windows reach all of a piece, and what a roll says comes back as notes."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorehub.notes import DRUMS, make_notes, read_midi, write_midi
from scorehub.pipelines.score_sde.roll_output import VELOCITY
from scorehub.rolls import PAPER, RollSpec, augment, make_roll, roll_to_notes, window_starts, windows

WHOLE = RollSpec(fs=4.0, lowest=0, n_pitches=128, seconds=10.0)
quick = settings(max_examples=100, deadline=None, derandomize=True)
rates = st.sampled_from([0.5, 1.0, 3.0, 8.0, 31.25, 100.0])


@st.composite
def pieces(draw, tracks=1):
    """Up to 60 notes of 10 s, many of them short, overlapping and repeated."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n = draw(st.integers(0, 60))
    grid = draw(st.sampled_from([1000, 8]))  # notes on frames, and beside them
    onset, duration = (np.round(rng.uniform(0, most, n) * grid) / grid for most in (9, 1.5))
    return make_notes(onset, duration, rng.integers(50, 60, n), rng.integers(1, 128, n), 0, rng.integers(0, tracks, n))


def one(onset, duration, pitch=60, velocity=80, **columns):
    return make_notes(np.atleast_1d(onset), np.atleast_1d(duration), np.atleast_1d(pitch), velocity, **columns)


def cells_by_hand(notes, spec, start=0.0):
    """What is on, note by note and frame by frame."""
    is_on = np.zeros(spec.shape[1:], bool)
    for onset, duration, pitch in zip(notes.onset, notes.duration, notes.pitch, strict=True):
        for frame in range(spec.n_frames):
            begins, ends = start + frame / spec.fs, start + (frame + 1) / spec.fs
            struck = begins - 1e-9 <= onset < ends - 1e-9
            if struck or (onset < ends - 1e-9 and onset + duration > begins + 1e-9):
                is_on[pitch - spec.lowest, frame] = True
    return is_on


@quick
@given(pieces(), rates, st.booleans(), st.sampled_from(["binary", "velocity"]))
def test_every_note_marks_the_frame_of_its_onset_at_any_rate(notes, fs, articulation, values):
    spec = replace(WHOLE, fs=fs, values=values, articulation=articulation)
    roll = make_roll(notes, spec)
    frame = np.floor(notes.onset * fs + 0.001).astype(int)
    assert roll.shape == spec.shape
    assert roll.dtype == np.float32
    assert (roll[0, notes.pitch, frame] > (spec.meaning.onset_threshold if articulation else 0)).all()


@settings(max_examples=40, deadline=None, derandomize=True)
@given(pieces(), st.sampled_from([0.0, 1.5, 4.25]))
def test_a_cell_is_on_where_its_pitch_sounds_at_any_time_of_the_frame(notes, start):
    spec = RollSpec(fs=4.0, lowest=48, n_pitches=16, seconds=5.0)
    assert np.array_equal(make_roll(notes, spec, start)[0] > 0, cells_by_hand(notes, spec, start))


def voiced(notes, fs):
    """The notes of which a roll with articulation tells everything: each ends before the next of its pitch begins."""
    keep, taken = [], {}
    for number, (onset, duration, pitch) in enumerate(zip(notes.onset, notes.duration, notes.pitch, strict=True)):
        first, last = int(onset * fs + 0.001), int(np.ceil((onset + duration) * fs - 0.001))
        if first >= taken.get(pitch, 0):
            keep.append((number, first, max(last, first + 1)))
            taken[pitch] = max(last, first + 1)
    return keep


@quick
@given(pieces(), rates, st.sampled_from(["binary", "velocity"]))
def test_with_articulation_the_notes_come_back_in_frames(notes, fs, values):
    spec = replace(WHOLE, fs=fs, seconds=12.0, articulation=True, values=values)
    numbers, first, last = np.array(voiced(notes, fs), int).reshape(-1, 3).T
    chosen = make_notes(*(column[numbers] for column in (notes.onset, notes.duration, notes.pitch, notes.velocity)))

    found = roll_to_notes(make_roll(chosen, spec), spec)

    expected = make_notes(first / fs, (last - first) / fs, notes.pitch[numbers], notes.velocity[numbers])
    assert np.array_equal(found.onset, expected.onset)
    assert np.array_equal(found.duration, expected.duration)
    assert np.array_equal(found.pitch, expected.pitch)
    assert np.array_equal(found.velocity, expected.velocity if values == "velocity" else np.full(len(found), VELOCITY))


@quick
@given(pieces(tracks=3), rates, st.booleans())
def test_the_roll_of_a_rolls_notes_is_the_same_roll(notes, fs, articulation):
    spec = replace(WHOLE, fs=fs, seconds=12.0, articulation=articulation, channels="track", members=(2, 0))
    roll = make_roll(notes, spec)
    assert np.array_equal(make_roll(roll_to_notes(roll, spec), spec), roll)


def test_repeated_notes_survive_with_articulation_only():
    notes = one([0, 1, 2], [1, 1, 1])
    joined, apart = (replace(WHOLE, articulation=articulation) for articulation in (False, True))
    assert list(roll_to_notes(make_roll(notes, joined), joined).duration) == [3]
    assert list(roll_to_notes(make_roll(notes, apart), apart).onset) == [0, 1, 2]


def test_a_frame_says_how_loud_it_was_struck_last():
    notes = one([0, 0.5, 0.5], [2, 0.25, 0.25], velocity=np.array([100, 20, 30]))
    spec = RollSpec(fs=4.0, lowest=60, n_pitches=1, seconds=2.5, values="velocity")
    expected = np.array([100, 100, 30, 30, 30, 30, 30, 30]) / 127
    assert make_roll(notes, spec)[0, 0] == pytest.approx([*expected, -1, -1])
    assert make_roll(notes, spec, 0.25)[0, 0] == pytest.approx([*expected[1:], -1, -1, -1])


def test_a_note_from_before_the_window_is_held_and_not_struck():
    spec = RollSpec(fs=2.0, lowest=60, n_pitches=1, seconds=2.0, articulation=True)
    roll = make_roll(one([0, 2], [1.5, 0.5]), spec, 1.0)
    assert roll[0, 0].tolist() == [0, -1, 1, -1]
    assert list(roll_to_notes(roll, spec).onset) == [0, 1]


def test_soft_onsets_differ_from_held_notes():
    spec = RollSpec(fs=2.0, lowest=60, n_pitches=1, seconds=2.0, articulation=True, values="velocity")
    roll = make_roll(one([0, 1], [1, 1], velocity=np.array([1, 127])), spec)
    assert roll[0, 0] == pytest.approx([64 / 127, 0, 1, 0])
    assert list(roll_to_notes(roll, spec).velocity) == [1, 127]


def test_channels_are_tracks_or_programs_in_the_order_of_the_members():
    notes = one([0, 0, 0], [1, 1, 1], [60, 61, 62], track=np.array([0, 5, 7]), program=np.array([0, 40, DRUMS]))
    spec = RollSpec(fs=1.0, lowest=60, n_pitches=3, seconds=1.0)
    by_track = replace(spec, channels="track", members=(7, 0))
    by_program = replace(spec, channels="program", members=(40, DRUMS))

    assert (make_roll(notes, spec)[:, :, 0] > 0).tolist() == [[True, True, False]]  # drums have no pitch to mix in
    assert (make_roll(notes, by_track)[:, :, 0] > 0).tolist() == [[False, False, True], [True, False, False]]
    assert (make_roll(notes, by_program)[:, :, 0] > 0).tolist() == [[False, True, False], [False, False, True]]
    assert list(roll_to_notes(make_roll(notes, by_track), by_track).track) == [0, 7]
    back = roll_to_notes(make_roll(notes, by_program), by_program)
    assert list(zip(back.program.tolist(), back.track.tolist(), strict=True)) == [(40, 0), (DRUMS, 1)]


def test_a_generated_roll_is_read_above_its_threshold_and_written_as_midi():
    rng = np.random.default_rng(1)
    clean = make_roll(one([0, 1, 1.5], [1, 0.5, 2], [60, 62, 64]), PAPER)
    noisy = clean + rng.normal(0, 0.1, clean.shape)
    notes = roll_to_notes(noisy, PAPER)
    assert np.array_equal(make_roll(notes, PAPER), clean)
    assert np.array_equal(make_roll(read_midi(write_midi(notes)), PAPER), clean)
    assert len(roll_to_notes(noisy, PAPER, threshold=2.0)) == 0


def test_the_paper_has_28_seconds_of_28_pitches():
    assert PAPER.shape == (1, 28, 28)
    notes = one([0.2, 27.9, 0, 0, 28], [0.1, 9, 1, 1, 1], [56, 83, 55, 84, 60])
    assert np.argwhere(make_roll(notes, PAPER)[0] > 0).tolist() == [[0, 0], [27, 27]]


@quick
@given(pieces(), st.floats(0.3, 12.0), st.floats(0.25, 3.0))
def test_windows_reach_every_note_and_are_full_of_the_piece(notes, seconds, hop):
    spec = replace(WHOLE, seconds=seconds)
    starts = window_starts(notes, spec, min(hop, seconds))
    frames = starts * spec.fs
    assert np.array_equal(frames, np.round(frames))
    assert len(starts) == 1 or starts[-1] + spec.n_frames / spec.fs <= notes.end + 1 / spec.fs
    first = np.floor(notes.onset * spec.fs + 0.001)
    seen = (first >= frames[:, None]) & (first < frames[:, None] + spec.n_frames)
    assert seen.any(axis=0).all()
    assert len(list(windows(notes, spec, hop))) == (len(window_starts(notes, spec, hop)) if len(notes) else 0)


@quick
@given(pieces(), st.integers(0, 2**32), st.integers(0, 12))
def test_augmentation_keeps_intervals_and_proportions(notes, seed, semitones):
    changed = augment(notes, np.random.default_rng(seed), semitones, (0.8, 1.25), (45, 62))
    assert len(changed) == len(notes)
    if not len(notes):
        return
    shift = changed.pitch - notes.pitch
    assert np.unique(shift).size == 1
    assert abs(shift[0]) <= semitones
    assert changed.pitch.min() >= 45
    assert changed.pitch.max() <= 62
    factor = notes.end / changed.end
    assert 0.8 - 1e-9 <= factor <= 1.25 + 1e-9
    assert changed.onset * factor == pytest.approx(notes.onset)
    assert changed.duration * factor == pytest.approx(notes.duration)


def test_augmentation_draws_all_shifts_and_leaves_drums():
    notes = one([0, 0], [1, 1], [60, 40], program=np.array([0, DRUMS]))
    drawn = [augment(notes, np.random.default_rng(seed), 3, pitches=(58, 61)) for seed in range(60)]
    assert {int(piece.pitch[piece.program == 0][0]) for piece in drawn} == {58, 59, 60, 61}
    assert {int(piece.pitch[piece.program == DRUMS][0]) for piece in drawn} == {40}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fs": 0.0}, "fs must be above 0"),
        ({"fs": float("nan")}, "fs must be above 0"),
        ({"lowest": 100, "n_pitches": 29}, "pitches must be within 0 to 127, got 29 from 100"),
        ({"seconds": 0.01}, "seconds must be a frame"),
        ({"seconds": float("inf")}, "seconds must be a frame"),
        ({"seconds": 1e6}, "at most 16777216 cells"),
        ({"channels": "voice"}, "channels must be of"),
        ({"values": "loud"}, "channels must be of"),
        ({"channels": "track"}, "members must be distinct"),
        ({"channels": "track", "members": (1, 1)}, "members must be distinct"),
        ({"members": (1,)}, "none for mixed"),
    ],
)
def test_a_spec_says_what_it_must_be(options, message):
    with pytest.raises(ValueError, match=message):
        RollSpec(**options)


def test_rolls_of_another_shape_and_times_that_are_none_are_refused():
    with pytest.raises(ValueError, match=r"roll must be finite and \(1, 28\)"):
        roll_to_notes(np.zeros((1, 27, 28)), PAPER)
    with pytest.raises(ValueError, match="roll must be finite"):
        roll_to_notes(np.full((1, 28, 3), np.nan), PAPER)
    with pytest.raises(ValueError, match="start must be"):
        make_roll(one(0, 1), PAPER, float("inf"))
    with pytest.raises(ValueError, match=r"hop must be a frame of 1\.0 s"):
        window_starts(one(0, 1), PAPER, 0.4)
    with pytest.raises(ValueError, match="tempo a range above 0"):
        augment(one(0, 1), np.random.default_rng(0), tempo=(0.0, 1.0))
