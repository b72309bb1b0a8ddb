"""The Space of chorales: networks, watched jobs, marked scores, what is said and made."""

import re
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
import torch
from PIL import Image
from tiny_chorales import CADENCE, tiny, write_networks

from scorehub.engraving import engrave_score
from scorehub.notation.chorale_musicxml import write_musicxml
from scorehub.notes import read_midi
from scorehub.pipelines.chorales.configuration_chorales import NETWORKS
from scorehub.pipelines.chorales.grids import REST, UNKNOWN, make_grid, to_pitches
from scorehub.pipelines.chorales.pipeline_chorales import ChoralesPipeline
from scorehub.pipelines.chorales.sampling import Sampling
from scorehub.spaces import watching
from scorehub.spaces.chorales import app, engraved, networks, show, writing
from scorehub.spaces.chorales.chorale import Chorale
from scorehub.spaces.chorales.desk import COMPOSE, HARMONISE, make_desk
from scorehub.spaces.chorales.events import Events
from scorehub.spaces.chorales.melody import Melody
from scorehub.spaces.chorales.networks import Network, load_networks
from scorehub.voice_leading import CROSSING, find_faults

APP = Path(app.__file__)
SAMPLING = Sampling(0.8, rounds=5)


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_networks(tmp_path_factory.mktemp("networks"))


def chorale(pitches=CADENCE, upbeat=0):
    return Chorale("tonicnet", 3, np.array(pitches), upbeat, tempo=60.0, nll=0.5)


def test_networks_are_those_that_have_weights(folder):
    found = load_networks(folder)
    assert list(found) == ["tonicnet", "music_transformer", "coconet"]
    assert [network.held_out for network in found.values()] == [0.47, None, None]
    assert found["music_transformer"].name == "Music Transformer"
    assert list(load_networks(folder / "coconet")) == ["coconet"]
    assert set(networks.NAMES) == set(NETWORKS)


def test_where_there_is_no_network_the_page_says_so(folder, tmp_path):
    assert load_networks(tmp_path) == {}
    (tmp_path / "<b>").mkdir()
    page = [block.value for block in app.build_app(tmp_path / "<b>").blocks.values() if isinstance(block, gr.HTML)]
    assert page == [show.no_networks(tmp_path / "<b>")]
    assert "There is no trained network in <code>" in page[0]
    assert "&lt;b&gt;" in page[0]
    with pytest.raises(ValueError, match="model must be a folder or Hub repository"):
        load_networks(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="model must be a folder or Hub repository"):
        load_networks(folder / "bachbot")


@pytest.mark.parametrize("kind", NETWORKS)
def test_watching_changes_nothing(kind):
    model = tiny(kind)
    write = ChoralesPipeline(model=model, task="chorales")
    melody = Melody([], [67] * 8 + [-1] * 4 + [69] * 4, 0)
    for known, options in ((writing.nothing_known(1), {"steps": 16}), (writing.melody_known(melody), {})):
        job = writing.write_watched(model, known, SAMPLING, seed=5)
        list(job)
        (alone,) = write(None if options else melody.pitches, seed=5, temperature=0.8, rounds=5, **options)
        np.testing.assert_array_equal(job.result.pitches, alone["pitches"])
        assert 1 < job.result.nll < 8
    assert job.result.pitches[:, 0].tolist() == melody.pitches


def test_what_is_shown_of_a_sequence_is_what_is_written_so_far(monkeypatch):
    monkeypatch.setattr(watching, "_NEWS_SECONDS", 0.0)
    monkeypatch.setattr(watching, "_NEWS_SHARE", np.inf)
    for kind in ("tonicnet", "bachbot", "music_transformer"):
        model = tiny(kind)
        job = writing.write_watched(model, writing.voices_known(CADENCE, [1, 3]), SAMPLING, seed=1)
        seen = list(job)
        per_step = model.network.order.per_step
        assert len(seen) == per_step * len(CADENCE) - 1
        assert job.evaluations == per_step * len(CADENCE) + 1  # and the likelihood of all
        for unfinished in seen:
            is_written = unfinished.grid != UNKNOWN
            assert (is_written[:, [0, 2]]).all()
            np.testing.assert_array_equal(to_pitches(unfinished.grid)[is_written], job.result.pitches[is_written])
        left = [(unfinished.grid == UNKNOWN).sum() for unfinished in seen]
        assert left == sorted(left, reverse=True)
        assert left[0] >= 31
        assert left[-1] <= 1


def test_what_is_shown_of_rounds_is_what_stands_and_what_is_drawn_anew(monkeypatch):
    monkeypatch.setattr(watching, "_NEWS_SECONDS", 0.0)
    monkeypatch.setattr(watching, "_NEWS_SHARE", np.inf)
    job = writing.write_watched(tiny("coconet"), writing.voices_known(CADENCE, [1, 2]), SAMPLING, seed=1)
    seen = list(job)
    assert [unfinished.said for unfinished in seen] == [f"Round {number} of 5" for number in range(1, 6)]
    assert not seen[0].stands[:, 1:3].any()
    for unfinished in seen:
        assert unfinished.stands[:, [0, 3]].all()
    last = seen[-1]
    np.testing.assert_array_equal(to_pitches(last.grid)[last.stands], job.result.pitches[last.stands])
    assert not last.stands.all()


def test_voices_that_are_kept_are_kept_by_every_network():
    for kind in NETWORKS:
        job = writing.write_watched(tiny(kind), writing.voices_known(CADENCE, [1, 2]), SAMPLING, seed=1)
        list(job)
        np.testing.assert_array_equal(job.result.pitches[:, [0, 3]], CADENCE[:, [0, 3]])
        assert (job.result.pitches[:, [1, 2]] != CADENCE[:, [1, 2]]).any()
    with pytest.raises(ValueError, match="voices to be drawn again must be one at least, got none"):
        writing.voices_known(CADENCE, [])
    with pytest.raises(ValueError, match="bars must be 1 to 32, got 33"):
        writing.nothing_known(33)


def test_a_job_that_nobody_watches_any_more_ends_and_makes_room_for_the_next():
    model = tiny("coconet")
    long = writing.write_watched(model, writing.nothing_known(8), Sampling(rounds=10_000), seed=0)
    watched = iter(long)
    next(watched)
    watched.close()
    job = writing.write_watched(model, writing.nothing_known(1), Sampling(rounds=2), seed=0)
    assert len(list(job)) >= 1
    assert job.evaluations == 3
    assert not hasattr(long, "result")


def test_places_are_counted_in_bars_from_the_upbeat_on():
    without, with_upbeat = chorale(), chorale(upbeat=4)
    assert [without.place(step) for step in (0, 5, 15)] == ["bar 1, beat 1", "bar 1, beat 2¼", "bar 1, beat 4¾"]
    assert [with_upbeat.place(step) for step in (0, 4)] == ["bar 1, beat 4", "bar 2, beat 1"]
    assert with_upbeat.notated().shape == (28, 4)
    assert (with_upbeat.notated()[:12] == -1).all()
    assert with_upbeat.seconds(8) == 2


def test_files_hold_the_chorale(tmp_path):
    paths = chorale(upbeat=4).write(tmp_path)
    assert {path.name for path in paths.values()} == {f"chorale_tonicnet_3{suffix}" for suffix in paths}
    notes = read_midi(paths[".mid"].read_bytes())
    assert notes.onset[0] == 0  # no rests before an upbeat
    assert notes.choose(notes.track == 0).pitch.tolist() == [72, 71, 72]
    heard = read_midi(engrave_score(paths[".musicxml"].read_text(encoding="utf-8")).midi())
    assert sorted(heard.pitch.tolist()) == sorted(notes.pitch.tolist())
    with Image.open(paths[".png"]) as image:
        ink = np.flatnonzero((np.asarray(image.convert("L")) < 128).any(axis=0))
        assert image.width == 1600
        assert ink[0] < 1600 / 25  # as on the page of the Space: less than 8 of 200 mm is left blank
    assert paths[".flac"].read_bytes()[:4] == b"fLaC"


@pytest.mark.parametrize("upbeat", [0, 4, 6])
def test_every_note_on_paper_is_known(upbeat):
    rng = np.random.default_rng(0)
    pitches = np.repeat(rng.integers(48, 72, (20, 4)), rng.integers(1, 6, 20), 0)
    pitches[9:14, 2] = -1
    pitches[:2, 1] = -1
    engraving = engrave_score(write_musicxml(chorale(pitches, upbeat).notated()))
    covered = np.full(pitches.shape, -1)
    for note in engraved.find_notes(engraving, pitches).values():
        assert len(set(pitches[note.begin : note.end, note.voice])) == 1
        assert (covered[note.begin : note.end, note.voice] == -1).all()
        covered[note.begin : note.end, note.voice] = pitches[note.begin, note.voice]
    np.testing.assert_array_equal(covered, pitches)


def test_what_breaks_a_rule_is_marked_on_paper_and_in_the_table():
    pitches = CADENCE.copy()
    pitches[4:8, :2] = [[65, 69]]  # the alto crosses the soprano in the second quarter
    html = show.result(chorale(pitches), Network(tiny("tonicnet", 0.47)))["html"]
    (fault,) = [number for number, fault in enumerate(find_faults(pitches)) if fault.kind == CROSSING]
    marked = re.findall(rf'class="note" data-on="([\d.]+)" data-off="[\d.]+" data-faults="[\d ]*\b{fault}\b', html)
    assert marked == ["1.000", "1.000"]
    assert f'<button data-faults="{fault}" data-on="0.000">bar 1, beat 2 <small>soprano, alto</small></button>' in html
    assert re.findall(r'data-count="(\d+)"', html) == ["0", "0", "1", "0", "0"]


def test_of_many_places_the_first_ones_are_shown():
    pitches = np.tile([[60, 67, 60, 48], [67, 60, 60, 48]], (16, 1))
    html = show.result(chorale(pitches), Network(tiny("tonicnet")))["html"]
    assert html.count("<button") == 6
    assert "and 10 more" in html


def test_a_result_says_how_likely_it_is_beside_bachs():
    head = show.result(chorale(), Network(tiny("tonicnet", 0.47)))["head"]
    assert "TonicNet, seed 3" in head
    assert "1 bar ·" in head
    assert "0.50 nats a voice and sixteenth (Bach&#x27;s that it has not read: 0.47)" in head
    assert "0.50 nats a voice and sixteenth</small>" in show.result(chorale(), Network(tiny("tonicnet")))["head"]


def test_a_chorale_on_its_way_is_drawn_in_four_colours_paler_where_it_is_drawn_anew():
    grid, stands = make_grid(CADENCE), np.ones(CADENCE.shape, bool)
    grid[8:, 1], grid[:, 3] = UNKNOWN, REST
    stands[4:8, 0] = False
    html = show.unfinished_html(writing.Unfinished(grid, stands, "", 0.5), upbeat=4)
    found = re.findall(r'class="(\w+)" x="(\d+)" y="(\d+)" width="(\d+)" height="1" opacity="([\d.]+)"', html)
    assert [each for each in found if each[0] == "soprano"] == [
        ("soprano", "0", "9", "4", "1"),
        ("soprano", "4", "9", "4", "0.3"),
        ("soprano", "8", "10", "4", "1"),
        ("soprano", "12", "9", "4", "1"),
    ]
    assert [each[1] for each in found if each[0] == "alto"] == ["0", "4"]
    assert not [each for each in found if each[0] == "bass"]
    assert "M4 0V" in html


@pytest.fixture
def events(folder):
    found = load_networks(folder)
    with gr.Blocks():
        return Events(found, make_desk(found))


def asked(**changed):
    plain = {"network": "tonicnet", "task": HARMONISE, "bars": 1, "text": "4'CDEF", "temperature": 1.0, "rounds": 8}
    return (plain | {"tempo": 80, "seed": 0} | changed).values()


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"text": "la la la"}, "Plaine &amp; Easie measure 1"),
        ({"text": "<b>"}, "&#x27;&lt;b&gt;"),
        ({"task": COMPOSE, "bars": 99}, "Bars must be 1 to 32, got 99"),
        ({"temperature": 99.0}, "Temperature must be"),
    ],
)
def test_what_can_not_be_written_is_said_in_the_page(events, changed, reason):
    *_, last = events.write(*asked(**changed))
    said = last[events.desk.buttons.status]
    assert reason in said
    assert "<b>" not in said
    assert last[events.desk.buttons.start].interactive


def test_voices_drawn_again_come_out_differently_each_time(events):
    first = chorale()
    versions = [first]
    for _ in range(2):
        *_, last = events.redo(versions[-1], [1, 2], *asked(network="coconet"))
        versions.append(last[events.desk.results.chorale])
    assert [version.redone for version in versions] == [0, 1, 2]
    assert versions[2].name == "chorale_coconet_3_redone_2"
    for version in versions[1:]:
        np.testing.assert_array_equal(version.pitches[:, [0, 3]], first.pitches[:, [0, 3]])
    assert (versions[1].pitches != versions[2].pitches).any()
    *_, last = events.redo(first, [], *asked())
    assert "Voices to be drawn again must be one at least" in last[events.desk.buttons.status]


def test_a_chorale_that_is_kept_no_longer_can_not_be_changed_and_the_page_says_so(events):
    for changed in (events.redo(None, [1, 2], *asked()), events.move_bars(None, 1.0)):
        *_, last = changed
        said = last[events.desk.buttons.status]
        assert "Chorale must have been written within the last hour, got none" in said


def test_bar_lines_are_moved(events):
    (shown,) = events.move_bars(chorale(), 1.0)
    moved = shown[events.desk.results.chorale]
    assert (moved.upbeat, moved.pitches.tolist()) == (4, CADENCE.tolist())
