"""The Space of score-SDE piano rolls: its pictures, pieces and jobs."""

import re

import numpy as np
import pytest
import torch
from small_sampler import SCALE, SPEC, small_sampler

from scorehub.notes import DRUMS, make_notes, write_midi
from scorehub.spaces import markup
from scorehub.spaces.piano_roll_sde import piece, show
from scorehub.spaces.piano_roll_sde.passage import Passage
from scorehub.spaces.piano_roll_sde.piece import Piece, Repaired
from scorehub.spaces.piano_roll_sde.sampling import Job


@pytest.fixture
def pipe():
    torch.set_num_threads(1)
    return small_sampler()


def test_a_picture_has_high_notes_on_top_and_what_is_held_in_half_the_ink():
    roll = np.full((12, 3), -1.0)
    roll[0] = [1, 0, -1]  # C, whose key is white
    roll[1, 2] = 1  # C sharp, whose key is black

    picture = show.ink([roll], lowest=60)

    red, green, blue = show.INKS[0]
    half = [round((255 + ink) / 2) for ink in (red, green, blue)]
    np.testing.assert_allclose(picture[11], [(red, green, blue), half, (255, 255, 255)], atol=1)
    assert picture[10, 2].tolist() == [red, green, blue]
    assert (picture[10, 0] < 255).all()
    assert (picture[10, 0] > 200).all()


def test_later_layers_lie_over_earlier_ones_in_inks_of_their_own():
    old, new = np.array([[1.0, 1.0, -1.0]]), np.array([[-1.0, 1.0, 1.0]])
    assert show.ink([old, new], lowest=60)[0].tolist() == [list(show.INKS[0]), *[list(show.INKS[1])] * 2]


def test_a_frame_shows_the_notes_of_its_seconds_and_pitches():
    roll = show.Frame(lowest=52, n_pitches=2, begin=1.0, end=3.0).roll(SCALE, fs=4.0)
    expected = np.full((1, 2, 8), -1.0)
    expected[0, 0, :2], expected[0, 1, 2:4] = (1, 0), (1, 0)  # pitch 52 from 1 s, pitch 53 from 1.5 s
    assert roll.tolist() == expected.tolist()


def test_a_passage_is_shaded_where_it_is_and_no_further_than_is_seen():
    frame = show.Frame(48, 24, 2.0, 10.0)
    html = show.roll_html(list(frame.roll(SCALE)), frame, passage=(4.0, 5.0))
    assert '<div class="passage" style="left: 25.000%; width: 12.500%">' in html
    html = show.roll_html(list(frame.roll(SCALE)), frame, passage=(9.0, 99.0))
    assert '<div class="passage" style="left: 87.500%; width: 12.500%">' in html


@pytest.mark.parametrize(
    ("begin", "end", "labels"),
    [
        (0.0, 8.0, ["0 s", "1", "2", "3", "4", "5", "6", "7"]),
        (2.5, 18.5, ["4 s", "6", "8", "10", "12", "14", "16"]),
        (50.0, 80.0, ["50 s", "55", "1:00", "1:05", "1:10", "1:15"]),
        (0.0, 4000.0, ["0 s", *[f"{m}:00" for m in range(10, 60, 10)], "1:00:00"]),
    ],
)
def test_the_ruler_has_round_seconds_not_too_many(begin, end, labels):
    html = show.roll_html([np.full((2, 4), -1.0)], show.Frame(60, 2, begin, end))
    assert re.findall(r">([^<]+)</span>", html.split('class="ruler"')[1]) == labels


def test_each_c_is_named_where_it_lies():
    html = show.roll_html([np.full((25, 4), -1.0)], show.Frame(48, 25, 0.0, 1.0))
    keys = re.findall(r"bottom: min\(([\d.]+)%[^>]*>([^<]+)<", html.split('class="paper"')[0])
    assert keys == [("0.00", "C3"), ("48.00", "C4"), ("96.00", "C5")]


def test_notes_and_times_are_told_in_words():
    assert show.count_notes(SCALE) == "20 notes, D3 to A4"
    assert show.count_notes(make_notes([0], [1], [60])) == "1 note, C4 to C4"
    assert show.count_notes(make_notes([], [], [])) == "no notes"
    assert [markup.clock(seconds) for seconds in (7, 9.96, 12.34, 65)] == ["7", "10", "12.3", "1:05"]
    assert [markup.duration(seconds) for seconds in (9.5, 65, 3600)] == ["9.5 s", "1:05 min", "1:00:00 h"]


def test_markup_in_a_file_name_or_a_reason_stays_text():
    assert "<b>x" not in markup.title("<b>x.mid")
    assert "<i>" not in markup.reason(ValueError("got <i>"))


def test_an_excerpt_is_cut_at_both_ends_and_counts_from_its_beginning():
    cut = piece.excerpt(SCALE, 1.2, 2.25)
    np.testing.assert_allclose(cut.onset, [0, 0.3, 0.8])
    np.testing.assert_allclose(cut.duration, [0.3, 0.5, 0.25])
    assert (cut.pitch.tolist(), cut.velocity.tolist()) == ([52, 53, 54], [62, 63, 64])


def test_what_is_seen_has_six_seconds_on_either_side_within_the_piece():
    whole = Piece("scale", "Scale", make_notes(np.arange(30), np.ones(30), np.full(30, 60)))
    assert whole.view(10.0, 12.0) == (4.0, 18.0)
    assert whole.view(1.0, 2.0) == (0.0, 8.0)
    assert whole.view(29.0, 34.0) == (23.0, 34.0)
    assert whole.view(12.0, 10.0) == whole.view(10.0, 12.0)


def test_new_notes_are_those_that_begin_in_the_passage_but_for_drums():
    after = make_notes([0.5, 1.0, 1.2, 1.5, 2.0], [0.9] * 5, [51, 52, 36, 60, 54], program=[0, 0, DRUMS, 0, 0])
    kept, new = Repaired(after, 1.0, 2.0).split()
    assert kept.onset.tolist() == [0.5, 1.2, 2.0]
    assert new.onset.tolist() == [1.0, 1.5]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "whole and well formed"),
        (np.random.default_rng(0).bytes(5000), "whole and well formed"),
        (write_midi(SCALE)[:-40], "whole and well formed"),
        (write_midi(make_notes([], [], [])), "1 to 50,000 notes"),
        (write_midi(make_notes([4000.0], [1.0], [60])), "in 1 to 3,600 s"),
        (write_midi(make_notes([0.0], [0.5], [60])), "got 1 in 0.5 s"),
        (bytes(piece.MAX_BYTES + 1), "MIDI file must have at most 2 MB, got 2.1"),
    ],
)
def test_an_upload_that_is_no_fit_piece_is_refused_with_a_reason(tmp_path, content, reason):
    path = tmp_path / "upload.mid"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=reason):
        piece.load_upload(path)


def test_the_tunes_have_composers_and_notes():
    titles = piece.tune_titles()
    assert titles["bach_prelude_in_c"] == "Bach: Prelude in C major"
    tune = piece.load_tune("bach_prelude_in_c")
    assert tune.notes.pitch[:5].tolist() == [60, 64, 67, 72, 76]  # C E G c e
    assert tune.first_passage() == (8.0, 12.0)


def test_a_passage_is_seen_and_heard_before_and_after():
    changed = make_notes(SCALE.onset, SCALE.duration, np.where(SCALE.onset == 5, 79, SCALE.pitch), SCALE.velocity)
    passage = Passage(Piece("scale", "Scale", SCALE), Repaired(changed, 5.0, 5.5), 5.0, 5.5)
    before, after = passage.pictures(SPEC)
    assert "20 notes, D3 to A4 · 10 s long" in before
    assert "1 new note, in red · 19 of 20 kept" in after
    (rate, old), (_, new) = passage.sounds()
    assert old.dtype == new.dtype == np.int16
    early, late = slice(0, int(4.9 * rate)), slice(int(5.1 * rate), int(5.4 * rate))
    strongest = [np.abs(np.fft.rfft(sound[late])).argmax() / 0.3 for sound in (old, new)]
    assert strongest == [pytest.approx(2 * 261.6, abs=5), pytest.approx(784.0, abs=5)]  # C4's octave, G5
    assert np.corrcoef(old[early], new[early])[0, 1] > 0.99


def test_a_drag_marks_what_is_there_and_a_click_moves_the_passage():
    passage = Passage(Piece("scale", "Scale", SCALE), None, 2.0, 4.0)
    spans = [(3.14, 5.28), (6.0, 6.1), (-1.0, 2.0), (9.5, 99.0), (12.0, 14.0)]
    marked = [passage.marked(*span) for span in spans]
    assert [(one.start, one.end) for one in marked] == [(3.1, 5.2), (6.0, 8.0), (0.0, 3.0), (9.5, 26.0), (10.0, 12.0)]
    going_on = passage.continuation()
    assert (going_on.start, going_on.end) == (10.0, 14.0)


def test_a_kept_repair_is_the_piece_to_go_on_with_and_the_passage_stays_within_it():
    shorter = SCALE.choose(SCALE.onset < 7)
    passage = Passage(Piece("scale", "Scale", SCALE), Repaired(shorter, 7.0, 10.0), 8.0, 10.0).kept()
    assert passage.repaired is None
    assert passage.piece == Piece("scale", "Scale", shorter)
    assert (passage.start, passage.end) == (7.0, 9.0)
    silent = Passage(Piece("scale", "Scale", SCALE), Repaired(SCALE.choose(SCALE.onset < 0), 0.0, 10.0), 0.0, 10.0)
    assert silent.kept() is silent


def test_watching_a_job_changes_nothing_and_counts_the_evaluations(pipe):
    def sample(callback=None):
        return pipe(2, num_inference_steps=6, generator=torch.Generator().manual_seed(3), callback=callback)

    job = Job(pipe, sample)
    seen = list(job)

    alone = sample()
    np.testing.assert_array_equal(job.result.rolls, alone.rolls)
    assert job.evaluations == 7 == alone.evaluations[0]  # one a step, and one for the last noise
    assert (seen[0].part, seen[0].step, seen[0].evaluations) == (1, 1, 1)
    assert seen[0].rolls.shape == (2, 1, 24, 32)
    assert 0 < seen[0].time < 1


def test_a_job_shows_what_the_network_expects_of_the_end(pipe):
    pipe.unet.conv_out.weight.data.zero_()
    pipe.unet.conv_out.bias.data.zero_()  # no noise is seen in anything, so that x_0 = x_t / mean
    noisy = {}

    def sample(callback):
        def both(number, t, x):
            noisy[number] = (x / pipe.scheduler.mean_coefficient(torch.tensor(t))).numpy()
            callback(number, t, x)

        return pipe(num_inference_steps=4, generator=torch.Generator().manual_seed(0), callback=both)

    for progress in Job(pipe, sample):
        np.testing.assert_allclose(progress.rolls, noisy[progress.step - 1], rtol=1e-4)


def test_a_job_that_nobody_watches_any_more_ends_and_makes_room_for_the_next(pipe):
    long = Job(pipe, lambda callback: pipe(sampler="euler_maruyama", num_inference_steps=20_000, callback=callback))
    watching = iter(long)
    next(watching)
    watching.close()

    job = Job(pipe, lambda callback: pipe(num_inference_steps=2, callback=callback))
    assert [progress.step for progress in job][:1] == [1]
    assert job.result.evaluations.tolist() == [3]
    assert not hasattr(long, "result")


def test_what_goes_wrong_in_a_job_reaches_who_watches(pipe):
    with pytest.raises(ValueError, match="num_inference_steps and resamples must be 1 or more"):
        list(Job(pipe, lambda callback: pipe(num_inference_steps=0, callback=callback)))
