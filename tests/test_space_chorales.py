"""The Space of chorales: melodies, uploads, watched jobs, marked scores, and the whole of it in a headless browser."""

import re
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
import torch
from PIL import Image
from space_browser import CHROMIUM, Space, set_number, visit

from scorehub.dataset_builders.tunes.humdrum import to_humdrum
from scorehub.dataset_builders.tunes.tune import load_tune
from scorehub.engraving import engrave_score
from scorehub.notation.chorale_musicxml import write_musicxml
from scorehub.notes import make_notes, read_midi, write_midi
from scorehub.pipelines.chorales.configuration_chorales import NETWORKS, ChoralesConfig
from scorehub.pipelines.chorales.grids import REST, UNKNOWN, make_grid, to_pitches
from scorehub.pipelines.chorales.modeling_chorales import ChoralesModel
from scorehub.pipelines.chorales.pipeline_chorales import ChoralesPipeline
from scorehub.pipelines.chorales.sampling import Sampling
from scorehub.spaces import watching
from scorehub.spaces.chorales import app, engraved, networks, show, writing
from scorehub.spaces.chorales.chorale import Chorale
from scorehub.spaces.chorales.desk import COMPOSE, HARMONISE, make_desk
from scorehub.spaces.chorales.events import Events
from scorehub.spaces.chorales.melody import Melody, read_text
from scorehub.spaces.chorales.networks import Network, load_networks
from scorehub.spaces.chorales.tunes import TUNES
from scorehub.spaces.chorales.uploads import MAX_BYTES, read_upload, write_text
from scorehub.voice_leading import CROSSING, find_faults

APP = Path(app.__file__)
CADENCE = np.repeat([[72, 67, 64, 48], [72, 69, 65, 53], [71, 67, 62, 55], [72, 67, 64, 48]], 4, 0)
SAMPLING = Sampling(0.8, rounds=5)


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def tiny(kind, held_out_nll=None):
    torch.manual_seed(0)
    sizes = {"width": 16, "layers": 1, "heads": 2, "embedding": 8, "dropout": 0.0, "context": 16}
    return ChoralesModel(ChoralesConfig(network=kind, held_out_nll=held_out_nll, **sizes)).eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Networks of which one has no weights yet, and one a known likelihood."""
    made = tmp_path_factory.mktemp("networks")
    for kind in NETWORKS:
        tiny(kind, 0.47 if kind == "tonicnet" else None).save_pretrained(made / kind)
    (made / "bachbot" / "model.safetensors").unlink()
    return made


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


@pytest.mark.parametrize(
    ("name", "bars", "upbeat", "first_line"),
    [
        ("ein_feste_burg", 12, 4, "D5:12 A4:2 B4:2 C#5:4 D5:2 C#5:2 B4:4 A4:4"),
        ("nun_danket", 12, 4, "D5:12 E5:8 D5:12 B4:4 C5:4 B4:4 A4:4 B4:2 C5:2 A4:8 G4:4"),
        ("wachet_auf", 17, 0, "D#4:4 G4:4 A#4:16 C5:8 A#4:16"),
        ("o_haupt", 12, 4, "E4:4 A4:4 G4:4 F4:4 E4:4 D4:8 E4:4 B4:4 C5:8 B4:8 A4:12"),
        ("old_hundredth", 8, 4, "G4:8 F#4:4 E4:4 D4:4 G4:4 A4:4 B4:16 A4:4 G4:4"),
    ],
)
def test_tunes_to_try_are_whole_and_begin_as_they_are_known(name, bars, upbeat, first_line):
    melody = read_text(TUNES[name].notation)
    assert (len(melody.pitches), melody.upbeat) == (16 * bars, upbeat)
    line = [part.split(":") for part in first_line.split()]
    names = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"]
    expected = [12 * (int(note[-1]) + 1) + names.index(note[:-1]) for note, length in line for _ in range(int(length))]
    assert melody.pitches[: len(expected)] == expected


def test_old_hundredth_is_that_of_the_tunes():
    notes = read_midi(engrave_score(to_humdrum(load_tune("bourgeois_old_hundredth"))).midi())
    soprano = notes.choose(notes.track == notes.track[notes.pitch.argmax()])
    assert np.ptp(soprano.duration) < 0.01  # quarters all
    assert read_text(TUNES["old_hundredth"].notation).pitches == np.repeat(soprano.pitch, 4).tolist()


@pytest.mark.parametrize(
    ("text", "pitches", "upbeat"),
    [
        ("4'CD2E/", [60] * 4 + [62] * 4 + [64] * 8, 0),
        (" 4'C/\n8DE ", [60] * 4 + [62] * 2 + [64] * 2, 4),
        ("4'C+/2C6D", [60] * 12 + [62], 4),
        ("2-4-'C/2D", [60] * 4 + [62] * 8, 4),  # a rest that fills up the bar is none of the melody
        ("4'C-D/", [60] * 4 + [-1] * 4 + [62] * 4, 12),
        ("@clef:F-4\n@timesig:3/4\n@data:4,C/2.D/", [48] * 4 + [50] * 12, 0),
        ("!!!OTL: a tune\n**kern\n*M4/4\n4c\n=1\n2d\n2e\n*-", [60] * 4 + [62] * 8 + [64] * 8, 4),
    ],
)
def test_melodies_are_read_from_text(text, pitches, upbeat):
    melody = read_text(text)
    assert (melody.pitches, melody.upbeat) == (pitches, upbeat)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "melody must have 1 to 10,000 characters, got 0"),
        ("4'C" * 4000, "got 12,000"),
        ("=4/", "notes and end within 32 bars, got 0.00"),
        ("1'C/" * 33, "notes and end within 32 bars, got 33.00"),
        ("4''''C", "between C2 and A5"),
        ("la la la", "Plaine & Easie measure 1"),
        ("**kern\t**kern\n4c\t4e\n*-\t*-", "kern must"),
        ("<script>alert(1)</script>", "Plaine & Easie measure 1"),
    ],
)
def test_what_is_no_melody_is_refused(text, reason):
    with pytest.raises(ValueError, match=reason):
        read_text(text)


def test_what_is_written_down_is_read_again():
    rng = np.random.default_rng(0)
    for upbeat in (0, 4, 6):
        pitches = np.repeat(rng.integers(59, 80, 30), rng.integers(1, 20, 30)).tolist()
        pitches[20:25] = [-1] * 5
        melody = read_text(write_text(pitches, upbeat))
        assert (melody.pitches, melody.upbeat) == (pitches, upbeat)


def test_files_give_their_highest_voice_by_the_notes_not_by_the_clock(tmp_path):
    onset, lower = np.array([0.0, 1, 2, 3, 4]), np.full(5, 60)
    pitch = np.array([67, 69, 71, 72, 74])
    both = make_notes(np.tile(onset, 2), np.ones(10), np.concatenate([pitch, lower]), track=np.repeat([0, 1], 5))
    (tmp_path / "tune.MID").write_bytes(write_midi(both, tempo=60))
    expected = np.repeat(pitch, 4).tolist()
    assert read_text(read_upload(tmp_path / "tune.MID")).pitches == expected
    fast = make_notes(onset / 2, np.full(5, 0.5), pitch)
    (tmp_path / "fast.mid").write_bytes(write_midi(fast, tempo=120))
    assert read_text(read_upload(tmp_path / "fast.mid")).pitches == expected
    (tmp_path / "chorale.musicxml").write_text(write_musicxml(CADENCE), encoding="utf-8")
    assert read_text(read_upload(tmp_path / "chorale.musicxml")).pitches == CADENCE[:, 0].tolist()


def test_an_upbeat_of_a_file_stays_one(tmp_path):
    note = "<note><pitch><step>{}</step><octave>5</octave></pitch><duration>{}</duration><type>{}</type></note>"
    measure = '<measure number="{}"{}>{}</measure>'
    signs = "<attributes><divisions>1</divisions><time><beats>4</beats><beat-type>4</beat-type></time></attributes>"
    measures = (
        measure.format(0, ' implicit="yes"', signs + note.format("C", 1, "quarter")),
        measure.format(1, "", note.format("D", 4, "whole")),
        measure.format(2, "", note.format("E", 2, "half")),
    )
    head = '<score-partwise><part-list><score-part id="P1"><part-name/></score-part></part-list><part id="P1">'
    path = tmp_path / "tune.xml"
    path.write_text(f"{head}{''.join(measures)}</part></score-partwise>", encoding="utf-8")
    melody = read_text(read_upload(path))
    assert (melody.pitches, melody.upbeat) == ([72] * 4 + [74] * 16 + [76] * 8, 4)


def test_files_that_can_not_be_read_are_refused(tmp_path):
    files = {
        "noise.mid": (np.random.default_rng(0).bytes(500), "MIDI file must be whole"),
        "empty.mid": (write_midi(make_notes(*np.zeros((3, 0)))), "melody must have notes"),
        "noise.xml": (np.random.default_rng(1).bytes(500), "MusicXML must be text in UTF-8"),
        "page.xml": (b"<html></html>", "MusicXML must have a score"),
        "entity.xml": (b'<!DOCTYPE a [<!ENTITY b "c">]><score-partwise/>', "declare no entities"),
        "broken.musicxml": (b"<score-partwise><part>", "notation must"),
        "tune.mp3": (b"ID3", "file must end in .mid, .midi, .musicxml, .xml, got tune.mp3"),
        "large.mid": (bytes(MAX_BYTES + 1), "file must have at most 2 MB, got 2.0"),
    }
    for name, (data, reason) in files.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ValueError, match=reason):
            read_upload(tmp_path / name)


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
        assert image.width == 1600
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


def test_bar_lines_are_moved(events):
    (shown,) = events.move_bars(chorale(), 1.0)
    moved = shown[events.desk.results.chorale]
    assert (moved.upbeat, moved.pitches.tolist()) == (4, CADENCE.tolist())


@pytest.mark.skipif(CHROMIUM is None, reason="neither chromium nor google-chrome is installed")
def test_a_visitor_composes_harmonises_and_has_voices_drawn_again(folder, tmp_path):
    with Space(APP, tmp_path, {"CHORALES_MODEL": str(folder)}) as space, visit(space) as page:
        page.get_by_text("Nothing is written yet").wait_for()
        compose(page, tmp_path)
        hear(page)
        draw_again(page, tmp_path)
        everything_fits_a_telephone_and_a_dark_room(page)
        harmonise(page, tmp_path)
        upload(page, tmp_path)
        stop(page, tmp_path)


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def compose(page, folder):
    """Two bars: a score and files of the very chorale that the seed gives."""
    set_number(page, "Bars of four quarters", 2)
    press(page, "Compose")
    page.get_by_text("Written in").wait_for()
    page.get_by_text("TonicNet, seed 0").wait_for()
    job = writing.write_watched(tiny("tonicnet"), writing.nothing_known(2), Sampling(0.8), 0)
    list(job)
    pitches = job.result.pitches
    name, data = download(page, "MIDI", folder)
    assert name == "chorale_tonicnet_0.mid"
    assert sung(data) == [without_repeats(voice) for voice in pitches.T]
    assert page.locator(".written .note").count() >= sum(len(without_repeats(voice)) for voice in pitches.T)
    assert download(page, "MusicXML", folder)[1].startswith(b"<?xml")
    assert download(page, "PNG", folder)[1].startswith(b"\x89PNG")


def sung(midi):
    """The notes of each voice."""
    notes = read_midi(midi)
    return [notes.choose(notes.track == voice).pitch.tolist() for voice in range(4)]


def without_repeats(voice):
    return [int(pitch) for place, pitch in enumerate(voice) if pitch >= 0 and (not place or voice[place - 1] != pitch)]


def hear(page):
    """A click on the last note plays from there, and it lights up; what breaks a rule is shown."""
    last = page.locator(".written .note").last
    last.locator(".notehead").dispatch_event("click")
    page.wait_for_function("document.querySelector('.written .lit')")
    assert page.evaluate("document.querySelector('audio').currentTime") >= float(last.get_attribute("data-on"))
    place = page.locator(".findings button").first
    place.hover()
    number = place.get_attribute("data-faults")
    pointed = page.locator(".written .pointed").evaluate_all(
        "all => all.map((note) => note.dataset.faults.split(' '))"
    )
    assert pointed
    assert all(number in numbers for numbers in pointed)


def draw_again(page, folder):
    """Bass and soprano, by another network: alto and tenor stay."""
    before = sung(download(page, "MIDI", folder)[1])
    page.get_by_label("Network").first.click()
    page.get_by_role("option", name="Coconet").click()
    page.get_by_text("Draws any notes anew").wait_for()
    set_number(page, "Rounds", 8)
    for name in ("Soprano", "Alto", "Tenor", "Bass"):
        page.get_by_label(name, exact=True).set_checked(name in ("Soprano", "Bass"))
    press(page, "Draw these again")
    page.get_by_text("voices drawn again 1 time").wait_for()
    name, data = download(page, "MIDI", folder)
    assert name == "chorale_coconet_0_redone_1.mid"
    after = sung(data)
    assert after[1:3] == before[1:3]
    assert after[0] != before[0]


def everything_fits_a_telephone_and_a_dark_room(page):
    page.set_viewport_size({"width": 390, "height": 844})
    page.evaluate("document.body.classList.add('dark')")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    colour = "line => getComputedStyle(line).stroke"
    assert page.locator(".written .staff path").first.evaluate(colour) == "rgb(0, 0, 0)"
    page.evaluate("document.body.classList.remove('dark')")
    page.set_viewport_size({"width": 1360, "height": 950})


def harmonise(page, folder):
    """A tune to try, then what is typed; what is no melody gets a reason, and the next one works."""
    page.get_by_label("Harmonise", exact=True).check()
    page.get_by_label("A tune to try").click()
    page.get_by_role("option", name="Old Hundredth (Bourgeois, 1551)").click()
    wait_for_text(page, "GFED/GA(B)B")
    text = page.get_by_role("textbox", name="Or type it")
    text.fill("4'C/HHH")
    text.press("Tab")
    page.locator(".reason").get_by_text("Plaine & Easie measure 2").wait_for()
    assert page.get_by_label("A tune to try").input_value() == ""
    text.fill("4'C/DEFG/2C")
    text.press("Tab")
    page.locator(".sheet.small > svg").wait_for()
    press(page, "Harmonise")
    page.get_by_text("Coconet, seed 0").wait_for()
    page.locator(".result").get_by_text("1.75 bars").wait_for()
    assert sung(download(page, "MIDI", folder)[1])[0] == [60, 62, 64, 65, 67, 60]
    assert page.get_by_label("Upbeat, quarters").first.input_value() == "1"


def upload(page, folder):
    """What is no music gets a reason; a file's melody comes into the text."""
    files = page.locator(".upload input[type=file]")
    (folder / "noise.mid").write_bytes(np.random.default_rng(0).bytes(500))
    files.set_input_files(folder / "noise.mid")
    page.locator(".reason").get_by_text("MIDI file must be whole and well formed").wait_for()
    (folder / "tune.mid").write_bytes(write_midi(make_notes(np.arange(3.0), np.ones(3), [67, 69, 71]), tempo=60))
    files.set_input_files(folder / "tune.mid")
    wait_for_text(page, "GAB")
    press(page, "Harmonise")
    page.locator(".result").get_by_text("0.75 bars").wait_for()
    assert sung(download(page, "MIDI", folder)[1])[0] == [67, 69, 71]


def wait_for_text(page, part):
    page.wait_for_function(f"[...document.querySelectorAll('textarea')].some((box) => box.value.includes('{part}'))")


def stop(page, folder):
    """A job that takes too long is stopped; the chorale that was there still is."""
    page.get_by_label("Compose", exact=True).check()
    set_number(page, "Bars of four quarters", 32)
    set_number(page, "Rounds", 512)
    press(page, "Another seed")
    page.get_by_text("of 512").wait_for()
    press(page, "Stop")
    page.get_by_text("Stopped").wait_for()
    assert page.locator(".written").is_visible()
    assert page.locator(".growing").count() == 0
    assert sung(download(page, "MIDI", folder)[1])[0] == [67, 69, 71]


def download(page, kind, folder):
    with page.expect_download() as event:
        page.get_by_text(f"Download {kind}").click()
    event.value.save_as(folder / kind)
    return event.value.suggested_filename, (folder / kind).read_bytes()
