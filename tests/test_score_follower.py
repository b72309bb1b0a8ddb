"""The score follower: reading pages, moving the belief, streaming, turning pages."""

import math

import numpy as np
import pytest
import torch
from small_follower import small_follower

from scorehub.dataset_builders.msmd.sample import sample_item
from scorehub.dataset_builders.msmd.score import read_image
from scorehub.distortion import rotate
from scorehub.pipelines.score_following.belief import CELLS_A_QUARTER, N_TEMPOS, Belief
from scorehub.pipelines.score_following.configuration_score_follower import ScoreFollowerConfig
from scorehub.pipelines.score_following.follower import FRAME, Follower, Position, Score
from scorehub.pipelines.score_following.layout import COLUMN, HEIGHT, SPACE, read_page
from scorehub.pipelines.score_following.modeling_score_follower import CONTEXT, log_rate
from scorehub.pipelines.score_following.page_turning import PageTurner
from scorehub.pipelines.score_following.spectrogram import N_BANDS, SAMPLE_RATE


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def item():
    return sample_item("petzold_minuet_in_g").score


@pytest.fixture(scope="module")
def pages(item):
    return [read_image(page) for page in item.pages]


@pytest.fixture
def model():
    return small_follower()


def noise(seconds, seed=0, loudness=0.1):
    return (loudness * np.random.default_rng(seed).standard_normal(int(seconds * SAMPLE_RATE))).astype(np.float32)


def test_the_systems_that_are_read_are_those_that_were_engraved(item, pages):
    for number, page in enumerate(pages):
        here = item.systems["page"] == number
        systems = read_page(page).systems
        assert [len(system.staves) for system in systems] == [2] * here.sum()
        for system, x, y, w in zip(systems, *(item.systems[name][here] for name in ("x", "y", "w")), strict=True):
            assert system.y(x) == pytest.approx(y, abs=1.5 * system.spacing)
            assert system.left == pytest.approx(x - w / 2, abs=2 * system.spacing)
            assert system.right == pytest.approx(x + w / 2, abs=2 * system.spacing)


def test_strips_have_five_lines_a_space_apart_around_their_middle(pages):
    for strip in (strip for page in pages for strip in read_page(page).strips):
        assert strip.shape[0] == 2
        assert strip.shape[1] == HEIGHT
        assert strip.shape[2] % COLUMN == 0
        ink = 255 - strip.mean(axis=2)  # (S, 128)
        for profile in ink:
            lines = [HEIGHT // 2 + SPACE * line for line in range(-2, 3)]
            between = [HEIGHT // 2 + SPACE // 2 + SPACE * line for line in range(-2, 2)]
            on_lines = [profile[row - 1 : row + 1].max() for row in lines]
            beside = [profile[row - 1 : row + 1].min() for row in between]
            assert min(on_lines) > max(beside)
            assert np.mean(on_lines) > 2 * np.mean(beside)


@pytest.mark.parametrize("degrees", [-1.5, 1.5])
def test_a_page_that_leans_has_the_same_systems(pages, degrees):
    straight = read_page(pages[0]).systems
    leaning = read_page(rotate(pages[0], degrees)).systems
    assert [len(system.staves) for system in leaning] == [len(system.staves) for system in straight]
    assert leaning[0].slope == pytest.approx(math.tan(math.radians(degrees)), abs=0.004)


def test_a_scan_of_high_resolution_is_read_as_a_small_one_is_in_its_own_pixels(pages):
    large = pages[0].repeat(4, axis=0).repeat(4, axis=1)
    small, big = read_page(pages[0]), read_page(large)
    assert len(big.systems) == len(small.systems)
    for one, four in zip(small.systems, big.systems, strict=True):
        assert four.left == pytest.approx(4 * one.left, abs=8 * one.spacing)
        assert four.spacing == pytest.approx(4 * one.spacing, rel=0.05)


def test_columns_and_pixels_are_each_others_inverse(pages):
    system = read_page(pages[0]).systems[0]
    columns = np.array([0.0, 3.5, 100.0])
    np.testing.assert_allclose(system.column(system.x(columns)), columns)
    assert system.x(system.n_columns) == pytest.approx(system.right, abs=COLUMN * system.spacing / SPACE)


@pytest.mark.parametrize(
    "page",
    [np.zeros((40, 400), np.uint8), np.zeros((400, 400)), np.zeros((400, 400, 3), np.uint8)],
    ids=["tiny", "floats", "colour"],
)
def test_what_is_no_page_is_refused(page):
    with pytest.raises(ValueError, match=r"page must be uint8 \(H, W\)"):
        read_page(page)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_page_without_staves_can_not_be_followed(model, level):
    with pytest.raises(ValueError, match="pages must show staves of music, got 1"):
        Score(model, [np.full((400, 300), level, np.uint8)])


def even_belief(quarters=64.0, a_column=0.25, **settings):
    """A score whose columns all last as long."""
    config = ScoreFollowerConfig(**{"evidence": 1.0, **settings})
    return Belief(torch.full((int(quarters / a_column),), a_column), config, FRAME)


def hear(belief, column, sharpness=8.0, width=1.0):
    """A frame that fits a place."""
    columns = torch.arange(256) + 0.5
    belief.step(sharpness * torch.exp(-(((columns - column) / width) ** 2)), torch.tensor(-20.0))


def test_belief_is_a_distribution_whatever_is_heard():
    belief = even_belief()
    for logits, null in ((torch.zeros(256), 0.0), (torch.randn(256) * 50, 3.0), (torch.full((256,), -1e4), 1e4)):
        belief.step(logits, torch.tensor(null))
        assert float(belief.moving.sum() + belief.stopped.sum()) == pytest.approx(1, abs=1e-4)
        assert float(belief.moving.min()) >= 0
        assert float(belief.stopped.min()) >= 0


@pytest.mark.parametrize("tempo", [0.7, 2.0, 6.0])
def test_belief_follows_an_even_tempo_and_knows_it(tempo):
    belief = even_belief()
    for frame in range(min(200, int(60 / tempo / FRAME))):
        quarter = tempo * FRAME * frame
        hear(belief, quarter / 0.25)
    found = belief.estimate()
    assert found.quarter == pytest.approx(quarter, abs=0.35)
    assert found.tempo == pytest.approx(tempo, rel=0.15)
    assert found.confidence > 0.9


def test_belief_goes_on_by_itself_where_what_is_heard_fits_nothing():
    belief = even_belief(hold=0.0)
    for frame in range(100):
        hear(belief, 2.0 * FRAME * frame / 0.25)
    for _ in range(20):
        belief.step(torch.zeros(256), torch.tensor(20.0))
    assert belief.estimate().quarter == pytest.approx(2.0 * FRAME * 119, abs=0.7)
    assert belief.estimate().confidence < 0.6


def test_belief_finds_itself_again_after_a_jump():
    belief = even_belief()
    for frame in range(100):
        hear(belief, 2.0 * FRAME * frame / 0.25)
    for frame in range(40):
        hear(belief, (48 + 2.0 * FRAME * frame) / 0.25)
    assert belief.estimate().quarter == pytest.approx(48 + 2.0 * FRAME * 39, abs=0.5)


@pytest.mark.parametrize(("tolerance", "stays"), [(10.0, True), (1.0, False)])
def test_music_that_comes_again_is_not_taken_for_a_copy_that_is_read_a_little_better(tolerance, stays):
    belief = even_belief(tolerance=tolerance)
    columns = torch.arange(256) + 0.5
    for frame in range(200):
        quarter = 2.0 * FRAME * frame
        here, copy = (torch.exp(-((columns - place / 0.25) ** 2)) for place in (quarter, quarter + 32))
        belief.step(8.0 * here + 9.0 * copy, torch.tensor(-20.0))
    assert (abs(belief.estimate().quarter - quarter) < 0.5) == stays


def test_belief_stays_at_the_end_of_the_score():
    belief = even_belief(quarters=64.0)
    for frame in range(800):
        hear(belief, min(255.5, 2.0 * FRAME * frame / 0.25))
    assert belief.estimate().quarter > 63


def test_no_time_goes_by_in_columns_that_last_nothing():
    quarters = torch.full((256,), 0.25)
    quarters[60:68] = 0.0  # a clef
    belief = Belief(quarters, ScoreFollowerConfig(), FRAME)
    assert belief.moving.shape == (N_TEMPOS, math.ceil(62 * CELLS_A_QUARTER))


@pytest.mark.parametrize("quarters", [torch.zeros(0), torch.zeros(5), torch.full((5,), 1e5)])
def test_a_score_must_last_some_time(quarters):
    with pytest.raises(ValueError, match="score must last"):
        Belief(quarters, ScoreFollowerConfig(), FRAME)


def test_the_network_hears_nothing_of_what_is_to_come(model):
    frames = torch.rand(1, N_BANDS, CONTEXT + 1 + 30)
    later = frames.clone()
    later[..., CONTEXT + 1 + 20 :] += 1
    one, other = (model.audio(each).embedding for each in (frames, later))
    torch.testing.assert_close(one[:, :20], other[:, :20])
    assert not torch.allclose(one[:, 20], other[:, 20])


def test_a_systems_code_does_not_depend_on_its_batch_mates(model):
    strips = torch.rand(2, 3, HEIGHT, 80)
    n_columns, n_staves = torch.tensor([20, 12]), torch.tensor([3, 1])
    together = model.sheet(strips, n_columns, n_staves)
    for number, (columns, staves) in enumerate(zip(n_columns.tolist(), n_staves.tolist(), strict=True)):
        strip = strips[number : number + 1, :staves, :, : columns * COLUMN]
        alone = model.sheet(strip, torch.tensor([columns]), torch.tensor([staves]))
        for name in ("embedding", "pitch", "log_rate"):
            torch.testing.assert_close(together[name][number, :columns], alone[name][0], atol=1e-5, rtol=1e-4)


def test_what_the_network_says_of_time_is_read_back(model):
    quarters = torch.tensor([[0.0, 0.25, 2.0]])
    code = model.sheet(torch.rand(1, 1, HEIGHT, 12), torch.tensor([3]), torch.tensor([1]))
    code.log_rate = log_rate(quarters)
    torch.testing.assert_close(code.quarters, quarters, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("chunk", [1000, 1103, 7919])
def test_a_stream_is_followed_as_the_whole_recording_is(model, pages, chunk):
    score, audio = Score(model, pages), noise(4.0)
    whole = Follower(model, score)
    expected = [*whole.track(audio), *whole.end()]
    stream = Follower(model, score)
    found = []
    for start in range(0, len(audio), chunk):
        found += stream.track(audio[start : start + chunk])
    found += stream.end()
    assert len(found) == len(expected)
    np.testing.assert_allclose(np.array(found), np.array(expected), rtol=1e-5, atol=1e-4)


def test_the_belief_before_anything_is_heard_is_the_beginning(model, pages):
    follower = Follower(model, pages)
    assert (follower.position.page, follower.position.system) == (0, 0)
    assert follower.feed(np.zeros(0, np.float32)) == follower.position


@pytest.mark.parametrize(
    ("samples", "rate", "reason"),
    [
        (noise(1), 8000, "sample_rate must be 22050, got 8000"),
        (noise(1).reshape(2, -1), SAMPLE_RATE, r"samples must be of shape \(T,\)"),
        (np.full(9000, np.nan, np.float32), SAMPLE_RATE, "samples must be finite"),
        (np.zeros(9000, np.int16), SAMPLE_RATE, "samples must be floats"),
    ],
)
def test_samples_that_can_not_be_heard_are_refused_and_nothing_is_lost(model, pages, samples, rate, reason):
    follower, other = Follower(model, pages), Follower(model, pages)
    follower.feed(noise(1))
    with pytest.raises(ValueError, match=reason):
        follower.feed(samples, rate)
    other.feed(noise(1))
    assert follower.feed(noise(1, seed=1)) == other.feed(noise(1, seed=1))


@pytest.mark.parametrize("loudness", [0.0, 1e-9, 30.0], ids=["silence", "next to silence", "far beyond full scale"])
def test_any_loudness_gives_finite_positions(model, pages, loudness):
    follower = Follower(model, pages)
    assert np.isfinite(np.array(follower.track(noise(2.0, loudness=loudness)))).all()


class ThreePages:
    """A score of three pages of 10 quarters."""

    def page_ends(self):
        return np.array([10.0, 20.0, 30.0])


def at(quarter, confidence=1.0, tempo=2.0, time=0.0):
    return Position(time, int(min(quarter, 29) // 10), 0, 0.0, 0.0, quarter, tempo, confidence)


def play(turner, quarters, confidence=1.0):
    positions = [at(quarter, confidence, time=FRAME * frame) for frame, quarter in enumerate(quarters)]
    return [turn for turn in map(turner.update, positions) if turn]


@pytest.mark.parametrize(("unit", "lead", "quarter"), [("seconds", 1.5, 7.0), ("quarters", 1.5, 8.5)])
def test_pages_are_turned_a_lead_before_their_end(unit, lead, quarter):
    turner = PageTurner(ThreePages(), lead, unit, patience=0.0)
    turns = play(turner, np.arange(0, 30, 2 * FRAME))
    assert [turn.page for turn in turns] == [1, 2]
    assert turns[0].time * 2 == pytest.approx(quarter, abs=2.1 * FRAME)


def test_the_page_is_turned_back_where_the_music_is_repeated():
    turner = PageTurner(ThreePages(), patience=0.2)
    there = np.arange(0, 14, 2 * FRAME)
    assert [turn.page for turn in play(turner, [*there, *there])] == [1, 0, 1]


def test_nothing_is_turned_for_a_moment_or_without_confidence():
    turner = PageTurner(ThreePages(), patience=0.2)
    assert play(turner, [1.0] * 10 + [12.0] * 3 + [1.0] * 10) == []
    assert play(turner, [12.0] * 40, confidence=0.1) == []


@pytest.mark.parametrize("options", [{"unit": "bars"}, {"lead": -1.0}, {"lead": math.nan}, {"patience": -0.1}])
def test_turning_is_asked_for_in_seconds_or_quarters_from_0(options):
    with pytest.raises(ValueError, match="must be"):
        PageTurner(ThreePages(), **options)
