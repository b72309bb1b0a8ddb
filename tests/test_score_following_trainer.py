"""Training of the score follower: strips and their notes, ways of performances, targets by hand, a piece learnt."""

import math

import numpy as np
import pytest
import torch
from small_follower import SMALL, small_follower

from scorehub import hub
from scorehub.dataset_builders.msmd.sample import sample_item
from scorehub.dataset_builders.msmd.score import read_image
from scorehub.notes import read_midi
from scorehub.pipelines.score_following.configuration_score_follower import ScoreFollowerConfig
from scorehub.pipelines.score_following.modeling_score_follower import CONTEXT, AudioCode, ScoreFollowerModel
from scorehub.synthesis import default_soundfont
from scorehub.trainers import score_following, score_following_corpus, score_following_items
from scorehub.trainers.score_following_items import Corpus, Draw, FollowingItems, Way, collate
from scorehub.trainers.score_following_loss import FollowerLoss, Matches, hits, match

# Two systems of 100 and 50 columns; four moments, the last two in the second system.
WAY = Way(np.array([1.0, 2.0, 4.0, 5.0]), np.array([0, 0, 1, 1]), np.array([10.0, 50.0, 8.0, 40.0]), np.arange(4.0))
WIDTHS = np.array([100, 50])


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def piece():
    """A tune as the corpus holds it, with plain pages, photographs and one performance."""
    item = sample_item("petzold_minuet_in_g")
    heads, pages = item.score.noteheads, [read_image(page) for page in item.score.pages]
    rng = np.random.default_rng(0)
    photographs = score_following_corpus.photograph_pages(pages, heads, rng)
    spectrogram, curve = score_following_corpus.perform(read_midi(item.midi), str(default_soundfont()), rng)
    return (
        {f"{key}_0": value for key, value in score_following_corpus.draw_pages(pages, heads).items()}
        | {f"{key}_1": value for key, value in score_following_corpus.draw_pages(*photographs).items()}
        | {"audio_0": spectrogram, "played_0": curve.performed(heads["onset"])}
        | {name: heads[name] for name in ("pitch", "onset_quarter", "tied")}
        | {"truth": heads["system"]}
    )


@pytest.fixture
def corpus(piece, tmp_path):
    np.savez(tmp_path / "tune.npz", **{name: value for name, value in piece.items() if name != "truth"})
    return tmp_path


@pytest.mark.parametrize("copy", [0, 1])
def test_noteheads_lie_in_their_systems_and_under_them_is_ink(piece, copy):
    system, column = piece[f"system_{copy}"], piece[f"column_{copy}"]
    if copy == 0:  # in a photograph the thin line that joins a system's staves can be lost
        assert (system == piece["truth"]).mean() > 0.98
    shapes = piece[f"shapes_{copy}"]
    ends = np.cumsum(shapes.prod(1))
    dark = []
    for number, shape in enumerate(shapes):
        strip = piece[f"strips_{copy}"][ends[number] - shape.prod() : ends[number]].reshape(shape)
        for place in column[system == number]:
            beside = strip[:, :, max(0, int(4 * place) - 2) : int(4 * place) + 3]
            dark.append(beside.min())
    assert np.mean(np.array(dark) < 110) > 0.97


def test_a_way_has_a_moment_for_each_time_that_something_is_struck(piece):
    way = score_following_items.find_way(piece, 0, 0)
    struck = ~piece["tied"]
    assert len(way.played) == len(np.unique(np.round(piece["onset_quarter"][struck], 4)))
    assert (np.diff(way.played) >= 0).all()
    assert (np.diff(way.quarter) > 0).all()
    same = np.diff(way.system) == 0
    assert (np.diff(way.column)[same] > 0).all()


def test_the_place_moves_evenly_and_at_the_end_of_a_system_to_the_end_of_its_lines():
    times = np.array([0.9, 1.0, 1.5, 2.0, 3.0, 3.999, 4.0, 4.5, 5.0, 5.4, 5.6])
    columns = score_following_items.columns_at(WAY, WIDTHS, times)
    expected = [math.nan, 10, 30, 50, 75, 99.975, 108, 124, 140, 140, math.nan]
    np.testing.assert_allclose(columns, expected, atol=1e-6)


def test_columns_last_as_long_as_the_notes_above_them():
    first = score_following_items.quarters_a_column(WAY, 0, 100)
    assert first[:10].tolist() == [0.0] * 10
    np.testing.assert_allclose(first[10:50], 1 / 40)
    np.testing.assert_allclose(first[50:], 1 / 50)
    second = score_following_items.quarters_a_column(WAY, 1, 50)
    np.testing.assert_allclose(second[8:40], 1 / 32)
    assert (second[40:] == score_following_items.NO_TIME).all()  # how long the last note lasts isn't known
    assert (score_following_items.quarters_a_column(WAY, 2, 5) == score_following_items.NO_TIME).all()


def test_heads_are_targets_in_their_column_and_less_beside_it():
    target = score_following_items._blur(np.array([3.5, 3.5]), np.array([0, 4]), 6)
    np.testing.assert_allclose(target[:, 0], [0, 0, 0.25, 1, 0.25, 0])
    np.testing.assert_allclose(target[:, 4], target[:, 0])
    assert target.sum() == pytest.approx(3.0)


def test_items_are_drawn_by_their_number_and_fit_together(corpus):
    items = FollowingItems(Corpus(corpus), 8, seed=1, draw=Draw(frames=40, foreign=0.0))
    one, again = items[3], items[3]
    np.testing.assert_array_equal(one.frames, again.frames)
    np.testing.assert_array_equal(one.column, again.column)
    widths = [strip.shape[2] // 4 for strip in one.strips]
    assert one.frames.shape == (78, CONTEXT + 1 + 40)
    assert [len(target) for target in one.pitch] == widths
    known = one.column[~np.isnan(one.column)]
    assert len(known)
    assert known.min() >= 0
    assert known.max() < sum(widths)
    assert not np.array_equal(items[4].frames, one.frames)


def test_what_is_heard_at_the_place_of_an_item_is_what_is_written_there(corpus):
    items = FollowingItems(Corpus(corpus), 30, seed=2, draw=Draw(foreign=0.0, photographed=0.0))
    agree = []
    for item in (items[number] for number in range(30)):
        written = np.concatenate(item.pitch)
        for frame in np.flatnonzero((item.onset.sum(1) > 0) & ~np.isnan(item.column)):
            near = written[max(0, int(item.column[frame]) - 3) : int(item.column[frame]) + 5].max(0)
            agree.append((near[item.onset[frame] > 0] > 0.2).mean())
    assert np.mean(agree) > 0.9


def test_a_foreign_sound_is_to_be_found_nowhere(corpus):
    item = FollowingItems(Corpus(corpus), 1, draw=Draw(frames=40, foreign=1.0))[0]
    assert (item.column == -1).all()
    assert np.isnan(item.onset).all()


def test_a_folder_without_pieces_is_refused(tmp_path):
    with pytest.raises(ValueError, match="corpus must hold pieces"):
        Corpus(tmp_path)


def test_targets_are_spread_over_the_columns_of_an_items_own_systems():
    column = torch.full((2, 12), torch.nan)
    column[0, 10], column[1, 10], column[1, 11] = 2.5, 0.5, -1.0
    batch = {"column": column, "n_columns": torch.tensor([4, 3]), "first": torch.tensor([0, 1])}
    audio = AudioCode(embedding=torch.zeros(2, 12, 5), null=torch.zeros(2, 12))
    found = match(torch.zeros(7, 5), audio, batch)
    expected = torch.zeros(3, 8)
    expected[0, 1:4] = torch.tensor([0.5, 1.5, 0.5]) / 2.5
    expected[1, 3:6] = torch.tensor([0.5, 1.5, 0.5]) / 2.5  # the column before is of the system before
    expected[2, 7] = 1
    torch.testing.assert_close(found.target, expected)


def test_hits_are_within_three_columns_and_none_is_none():
    target = torch.eye(10)[[2, 2, 9, 9]]
    logits = torch.eye(10)[[5, 6, 9, 8]]
    assert float(hits(Matches(logits, target))) == pytest.approx(0.5)


def test_nothing_known_is_no_loss(corpus):
    items = FollowingItems(Corpus(corpus), 1, draw=Draw(frames=20, foreign=1.0))
    batch = collate([items[0]])
    batch["column"][:] = torch.nan
    found = FollowerLoss(small_follower().train())(**batch)
    assert float(found["match"]) == 0
    assert float(found["hear"]) == 0
    assert math.isfinite(float(found["loss"]))


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(score_following, "ScoreFollowerConfig", lambda: ScoreFollowerConfig(**SMALL))
    monkeypatch.setattr(score_following, "HELD_OUT", 4)


def config(corpus, output, **settings):
    defaults = {"batch_size": 1, "steps": 4, "evaluate_every": 2}
    return score_following.ScoreFollowingConfig(
        str(output), corpus=str(corpus), held_out=str(corpus), **(defaults | settings)
    )


def test_a_run_that_was_stopped_ends_as_one_that_was_not(corpus, small, tmp_path):
    whole = score_following.run(config(corpus, tmp_path / "whole"))
    # A training of the same length that stops at its first checkpoint.
    stopped = score_following.make_trainer(config(corpus, tmp_path / "parts"))
    stopped.args.max_steps = 4
    stopped.add_callback(_stop_at(2))
    score_following.claim_folder(config(corpus, tmp_path / "parts"), score_following.FREE)
    stopped.train()
    assert stopped.state.global_step == 2
    resumed = score_following.run(config(corpus, tmp_path / "parts"))
    assert resumed["eval_loss"] == pytest.approx(whole["eval_loss"], rel=1e-4)
    saved = ScoreFollowerModel.from_pretrained(tmp_path / "parts" / "model")
    assert saved.config.sheet_hidden == SMALL["sheet_hidden"]
    listing = hub.push_model(tmp_path / "parts" / "model", "me/follower", dry_run=True)
    assert {"README.md", "config.json", "model.safetensors", "follower.py"} <= {path for path, _ in listing}
    went_on = score_following.make_trainer(config(corpus, tmp_path / "more", start=str(tmp_path / "parts" / "model")))
    expected = saved.audio.onset.weight.float()
    torch.testing.assert_close(went_on.model.net.audio.onset.weight, expected, check_device=False)


def _stop_at(step):
    from transformers import TrainerCallback

    class Stop(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            control.should_training_stop = state.global_step >= step

    return Stop()


def test_a_network_learns_where_a_piece_is(corpus):
    torch.manual_seed(0)
    items = FollowingItems(Corpus(corpus), 4, seed=3, draw=Draw(systems=1, frames=60, foreign=0.0, photographed=0.0))
    batch = collate([items[number] for number in range(4)])
    wide = {"sheet_channels": (4, 8, 8, 8), "sheet_hidden": 16, "audio_channels": (4, 8, 8, 8), "audio_hidden": 16}
    loss = FollowerLoss(ScoreFollowerModel(ScoreFollowerConfig(embedding_size=16, **wide)))
    optimizer = torch.optim.Adam(loss.parameters(), 1e-2)
    first = loss(**batch)
    for _ in range(60):
        found = loss(**batch)
        optimizer.zero_grad()
        found["loss"].backward()
        optimizer.step()
    by_chance = math.log(int(batch["n_columns"].sum()))
    assert float(found["match"]) < by_chance - 0.7
    assert float(found["read"]) < 0.5 * float(first["read"])
