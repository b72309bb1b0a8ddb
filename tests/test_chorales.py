"""Chorale models: grids, melodies, the orders in which they are written, networks, likelihoods, what is written."""

import numpy as np
import pytest
import torch

from scorehub.chorales import read_melody
from scorehub.notes import make_notes, read_midi
from scorehub.notes import write_midi as notes_to_midi
from scorehub.pipelines.chorales.configuration_chorales import NETWORKS, ChoralesConfig
from scorehub.pipelines.chorales.grids import (
    CHORDS,
    MAX_STEPS,
    NO_CHORD,
    OTHER_CHORD,
    REST,
    UNKNOWN,
    VALUES,
    find_chords,
    make_grid,
    to_pitches,
    write_midi,
)
from scorehub.pipelines.chorales.modeling_chorales import ChoralesModel
from scorehub.pipelines.chorales.orders import CHORD, END, HELD, ORDERS, START, VOCABULARY
from scorehub.pipelines.chorales.pipeline_chorales import ChoralesPipeline
from scorehub.pipelines.chorales.recurrent import run_lengths
from scorehub.pipelines.chorales.sampling import Sampling, melody_only

SEQUENTIAL = tuple(ORDERS)
CADENCE = [[67, 64, 60, 48]] * 4 + [[69, 65, 60, 53]] * 4 + [[67, 62, 59, 55]] * 4 + [[67, 64, 60, -1]] * 4


def tiny(network, **options):
    torch.manual_seed(0)
    sizes = {"width": 16, "layers": 2, "heads": 2, "embedding": 8, "dropout": 0.0, "context": 16}
    return ChoralesModel(ChoralesConfig(network=network, **sizes | options)).eval()


def random_grid(rng, length=12, batch=2):
    return torch.from_numpy(rng.integers(0, VALUES, (batch, length, 4)))


def test_pitches_go_through_a_grid():
    grid = make_grid(CADENCE)
    assert grid.min() == REST
    np.testing.assert_array_equal(to_pitches(grid), CADENCE)


@pytest.mark.parametrize("pitches", [[[60, 60, 60]], [[60, 60, 60, 30]], [[82, 60, 60, 40]], [], [[60.5, 60, 60, 48]]])
def test_what_is_no_chorale_is_refused(pitches):
    with pytest.raises(ValueError, match="pitches must be"):
        make_grid(pitches)


@pytest.mark.parametrize(
    ("pitches", "chord"),
    [
        ([67, 64, 60, 48], 0),  # C major
        ([69, 65, 60, 53], 4 * 5),  # F major
        ([69, 64, 60, 57], 4 * 9 + 1),  # A minor
        ([65, 62, 59, 55], 4 * 7),  # of a seventh chord its triad
        ([68, 64, 60, 52], 4 * 4 + 3),  # augmented: the root is the bass
        ([67, 65, 60, 48], OTHER_CHORD),
        ([-1, -1, -1, -1], NO_CHORD),
    ],
)
def test_chords_are_named(pitches, chord):
    assert find_chords(make_grid([pitches])) == [chord]


def test_equal_values_are_one_note():
    notes = read_midi(write_midi(make_grid(CADENCE), tempo=60))
    soprano = notes.choose(notes.track == 0)
    assert soprano.pitch.tolist() == [67, 69, 67]
    np.testing.assert_allclose(soprano.onset, [0, 1, 2])
    np.testing.assert_allclose(soprano.duration, [1, 1, 2])
    assert len(notes.choose(notes.track == 3)) == 3


def test_a_note_shorter_than_half_a_sixteenth_is_in_the_melody(tmp_path):
    path = tmp_path / "tune.mid"
    # Of the sixteenths, which last 0.25 s at 60 quarters a minute: the grace note has 0.4, the others 4.
    path.write_bytes(notes_to_midi(make_notes([0, 1, 2], [1, 0.1, 1], [67, 72, 69])))
    assert read_melody(path, tempo=60) == [67] * 4 + [72] + [-1] * 3 + [69] * 4


def test_a_melody_that_is_too_long_is_refused(tmp_path):
    path = tmp_path / "tune.mid"
    path.write_bytes(notes_to_midi(make_notes([MAX_STEPS / 4], [0.01], [67])))
    with pytest.raises(ValueError, match="at most 4096 sixteenths, got 4097"):
        read_melody(path, tempo=60)


def test_tokens_say_chords_holds_and_ends():
    grid = torch.from_numpy(make_grid(CADENCE))[None]
    tonicnet = ORDERS["tonicnet"].encode(grid).view(-1, 5)
    assert tonicnet[0].tolist() == [CHORD + 0, *(grid[0, 0, voice].item() for voice in (0, 3, 1, 2))]
    bachbot = ORDERS["bachbot"].encode(grid).view(-1, 5)
    assert (bachbot[0, :4] < HELD).all()
    assert (bachbot[1, :4] >= HELD).all()
    assert bachbot[4].tolist() == [grid[0, 4, 0], grid[0, 4, 1], grid[0, 4, 2] + HELD, grid[0, 4, 3], END]
    assert CHORD + CHORDS == END
    assert VOCABULARY == START + 1


def test_lengths_of_runs_are_counted_for_each_kind():
    tokens = torch.tensor([[START, 1, 5, 1, 6, 1, 6, 2, 6]])
    assert run_lengths(tokens, 2).tolist() == [[0, 0, 0, 1, 0, 2, 1, 0, 2]]


@pytest.mark.parametrize("network", SEQUENTIAL)
def test_steps_give_what_the_whole_sequence_gives(network):
    model = tiny(network)
    grid = random_grid(np.random.default_rng(0))
    grid[:, 3:6] = grid[:, 3:4]  # some that are held
    tokens = model.network.order.encode(grid)
    before = torch.cat([torch.full_like(tokens[:, :1], START), tokens[:, :-1]], 1)
    whole = model.network(before)
    state, each = None, []
    for place in range(before.shape[1]):
        logits, state = model.network.step(before[:, place], state)
        each.append(logits)
    torch.testing.assert_close(torch.stack(each, 1), whole)


@pytest.mark.parametrize("network", SEQUENTIAL)
def test_nothing_later_is_seen(network):
    model = tiny(network)
    grid = random_grid(np.random.default_rng(1))
    other = grid.clone()
    other[:, 6:] = random_grid(np.random.default_rng(2))[:, 6:]
    per_step = model.network.order.per_step
    first, second = (model._predict(each)[0][:, : 6 * per_step] for each in (grid, other))
    torch.testing.assert_close(first, second)


def test_coconet_sees_what_is_seen_and_nothing_else():
    model = tiny("coconet")
    rng = np.random.default_rng(3)
    grid, other = random_grid(rng), random_grid(rng)
    seen = torch.rand(grid.shape, generator=torch.Generator().manual_seed(0)) < 0.5
    mixed = torch.where(seen, grid, other)
    torch.testing.assert_close(model.network(grid, seen), model.network(mixed, seen))
    assert not torch.allclose(model.network(grid, seen), model.network(other, seen))


@pytest.mark.parametrize("network", NETWORKS)
def test_a_chorale_is_learnt_by_heart(network):
    model = tiny(network, width=32).train()
    grid = torch.from_numpy(make_grid(CADENCE))[None].repeat(4, 1, 1)
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    generator = torch.Generator().manual_seed(0)
    losses = []
    for _ in range(150):
        loss = model(grid, torch.rand(4, 1 + grid[0].numel(), generator=generator))["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.4 * losses[0]


def test_likelihoods_count_what_is_written_beside_the_voices():
    grid = torch.from_numpy(make_grid(CADENCE))[None]
    for network in SEQUENTIAL:
        found = tiny(network).nll(grid)
        per_step = ORDERS[network].per_step
        torch.testing.assert_close(found["cell"], found["token"] * per_step / 4)
        assert found["token"].item() == pytest.approx(np.log(VOCABULARY), rel=0.2)  # of random weights


def test_an_orderless_likelihood_hides_each_number_of_cells_as_often():
    model = tiny("coconet")
    grid = torch.zeros(400, 2, 4, dtype=torch.int64)
    noise = torch.rand(400, 9, generator=torch.Generator().manual_seed(0))
    _, hidden = model._errors(grid, noise)
    counts = torch.bincount(hidden.sum((1, 2)), minlength=9)[1:]
    assert counts.min() > 25
    assert hidden.float().mean((0, 1, 2)).item() == pytest.approx(4.5 / 8, abs=0.05)


@pytest.mark.parametrize("network", NETWORKS)
def test_what_is_known_stays_and_the_rest_is_written(network):
    model = tiny(network)
    melody = torch.from_numpy(make_grid(CADENCE))[None, :, 0]
    known = melody_only(melody)
    written = model.write(known, Sampling(rounds=4), torch.Generator().manual_seed(0))
    again = model.write(known, Sampling(rounds=4), torch.Generator().manual_seed(0))
    assert torch.equal(written, again)
    assert torch.equal(written[..., 0], melody)
    assert written.min() >= REST
    assert written.max() < VALUES
    assert not (written == UNKNOWN).any()
    other = model.write(known, Sampling(rounds=4), torch.Generator().manual_seed(1))
    assert not torch.equal(written, other)


@pytest.mark.parametrize("options", [{"temperature": 0}, {"rounds": -1}, {"temperature": float("nan")}])
def test_sampling_is_checked(options):
    with pytest.raises(ValueError, match="temperature must be"):
        Sampling(**options)


@pytest.fixture(scope="module")
def write():
    options = {"steps": 16, "count": 2, "seed": 5, "tempo": 60, "temperature": 0.5}
    return ChoralesPipeline(tiny("coconet"), task="chorales", rounds=2, **options)


def test_a_call_goes_over_what_the_constructor_was_given_and_leaves_the_rest(write):
    assert [len(made["pitches"]) for made in write(None)] == [16, 16]
    assert [len(made["pitches"]) for made in write(None, steps=12)] == [12, 12]
    alone = ChoralesPipeline(tiny("coconet"), task="chorales")
    given = {"steps": 16, "seed": 5, "temperature": 0.5, "rounds": 2}
    for changed in ({}, {"seed": 6}, {"temperature": 3.0}, {"rounds": 4}):
        (expected,), (made, _) = alone(None, **given | changed), write(None, **changed)
        np.testing.assert_array_equal(made["pitches"], expected["pitches"])
    assert write(None)[0]["midi"] == write(None, tempo=60)[0]["midi"] != write(None, tempo=90)[0]["midi"]
    assert len(alone(None, rounds=1)[0]["pitches"]) == 128


def test_numbers_of_numpy_are_numbers(write):
    options = {"steps": np.int64(8), "count": np.uint8(1), "seed": np.int32(5), "tempo": np.float32(60)}
    (made,) = write(None, **options, temperature=np.float64(0.5), rounds=np.int16(2))
    (same,) = write(None, steps=8, count=1)
    assert made["midi"] == same["midi"]
    assert all(len(write(None, count=1, seed=seed)) for seed in (-(2**63), np.int64(2**63 - 1)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"melody": [67, -1, 35, 90]}, "melody must have pitches 36 to 81, or below 0 for a rest, got 35"),
        ({"seed": 2**70}, "seed must be -9223372036854775808 to 9223372036854775807, got 1180591620717411303424"),
        ({"steps": 4097}, "steps must be 1 to 4096, got 4097"),
        ({"count": 0}, "count must be 1 to 64, got 0"),
        ({"count": True}, "count must be a whole number, got True"),
        ({"steps": 1.5}, "steps must be a whole number, got 1.5"),
        ({"tempo": "fast"}, "tempo must be a number, got 'fast'"),
        ({"tempo": float("nan")}, "tempo must be 10 to 1000, got nan"),
        ({"temperature": float("nan")}, "temperature must be 0.01 to 10 and rounds 0 to 10000, got nan and 2"),
        ({"colour": 1}, "options must be some of .*, got 'colour'"),
    ],
)
def test_what_a_pipeline_can_not_do_is_refused(write, options, message):
    with pytest.raises(ValueError, match=message):
        write(**options)


def test_networks_are_named():
    with pytest.raises(ValueError, match="network must be one of bachbot, tonicnet"):
        ChoralesConfig(network="transformer")
