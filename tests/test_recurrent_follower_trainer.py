"""The trainer of the recurrent follower: its songs, its scores, and that a training can be resumed and stopped."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import load_dataset

from scorehub.pipelines.score_following.paper.modeling_recurrent_follower import RecurrentFollowerModel, audio_windows
from scorehub.trainers import recurrent_follower
from scorehub.trainers.recurrent_follower import RecurrentFollowerTrainer, RecurrentFollowerTraining
from scorehub.trainers.recurrent_follower_data import Song, SongChunks, make_batch, make_song, sample_path, shorten
from scorehub.trainers.recurrent_follower_evaluation import (
    follow,
    guess_at_speed,
    guess_middle,
    guess_steady,
    mean_loss,
    mean_speed,
    score_song,
)


def toy_song(frames=60, name="toy", columns=400):
    """A tone that climbs through the bands, and a blot that stands at the tone's place in each part of the strip."""
    strip = np.full((80, columns), 255, np.uint8)
    for x in range(0, columns, 20):
        strip[70 * x // columns : 70 * x // columns + 8, x : x + 8] = 0
    spectrogram = np.zeros((78, frames), np.float32)
    spectrogram[np.arange(frames) * 78 // frames, np.arange(frames)] = 1
    return Song(name, strip, spectrogram, np.linspace(0, 1, frames, dtype=np.float32))


def test_a_row_of_msmd_becomes_a_song(tmp_path):
    row = load_dataset("msmd", layout="strip", audio=False, split="validation", cache_dir=str(tmp_path))[0]
    song, image = make_song(row), np.asarray(row["pages"][0])
    heads = row["noteheads"]
    struck = [onset for onset, tied in zip(heads["onset"], heads["tied"], strict=True) if not tied]
    last = max(struck)
    assert len(song) == int(last * 20) + 1 == song.spectrogram.shape[1]
    assert song.strip.shape == (80, round(image.shape[1] / 2))
    assert song.strip.min() < 128 < 250 < np.median(song.strip)
    # At the frame that an onset falls in, the position is that of its noteheads, or between theirs and the next.
    columns = [np.array(heads[name]) for name in ("onset", "x", "tied")]
    onsets, x, tied = columns
    for onset in sorted(set(struck))[:20]:
        place = np.median(x[(onsets == onset) & ~tied])
        assert -8 < song.positions[math.ceil(onset * 20)] * image.shape[1] - place < 40
    with pytest.raises(ValueError, match="row must be a strip with MIDI, got pages"):
        make_song({**row, "layout": "pages"})


def test_a_path_is_linear_forwards_and_holds_before_a_jump_back():
    times, places = np.array([0.1, 0.2, 0.4, 0.5]), np.array([10.0, 20.0, 5.0, 15.0])
    wanted = [10, 10, 10, 15, 20, 20, 20, 20, 5, 10, 15, 15]
    assert sample_path(times, places, 12).tolist() == pytest.approx(wanted)


def test_a_shortened_song_has_a_strip_that_ends_behind_it():
    short = shorten(toy_song(), 30)
    place = 29 / 59 * 400
    assert short.strip.shape == (80, int(place) + 16)
    assert short.positions[-1] * short.strip.shape[1] == pytest.approx(place, abs=1e-3)
    assert (len(short), short.spectrogram.shape) == (30, (78, 30))
    assert shorten(toy_song(), 0) is not None
    assert len(shorten(toy_song(), 0)) == 60


def test_chunks_of_a_batch_are_the_songs():
    songs = [toy_song(45), toy_song(60, columns=300)]
    whole = make_batch(songs, 0, 60)
    assert torch.equal(whole["audio"][1], audio_windows(torch.from_numpy(songs[1].spectrogram)))
    assert whole["positions"][0, 44] == 1
    assert whole["positions"][0, 45:].isnan().all()
    assert whole["widths"].tolist() == [400, 300]
    assert whole["strip"][1, :, 300:].eq(0).all()
    assert whole["strip"][1, 0, 0] == 1  # ink
    parts = [make_batch(songs, start, 25) for start in (0, 25, 50)]
    assert [part["fresh"] for part in parts] == [True, False, False]
    for name in ("audio", "positions"):
        joined = torch.cat([part[name] for part in parts], dim=1)
        torch.testing.assert_close(joined, whole[name], equal_nan=True, rtol=0, atol=0)


def test_epochs_draw_songs_anew_and_chunks_follow_each_other():
    songs = [toy_song(frames) for frames in (30, 60, 40, 55, 20)]
    chunks = SongChunks(songs, epochs=20, per_epoch=3, beside=2, n_frames=25, seed=3)
    starts = [0, *chunks.epoch_ends[:-1]]
    drawn = []
    for first, stop in zip(starts, chunks.epoch_ends, strict=True):
        items = chunks.items[first:stop]
        fresh = [group for group, start in items if start == 0]
        drawn.append(tuple(sorted(number for group in fresh for number in group)))
        for (group, start), (following, then) in itertools.pairwise(items):
            longest = max(len(songs[number]) for number in group)
            assert (following, then) == (group, start + 25) if start + 25 < longest else then == 0
    assert {len(set(numbers)) for numbers in drawn} == {3}
    assert len(set(drawn)) > 5
    assert {number for numbers in drawn for number in numbers} == set(range(5))
    assert chunks.items == SongChunks(songs, 20, 3, 2, 25, seed=3).items
    with pytest.raises(ValueError, match="must be 1 or more, got 0, 1, 1, 1, 1"):
        SongChunks([], 1, 1, 1, 1)


def test_scores_and_guesses_by_hand():
    song = toy_song(101)  # positions 0, 0.01, ..., 1: half a second is 0.1
    assert score_song(song, song.positions) == {"error": 0, "near": 1, "in_time": 1}
    middle = score_song(song, guess_middle(song))
    # Errors 0, twice each of 0.01 ... 0.50: mean 25.5 / 101; 11 frames within 0.05, 21 within 10 frames of frame 50.
    assert middle["error"] == pytest.approx(25.5 / 101)
    assert middle["near"] == pytest.approx(11 / 101, abs=2.1 / 101)  # two frames lie on the edge
    assert middle["in_time"] == pytest.approx(21 / 101)
    assert score_song(song, guess_steady(song))["error"] == pytest.approx(0, abs=1e-6)
    assert score_song(song, np.full(101, 7.0))["in_time"] == pytest.approx(11 / 101)  # as good as at the end
    assert mean_speed([song, toy_song(50)]) == pytest.approx((400 / 101 + 8) / 2)
    assert guess_at_speed(song, 8.0)[[0, 25, 60]].tolist() == [0, 0.5, 1]
    zeros = np.zeros(101, np.float32)
    assert mean_loss([song], [zeros], 0.2) == pytest.approx(float((song.positions**2).mean()), rel=1e-5)


@pytest.fixture
def config(tmp_path):
    return RecurrentFollowerTraining(
        output_dir=str(tmp_path / "run"), width=0.0625, hidden_size=16, excerpt="whole", chunk_frames=30, batch_size=2
    )


def weights(trainer):
    return torch.cat([value.flatten() for value in trainer.model.state_dict().values()])


def with_changes(config, **changes):
    return RecurrentFollowerTraining(**{**vars(config), **changes})


@pytest.mark.parametrize(
    ("excerpt", "frames", "epochs"), [("whole", 60, 60), pytest.param("own", 30, 80, marks=pytest.mark.slow)]
)
def test_a_follower_learns_one_song_by_heart(config, excerpt, frames, epochs):
    song = toy_song(frames)
    config = with_changes(config, excerpt=excerpt, epochs=epochs, learning_rate=5e-3, patience=0, jump_weight=0.0)
    trainer = recurrent_follower.train(config, [song], [])
    scores = score_song(song, follow(trainer.model, [song])[0])
    assert scores["error"] < 0.05 < score_song(song, guess_middle(song))["error"]
    assert scores["near"] > 0.6


def test_the_state_is_carried_through_a_song_and_forgotten_at_its_end(config, monkeypatch):
    handed = []
    forward = RecurrentFollowerModel.forward

    def listening(self, *arguments, state=None, **named):
        output = forward(self, *arguments, state=state, **named)
        handed.append((state, output.state))
        return output

    monkeypatch.setattr(RecurrentFollowerModel, "forward", listening)
    songs = [toy_song(60, "a"), toy_song(60, "b")]
    recurrent_follower.train(with_changes(config, epochs=2, batch_size=1, patience=0), songs, [])
    assert [given is None for given, _ in handed] == [True, False] * 4
    for (_, left), (given, _) in zip(handed[::2], handed[1::2], strict=True):
        assert given is left
        assert not given.hidden.requires_grad


def test_a_resumed_training_ends_as_an_uninterrupted_one(config, tmp_path, monkeypatch):
    songs, held_out = [toy_song(60, "a"), toy_song(50, "b"), toy_song(40, "c")], [toy_song(45, "d")]
    config = with_changes(config, epochs=4, songs_per_epoch=2, excerpt="own", patience=3)
    whole = recurrent_follower.train(config, songs, held_out)  # 2 chunks an epoch
    config = with_changes(config, output_dir=str(tmp_path / "cut"))
    steps, training_step = [], RecurrentFollowerTrainer.training_step

    def killed_in_the_third_epoch(self, *arguments, **named):
        steps.append(1)
        if len(steps) == 6:
            raise KeyboardInterrupt
        return training_step(self, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(RecurrentFollowerTrainer, "training_step", killed_in_the_third_epoch)
        with pytest.raises(KeyboardInterrupt):
            recurrent_follower.train(config, songs, held_out)
    assert (tmp_path / "cut" / "checkpoints" / "checkpoint-4").is_dir()
    again = recurrent_follower.train(config, songs, held_out)
    assert torch.equal(weights(again), weights(whole))
    assert again.state.best_metric == whole.state.best_metric


def test_a_training_stops_when_held_out_songs_get_no_better(config, monkeypatch):
    scores = iter([0.3, 0.2, 0.4, 0.5, 0.6])
    monkeypatch.setattr(recurrent_follower, "mean_loss", lambda *_: next(scores))
    trainer = recurrent_follower.train(with_changes(config, epochs=9, patience=2), [toy_song()], [toy_song()])
    assert (trainer.state.global_step, trainer.state.best_global_step) == (8, 4)  # two chunks an epoch


def test_a_run_saves_a_model_its_card_and_its_scores(config, monkeypatch):
    songs = {"train": [toy_song(), toy_song(50)], "validation": [toy_song(45)]}
    monkeypatch.setattr(recurrent_follower, "read_songs", lambda data_dir, split, count, seed: songs[split])
    config = with_changes(config, epochs=2, max_frames=40)
    results = recurrent_follower.run(config)
    assert (results["songs"], results["held_out_songs"]) == (2, 1)
    assert set(results["seen"]) == {"error", "near", "in_time"}
    folder = Path(config.output_dir) / "model"
    model = RecurrentFollowerModel.from_pretrained(folder)
    estimated = follow(model, [shorten(songs["validation"][0], 40)])[0]
    assert score_song(shorten(songs["validation"][0], 40), estimated) == pytest.approx(results["held_out"])
    assert "# Recurrent score follower" in (folder / "README.md").read_text()
    with pytest.raises(ValueError, match="same settings"):
        recurrent_follower.run(with_changes(config, cell="gru"))


def test_wrong_settings_are_refused(config):
    with pytest.raises(ValueError, match="patience must be 0 where no songs are held out, got 10"):
        recurrent_follower.train(config, [toy_song()], [])
    with pytest.raises(ValueError, match="excerpt must be one of"):
        recurrent_follower.build_model(with_changes(config, excerpt="truth"))
    parsed = recurrent_follower.parse_config(["--output_dir", "x", "--cell", "srn", "--max_frames", "0"])
    assert (parsed.cell, parsed.max_frames, parsed.hidden_size, parsed.epochs) == ("srn", 0, 1024, 50)
