"""Notes as columns, and how MIDI files become them."""

import numpy as np
import pytest
import symusic

from scorehub.notes import DRUMS, Notes, make_notes, read_midi, write_midi


def track_of(notes, program=0, is_drum=False):
    track = symusic.Track("", program, is_drum)
    track.notes = symusic.core.NoteTickList([symusic.Note(*note) for note in notes])
    return track


def score_of(*tracks, tempos=((0, 120),)):
    """A MIDI file of 480 ticks a quarter, which is half a second."""
    score = symusic.Score(480)
    for tick, quarters_a_minute in tempos:
        score.tempos.append(symusic.Tempo(tick, quarters_a_minute))
    for track in tracks:
        score.tracks.append(track)
    return score.dumps_midi()


def test_tracks_are_merged_by_onset_then_pitch_then_track():
    melody = track_of([(0, 480, 60, 100), (480, 480, 64, 90)], program=5)
    drums = track_of([(480, 240, 38, 80), (0, 240, 72, 70)], is_drum=True)
    double = track_of([(480, 480, 64, 50)], program=9)
    notes = read_midi(score_of(melody, drums, double))
    assert notes.onset.tolist() == [0, 0, 0.5, 0.5, 0.5]
    assert notes.pitch.tolist() == [60, 72, 38, 64, 64]
    assert notes.program.tolist() == [5, DRUMS, DRUMS, 5, 9]
    assert notes.track.tolist() == [0, 1, 1, 0, 2]
    assert notes.velocity.tolist() == [100, 70, 80, 90, 50]
    assert notes.duration.tolist() == [0.5, 0.25, 0.25, 0.5, 0.5]
    columns = (notes.onset, notes.duration, notes.pitch, notes.velocity, notes.program, notes.track)
    assert [column.dtype for column in columns] == [np.float64, np.float64, *[np.int64] * 4]


def test_tempo_changes_are_in_the_times():
    notes = read_midi(score_of(track_of([(0, 480, 60, 80), (480, 480, 62, 80)]), tempos=[(0, 120), (480, 60)]))
    assert notes.onset.tolist() == [0, 0.5]
    assert notes.duration.tolist() == [0.5, 1]


def test_what_sounds_nothing_is_no_note():
    assert read_midi(score_of(track_of([(0, 480, 65, 0), (240, 480, 62, 80)]))).pitch.tolist() == [62]
    assert len(read_midi(score_of())) == 0
    assert len(read_midi(score_of(track_of([])))) == 0


@pytest.mark.parametrize("seed", range(5))
def test_notes_come_back_from_midi(seed):
    rng = np.random.default_rng(seed)
    n = 200
    onset = rng.permutation(n) / 16  # on the grid of 480 ticks a quarter; no two at once
    track = rng.integers(0, 3, n)
    columns = (
        rng.integers(1, 8, n) / 32,
        rng.integers(0, 128, n),
        rng.integers(1, 128, n),
        np.array([0, DRUMS, 40])[track],
    )
    notes = make_notes(onset, *columns, track)
    found = read_midi(write_midi(notes))
    assert np.array_equal(found.pitch, notes.pitch)
    assert np.array_equal(found.velocity, notes.velocity)
    assert np.array_equal(found.program, notes.program)
    np.testing.assert_allclose(found.onset, notes.onset, atol=1e-5)
    assert found.end == pytest.approx(notes.end)


def test_each_program_of_a_track_comes_back_from_midi():
    pitch, program = np.array([38, 60, 62, 64]), np.array([DRUMS, 0, 40, 0])
    notes = make_notes(np.arange(4.0), np.ones(4), pitch, program=program, track=np.array([0, 0, 0, 1]))
    found = read_midi(write_midi(notes))
    assert found.pitch.tolist() == pitch.tolist()
    assert found.program.tolist() == program.tolist()
    assert len(set(found.track.tolist())) == 4


def test_no_note_comes_back_from_midi():
    assert len(read_midi(write_midi(make_notes(*np.zeros((3, 0)))))) == 0


def test_columns_out_of_order_are_refused():
    one = np.ones(2, int)
    with pytest.raises(ValueError, match="notes must be sorted by onset"):
        Notes(np.array([1.0, 0.5]), np.ones(2), one, one, one, one)
    assert len(Notes(np.array([0.5, 0.5]), np.ones(2), one, one, one, one)) == 2
